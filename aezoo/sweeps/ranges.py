"""Ranges: `latent.dim=4..64` and `training.optimizer.lr=1e-4..1e-2:log` -> what a search draws from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aezoo.errors import UsageError
from aezoo.sweeps.grid import SHORT, axis_of

#: Between the ends of a range; behind it, where equal factors are equally likely.
TO, LOG = "..", ":log"


class Range(NamedTuple):
    """Numbers from `low` to `high`, both included.

    Attributes:
        path: Of the setting.
        low: The least; whole if `whole`.
        high: The most.
        whole: Whether they are whole numbers: both ends are written as such.
        log: Whether the logarithm is drawn evenly.
    """

    path: str
    low: float
    high: float
    whole: bool
    log: bool = False

    def text(self, value: float) -> str:
        """A value as `--set` takes it."""
        return str(int(value)) if self.whole else repr(float(value))

    @property
    def ends(self) -> tuple[str, ...]:
        """The values that a spec must take for all to be likely to."""
        return self.text(self.low), self.text(self.high)


class Choice(NamedTuple):
    """Values as they are written, without an order."""

    path: str
    values: tuple[str, ...]

    def text(self, value: str) -> str:
        """A value as `--set` takes it."""
        return value

    @property
    def ends(self) -> tuple[str, ...]:
        """All of them."""
        return self.values


def ranges_of(texts: Mapping[str, str] | Sequence[str]) -> list[Range | Choice]:
    """The ranges that are written as `path=4..64`, `path=1e-4..1e-2:log` or `path=adam,sgd`, each path once.

    Raises:
        UsageError: One is none of these.
    """
    if isinstance(texts, Mapping):
        texts = [f"{path}={values}" for path, values in texts.items()]
    ranges = [range_of(text) for text in texts]
    paths = [each.path for each in ranges]
    for path in paths:
        if paths.count(path) > 1:
            raise UsageError(f"--search: {path} has two ranges", hint="write one of them")
    return ranges


def range_of(text: str) -> Range | Choice:
    """One of them. Raises `UsageError`."""
    path, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not path:
        raise UsageError(f"--search takes PATH=RANGE (latent.dim=4..64), got {text!r}")
    path = SHORT.get(path, path)
    body, log = values.removesuffix(LOG), values.endswith(LOG)
    low, to, high = body.partition(TO)
    if not to or "," in body:
        return _choice(text, path, log=log)
    whole = all(_is_whole(end) for end in (low, high))
    least, most = _number(low, text), _number(high, text)
    if not least < most:
        raise UsageError(f"--search {text}: a range goes up", hint=f"write {path}={high.strip()}{TO}{low.strip()}")
    if log and least <= 0:
        raise UsageError(
            f"--search {text}: a logarithmic range begins above 0", hint="begin at 1e-6, or leave :log out"
        )
    return Range(path, least, most, whole, log)


def _choice(text: str, path: str, *, log: bool) -> Choice:
    values = axis_of(text).values
    if log or len(values) < 2:
        hint = f"--search {path}=4{TO}64, or --set {path}=VALUE for one value"
        raise UsageError(f"--search {text}: it takes a range or values between commas", hint=hint)
    return Choice(path, values)


def _is_whole(text: str) -> bool:
    return text.strip().removeprefix("-").isdecimal()


def _number(text: str, of: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"--search {of}: {text.strip()!r} is no number", hint="a range is LOW..HIGH, such as 4..64")
    return value
