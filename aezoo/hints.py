"""Hints: what somebody may have meant by a word that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """`did you mean 'channels'?`, for the known word nearest to this one; `otherwise` if none is near."""
    close = _nearest(word[:100], tuple(known))
    return f"did you mean {close!r}?" if close else otherwise


def assigned(path: str, value: object) -> str:
    """What a user types to set a value: `--set data.key=images`, quoted for the shell where it must be."""
    from json import dumps
    from shlex import quote

    from aezoo.spec.text import parse_value

    bare = isinstance(value, str) and value == value.strip() and parse_value(value) == value
    text = value if bare else dumps(value, ensure_ascii=False)
    return f"--set {quote(f'{path}={text}')}"


@lru_cache(maxsize=64)  # a thousand layers may be misspelt in one way
def _nearest(word: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # here: only a fault needs it

    return next(iter(get_close_matches(word, known, n=1)), "")
