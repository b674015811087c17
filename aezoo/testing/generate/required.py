"""The keys that every spec has, in the order in which each depends on those before.

data -> input -> encoder -> latent -> likelihood -> decoder
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from aezoo.reading.lints import idle
from aezoo.spec.document import DecoderSpec, InputSpec, Spec
from aezoo.spec.kinds import (
    BEYOND_LATENT,
    DatasetSpec,
    LatentSpec,
    LayerSpec,
    LikelihoodSpec,
    ObjectiveSpec,
    OptimizerSpec,
    PriorSpec,
    RegularizerSpec,
)
from aezoo.spec.reads import stacked
from aezoo.spec.shape import Shape
from aezoo.spec.training import TrainingSpec
from aezoo.testing.generate.decoder import draw_decoder
from aezoo.testing.generate.draft import Draft
from aezoo.testing.generate.parts import TRIES, is_level
from aezoo.testing.generate.pool import is_valid
from aezoo.testing.generate.values import NO_HINTS, DrawnPart, Hints, Table

#: Inputs of one to four axes, small enough that a model of them is built in milliseconds.
CHANNELS = st.integers(1, 4)
SHAPES = st.one_of(
    st.tuples(st.integers(1, 12)),
    st.tuples(CHANNELS, st.integers(1, 8)),
    st.tuples(CHANNELS, *[st.integers(1, 8)] * 2),
    st.tuples(CHANNELS, *[st.integers(1, 4)] * 3),
)


def draw_required(draft: Draft) -> bool:
    """Write data, input, encoder, latent, likelihood and decoder; False where nothing fits."""
    # A layer that has to occur may take inputs of one rank alone, which needs several tries.
    tries = TRIES if draft.pool.requires_kind(LayerSpec.kind) else 1
    begun = any(_begin(draft) for _ in range(tries))
    if begun and not draft.spec.objective.reconstructs:
        return _no_decoder(draft)
    return begun and _likelihood(draft) and _decoder(draft)


def _begin(draft: Draft) -> bool:
    generator, wanted = draft.generator, draft.pool.containing
    data = generator.part(DatasetSpec) if _has_data(draft) else None
    shape: Shape = (data.part.sample_shape() if data else None) or draft.draw(SHAPES)
    sources = (generator.table(InputSpec, NO_HINTS, {"shape": list(shape)}) for _ in range(TRIES))
    source = next(filter(None, sources), None)
    if source is None:
        return False
    source.written.pop("observed", None)  # it names a field, and none is declared yet
    source = source._replace(part=source.part.model_copy(update={"observed": None}))
    must = wanted if draft.pool.requires_kind(LayerSpec.kind) and not is_level(wanted) else None
    layers = generator.stack(Hints(shape), must=must)
    if must is not None and not any(type(layer.part) is must for layer in layers):
        return False
    latent = _latent(draft, stacked("encoder", [layer.part for layer in layers], shape, {}).shapes[-1])
    if latent is None or not _start(draft, source, layers, latent) or not _rate(draft):
        return False
    return data is None or _suits(draft, data)


def _suits(draft: Draft, data: DrawnPart) -> bool:
    """Set the dataset if it accepts the spec; whether the whole is valid is checked at the end."""
    candidate = draft.with_value("data", data.part)
    if any(remark.level == "error" for remark in data.part.remarks(candidate)):
        return False
    draft.spec, draft.written["data"] = candidate, data.written
    return True


def _has_data(draft: Draft) -> bool:
    if draft.pool.requires_kind(LayerSpec.kind):  # whose shapes are then free
        return False
    return draft.pool.requires_kind(DatasetSpec.kind) or bool(draft.draw(st.booleans()))


def _latent(draft: Draft, features: Shape) -> DrawnPart | None:
    """A latent for these features that provides what the term that has to occur needs."""
    wanted = draft.pool.containing
    needs = (
        wanted.needs
        if wanted is not None and issubclass(wanted, (RegularizerSpec, ObjectiveSpec))
        else frozenset[str]()
    )
    needs -= BEYOND_LATENT
    if is_level(wanted) or (wanted is not None and issubclass(wanted, PriorSpec) and wanted.learned):
        needs |= {"posterior"}
    latents = [part for part in draft.pool.parts(LatentSpec.kind) if needs <= part.offers()]
    if wanted is not None and issubclass(wanted, PriorSpec):
        latents = [part for part in latents if wanted.space in (part.space, None)]
    rates = bool(draft.pool.rates())

    def fits(part: LatentSpec) -> bool:
        learned = part.prior is not None and part.prior.learned  # which needs a rate
        if not part.suits_prior:
            return False
        return bool(part.code_shape(features)) and (not learned or (part.posterior and rates))

    return draft.generator.part(LatentSpec, accept=fits, of=latents)


def _start(draft: Draft, source: DrawnPart, layers: Sequence[DrawnPart], latent: DrawnPart) -> bool:
    """The first spec: slots that are filled later hold any part."""
    likelihood, objective = draft.generator.part(LikelihoodSpec), draft.generator.part(ObjectiveSpec)
    training = _least_training(draft)
    if likelihood is None or objective is None or training is None:
        return False
    draft.spec = Spec(
        name="drawn",
        input=source.part,
        encoder=tuple(layer.part for layer in layers),
        latent=latent.part,
        likelihood=likelihood.part,
        objective=objective.part,
        training=training.part,
    )
    short = set(source.written) == {"shape"} and draft.draw(st.booleans())
    draft.written = {"name": "drawn", "input": source.written["shape"] if short else source.written}
    if layers:
        draft.written["encoder"] = _repeated(draft, [layer.written for layer in layers])
    draft.written |= {"latent": latent.written, **({"training": training.written} if training.written else {})}
    draft.set_part("objective", objective)
    return True


def _rate(draft: Draft) -> bool:
    """A rate for a prior that learns, or for a level, where the objective has none; False where none is found."""
    prior = draft.spec.latent.prior
    learned = (prior is not None and prior.learned) or is_level(draft.pool.containing)
    if not learned or draft.spec.objective.is_rate():
        return True

    def fits(part: RegularizerSpec) -> bool:
        return not idle(part) and not any(remark.level == "error" for remark in part.remarks(draft.spec))

    drawn = draft.generator.part(RegularizerSpec, Hints(names=("latent",)), accept=fits, of=draft.pool.rates())
    if drawn is None:
        return False
    draft.spec = draft.with_value("regularizers", {"rate": drawn.part})
    draft.written["regularizers"] = {"rate": drawn.written}
    return True


def _least_training(draft: Draft) -> DrawnPart | None:
    """No training settings, or an optimizer alone."""
    written: Table = {}
    if draft.pool.missing(OptimizerSpec.kind, str(TrainingSpec.model_fields["optimizer"].default)) or draft.draw(
        st.booleans()
    ):
        optimizer = draft.generator.part(OptimizerSpec)
        if optimizer is None:
            return None
        written = {"optimizer": optimizer.written}
    return DrawnPart(written, TrainingSpec.model_validate(written, context={"registry": draft.pool.registry}))


def _repeated(draft: Draft, layers: list[Any]) -> list[Any]:
    """The layers, two neighbours with the same keys sometimes written as one with `each`."""
    for i, (one, two) in enumerate(zip(layers, layers[1:], strict=False)):
        if _alike(one, two) and draft.draw(st.booleans()):
            each = {key: [one[key], two[key]] for key in one if key != "type"}
            return [*layers[:i], {"type": one["type"], "each": each}, *layers[i + 2 :]]
    return layers


def _alike(one: Any, two: Any) -> bool:
    tables = isinstance(one, dict) and isinstance(two, dict)
    return tables and one["type"] == two["type"] and set(one) == set(two) != {"type"}


def _likelihood(draft: Draft) -> bool:
    def fits(part: LikelihoodSpec) -> bool:
        candidate = draft.with_value("likelihood", part)
        return bool(candidate.raw_shape) and not any(r.level == "error" for r in part.remarks(candidate))

    drawn = draft.generator.part(LikelihoodSpec, accept=fits)
    if drawn is not None:
        draft.set_part("likelihood", drawn)
    return drawn is not None


def _no_decoder(draft: Draft) -> bool:
    """No decoder, and no likelihood: the one that the draft was begun with goes."""
    unused = draft.pool.registry.get("likelihood", str(Spec.model_fields["likelihood"].default))()
    draft.spec = draft.spec.model_copy(update={"decoder": DecoderSpec(type="none"), "likelihood": unused})
    draft.spec.model_fields_set.discard("likelihood")
    draft.written["decoder"] = "none"
    return is_valid(draft.spec)


def _decoder(draft: Draft) -> bool:
    drawn = draw_decoder(draft.generator, draft.spec)
    if drawn is None:
        return False
    draft.spec = draft.with_value("decoder", drawn.part)
    if drawn.written is not None:
        draft.written["decoder"] = drawn.written
    return True
