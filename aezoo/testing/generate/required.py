"""Trunk: what every spec has, drawn so that all else can hang on it.

data -> input -> encoder -> latent -> likelihood -> decoder
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from aezoo.spec.document import InputSpec, Spec
from aezoo.spec.kinds import (
    DatasetSpec,
    LatentSpec,
    LayerSpec,
    LikelihoodSpec,
    ObjectiveSpec,
    OptimizerSpec,
    RegularizerSpec,
)
from aezoo.spec.mirror import trace
from aezoo.spec.shape import Shape
from aezoo.spec.training import TrainingSpec
from aezoo.testing.generate.decoder import draw_decoder
from aezoo.testing.generate.draft import Sketch
from aezoo.testing.generate.parts import TRIES
from aezoo.testing.generate.values import NOWHERE, Drawn, Hints, Table

#: Inputs of one to four axes, small enough that a model of them is built in milliseconds.
CHANNELS = st.integers(1, 4)
SHAPES = st.one_of(
    st.tuples(st.integers(1, 12)),
    st.tuples(CHANNELS, st.integers(1, 8)),
    st.tuples(CHANNELS, *[st.integers(1, 8)] * 2),
    st.tuples(CHANNELS, *[st.integers(1, 4)] * 3),
)


def draw_trunk(sketch: Sketch) -> bool:
    """Write data, input, encoder, latent, likelihood and decoder; False where nothing was found that fits."""
    # A wanted layer may take inputs of one rank alone: that is worth some tries.
    tries = TRIES if sketch.workshop.forces(LayerSpec.kind) else 1
    begun = any(_begin(sketch) for _ in range(tries))
    return begun and _likelihood(sketch) and _decoder(sketch)


def _begin(sketch: Sketch) -> bool:
    author, wanted = sketch.author, sketch.workshop.containing
    data = author.part(DatasetSpec) if _has_data(sketch) else None
    shape: Shape = (data.part.sample_shape() if data else None) or sketch.draw(SHAPES)
    sources = (author.table(InputSpec, NOWHERE, {"shape": list(shape)}) for _ in range(TRIES))
    source = next(filter(None, sources), None)
    if source is None:
        return False
    must = wanted if sketch.workshop.forces(LayerSpec.kind) else None
    layers = author.stack(Hints(shape), must=must)
    if must is not None and not any(type(layer.part) is must for layer in layers):
        return False
    latent = _latent(sketch, trace([layer.part for layer in layers], shape)[-1])
    if latent is None or not _start(sketch, source, layers, latent):
        return False
    return data is None or _suits(sketch, data)


def _suits(sketch: Sketch, data: Drawn) -> bool:
    """Take the data, if they have nothing against the spec; whether it is sound is seen at its end."""
    candidate = sketch.with_("data", data.part)
    if any(remark.level == "error" for remark in data.part.remarks(candidate)):
        return False
    sketch.spec, sketch.written["data"] = candidate, data.written
    return True


def _has_data(sketch: Sketch) -> bool:
    if sketch.workshop.forces(LayerSpec.kind):  # whose shapes are then free
        return False
    return sketch.workshop.forces(DatasetSpec.kind) or bool(sketch.draw(st.booleans()))


def _latent(sketch: Sketch, features: Shape) -> Drawn | None:
    """A latent for these features, one that provides what a wanted penalty needs."""
    wanted = sketch.workshop.containing
    needs = wanted.needs if wanted is not None and issubclass(wanted, RegularizerSpec) else frozenset[str]()
    latents = [part for part in sketch.workshop.parts(LatentSpec.kind) if needs <= part.provides | {"z"}]
    return sketch.author.part(LatentSpec, accept=lambda part: bool(part.code_shape(features)), of=latents)


def _start(sketch: Sketch, source: Drawn, layers: Sequence[Drawn], latent: Drawn) -> bool:
    """The first spec: for slots that are filled later, with any part."""
    likelihood, objective = sketch.author.part(LikelihoodSpec), sketch.author.part(ObjectiveSpec)
    training = _least_training(sketch)
    if likelihood is None or objective is None or training is None:
        return False
    sketch.spec = Spec(
        name="drawn",
        input=source.part,
        encoder=tuple(layer.part for layer in layers),
        latent=latent.part,
        likelihood=likelihood.part,
        objective=objective.part,
        training=training.part,
    )
    short = set(source.written) == {"shape"} and sketch.draw(st.booleans())
    sketch.written = {"name": "drawn", "input": source.written["shape"] if short else source.written}
    if layers:
        sketch.written["encoder"] = _repeated(sketch, [layer.written for layer in layers])
    sketch.written |= {"latent": latent.written, **({"training": training.written} if training.written else {})}
    sketch.fill("objective", objective)
    return True


def _least_training(sketch: Sketch) -> Drawn | None:
    """Nothing said of training, or nothing but an optimizer."""
    written: Table = {}
    if sketch.workshop.missing(OptimizerSpec.kind, str(TrainingSpec.model_fields["optimizer"].default)) or sketch.draw(
        st.booleans()
    ):
        optimizer = sketch.author.part(OptimizerSpec)
        if optimizer is None:
            return None
        written = {"optimizer": optimizer.written}
    return Drawn(written, TrainingSpec.model_validate(written, context={"registry": sketch.workshop.registry}))


def _repeated(sketch: Sketch, layers: list[Any]) -> list[Any]:
    """The layers, two neighbours with the same keys now and then as one with `each`."""
    for i, (one, two) in enumerate(zip(layers, layers[1:], strict=False)):
        if _alike(one, two) and sketch.draw(st.booleans()):
            each = {key: [one[key], two[key]] for key in one if key != "type"}
            return [*layers[:i], {"type": one["type"], "each": each}, *layers[i + 2 :]]
    return layers


def _alike(one: Any, two: Any) -> bool:
    tables = isinstance(one, dict) and isinstance(two, dict)
    return tables and one["type"] == two["type"] and set(one) == set(two) != {"type"}


def _likelihood(sketch: Sketch) -> bool:
    def fits(part: LikelihoodSpec) -> bool:
        candidate = sketch.with_("likelihood", part)
        return bool(candidate.raw_shape) and not any(r.level == "error" for r in part.remarks(candidate))

    drawn = sketch.author.part(LikelihoodSpec, accept=fits)
    if drawn is not None:
        sketch.fill("likelihood", drawn)
    return drawn is not None


def _decoder(sketch: Sketch) -> bool:
    drawn = draw_decoder(sketch.author, sketch.spec)
    if drawn is None:
        return False
    sketch.spec = sketch.with_("decoder", drawn.part)
    if drawn.written is not None:
        sketch.written["decoder"] = drawn.written
    return True
