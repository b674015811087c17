"""Hints: what somebody may have meant by a word that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """`did you mean 'channels'?`, for the known word nearest to this one; `otherwise` if none is near."""
    close = _nearest(word[:100], tuple(known))
    return f"did you mean {close!r}?" if close else otherwise


@lru_cache(maxsize=64)  # a thousand layers may be misspelt in one way
def _nearest(word: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # here: only a fault needs it

    return next(iter(get_close_matches(word, known, n=1)), "")
