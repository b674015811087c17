"""Law of training: a small model with the part overfits eight samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor

from aezoo.building.builder import build, objective_of
from aezoo.data.batches import Batch, Batches
from aezoo.nn.corruption import corrupt
from aezoo.nn.objective import Objective
from aezoo.registry.loader import default_registry
from aezoo.spec.document import Spec
from aezoo.spec.kinds import turns_of
from aezoo.spec.samples import Samples
from aezoo.spec.training import TrainingSpec
from aezoo.testing.law.adapters import generator
from aezoo.testing.law.batch_fields import same_fields
from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import PartUnderTest
from aezoo.training.loop import Loop
from aezoo.training.preparation import prepare

#: Share of the variance of eight samples that may stay unexplained.
MOST_UNEXPLAINED = 0.5
#: Smaller inputs than those of other laws, where the example is valid with them.
INPUTS = ((4, 6, 6), (4, 12), (24,))


class TrainingPlan(NamedTuple):
    """Steps and learning rate of a short run."""

    steps: int
    rate: float

    def training(self) -> TrainingSpec:
        """All eight samples at each step."""
        optimizer = {"type": "adam", "lr": self.rate}
        table = {"steps": self.steps, "batch_size": 8, "optimizer": optimizer, "best_by": "last"}
        return TrainingSpec.model_validate(table, context={"registry": default_registry()})


#: Tried until one succeeds, with smooth samples or others: the loss is a sum over a sample's axes, and grows with them.
#: Ordered so that most parts need one, and nearly all the rest three.
FAST, SLOW, LONG, LONGEST = (TrainingPlan(*plan) for plan in ((150, 0.03), (150, 0.003), (300, 0.01), (1000, 0.003)))
ATTEMPTS = (
    *((FAST, True), (SLOW, True), (LONG, True)),
    *((FAST, False), (SLOW, False), (LONG, False)),
    *((LONGEST, True), (LONGEST, False)),
)


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
    says="A small model with the part overfits eight samples: it explains half of their variance.",
    hint="look at signs and scales of gradients; of an example, at weights or strengths that outweigh all else",
)
def learns(tested: PartUnderTest) -> Iterator[str]:
    example = tested.example
    if example is None or not example.decodes or not example.likelihood.quantities:  # the samples are numbers
        return
    spec = tested.tiny(INPUTS)
    # Examples of parts that go together, such as a latent and its prior, are often one spec.
    unexplained = tested.plugin.remembered(("unexplained", spec), lambda: _least_unexplained(spec))
    if unexplained >= MOST_UNEXPLAINED:
        yield f"its example explains {max(0, 1 - unexplained):.0%} of the variance of eight samples"


def _least_unexplained(spec: Spec) -> float:
    """The unexplained share of the first attempt that succeeds, or the least of all."""
    unexplained = math.inf
    for plan, smooth in ATTEMPTS:
        unexplained = min(unexplained, _unexplained_after(spec, plan, samples(spec, smooth=smooth)))
        if unexplained < MOST_UNEXPLAINED:
            break
    return unexplained


class EndlessEpoch(Batches):
    """Batches in one epoch that never ends: at its end a run keeps its weights, which takes longer than a step."""

    def epoch(self, epoch: int, batch_size: int, seed: int, *, first: int = 0) -> Iterator[Batch]:
        yield from super().epoch(epoch, batch_size, seed, first=first)
        for number in count(epoch + 1):
            yield from super().epoch(number, batch_size, seed)


def _unexplained_after(spec: Spec, plan: TrainingPlan, x: Tensor) -> float:
    """Unexplained share of the samples' variance after a short run; infinite if the run fails."""
    spec = spec.model_copy(update={"training": plan.training()})
    model = build(spec, seed=0)
    objective = objective_of(model, steps=plan.steps).train()
    fields = {name: value.numpy() for name, value in same_fields(spec, x).items()}
    batches = EndlessEpoch(Samples(x.numpy(), "eight samples", fields=fields), spec)
    prepare(objective, batches, spec.training)
    outcome = Loop(objective, spec.training, batches, steps=plan.steps, turns=turns_of(spec)).run()
    if outcome.failure:
        return math.inf
    model.network.load_state_dict(outcome.state)
    return _unexplained(objective.eval(), x, same_fields(spec, x))


def samples(spec: Spec, *, smooth: bool) -> Tensor:
    """Eight samples on a circle in a plane of patterns, in the input's range.

    Smooth ones are nearly constant in a channel, which pooling keeps; the others have no mean, which a norm keeps.
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
def _unexplained(objective: Objective, x: Tensor, fields: Mapping[str, Tensor]) -> float:
    """Squared error of reconstructions of what training is given, as a share of the variance of the samples."""
    error, network = 0.0, objective.model
    for seed in range(4):
        corrupted = corrupt(objective.corruption, x, generator(seed), fields)
        mean = network.reconstruct(corrupted, fields)
        error += float((mean - x).square().sum()) / 4
    return error / float((x - x.mean(dim=0)).square().sum())


LAWS = [learns]
