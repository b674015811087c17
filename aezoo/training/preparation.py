"""Preparation: parts that start from data, not from random numbers alone, see the first batch before training.

Any module of an objective may have a method

    prepare(given, *, model, generator)

`given` is what the module is called with for the first batch, in evaluation mode and without a gradient: the features
of a layer or latent, the whole `Output` of a penalty. A spec's corruption has spoilt it, as it spoils what is trained
on and validated. `model` is the autoencoder, for what couples its parts; all that is drawn comes from `generator`.
Modules are prepared once, one after another in the order of a pass, each after those before it: a second whitening
layer is given what the first has whitened.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor, nn

from aezoo.data.batches import Batches
from aezoo.nn.objective import Noise, Objective
from aezoo.randomness import derive
from aezoo.spec.training import TrainingSpec


@torch.no_grad()
def prepare(objective: Objective, batches: Batches, training: TrainingSpec) -> None:
    """Prepare every module of an objective that asks for it.

    Args:
        objective: On its device, in training mode; it is left so.
        batches: The training split.
        training: Says the seed and the size of the first batch.
    """
    asking = [part for part in objective.modules() if callable(getattr(part, "prepare", None))]
    if not asking:
        return
    seed = training.seed
    x = next(batches.epoch(0, training.batch_size, seed))  # [B, *input], in data units
    objective.eval()
    for position, part in enumerate(asking):
        generator = Generator(x.device).manual_seed(derive(seed, "prepare", position))
        for given in _given(part, objective, x, seed):
            part.prepare(given, model=objective.model, generator=generator)  # type: ignore[operator]
    objective.train()


def _given(part: nn.Module, objective: Objective, x: Tensor, seed: int) -> Iterator[Any]:
    """What the module is called with first; nothing if no player's pass comes by it."""
    seen: list[Any] = []
    handle = part.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    noise = Noise(Generator(x.device), Generator(x.device))
    try:
        for player in objective.players:
            for position, stream in enumerate(noise):
                stream.manual_seed(derive(seed, "prepare.pass", position))
            objective(x, player, 0, noise)
    finally:
        handle.remove()
    yield from seen[:1]
