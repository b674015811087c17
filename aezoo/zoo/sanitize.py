"""Inert: a stranger's words, made harmless for a terminal."""

from __future__ import annotations


def inert(value: object, most: int = 100) -> str:
    """The beginning of a text as one short line that moves no cursor; nothing of None."""
    return "".join(c for c in str("" if value is None else value)[:most] if c.isprintable())
