"""First fault: a run is a function of its step, so one that failed is repeated from a state, and watched.

    loop at a state --first_fault--> the step in which the first value was not finite
    loop at that state again --watched--> what gave it: a layer, a term, a gradient or a weight

The first pass reads losses and weights after each step; the second puts hooks on all modules, in that step and the one
before it.

Several processes repeat a step together, each with its own samples, and hold what they saw against each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import is_dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from aezoo.data.batches import Batch
from aezoo.nn.objective import Losses
from aezoo.training.distributed.parts import is_sharded, own
from aezoo.training.distributed.shares import first_row
from aezoo.training.loop import Loop


class Fault(NamedTuple):
    """Where a run first had a value that is not finite.

    Attributes:
        step: Counted from 0.
        epoch: Counted from 0.
        batch: Its number in the epoch, counted from 0.
        cause: What gave the value, in words.
        terms: The terms of the loss that are not finite, in words; empty if it is.
        rows: Of the batch, those whose values are not finite; empty if it is all of them, or none in particular.
        validation: Whether it was seen in the validation after that step, not in training.
    """

    step: int
    epoch: int
    batch: int
    cause: str
    terms: str
    rows: tuple[int, ...] = ()
    validation: bool = False


def first_fault(restart: Callable[[], Loop], until: int, stopped: Callable[[], bool]) -> Fault | None:
    """The first step that gives a value that is not finite, and what in it does.

    Args:
        restart: Gives a loop at the state that is gone on from; it is moved on.
        until: The step at which the run noticed.
        stopped: Whether to give up.

    Returns:
        None if no step up to there does, or the user does not wait.
    """
    loop = restart()
    for batch in _steps(loop, until):
        with _losses(loop) as losses:
            loop.move(batch)
            loop.advance()
        loop.agree()
        if stopped():
            return None
        if loop.agreed(not (all(map(_is_finite, losses)) and _weights_finite(loop))):
            failed = loop.step - 1  # before `restart`, which may move this very loop
            return _watched(restart(), failed)
    return _validated(loop)


def _steps(loop: Loop, until: int) -> Iterator[Batch]:
    """The batches of the steps to come, through the ends of epochs."""
    outcome = loop.outcome
    while loop.step < until:
        for batch in loop.epoch_batches(outcome.epoch):
            if loop.step >= until:
                return
            yield batch
        outcome.epoch += 1
        for player in loop.players:
            player.meter.clear()


@contextmanager
def _losses(loop: Loop) -> Iterator[list[Losses]]:
    """The losses of each pass within."""
    losses: list[Losses] = []
    handle = loop.objective.register_forward_hook(lambda module, args, output: losses.append(output))
    try:
        yield losses
    finally:
        handle.remove()


def _is_finite(losses: Losses) -> bool:
    return math.isfinite(float(losses.total.detach()))


def _weights_finite(loop: Loop) -> bool:
    return all(bool(own(p).isfinite().all()) for p in loop.objective.parameters())


def _validated(loop: Loop) -> Fault | None:
    """The fault of the validation after the last step, for losses that were finite in training."""
    at_end = loop.step % loop.steps_per_epoch == 0 or loop.step >= loop.steps
    if loop.validation is None or not (at_end or loop.validates_at_step):
        return None
    with loop.averaged():
        watch = _Watch(loop.objective, frozenset())
        try:
            loop.validate(loop.validation)
        finally:
            watch.close()
    seen = _earliest(loop, watch.seen("", ""))
    if not seen.terms:
        return None
    step = loop.step - 1
    epoch, batch = divmod(step, loop.steps_per_epoch)
    return Fault(step, epoch, batch, seen.cause, seen.terms, validation=True)


def spoils(loop: Loop, fault: Fault) -> bool:
    """Whether the batch of a fault gives a loss that is not finite at the weights of a loop: then it is to blame."""
    loop.step = fault.step
    batch = next(loop.epoch_batches(fault.epoch))
    with _losses(loop) as losses, torch.no_grad():
        for player in loop.players:
            for part, noise in player.passes(batch, fault.step, loop.streams):
                part.losses(loop.objective, player.name, fault.step, noise)
    return loop.agreed(not all(map(_is_finite, losses)))


# --- the step in which it happens --------------------------------------------------------------------------


class _Seen(NamedTuple):
    """What was not finite first in a pass, as one process saw it.

    Attributes:
        order: How early it was, to be compared with what other processes saw.
        cause: As of the fault.
        terms: As of the fault.
        rows: As of the fault.
    """

    order: tuple[int, int]
    cause: str
    terms: str
    rows: tuple[int, ...]


def _earliest(loop: Loop, seen: _Seen) -> _Seen:
    """What the process saw that saw it first, with the rows of all that saw the same: the fault began there."""
    everyone: list[_Seen] = loop.ranks.everything(seen) if loop.ranks else [seen]
    first = min(everyone, key=lambda each: each.order)
    rows = {row for each in everyone if each.order == first.order for row in each.rows}
    return first._replace(rows=tuple(sorted(rows)))


class _Watch:
    """Hooks on an objective that note the first value that is not finite, in the order in which values are made.

    Args:
        objective: Is watched.
        ordinary: Modules that give such values in good steps, too: masks that hold infinities.
    """

    def __init__(self, objective: nn.Module, ordinary: frozenset[str]) -> None:
        self.output = self.gradient = ""
        self.rows: tuple[int, ...] = ()
        self.terms = ""
        self.calls = self.called = 0
        self.spoilt: set[str] = set()
        self._ordinary = ordinary
        self._handles = [objective.register_forward_hook(self._see_losses)]
        for name, module in objective.named_modules():
            if name:
                self._handles.append(module.register_forward_hook(self._seeing(name)))
        for name, p in objective.named_parameters():
            if p.requires_grad:
                handle = p.register_post_accumulate_grad_hook(self._seeing_gradient(name))  # type: ignore[no-untyped-call]
                self._handles.append(handle)

    def close(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    def seen(self, moved: str, projected: str, first: int = 0) -> _Seen:
        """The first of what was seen: values on the way forward, the loss, gradients, weights.

        Args:
            moved: What is not finite in the weights after the optimizer's step.
            projected: The same after the constraints.
            first: The place in the batch of the first sample.
        """
        rows = tuple(first + row for row in self.rows)
        if self.terms:
            cause = self.output or "every layer gave finite values, and the term did not"
            return _Seen((0, self.called or self.calls + 1), cause, self.terms, rows)
        if self.gradient:
            return _Seen((1, 0), f"the loss is finite, {self.gradient}", "", rows)
        if moved:
            return _Seen((2, 0), f"loss and gradients are finite, the optimizer's step made {moved}", "", rows)
        return _Seen((3, 0), f"loss and gradients are finite, a constraint made {projected}", "", rows)

    def _seeing(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def see(module: nn.Module, args: Any, output: Any) -> None:
            self.calls += 1
            bad = [value for value in _tensors(output) if not value.isfinite().all()]
            if not bad:
                return
            self.spoilt.add(name)
            if not self.output and name not in self._ordinary:
                inputs = [value for value in _tensors(args) if value.numel()]
                self.called = self.calls
                self.rows = _spoilt_rows(bad[0])
                self.output = f"{_shown(name)} ({type(module).__name__}) gave {_described(bad[0])}{_from(inputs)}"

        return see

    def _seeing_gradient(self, name: str) -> Callable[[Tensor], None]:
        def see(p: Tensor) -> None:
            if not self.gradient and p.grad is not None and not own(p.grad).isfinite().all():
                self.gradient = f"the gradient of {_shown(name)} has {_described(own(p.grad))}"

        return see

    def see_parts(self, objective: nn.Module) -> None:
        """Look at the gradients of weights that are sharded: they have no hook."""
        for name, p in objective.named_parameters():
            if is_sharded(p) and p.grad is not None:
                self._seeing_gradient(name)(p)

    def _see_losses(self, module: nn.Module, args: Any, losses: Losses) -> None:
        values = {name: float(value.detach()) for name, value in losses.raw.items()}
        bad = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
        if not self.terms and (bad or not _is_finite(losses)):
            self.terms = ", ".join(bad) or f"total = {float(losses.total.detach())}"


def _watched(loop: Loop, step: int) -> Fault | None:
    """The fault of a step; hooks are on the step before, too, to know what gives such values without harm."""
    ordinary: frozenset[str] = frozenset()
    for batch in _steps(loop, step + 1):
        if loop.step < step - 1:
            loop.move(batch)
            loop.advance()
            continue
        at = loop.step
        watch = _Watch(loop.objective, ordinary)
        try:
            loop.move(batch)
        finally:
            watch.close()
        watch.see_parts(loop.objective)
        moved = _first_spoilt_weight(loop)
        loop.advance()
        if at < step:
            ordinary = frozenset(watch.spoilt)
            continue
        epoch = loop.outcome.epoch
        seen = _earliest(loop, watch.seen(moved, _first_spoilt_weight(loop), first_row(batch)))
        whole = batch.rows <= (loop.players[0].micro_batch or batch.rows)  # else rows are those of a part of it
        rows = seen.rows if whole and len(seen.rows) < batch.rows else ()
        return Fault(step, epoch, step - epoch * loop.steps_per_epoch, seen.cause, seen.terms, rows)
    return None


def _first_spoilt_weight(loop: Loop) -> str:
    for name, p in loop.objective.named_parameters():
        if not own(p).isfinite().all():
            return f"{_described(own(p).detach())} in {_shown(name)}"
    return ""


# --- words -------------------------------------------------------------------------------------------------


def _shown(name: str) -> str:
    return name.removeprefix("model.")


def _described(value: Tensor) -> str:
    """How many values are not finite, and what they are."""
    bad = int((~value.isfinite()).sum())
    kinds = [kind for kind, test in (("NaN", torch.isnan), ("infinity", torch.isinf)) if bool(test(value).any())]
    return f"{' and '.join(kinds)} in {bad:,} of {value.numel():,} values"


def _from(inputs: list[Tensor]) -> str:
    if not inputs:
        return ""
    if not all(bool(value.isfinite().all()) for value in inputs):
        return ", from inputs that have them already"
    return f", from finite inputs, the largest {max(float(value.abs().max()) for value in inputs):.3g}"


def _spoilt_rows(value: Tensor) -> tuple[int, ...]:
    if not value.ndim:
        return ()
    rows = (~value.isfinite()).reshape(len(value), -1).any(dim=1)
    return tuple(int(row) for row in rows.nonzero().flatten())


def _tensors(value: Any) -> Iterator[Tensor]:
    """The floating tensors in what a module takes or gives."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value.detach()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif is_dataclass(value):
        yield from _tensors(vars(value))
