"""Equivalence check: an objective for several processes, held to what one process computes.

Before the first step a few samples are passed twice: dealt out, and whole in every process. Outputs, losses, gradients
and running means have to be the same up to rounding. So a part that counts or draws for its own samples alone is
refused by name, whoever wrote it, instead of training another model than one process does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from aezoo.data.batches import Batch
from aezoo.errors import UsageError
from aezoo.nn.objective import Losses, Objective
from aezoo.spec.training import TrainingSpec
from aezoo.training.distributed.ranks import Ranks
from aezoo.training.distributed.shares import SharedBatches
from aezoo.training.states.state import module_state, restore_module
from aezoo.training.step import Streams

#: Samples that are passed twice, where a process has so many in a step.
SAMPLES = 65
#: Rounding that two ways to add the same numbers up may show, as a share of their size.
TOLERANCE = 2e-3


class _Pass(NamedTuple):
    """What a pass of a player gave: by name, in the order in which it was computed."""

    outputs: dict[str, Tensor]
    losses: dict[str, Tensor]
    gradients: dict[str, Tensor]
    state: dict[str, Tensor]


def refuse_differing(objective: Objective, batches: SharedBatches, training: TrainingSpec, ranks: Ranks) -> None:
    """Raise `UsageError` where a part of an objective would not compute what it computes in one process.

    Args:
        objective: Ready for several processes; its weights and running means are left as they were.
        batches: This process's share of the training split.
        training: Of the spec.
        ranks: The processes.
    """
    # Shares of two sizes; enough for a codebook to start from, and no more than a process has in a step.
    samples = max(2 * ranks.size + 1, min(SAMPLES, training.pass_size // ranks.size))
    samples = min(samples, len(batches), training.batch_size)
    if samples < ranks.size:
        return
    chosen = batches.order(0, training.seed)[:samples]
    share, whole = batches.share(chosen), batches.gather(chosen)
    start = {name: value.clone() for name, value in module_state(objective).items()}
    streams = Streams(training.seed, batches.device, corrupts=len(objective.corruption) > 0)
    for player in objective.players:
        passes = []
        for batch in (share, whole):
            restore_module(objective, start)
            passes.append(_passed(objective, batch, player, streams, ranks if batch is share else None))
        restore_module(objective, start)
        for p in objective.parameters():
            p.grad = None
        fault = _fault(*passes, place=share.layouts[0][1])
        if known := next((fault for fault in ranks.everything(fault) if fault), None):
            raise UsageError(
                f"this spec cannot be trained in {ranks.size} processes: {known} is not what it is in one",
                hint="train in one process; docs/plugins.md says what a part owes to several",
            )


def _passed(objective: Objective, batch: Batch, player: str, streams: Streams, ranks: Ranks | None) -> _Pass:
    noise = streams.start("dealing", objective.players.index(player))
    parameters = list(objective.parameters_of(player))
    for p in objective.parameters():
        p.grad = None
    with _outputs(objective) as outputs, torch.enable_grad():
        losses: Losses = batch.losses(objective, player, 0, noise)
        losses.total.backward(inputs=parameters)  # type: ignore[no-untyped-call]
    if ranks is not None:
        losses = ranks.averaged(losses, parameters)
    gradients = {name: p.grad.clone() for name, p in objective.named_parameters() if p.grad is not None}
    state = {name: value.clone() for name, value in module_state(objective).items()}
    return _Pass(outputs, {"total": losses.total.detach(), **losses.raw}, gradients, state)


@contextmanager
def _outputs(objective: Objective) -> Iterator[dict[str, Tensor]]:
    """What the layers and the latent of the model give when they are first called."""
    given: dict[str, Tensor] = {}
    model = objective.model
    parts: dict[str, nn.Module] = {f"corruption.{i}": part for i, part in enumerate(objective.corruption)}
    parts |= {f"encoder.{i}": layer for i, layer in enumerate(model.encoder)} | {"latent": model.latent}
    parts |= {f"decoder.{i}": layer for i, layer in enumerate(model.decoder)}

    def note(name: str, output: Any) -> None:
        for field in ("z", "h"):
            output = getattr(output, field, output)
        if isinstance(output, Tensor) and name not in given:
            given[name] = output.detach()

    handles = [
        part.register_forward_hook(lambda _, __, output, name=name: note(name, output)) for name, part in parts.items()
    ]
    try:
        yield given
    finally:
        for handle in handles:
            handle.remove()


def _fault(shared: _Pass, whole: _Pass, *, place: Any) -> str | None:
    """What differs first, in words; None if nothing does, or the losses of one process are not finite already."""
    if not whole.losses["total"].isfinite():
        return None  # the first step says which part made them so
    own = slice(place.start, place.start + place.rows)
    for name, value in whole.outputs.items():
        if name in shared.outputs and _differ(shared.outputs[name], value[own]):
            return f"the output of {name}"
    for name, value in whole.losses.items():
        if _differ(shared.losses[name], value, shared.losses["total"].abs().item() * TOLERANCE):
            return f"the loss {name}"
    for name, value in whole.state.items():
        if _differ(shared.state[name], value):
            return f"the running state {name}"
    scale = max((value.abs().max().item() for value in whole.gradients.values() if value.numel()), default=0.0)
    for name in dict.fromkeys([*whole.gradients, *shared.gradients]):
        one, other = (part.gradients.get(name) for part in (shared, whole))
        if one is None or other is None or _differ(one, other, scale * TOLERANCE):
            return f"the gradient of {name}"
    return None


def _differ(first: Tensor, second: Tensor, slack: float = 1e-6) -> bool:
    """Whether two tensors differ by more than rounding."""
    if first.shape != second.shape:
        return True
    first, second = first.detach().double(), second.detach().double()
    if not first.numel():
        return False
    apart = (first - second).abs().max().item()
    return not apart <= TOLERANCE * second.abs().max().item() + slack
