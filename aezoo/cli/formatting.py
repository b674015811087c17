"""Values of a spec in one line: `conv(channels=32, stride=2)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aezoo.names import visible


def format_value(value: Any) -> str:
    """A value in one line: a part as its type and settings, a list in brackets."""
    if isinstance(value, Mapping):
        settings = ", ".join(f"{visible(key)}={format_value(item)}" for key, item in value.items() if key != "type")
        kind = visible(str(value.get("type", "")))
        return f"{kind}({settings})" if settings or not kind else kind
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(format_value(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return visible(value) or '""' if isinstance(value, str) else str(value)
