"""Settings of a part, and input shapes, drawn from its declaration; the same ones every time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from aezoo.registry.registry import Registry
from aezoo.spec.canonical import to_json
from aezoo.spec.component import Component
from aezoo.spec.kinds import KINDS, LayerSpec
from aezoo.spec.shape import Shape
from aezoo.testing.generate.parts import PartGenerator, is_level
from aezoo.testing.generate.pool import PartPool
from aezoo.testing.generate.required import SHAPES
from aezoo.testing.generate.values import Draw, DrawnPart, Hints

#: Taps that every model has: likely values of a part's text fields.
TAP_NAMES = ("latent", "output", "input.clean", "decoder", "total")
#: Of the draws: with `derandomize` Hypothesis would draw others whenever this file is edited.
SEED = 1


class Setting(NamedTuple):
    """A part as a spec writes it, and the shape that the input has there."""

    shape: Shape
    written: Any


class Enough(BaseException):
    """No more settings are needed. Not an `Exception`, which Hypothesis would take for a failure and examine."""


def each_setting(part: type[Component], registry: Registry, count: int, use: Callable[[Setting], bool]) -> None:
    """Call `use` with at most `count` settings of a part, each once, until it returns True."""
    pool, seen = PartPool(registry), set[str]()

    @seed(SEED)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_strategy(part, pool))
    def collect(setting: Setting | None) -> None:
        if setting is None:
            return
        text = to_json({"shape": list(setting.shape), "part": setting.written}, indent=None)
        if text not in seen:
            seen.add(text)
            if use(setting):
                raise Enough

    with suppress(Enough):
        collect()


def _strategy(part: type[Component], pool: PartPool) -> st.SearchStrategy[Setting | None]:
    @st.composite
    def setting(draw: Draw) -> Setting | None:
        shape = draw(SHAPES)
        drawn = _drawn(PartGenerator(draw, pool), part, shape)
        return None if drawn is None else Setting(shape, drawn.written)

    return setting()


def _drawn(generator: PartGenerator, part: type[Component], shape: Shape) -> DrawnPart | None:
    if part.kind == LayerSpec.kind:
        tap = (("encoder.0", shape),)
        hints = Hints(shape, ("encoder.0",), tap, "decoder" if is_level(part) else "encoder")
        return generator.layer(hints, of=[part])
    return generator.part(KINDS[part.kind], Hints(names=TAP_NAMES), of=[part])
