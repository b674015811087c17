"""A stack: the tensors of several objectives of equal shape as one tensor each, of which the objectives have views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from aezoo.nn.objective import Objective
from aezoo.stacking.draws import Unstackable


class Number(NamedTuple):
    """A number in plain Python that is another in each run, such as the level of a corruption.

    Attributes:
        module: Of the first objective; it has the number.
        name: Of the attribute.
        values: [k], of each run.
    """

    module: nn.Module
    name: str
    values: Tensor


class Stack:
    """Objectives whose tensors are slices of stacked ones: what changes the one changes the other.

    Args:
        objectives: Of equal modules, of weights and buffers of equal shapes.

    Attributes:
        parameters: [k, *shape] by name: leaves that gradients are taken by.
        buffers: [k, *shape] by name, and with them the weights that are frozen.
        numbers: What of plain Python differs.

    Raises:
        Unstackable: They are not of equal modules.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self.objectives = list(objectives)
        self.numbers = _numbers(self.objectives)
        self.parameters: dict[str, Tensor] = {}
        self.buffers: dict[str, Tensor] = {}
        named = [dict(objective.named_parameters()) for objective in self.objectives]
        for name, first in named[0].items():
            own = [_of(parameters, name, first) for parameters in named]
            stacked = torch.stack([p.detach() for p in own])
            for p, value in zip(own, stacked.unbind(), strict=True):
                p.data = value
            if first.requires_grad:
                self.parameters[name] = stacked.requires_grad_()
            else:
                self.buffers[name] = stacked
        self._stack_buffers()

    def __len__(self) -> int:
        return len(self.objectives)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Buffers, which passes within may change, are as they were again after."""
        before = {name: value.clone() for name, value in self.buffers.items()}
        try:
            yield
        finally:
            for name, value in before.items():
                self.buffers[name].copy_(value)

    def _stack_buffers(self) -> None:
        named = [dict(objective.named_buffers()) for objective in self.objectives]
        for name, first in named[0].items():
            own = [_of(buffers, name, first) for buffers in named]
            self.buffers[name] = torch.stack(own)
            for objective, old, new in zip(self.objectives, own, self.buffers[name].unbind(), strict=True):
                for module in objective.modules():  # one buffer may stand in several modules
                    for key, value in module._buffers.items():
                        if value is old:
                            module._buffers[key] = new


def _of(tensors: Mapping[str, Tensor], name: str, first: Tensor) -> Tensor:
    tensor = tensors.get(name)
    if tensor is None or tensor.shape != first.shape or tensor.dtype != first.dtype:
        raise Unstackable(f"{name.removeprefix('model.')} is of another shape")
    return tensor


def _numbers(objectives: Sequence[Objective]) -> list[Number]:
    """The numbers in plain Python that differ between objectives of equal modules."""
    found: list[Number] = []
    device = next((p.device for p in objectives[0].parameters()), None)
    first, *others = ([*objective.modules()] for objective in objectives)
    if any([type(m) for m in modules] != [type(m) for m in first] for modules in others):
        raise Unstackable("its modules are others")
    for alike in zip(first, *others, strict=True):
        for name, value in vars(alike[0]).items():
            if type(value) is float and len({vars(module).get(name) for module in alike}) > 1:
                values = [float(vars(module)[name]) for module in alike]
                found.append(Number(alike[0], name, torch.tensor(values, device=device)))
    return found
