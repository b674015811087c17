"""Grid: `latent.dim=4,8` and `training.seed=0..4` -> the assignments of each trial, and a name for its folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from aezoo.errors import UsageError
from aezoo.hints import assignment

_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
#: What may be written for a path.
SHORT = {"seed": "training.seed"}
SEED = SHORT["seed"]
#: Trials of a sweep, at most.
MOST = 10_000
_OPEN, _CLOSED = "[{(", "]})"


class Axis(NamedTuple):
    """A setting and its values, as they are written behind `--set path=`."""

    path: str
    values: tuple[str, ...]


class Point(NamedTuple):
    """One trial of a grid: its name, and the values of each setting that varies."""

    name: str
    settings: dict[str, str]
    overrides: tuple[str, ...]


def axis_of(text: str) -> Axis:
    """The axis that `path=4,8,16` or `path=0..4` writes; commas in brackets and quotes are the value's own.

    Raises:
        UsageError: It is neither, or a range that goes down.
    """
    path, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not path:
        raise UsageError(f"--set takes PATH=VALUES (latent.dim=4,8), got {text!r}")
    found = [value for part in _parts(values) for value in _expanded(part.strip(), text)]
    if "" in found:
        raise UsageError(f"--set {text}: a value is missing between commas")
    return Axis(SHORT.get(path, path), tuple(dict.fromkeys(found)))


def axes_of(settings: Mapping[str, Sequence[Any]] | Sequence[str]) -> list[Axis]:
    """The axes of texts, or of values by their paths. Raises `UsageError`."""
    if isinstance(settings, Mapping):
        texts = {
            SHORT.get(path, path): [assignment(path, value).partition("=")[2] for value in values]
            for path, values in settings.items()
        }
        axes = [Axis(path, tuple(dict.fromkeys(values))) for path, values in texts.items()]
    else:
        axes = [axis_of(text) for text in settings]
    paths = [axis.path for axis in axes]
    for axis in axes:
        if paths.count(axis.path) > 1:
            raise UsageError(f"{axis.path} is set twice", hint=f"write its values once: --set {axis.path}=A,B")
        if not axis.values:
            raise UsageError(f"{axis.path} has no values")
    return axes


def points(axes: Sequence[Axis]) -> list[Point]:
    """Every combination of the values, the last axis varying fastest. Raises `UsageError` if there are too many."""
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > MOST:
        raise UsageError(f"these are {count:,} trials, a sweep has {MOST:,} at most", hint="set fewer values")
    varying = [axis for axis in axes if len(axis.values) > 1]
    short = _short([axis.path for axis in varying])
    made = []
    for values in product(*(axis.values for axis in axes)):
        chosen = dict(zip((axis.path for axis in axes), values, strict=True))
        settings = {axis.path: chosen[axis.path] for axis in varying}
        name = ",".join(f"{short[path]}={value}" for path, value in settings.items()) or "trial"
        made.append(Point(_file_name(name), settings, tuple(f"{path}={value}" for path, value in chosen.items())))
    return [*_distinct(made)]


def _parts(text: str) -> Iterator[str]:
    """The text between commas that stand in no bracket and no quote."""
    start, depth, quote = 0, 0, ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in _OPEN:
            depth += 1
        elif char in _CLOSED:
            depth -= 1
        elif char == "," and depth == 0:
            yield text[start:at]
            start = at + 1
    yield text[start:]


def _expanded(value: str, text: str) -> list[str]:
    match = _RANGE.fullmatch(value)
    if match is None:
        return [value]
    first, last = int(match[1]), int(match[2])
    if last < first:
        raise UsageError(f"--set {text}: {value} goes down", hint=f"write {last}..{first}")
    if last - first >= MOST:
        raise UsageError(f"--set {text}: {value} has {last - first + 1:,} values, a sweep has {MOST:,} trials at most")
    return [str(number) for number in range(first, last + 1)]


def _short(paths: Sequence[str]) -> dict[str, str]:
    """The last words of each path that tell it from the others."""
    short = {}
    for path in paths:
        words = path.split(".")
        for n in range(1, len(words) + 1):
            ending = ".".join(words[-n:])
            if sum(f".{other}".endswith(f".{ending}") for other in paths) == 1 and not ending[0].isdigit():
                break
        short[path] = ending
    return short


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.=+,-]+", "_", name)[:120].strip("._") or "trial"


def _distinct(made: Sequence[Point]) -> Iterator[Point]:
    """The points, with a number behind names that would be equal, on file systems without capitals, too."""
    seen: dict[str, int] = {}
    for point in made:
        n = seen[point.name.lower()] = seen.get(point.name.lower(), 0) + 1
        yield point if n == 1 else point._replace(name=f"{point.name}~{n}")
