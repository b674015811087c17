"""Optimizers of a stack: one step for all runs of equal tables, where it moves each as it would move alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from aezoo.modules.output_checks import checked
from aezoo.spec.kinds import OptimizerSpec
from aezoo.stacking.stack import Stack
from aezoo.training.step import Player


def moves_by_value(optimizer: OptimizerSpec) -> bool:
    """Whether an optimizer moves each number by its own gradient alone, so that a stack moves as its slices would.

    It is tried: three steps of two small matrices, apart and stacked.
    """
    start = torch.linspace(-1.0, 1.0, 24).view(2, 3, 4)
    gradients = [torch.stack([start.sin() + step, 50 * (start + step).cos()])[[0, 1], [0, 1]] for step in range(3)]
    try:
        together = _moved(optimizer, start, gradients)
        apart = [_moved(optimizer, start[i], [gradient[i] for gradient in gradients]) for i in range(2)]
    except Exception:  # some take matrices alone
        return False
    return torch.allclose(together, torch.stack(apart), rtol=1e-5, atol=1e-7)


def _moved(optimizer: OptimizerSpec, start: Tensor, gradients: Sequence[Tensor]) -> Tensor:
    weight = nn.Parameter(start.clone())
    built = checked(optimizer, optimizer.build([weight], lr=0.1))
    for gradient in gradients:
        weight.grad = gradient.clone()
        built.step()
    return weight.detach()


class StackedOptimizers:
    """The optimizers of the runs of a stack.

    Runs beside each other whose optimizers have one table are moved by the optimizer of the first of them, which is
    given slices of the stack in place of its own weights; `released` gives each run its own back.

    Args:
        stack: Whose weights are moved.
        players: Of each run.
        tables: What each optimizer was built from.
    """

    def __init__(self, stack: Stack, players: Sequence[Player], tables: Sequence[OptimizerSpec]) -> None:
        self.stack = stack
        self.players = players
        self.clips = [player.clip for player in players]
        self._names = [_names_of(objective) for objective in stack.objectives]
        self._runs = _alike(tables)
        self._slices: dict[int, dict[str, nn.Parameter]] = {}
        self.take()

    def step(self, gradients: dict[str, Tensor | None], step: int) -> None:
        """Move every run's weights once."""
        self._limit(gradients)
        for first, last in self._runs:
            player = self.players[first]
            player.rates.set(player.optimizer, step)
            for name, weight in self._slices[first].items():
                gradient = gradients[name]
                weight.grad = None if gradient is None else _cut(gradient, first, last)
            player.optimizer.step()

    def take(self) -> None:
        """Let the first optimizer of each row of runs move all of them."""
        for first, last in self._runs:
            self._slices[first] = self._sliced(first, last)
            if last - first > 1:
                self._merge(first, last)

    def release(self) -> None:
        """Give each run's optimizer its own weights, and what is known of them."""
        for first, last in self._runs:
            if last - first > 1:
                self._part(first, last)

    def _sliced(self, first: int, last: int) -> dict[str, nn.Parameter]:
        if last - first == 1:
            own = dict(self.stack.objectives[first].named_parameters())
            return {name: own[name] for name in self.stack.parameters}
        return {name: nn.Parameter(value.detach()[first:last]) for name, value in self.stack.parameters.items()}

    def _merge(self, first: int, last: int) -> None:
        optimizers = [player.optimizer for player in self.players[first:last]]
        known: dict[str, dict[str, Any]] = {}
        for name in self._slices[first]:
            states = [
                o.state.get(_weight(n, name), {}) for o, n in zip(optimizers, self._names[first:last], strict=True)
            ]
            shape = self.stack.parameters[name].shape[1:]
            known[name] = {key: _together([state[key] for state in states], key, shape) for key in states[0]}
        _give(optimizers[0], self._names[first], self._slices[first], known)

    def _part(self, first: int, last: int) -> None:
        lead = self.players[first].optimizer
        slices = self._slices[first]
        known = {name: dict(lead.state.get(weight, {})) for name, weight in slices.items()}
        settings = [{key: value for key, value in group.items() if key != "params"} for group in lead.param_groups]
        back = {id(weight): name for name, weight in slices.items()}
        names = [[back[id(p)] for p in group["params"]] for group in lead.param_groups]
        for i, player in enumerate(self.players[first:last]):
            own = {name: weight for weight, name in self._names[first + i].items()}
            optimizer = player.optimizer
            player.rates.restore(self.players[first].rates.state())
            state = {name: {k: _slice(v, i, k) for k, v in values.items()} for name, values in known.items() if values}
            groups = [
                {**setting, "params": [own[name] for name in each]}
                for setting, each in zip(settings, names, strict=True)
            ]
            _restate(optimizer, {own[name]: values for name, values in state.items()}, groups)

    def _limit(self, gradients: dict[str, Tensor | None]) -> None:
        """Project each run's gradient, and clip it by its own norm."""
        for i, player in enumerate(self.players):
            if player.tangents:
                self._project(i, gradients)
        if all(clip is None for clip in self.clips):
            return
        there = {name: gradient for name, gradient in gradients.items() if gradient is not None}
        squares = [gradient.reshape(len(gradient), -1).square().sum(1) for gradient in there.values()]
        norms = torch.stack(squares).sum(0).sqrt()
        most = norms.new_tensor([float("inf") if clip is None else clip for clip in self.clips])
        factors = (most / (norms + 1e-6)).clamp(max=1.0)  # as `torch.nn.utils.clip_grad_norm_`
        for gradient in there.values():
            gradient.mul_(factors.view(-1, *(1 for _ in gradient.shape[1:])))

    def _project(self, i: int, gradients: Mapping[str, Tensor | None]) -> None:
        objective = self.stack.objectives[i]
        own = dict(objective.named_parameters())
        for name, gradient in gradients.items():
            own[name].grad = None if gradient is None else gradient[i]
        objective.project_gradients()
        for name, gradient in gradients.items():
            projected = own[name].grad
            if gradient is not None and projected is not None:
                gradient[i].copy_(projected)
            own[name].grad = None


def _alike(tables: Sequence[OptimizerSpec]) -> list[tuple[int, int]]:
    """First and last of each row of equal tables that move by value; others stand alone."""
    by_value = lru_cache(maxsize=None)(lambda i: moves_by_value(tables[i]))
    rows: list[tuple[int, int]] = []
    for i, table in enumerate(tables):
        if rows and tables[rows[-1][0]] == table and by_value(rows[-1][0]):
            rows[-1] = rows[-1][0], i + 1
        else:
            rows.append((i, i + 1))
    return rows


def _names_of(objective: nn.Module) -> dict[nn.Parameter, str]:
    return {p: name for name, p in objective.named_parameters()}


def _weight(names: Mapping[nn.Parameter, str], name: str) -> nn.Parameter:
    return next(p for p, known in names.items() if known == name)


def _cut(gradient: Tensor, first: int, last: int) -> Tensor:
    return gradient[first] if last - first == 1 else gradient[first:last]


def _together(values: Sequence[Any], key: str, shape: Sequence[int]) -> Any:
    """What is known of a weight in each run as one; a count of steps, and a number by it alone, is the same in all."""
    if not isinstance(values[0], Tensor):
        return values[0]
    if key == "step" or (values[0].ndim == 0 and len(shape)):
        return values[0].clone()
    return torch.stack(list(values))


def _slice(value: Any, i: int, key: str) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.clone() if key == "step" or value.ndim == 0 else value[i].clone()


def _give(
    optimizer: Optimizer,
    names: Mapping[nn.Parameter, str],
    weights: Mapping[str, nn.Parameter],
    known: Mapping[str, Mapping[str, Any]],
) -> None:
    groups = [{**group, "params": [weights[names[p]] for p in group["params"]]} for group in optimizer.param_groups]
    _restate(optimizer, {weights[name]: dict(values) for name, values in known.items() if values}, groups)


def _restate(optimizer: Optimizer, state: Mapping[Any, Any], groups: list[dict[str, Any]]) -> None:
    """As `load_state_dict` ends: what an optimizer has derived from its weights is derived anew."""
    from collections import defaultdict

    known: dict[Tensor, Any] = defaultdict(dict)
    known.update(state)
    optimizer.__setstate__({"state": known, "param_groups": groups})
