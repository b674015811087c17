"""Patches that several rules offer, as far as a spec has what they change."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from math import inf

from aezoo.diagnosis.finding import Patch
from aezoo.spec.document import Spec

STANDARDIZE: Patch = ("input.normalize=standardize",)
#: A weight decay that is felt.
DECAY = 0.1
#: Of a mean that passes through a function; and a density that such data have.
IDENTITY: Patch = ("likelihood.output=identity",)
#: A variance that follows the errors: of a Gaussian, of a Laplace density; else a Gaussian in place of what is there.
FITTED_VARIANCE: tuple[Patch, ...] = (
    ("likelihood.variance=optimal",),
    ("likelihood.variance=learned",),
    ("likelihood.scale=learned",),
    ("likelihood=gaussian",),
)


def rates(spec: Spec) -> list[str]:
    """The names of the terms that are the rate itself, and have a weight."""
    terms = spec.regularizers.items()
    return [name for name, term in terms if term.is_rate() and term.weight.bounds() != (0.0, 0.0)]


def lighter(spec: Spec, weight: float, *names: str) -> Patch:
    """Those of these penalties that weigh more with this weight."""
    return tuple(f"regularizers.{name}.weight={weight:.1g}" for name in names if _weight(spec, name) > weight)


def heavier(spec: Spec, weight: float, *names: str) -> Patch:
    """Those of these penalties that weigh less with this weight."""
    return tuple(f"regularizers.{name}.weight={weight:.1g}" for name in names if _weight(spec, name) < weight)


def _weight(spec: Spec, name: str) -> float:
    """The largest weight that a penalty comes to have."""
    return (spec.regularizers[name].weight.bounds() or (0.0, inf))[1]


def slower(spec: Spec) -> Iterator[Patch]:
    """A tenth of the learning rate, 0.001 at most; with gradients clipped first, where they are not."""
    rate = getattr(spec.training.optimizer, "lr", None)
    peak = None if rate is None else (rate.bounds() or (None, None))[1]
    if peak:
        lower = f"training.optimizer.lr={min(peak / 10, 1e-3):.1g}"
        if spec.training.clip is None:
            yield (lower, "training.clip=1.0")
        yield (lower,)


def decayed(spec: Spec) -> Iterator[Patch]:
    """A stronger pull of weights to zero."""
    if spec.training.optimizer.decay() < DECAY:
        yield ("training.optimizer.type=adamw", f"training.optimizer.weight_decay={DECAY}")
        yield ("training.optimizer=adamw",)


def longer(spec: Spec) -> Iterator[Patch]:
    """Four times the length of the run."""
    training = spec.training
    if training.steps:
        yield (f"training.steps={4 * training.steps}",)
    else:
        yield (f"training.epochs={4 * training.passes}",)


def without_layers(spec: Spec, unwanted: Collection[int]) -> Patch:
    """The encoder without some of its layers, written out."""
    kept = [layer for i, layer in enumerate(spec.encoder) if i not in unwanted]
    return (f"encoder=[{', '.join(inline(layer.model_dump(mode='json', exclude_none=True)) for layer in kept)}]",)


def inline(value: object) -> str:
    """A value of a spec as TOML in one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {inline(item)}' for key, item in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(inline, value))}]"
    return json.dumps(value)
