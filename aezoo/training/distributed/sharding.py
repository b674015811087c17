"""Sharding: weights, gradients, moments and averages in parts, one in each process, by FSDP2 (arXiv:2304.11277).

A pass gathers the weights, its backward pass gives each process the gradient of its rows, and the optimizer moves these
alone. What reads weights between two passes would see rows, so it is refused before the first step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import torch
from torch import Tensor, nn

from aezoo.errors import UsageError
from aezoo.modules.output_checks import checked
from aezoo.nn.objective import Objective
from aezoo.spec.kinds import OptimizerSpec
from aezoo.spec.training import TrainingSpec
from aezoo.training.distributed.parts import own, part_of
from aezoo.training.distributed.ranks import Ranks

#: Learning rate of the steps that are tried; rounding that two ways to take them may show, as a share of the moves.
RATE, TOLERANCE = 1e-2, 1e-3


def shard(objective: Objective, training: TrainingSpec, ranks: Ranks) -> None:
    """Leave each process its part of each weight, in place; a weight without axes stays whole in all.

    Raises:
        UsageError: The run has something that reads whole weights between two passes.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    if reasons := [*reasons_against(objective, training)]:
        _refuse("; ".join(reasons))
    before = {name: p.detach().clone() for name, p in objective.named_parameters() if p.requires_grad}
    mesh = init_device_mesh(ranks.device.type, (ranks.size,))
    scalars = {p for p in objective.parameters() if not p.ndim}
    # Freed after a pass: what is read between two passes are the parts.
    fully_shard(objective, mesh=mesh, reshard_after_forward=True, ignored_params=scalars)
    parts = {name: p for name, p in objective.named_parameters() if p.requires_grad}
    if ranks.agreed(not _moves_alike(training.optimizer, before, parts))[0]:
        _refuse(f"the optimizer {training.optimizer.tag()!r} moves a part of a weight otherwise than the whole")


def _refuse(reason: str) -> NoReturn:
    raise UsageError(f"this run cannot be sharded: {reason}", hint="leave --shard out: each process has all weights")


def reasons_against(objective: Objective, training: TrainingSpec) -> Iterator[str]:
    """Why a run cannot be sharded, as far as that shows without a step: what reads whole weights, or writes to them.

    Args:
        objective: Whole.
        training: Of its spec.
    """
    if len(objective.players) > 1:
        yield "several players take turns in it"
    if objective.constraints.projections or objective.constraints.tangents:
        yield "constraints write to whole weights"
    if training.on_nonfinite == "rollback":
        yield 'training.on_nonfinite = "rollback" keeps copies of whole states'
    if training.compile or training.channels_last or training.recompute:
        yield "training.compile, channels_last and recompute are of whole weights"
    if training.precision == "float16":
        yield 'training.precision = "float16" scales gradients of whole weights'
    if training.precision == "fast":
        yield 'training.precision = "fast" may choose another order of whole weights in memory'


def _moves_alike(optimizer: OptimizerSpec, weights: dict[str, Tensor], parts: dict[str, nn.Parameter]) -> bool:
    """Whether two steps of an optimizer move the parts of weights as they move the whole."""
    generator = torch.Generator().manual_seed(0)
    whole = [nn.Parameter(value.clone()) for value in weights.values()]
    shares = [nn.Parameter(part.detach().clone()) for part in parts.values()]
    try:
        builds = [checked(optimizer, optimizer.build(each, lr=RATE)) for each in (whole, shares)]
        for _ in range(2):
            for p, share in zip(whole, shares, strict=True):
                p.grad = torch.randn(p.shape, generator=generator).to(p)
                share.grad = part_of(p.grad, share)
            for built in builds:
                built.step()
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError):  # what torch has for wholes alone; a line search
        return False
    apart = [
        (own(share).detach() - own(part_of(p.detach(), share))).abs().max() / (p.detach() - before).abs().max()
        for p, share, before in zip(whole, shares, weights.values(), strict=True)
        if own(share).numel()
    ]
    return all(float(each) <= TOLERANCE for each in apart)
