"""Canonical JSON: the one text of a document, which fingerprints and files hold."""

from __future__ import annotations

import json
from typing import Any


def to_json(document: dict[str, Any], *, indent: int | None = 1) -> str:
    """Canonical JSON: sorted keys, no NaN; the same document gives the same text."""
    separators = (",", ":") if indent is None else None
    return json.dumps(
        document, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
    )
