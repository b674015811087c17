"""The pass of a stack: one batch of each run in, the terms of each and their gradients out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from aezoo.data.batches import Batch
from aezoo.nn.objective import Noise, Objective
from aezoo.stacking.draws import Draw, Recorder, Replayer, Unstackable
from aezoo.stacking.stack import Stack
from aezoo.training.step import Streams

#: How torch says that it cannot compute a pass, or its gradient, for many runs at once.
FAILURES = (RuntimeError, ValueError, TypeError, NotImplementedError)


class StackedLosses(NamedTuple):
    """The losses of each run; `total`, and each term raw and weighted, [k]."""

    total: Tensor
    raw: dict[str, Tensor]
    weighted: dict[str, Tensor]


class StackedPass:
    """Computes the losses of all runs of a stack.

    Args:
        stack: Their objectives.
        streams: Of each run.
    """

    def __init__(self, stack: Stack, streams: Sequence[Streams]) -> None:
        self.stack = stack
        self.streams = streams
        first = stack.objectives[0]
        (self.player,) = first.players
        self._terms = _RawTerms(first, self.player)
        self._one = vmap(self._of_one)
        self._numbers = [number.values for number in stack.numbers]
        self._plain = [getattr(number.module, number.name) for number in stack.numbers]
        self._draws: dict[tuple[int, str], list[Draw]] = {}
        self._current: list[Draw] = []
        weights = [objective.terms.weights_of(self.player) for objective in stack.objectives]
        names = dict.fromkeys(name for each in weights for name in each)
        self._weights = {name: [each.get(name) for each in weights] for name in names}
        self._moving = [objective for objective in stack.objectives if objective.follows_step]

    def losses(self, batches: Sequence[Batch], name: str, step: int, *counters: int) -> StackedLosses:
        """The losses of one batch of each run.

        Args:
            batches: As large as each other.
            name: What the pass is for: `train` or `validation`.
            step: That schedules are at.
            counters: Of the noise.
        """
        for objective in self._moving:
            objective.set_step(step)
        x, fields = stacked(batches)
        self._current = self._draws_of(batches[0], name)
        drawn = self._drawn(name, counters)
        try:
            raw = self._one(self.stack.parameters, self.stack.buffers, self._numbers, x, fields, drawn)
        except FAILURES as error:
            raise Unstackable(_reason(error)) from error
        return self._weighted(raw, step)

    def gradients(self, losses: StackedLosses) -> dict[str, Tensor | None]:
        """The gradient of each run's loss by its own weights: [k, *shape] by name; None where it does not depend."""
        parameters = self.stack.parameters
        # The runs share no weight, so the gradient of their sum has the gradient of each in its slice.
        try:
            values = torch.autograd.grad(losses.total.sum(), [*parameters.values()], allow_unused=True)
        except FAILURES as error:
            raise Unstackable(_reason(error)) from error
        # In the order of the weights in memory, as `backward` leaves them: a fused optimizer takes that for granted.
        laid = (None if value is None else value.contiguous() for value in values)
        return dict(zip(parameters, laid, strict=True))

    def _of_one(
        self,
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        numbers: Sequence[Tensor],
        x: Tensor,
        fields: Mapping[str, Tensor],
        drawn: Sequence[Tensor],
    ) -> dict[str, Tensor]:
        """The raw terms of one run, on tensors whose leading axis vmap hides."""
        state = {f"objective.{name}": value for name, value in (*parameters.items(), *buffers.items())}
        before = dict(state)
        for number, value in zip(self.stack.numbers, numbers, strict=True):
            setattr(number.module, number.name, value)
        try:
            with Replayer(self._current, drawn):
                raw: dict[str, Tensor] = functional_call(self._terms, state, (x, fields, self.streams[0].noise))
        finally:
            for number, plain in zip(self.stack.numbers, self._plain, strict=True):
                setattr(number.module, number.name, plain)
        replaced = [name for name, value in state.items() if value is not before[name]]
        if replaced:
            raise Unstackable(f"it puts another tensor in the place of {replaced[0].partition('.')[2]}")
        return raw

    def _draws_of(self, batch: Batch, name: str) -> list[Draw]:
        """What a pass for a batch of this size draws; the first time, one run passes alone to find out."""
        key = batch.rows, name
        if key not in self._draws:
            noise = self.streams[0].start(name, 0, 0)
            with self.stack.kept(), Recorder(noise) as recorder:
                self._terms(batch.x, batch.fields, noise)
            self._draws[key] = recorder.draws
        return self._draws[key]

    def _drawn(self, name: str, counters: Sequence[int]) -> list[Tensor]:
        """The draws of each run, from its own generators, seeded as in a run alone: [k, *shape] each."""
        if not self._current:
            return []
        made = []
        for streams in self.streams:
            noise = streams.start(name, *counters)
            made.append([draw.make(noise) for draw in self._current])
        return [torch.stack(values) for values in zip(*made, strict=True)]

    def _weighted(self, raw: dict[str, Tensor], step: int) -> StackedLosses:
        weighted = dict(raw)
        for name, weights in self._weights.items():
            factors = [1.0 if weight is None else weight(step) for weight in weights]
            value = raw[name]
            same = factors.count(factors[0]) == len(factors)
            weighted[name] = value * (factors[0] if same else value.new_tensor(factors))
        total, *others = weighted.values()
        for term in others:
            total = total + term
        return StackedLosses(total, raw, weighted)


class _RawTerms(nn.Module):
    """The terms of an objective without their weights, as a module: what `functional_call` takes."""

    def __init__(self, objective: Objective, player: str) -> None:
        super().__init__()
        self.objective = objective
        self.player = player

    def forward(self, x: Tensor, fields: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        return self.objective.raw_terms(x, self.player, noise, fields)


def stacked(batches: Sequence[Batch]) -> tuple[Tensor, dict[str, Tensor]]:
    """Samples and fields of batches of one size: [k, B, *shape] each."""
    fields = {name: torch.stack([batch.fields[name] for batch in batches]) for name in batches[0].fields}
    return torch.stack([batch.x for batch in batches]), fields


def _reason(error: Exception) -> str:
    """The first sentence of an error of torch."""
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return f"torch cannot stack it: {line.split('. ')[0][:160]}"
