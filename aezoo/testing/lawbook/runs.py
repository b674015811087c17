"""Laws of runs: schedules, optimizers, datasets, metrics, variants, and training itself."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aezoo.batches import Batches
from aezoo.builder import build, objective_of
from aezoo.discovery import default_registry
from aezoo.errors import AezooError
from aezoo.nn.code import Output
from aezoo.nn.objective import Objective
from aezoo.reader import check
from aezoo.samples import Samples
from aezoo.spec.document import Spec
from aezoo.spec.kinds import FileDatasetSpec, OptimizerSpec
from aezoo.spec.training import TrainingSpec
from aezoo.testing.chance import chance, reseed
from aezoo.testing.files import provide
from aezoo.testing.law import VARIANT, law
from aezoo.testing.smallest import Document, smallest
from aezoo.testing.specimen import generator
from aezoo.testing.subject import Subject, Variant
from aezoo.training.loop import Loop
from aezoo.training.preparation import prepare

#: Lengths of a run for which schedules are asked.
RUNS = (1, 2, 10, 1000)
#: Steps in which an optimizer has to get lower, and a small model to learn its samples.
STEPS, LESSONS = 50, 150
#: Share of the variance of eight samples that may stay unexplained.
LEFT = 0.5
#: One of these rates suits it: the loss is a sum over a sample's axes, and grows with them.
RATES = (0.01, 0.003, 0.03)
#: Smaller inputs than those of other laws, where the example can live with them.
LESSON_INPUTS = ((4, 6, 6), (4, 12), (24,))


# --- training -----------------------------------------------------------------------------------------------


@law(
    "L50",
    "layer",
    "latent",
    "likelihood",
    "prior",
    "regularizer",
    "corruption",
    "constraint",
    "objective",
    says=f"A small model with the part learns eight samples by heart: {LESSONS} steps explain half of their variance.",
    hint="look at signs and scales of gradients; of an example, at weights or strengths that drown all else",
)
def learns(subject: Subject) -> Iterator[str]:
    if subject.example is None:
        return
    spec, left = subject.tiny(LESSON_INPUTS), math.inf
    for rate, smooth in product(RATES, (True, False)):
        left = min(left, _taught(spec.model_copy(update={"training": _training(rate)}), samples(spec, smooth=smooth)))
        if left < LEFT:
            return
    yield f"its example explains {max(0, 1 - left):.0%} of the variance of eight samples after {LESSONS} steps"


def _taught(spec: Spec, x: Tensor) -> float:
    """What stays unexplained of samples after a short run; infinite if it fails."""
    model = build(spec, seed=0)
    objective = objective_of(model, steps=LESSONS).train()
    batches = Batches(Samples(x.numpy(), "eight samples"), spec)
    prepare(objective, batches, spec.training)
    outcome = Loop(objective, spec.training, batches, steps=LESSONS).run()
    if outcome.failure:
        return math.inf
    model.network.load_state_dict(outcome.state)
    return _unexplained(objective.eval(), x)


def _training(rate: float) -> TrainingSpec:
    """All eight samples at each step."""
    table = {"steps": LESSONS, "batch_size": 8, "optimizer": {"type": "adam", "lr": rate}, "best_by": "last"}
    return TrainingSpec.model_validate(table, context={"registry": default_registry()})


def samples(spec: Spec, *, smooth: bool) -> Tensor:
    """Eight samples on a circle in a plane of patterns, in the input's range.

    Smooth ones are mostly one value for a channel, which pooling keeps; the others have none, which a norm keeps.
    """
    shape, noise = spec.input.shape, generator(0)
    channels = torch.randn(2, shape[0], *(1 for _ in shape[1:]), generator=noise)
    patterns = torch.randn(2, *shape, generator=noise)
    patterns = channels + 0.5 * patterns if smooth else patterns
    turn = torch.arange(8) * math.pi / 4
    x = torch.stack([turn.cos(), turn.sin()], dim=1) @ patterns.flatten(1)
    low, high = spec.input.range or (-2.0, 2.0)
    return (low + (high - low) * (0.5 + x / (2 * x.abs().max()))).reshape(8, *shape).float()


@torch.no_grad()
def _unexplained(objective: Objective, x: Tensor) -> float:
    """Squared error of reconstructions of what training is given, as a share of the variance of the samples."""
    error, network = 0.0, objective.model
    for seed in range(4):
        spoilt = x
        for spoil in objective.corruption:
            spoilt = spoil(spoilt, generator(seed))
        mean = network.decode(getattr(network.encode(spoilt), network.point))
        error += float((mean - x).square().sum()) / 4
    return error / float((x - x.mean(dim=0)).square().sum())


# --- schedules and optimizers -------------------------------------------------------------------------------


@law(
    "L51",
    "schedule",
    says="A schedule is a finite number at every step of any run, and after it, within the bounds that it declares.",
    hint="mind runs of one step and steps after the last; let `bounds()` hold the smallest and largest value",
)
def finite(subject: Subject) -> Iterator[str]:
    for part in dict.fromkeys(part for _, _, part in subject.placed):
        low, high = part.bounds() or (-math.inf, math.inf)
        slack = 1e-9 * max(1.0, *(abs(end) for end in (low, high) if not math.isinf(end)), 1.0)
        for steps in RUNS:
            for step in {0, 1, steps // 2, steps - 1, steps, 10 * steps}:
                value = part.value(step, steps)
                if not isinstance(value, (int, float)) or not math.isfinite(value):
                    yield f"{part!r}: {value!r} at step {step} of {steps}"
                elif not low - slack <= value <= high + slack:
                    yield f"{part!r}: {value:g} at step {step} of {steps}, declared are [{low:g}, {high:g}]"


@law(
    "L52",
    "optimizer",
    says=f"{STEPS} steps at the default rate lower a quadratic.",
    hint="look at the sign of the step, and at whether the rate that is given arrives",
)
def descends(subject: Subject) -> Iterator[str]:
    for part in _optimizers(subject):
        losses = _descent(part)[0]
        if not losses[-1] < losses[0]:
            yield f"{part!r}: |x|^2 / 2 goes from {losses[0]:.4g} to {losses[-1]:.4g}"


@law(
    "L53",
    "optimizer",
    says="An optimizer keeps no more values for a weight than it declares.",
    hint="let `state()` say how many: what a run costs in memory is told from it",
)
def remembers(subject: Subject) -> Iterator[str]:
    for part in _optimizers(subject):
        declared = part.state()
        held = sum(_numbers(value) for value in _descent(part)[1].state.values()) / 64
        if declared is not None and held > declared + 0.5:
            yield f"{part!r}: it keeps {held:.1f} values for a weight, and declares {declared}"


def _optimizers(subject: Subject) -> list[OptimizerSpec]:
    found = dict.fromkeys(part for _, _, part in subject.placed)
    return [part for part in found if min(part.lr.bounds() or (0.0,)) > 0 and part.decay() == 0]


def _descent(part: OptimizerSpec) -> tuple[list[float], Any]:
    """The losses of a descent of |x|^2 / 2 from 64 values, at the rate of the part's class, and its optimizer."""
    x = torch.randn(64, generator=generator(0)).requires_grad_()
    default = type(part).model_fields["lr"].default
    optimizer = part.build([x], lr=default.value(0, STEPS))
    losses: list[float] = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = x.square().sum() / 2
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(loss.item())
        return loss

    for _ in range(STEPS):
        optimizer.step(closure)  # type: ignore[arg-type]
    return [*losses, x.detach().square().sum().item() / 2], optimizer


def _numbers(value: Any) -> int:
    """Values in the tensors that an optimizer keeps, those of one number not counted."""
    if isinstance(value, Tensor):
        return value.numel() if value.numel() > 1 else 0
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return sum(map(_numbers, items))


# --- datasets and metrics -----------------------------------------------------------------------------------


@law(
    "L54",
    "dataset",
    says="Samples are [N, *shape] of uint8 or finite floats, of the declared shape; splits name rows, each once.",
    hint="let `load()` give what `sample_shape()` says; labels and factors have one row for a sample",
)
def loads(subject: Subject) -> Iterator[str]:
    for part, given in _loaded(subject):
        declared, values = part.sample_shape(), np.asarray(given.values)
        if not len(given):
            yield f"{part!r}: no samples"
        if declared is not None and given.shape != declared:
            yield f"{part!r}: it declares {list(declared)}, its samples are {list(given.shape)}"
        if values.dtype != np.uint8 and not (values.dtype.kind == "f" and np.isfinite(values).all()):
            yield f"{part!r}: its values are {values.dtype}, or not finite"
        yield from (f"{part!r}: {fault}" for fault in _rows(given))


def _rows(given: Samples) -> Iterator[str]:
    for name in ("labels", "factors"):
        rows = getattr(given, name)
        if rows is not None and len(rows) != len(given):
            yield f"{len(rows)} {name} for {len(given)} samples"
    if not given.splits:
        return
    rows = np.concatenate([np.asarray(index) for index in given.splits.values()])
    if len(rows) and (rows.min() < 0 or rows.max() >= len(given)):
        yield f"its splits name rows up to {rows.max()} of {len(given)} samples"
    if len(np.unique(rows)) != len(rows):
        yield "a row is in two splits"


@law(
    "L55",
    "dataset",
    says="Loaded twice the samples are the same, and another `seed` of their own gives others.",
    hint="draw from `rng(seed, ...)` of aezoo.plugin, never from a global generator; sort what a folder lists",
)
def repeats(subject: Subject) -> Iterator[str]:
    for part, given in _loaded(subject):
        reseed(1)
        before = chance()
        again = part.load()
        if moved := chance().moved(before):
            yield f"{part!r}: it draws from the global generator of {', '.join(moved)}"
        if not np.array_equal(given.values, again.values):
            yield f"{part!r}: loaded again it gives other samples"
        if isinstance(seed := getattr(part, "seed", None), int):
            others = part.model_copy(update={"seed": seed + 1}).load()
            if np.array_equal(given.values, others.values):
                yield f"{part!r}: another seed gives the same samples"


def _loaded(subject: Subject) -> Iterator[tuple[Any, Samples]]:
    """The set of the example and its samples; nothing for one whose file nobody can make."""
    for _, _, part in subject.placed:
        with TemporaryDirectory() as folder:
            found = provide(part, Path(folder)) if isinstance(part, FileDatasetSpec) else part
            if found is not None:
                yield found, found.load()


@law(
    "L56",
    "metric",
    says="A metric is a number that does not depend on the order of the batches.",
    hint="keep sums and counts in `update`, divide in `result`; keep them on the object, not on the class",
)
def unordered(subject: Subject) -> Iterator[str]:
    if subject.example is None:
        return
    batches = list(_passes(subject.example))
    results = [_judged(subject, batches), _judged(subject, batches[::-1]), _judged(subject, batches)]
    if not all(isinstance(result, (int, float)) for result in results):
        yield f"its result is {results[0]!r}"
    elif not math.isclose(results[0], results[1], rel_tol=1e-9, abs_tol=1e-12):
        yield f"{results[0]!r} for three batches, {results[1]!r} for the same three in another order"
    elif results[0] != results[2]:
        yield f"{results[0]!r} at first, {results[2]!r} when it is built anew: it remembers"


def _passes(spec: Spec) -> Iterator[Output]:
    network = build(spec, seed=0).network.double().eval()
    low, high = spec.input.range or (-1.0, 1.0)
    for seed, n in enumerate((5, 3, 4)):
        x = low + (high - low) * torch.rand(n, *spec.input.shape, generator=generator(seed), dtype=torch.double)
        with torch.no_grad():
            yield network(x, None, generator(seed))


def _judged(subject: Subject, batches: list[Output]) -> float:
    metric = subject.metric.build(subject.example)
    for out in batches:
        metric.update(out)
    return metric.result()  # type: ignore[no-any-return]


# --- variants -----------------------------------------------------------------------------------------------


@law(
    "L57",
    VARIANT,
    says="A small spec over the variant reads, and says what the variant says.",
    hint="write only keys of a spec; what a variant cannot know, such as `dim`, is left to the spec over it",
)
def stands(variant: Variant) -> Iterator[str]:
    registry = variant.plugin.registry
    rests: list[Document] = [{"latent": {"dim": 2}}, {}, {"latent": {"type": "deterministic", "dim": 2}}]
    rests += [{"latent": rest["latent"]} for rest in variant.plugin.rests if "latent" in rest]
    try:
        spec = smallest({"variants": [variant.name]}, registry=registry, rests=rests, lints=True)
    except AezooError as error:
        yield str(error)
        return
    missing = [key for key in variant.fragment if key not in Spec.model_fields]
    if missing:
        yield f"it fills {', '.join(missing)}, which no spec has"
    again, _ = check(spec.document(), registry=registry)
    if again != spec:
        yield "written out and read again it is another spec"


LAWS = [learns, finite, descends, remembers, loads, repeats, unordered, stands]
