"""Values of a field, drawn from its annotation and its bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Protocol, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aezoo.spec.component import Component
from aezoo.spec.kinds import LayerSpec
from aezoo.spec.shape import Shape, flat
from aezoo.testing.generate.pool import PartPool

Draw = Callable[[st.SearchStrategy[Any]], Any]
Table = dict[str, Any]

#: How far numbers may be above their lower bound: models stay small.
SPAN = 7
#: Smaller numbers have no square or reciprocal in float32.
TINIEST = 1e-9
#: Numbers that people write.
USUAL = (0.0, 1.0, 0.5, 0.25, 2.0)
BOUNDS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")
#: Any text that can be encoded.
TEXT = st.characters(codec="utf-8")
#: Names for tables: of penalties, of constraints.
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True)


class Hints(NamedTuple):
    """Likely values of a part's fields, by its position in the spec."""

    shape: Shape = ()  # what a layer is given
    names: tuple[str, ...] = ()  # taps or terms that a text field may name
    taps: tuple[tuple[str, Shape], ...] = ()  # what a layer may read, and its shape
    stack: str = "encoder"  # where a layer stands


NO_HINTS = Hints()


class DrawnPart(NamedTuple):
    """A part, as a spec writes it and as it is read."""

    written: Any  # a table, a bare name, a number
    part: Any


class PartSource(Protocol):
    """Draws the parts inside a value: a `PartGenerator`."""

    draw: Draw
    pool: PartPool

    def part(self, base: type[Any], hints: Hints, /) -> DrawnPart | None: ...
    def table(self, model: type[BaseModel], hints: Hints, fixed: Mapping[str, Any], /) -> DrawnPart | None: ...
    def stack(self, hints: Hints, /, *, least: int) -> list[DrawnPart]: ...
    def layer(self, hints: Hints, /) -> DrawnPart | None: ...


def draw_value(generator: PartSource, annotation: Any, metadata: Iterable[Any], hints: Hints) -> Any:
    """A value for a field of this annotation, as a spec writes it: no None, no tuple.

    Raises:
        TypeError: No field of a spec has such an annotation.
    """
    annotation, bounds = unwrapped(annotation, metadata)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return generator.draw(st.sampled_from(args))
    if origin in (Union, UnionType):
        # Settings of another table are a table of anything: none are drawn.
        known = [arg for arg in args if arg is not NoneType and arg != dict[str, Any]]
        chosen = generator.draw(st.sampled_from(known))
        return draw_value(generator, chosen, (), hints)
    if origin in (tuple, list):
        return _entries(generator, args, bounds, hints)
    if origin is dict:
        keys = generator.draw(st.lists(NAMES, max_size=2, unique=True))
        return {key: draw_value(generator, args[1], (), hints) for key in keys}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _table(generator, annotation, bounds, hints)
    return generator.draw(_scalars(annotation, tuple(sorted(bounds.items())), hints))


def unwrapped(annotation: Any, metadata: Iterable[Any] = ()) -> tuple[Any, dict[str, Any]]:
    """An annotation without `Annotated`, and its bounds by name."""
    bounds: dict[str, Any] = {}
    constraints = list(metadata)
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        constraints += more
    for item in constraints:
        for piece in item.metadata if isinstance(item, FieldInfo) else [item]:
            bounds |= {name: getattr(piece, name) for name in BOUNDS if getattr(piece, name, None) is not None}
    return annotation, bounds


def _table(generator: PartSource, model: type[BaseModel], bounds: Mapping[str, Any], hints: Hints) -> Any:
    if not issubclass(model, Component):
        drawn = generator.table(model, hints, {})
    elif model is LayerSpec:
        drawn = generator.layer(hints)
    else:
        number = generator.draw(st.none() | _floats(bounds)) if _takes_numbers(generator, model) else None
        if number is not None:
            return number
        drawn = generator.part(model, hints)
    return drawn.written if drawn else {}


def _takes_numbers(generator: PartSource, model: type[Component]) -> bool:
    """Whether a plain number is short for a part, as it is for a schedule."""
    return model.expand(0.5) != 0.5 and not generator.pool.requires_kind(model.kind)


def _entries(generator: PartSource, args: Sequence[Any], bounds: Mapping[str, Any], hints: Hints) -> list[Any]:
    item, least = args[0], bounds.get("min_length", 0)
    inner = unwrapped(item)[0]
    if len(args) > 1 and args[1] is not Ellipsis:
        return [draw_value(generator, arg, (), hints) for arg in args]
    if inner is LayerSpec:
        return [layer.written for layer in generator.stack(hints, least=least)]
    if inner is int and not bounds and hints.shape:
        return _axes(generator.draw, hints.shape)
    if get_origin(inner) in (tuple, list):
        return _covariance(generator.draw)
    count = generator.draw(st.integers(least, min(bounds.get("max_length", least + 3), least + 3)))
    return [draw_value(generator, item, (), hints) for _ in range(count)]


def _axes(draw: Draw, shape: Shape) -> list[int]:
    """A list of integers where a shape is known: other positions, or the same values in other axes."""
    if draw(st.booleans()):
        return [draw(st.integers(1, SPAN + 1)) for _ in shape[1:]]
    axes, left = [], flat(shape)
    for _ in range(draw(st.integers(0, 3))):
        axes.append(draw(st.sampled_from(_divisors(left))))
        left //= axes[-1]
    axes.append(left)
    if draw(st.booleans()):
        axes[draw(st.integers(0, len(axes) - 1))] = -1
    return axes


@cache
def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def _covariance(draw: Draw) -> list[list[float]]:
    """A square matrix: symmetric and positive semidefinite, which suits wherever a square one does."""
    size = draw(st.integers(1, 3))
    rows = [[draw(st.integers(-2, 2)) for _ in range(size)] for _ in range(size)]
    return [[float(sum(a * b for a, b in zip(one, two, strict=True))) for two in rows] for one in rows]


# As many as there are fields of parts, at the shapes of a few documents.
@lru_cache(maxsize=4096)
def _scalars(annotation: Any, bounds: tuple[tuple[str, Any], ...], hints: Hints) -> st.SearchStrategy[Any]:
    limits = dict(bounds)
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return _integers(limits, hints.shape)
    if annotation is float:
        return _floats(limits)
    if annotation is str:
        return st.sampled_from(hints.names) if hints.names else _texts(limits)
    raise TypeError(f"no values are known for a field of type {annotation!r}")


def _integers(bounds: Mapping[str, Any], sizes: Sequence[int]) -> st.SearchStrategy[int]:
    step = bounds.get("multiple_of", 1)
    least = bounds.get("ge", bounds["gt"] + 1 if "gt" in bounds else -SPAN)
    most = bounds.get("le", bounds["lt"] - 1 if "lt" in bounds else least + SPAN * step)
    small = range(-(-least // step) * step, min(most, least + SPAN * step) + 1, step)
    fitting = sorted({size for size in sizes if size in small})  # the axes that a layer is given are likely ones
    return st.sampled_from(small) | st.sampled_from(fitting) if fitting else st.sampled_from(small)


def _floats(bounds: Mapping[str, Any]) -> st.SearchStrategy[float]:
    least, most = bounds.get("ge", bounds.get("gt", -8.0)), bounds.get("le", bounds.get("lt"))
    most = max(least, 0.0) + 8.0 if most is None else most
    if step := bounds.get("multiple_of"):
        return st.integers(0, SPAN).map(lambda n: n * step).filter(lambda number: least <= number <= most)
    usual = [n for n in USUAL if least <= n <= most and n not in (bounds.get("gt"), bounds.get("lt"))]
    any_ = st.floats(least, most, exclude_min="gt" in bounds, exclude_max="lt" in bounds, allow_subnormal=False)
    if max(abs(least), abs(most)) > TINIEST:
        any_ = any_.filter(lambda number: number == 0 or abs(number) >= TINIEST)
    return st.sampled_from(usual) | any_ if usual else any_


def _texts(bounds: Mapping[str, Any]) -> st.SearchStrategy[str]:
    least, most = bounds.get("min_length", 0), bounds.get("max_length", 1000)
    if pattern := bounds.get("pattern"):
        # `$` of Python's patterns lets a last line break through, and `\w` numbers such as a half; pydantic's do not.
        letters = st.characters(codec="utf-8", exclude_categories=["No"])
        matching = st.from_regex(pattern, fullmatch=True, alphabet=letters)
        matching = matching.filter(lambda text: not text.endswith("\n"))
        return matching.filter(lambda text: least <= len(text) <= most)
    return st.text(TEXT, min_size=least, max_size=min(most, least + 11))
