"""What can be stacked: asked of the runs as they stand before their first step, and tried, never guessed by names.

A stack computes one pass of the first run's modules on everybody's tensors. Whether that is what each run would compute
alone is found out on the first batches, at two steps of the run: losses and gradients have to agree for every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from aezoo.data.batches import Batch
from aezoo.spec.document import Spec
from aezoo.stacking.draws import Unstackable
from aezoo.stacking.passes import StackedPass
from aezoo.stacking.stack import Stack
from aezoo.training.loop import Loop

#: Of `[training]`, what may differ between the runs of a stack: each run has an optimizer, a clip and patience of its
#: own.
FREE = ("seed", "optimizer", "clip", "ema", "best_by", "patience", "log_every")
#: Largest difference of a loss and of a gradient's norm that is rounding, relative to their size: of sums of some
#: thousand float32 products in another order.
ROUNDING = 1e-3


def shape_key(spec: Spec) -> str:
    """What is equal in specs that may be stacked: all but the seed, optimizers, weights of terms and other floats."""
    document = spec.document()
    for name in ("name", "description", "license", "paper", "metrics"):
        document.pop(name, None)
    training = {name: value for name, value in document.pop("training").items() if name not in FREE}
    data, shape = document.pop("data", None), document.pop("input")
    for penalty in document.get("regularizers", {}).values():
        penalty.pop("weight", None)
    return repr((training, data, shape, _without_floats(document)))


def _without_floats(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_floats(item) for key, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [_without_floats(item) for item in value]
    return float if isinstance(value, float) else value


def reason_against(loop: Loop) -> str | None:
    """Why a run trains alone whatever stands beside it; None if nothing is against it."""
    player, *others = loop.players
    if others:
        return "several players take turns in it"
    if player.line_search:
        return "its optimizer searches along a line"
    if loop.with_modes:
        return "its optimizer learns at other weights than are judged"
    if player.turn.gated or not all(player.turn.moves(step) for step in range(8)):
        return "its player does not move at every step"
    if player.micro_batch is not None:
        return "its batches are cut into micro-batches"
    if loop.objective.autocast is not None or loop.objective.rounding is not None:
        return "it computes in lower precision"
    if loop.training.compile or loop.training.recompute:
        return "its passes are compiled, or computed again backwards"
    if loop.recovery is not None:
        return "it goes back where its loss is not finite"
    if loop.plateau is not None or loop.training.validate_every is not None:
        return "its rate or its validations do not follow the epochs"
    return None


def runs_apart(loops: Sequence[Loop]) -> list[int]:
    """Which runs, by their numbers, would not compute in a stack what they compute alone; the first is never one.

    The loops are left as they were but for where their tensors lie.

    Raises:
        Unstackable: No pass of the stack can be computed at all, or the modules keep a state in plain Python.
    """
    first = loops[0]
    position = {(loop.step, loop.outcome.epoch, loop.steps, loop.steps_per_epoch) for loop in loops}
    if len(position) > 1:
        raise Unstackable("its runs are at other steps")
    before = [_plain_state(loop) for loop in loops]
    stack = Stack([loop.objective for loop in loops])
    passes = StackedPass(stack, [loop.streams for loop in loops])
    batches = [next(loop.batches.epoch(0, loop.training.batch_size, loop.training.seed)) for loop in loops]
    apart: set[int] = set()
    with torch.enable_grad():
        for step in sorted({first.step, first.steps // 2}):
            apart |= _differing(loops, batches, stack, passes, step)
    if [_plain_state(loop) for loop in loops] != before:
        raise Unstackable("a module of it counts in plain Python")
    if 0 in apart:
        raise Unstackable("its losses or gradients are others in a stack")
    return sorted(apart)


def _differing(
    loops: Sequence[Loop], batches: Sequence[Batch], stack: Stack, passes: StackedPass, step: int
) -> set[int]:
    with stack.kept():
        losses = passes.losses(batches, "train", step, step, 0)
        gradients = passes.gradients(losses)
        after = {name: value.clone() for name, value in stack.buffers.items()}
    with stack.kept():
        alone = [_alone(loop, batch, step) for loop, batch in zip(loops, batches, strict=True)]
        moved = [name for name, value in stack.buffers.items() if not _close(value.double(), after[name].double())]
    if moved:
        raise Unstackable(f"{moved[0].removeprefix('model.')} changes otherwise in a stack")
    apart = set()
    for i, (total, own) in enumerate(alone):
        agree = [_close(losses.total[i].detach(), total)]
        for name, gradient in gradients.items():
            there = own[name]
            agree.append(
                (gradient is None and there is None)
                or (
                    gradient is not None
                    and _close(gradient[i], torch.zeros_like(gradient[i]) if there is None else there)
                )
            )
        if not all(agree):
            apart.add(i)
    return apart


def _alone(loop: Loop, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor | None]]:
    """Loss and gradients of one run by its own pass."""
    objective = loop.objective
    noise = loop.streams.start("train", step, 0)
    losses = objective(batch.x, objective.players[0], step, noise, batch.fields)
    named = {name: p for name, p in objective.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(losses.total, [*named.values()], allow_unused=True)
    return losses.total.detach(), dict(zip(named, gradients, strict=True))


def _close(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors differ by rounding; values that are not finite agree with each other."""
    if not (first.isfinite().all() and second.isfinite().all()):
        return bool((first.isfinite() == second.isfinite()).all())
    scale = torch.maximum(first.norm(), second.norm())
    return bool((first - second).norm() <= ROUNDING * scale + 1e-6)


def _plain_state(loop: Loop) -> list[dict[str, Any]]:
    """Numbers and words that modules keep beside their tensors."""
    kinds = (int, float, str, bool, type(None))
    return [
        {name: value for name, value in vars(module).items() if type(value) in kinds}
        for module in loop.objective.modules()
    ]
