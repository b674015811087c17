"""Values of a spec as words of one line: `conv(channels=32, stride=2)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aezoo.names import visible


def phrase(value: Any) -> str:
    """A value as a spec would write it, in words: a part as its type and settings, a list in brackets."""
    if isinstance(value, Mapping):
        settings = ", ".join(f"{visible(key)}={phrase(item)}" for key, item in value.items() if key != "type")
        kind = visible(str(value.get("type", "")))
        return f"{kind}({settings})" if settings or not kind else kind
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(phrase(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return visible(value) or '""' if isinstance(value, str) else str(value)
