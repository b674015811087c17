"""Preparation: parts that start from data, not from random numbers alone, see the first batch before training.

Any module of an objective may have a method

    prepare(first_input, *, model, generator)

`first_input` is what the module is called with for the first batch, in evaluation mode and without a gradient: the
features of a layer or latent, the whole `Output` of a penalty, a likelihood or a prior. A spec's corruption is applied,
as in training and validation. `model` is the autoencoder, for what couples its parts; random numbers are drawn from
`generator`. Modules are prepared once, one after another in the order of a pass: a second whitening layer gets what the
first has whitened.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Generator, nn

from aezoo.data.batches import Batch, Batches
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.objective import Noise, Objective
from aezoo.randomness import derive
from aezoo.spec.training import TrainingSpec


@runtime_checkable
class Preparable(Protocol):
    """A module that starts from data."""

    def prepare(self, first_input: Any, *, model: Autoencoder, generator: Generator) -> None: ...


@torch.no_grad()
def prepare(objective: Objective, batches: Batches, training: TrainingSpec) -> None:
    """Prepare every module of an objective that asks for it.

    Args:
        objective: On its device, in training mode; it is left so.
        batches: The training split.
        training: Says the seed and the size of the first batch.
    """
    # `hasattr` on the class: a submodule or weight named `prepare` would pass `isinstance` too, but is no method.
    parts = [part for part in objective.modules() if isinstance(part, Preparable) and hasattr(type(part), "prepare")]
    if not parts:
        return
    seed = training.seed
    batch = next(batches.epoch(0, training.batch_size, seed))
    objective.eval()
    for position, part in enumerate(parts):
        generator = Generator(batch.x.device).manual_seed(derive(seed, "prepare", position))
        for first_input in _first_input(part, objective, batch, seed):
            part.prepare(first_input, model=objective.model, generator=generator)
    objective.train()


def _first_input(part: nn.Module, objective: Objective, batch: Batch, seed: int) -> Iterator[Any]:
    """What the module is called with first; nothing if no player's pass calls it.

    Likelihood and prior are called by their methods: theirs is the `Output` of the first pass.
    """
    inputs: list[Any] = []
    by_methods = part is objective.model.prior or part is objective.model.likelihood
    called = objective.loss_terms if by_methods else part
    handle = called.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    noise = Noise(Generator(batch.x.device), Generator(batch.x.device))
    try:
        for player in objective.players:
            for name, stream in noise._asdict().items():
                stream.manual_seed(derive(seed, f"prepare.{name}"))
            objective(batch.x, player, 0, noise, batch.fields)
    finally:
        handle.remove()
    yield from inputs[:1]
