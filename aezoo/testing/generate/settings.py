"""Draws: settings of a part, and shapes that it is given, made up from its declaration; the same ones every time."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aezoo.registry.registry import Registry
from aezoo.spec.canonical import to_json
from aezoo.spec.component import Component
from aezoo.spec.kinds import KINDS, LayerSpec
from aezoo.spec.shape import Shape
from aezoo.testing.generate.parts import Author
from aezoo.testing.generate.pool import Workshop
from aezoo.testing.generate.required import SHAPES
from aezoo.testing.generate.values import Draw, Drawn, Hints

#: Names that the texts of a part may be: what every pass has.
WORDS = ("latent", "output", "input.clean", "decoder", "total")


class Setting(NamedTuple):
    """A part as a spec writes it, and the shape that the input has there."""

    shape: Shape
    written: Any


def settings_of(part: type[Component], registry: Registry, count: int) -> list[Setting]:
    """At most `count` settings of a part, each once."""
    workshop, drawn = Workshop(registry), dict[str, Setting]()

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_strategy(part, workshop))
    def collect(setting: Setting | None) -> None:
        if setting is not None:
            drawn[to_json({"shape": list(setting.shape), "part": setting.written}, indent=None)] = setting

    collect()
    return list(drawn.values())


def _strategy(part: type[Component], workshop: Workshop) -> st.SearchStrategy[Setting | None]:
    @st.composite
    def setting(draw: Draw) -> Setting | None:
        shape = draw(SHAPES)
        drawn = _drawn(Author(draw, workshop), part, shape)
        return None if drawn is None else Setting(shape, drawn.written)

    return setting()


def _drawn(author: Author, part: type[Component], shape: Shape) -> Drawn | None:
    if part.kind == LayerSpec.kind:
        return author.layer(Hints(shape), of=[part])
    return author.part(KINDS[part.kind], Hints(words=WORDS), of=[part])
