"""Schedules at work: numbers of a module that change with the step are buffers, set before each pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol, runtime_checkable

import torch
from torch import nn

#: A number at a step of a run of so many steps.
Curve = Callable[[int, int], float]
At = Callable[[int, int], None]
#: A step that no schedule gets to: there each has the number that it ends at.
END = 2**62
#: Where a module keeps the curves of its numbers.
_CURVES = "_curves"


@runtime_checkable
class Scheduled(Protocol):
    """A module that changes with the step."""

    def at(self, step: int, steps: int) -> None:
        """Called before each pass of a run of `steps` steps; in validation with step = steps."""
        ...


def follow(module: nn.Module, curves: Mapping[str, Curve]) -> None:
    """Let numbers of a module follow curves in training.

    Each becomes a buffer without axes, so that a model is saved with the number that its run ended at. Until a run sets
    it, it is what the curve ends at.

    Args:
        module: Has an attribute of each name, and reads it at each pass.
        curves: By name of the attribute.

    Raises:
        AttributeError: It has no such attribute.
    """
    for name, curve in curves.items():
        delattr(module, name)
        module.register_buffer(name, torch.tensor(float(curve(END, END)), dtype=torch.get_default_dtype()))
    module.__dict__.setdefault(_CURVES, {}).update(curves)


def changes(modules: Iterable[nn.Module]) -> list[At]:
    """What is to be called before each pass: the methods `at`, and what sets the numbers that follow curves."""
    found: list[At] = []
    for module in modules:
        found += [partial(_set, module, name, curve) for name, curve in module.__dict__.get(_CURVES, {}).items()]
        # `hasattr` on the class: a submodule or weight named `at` would pass `isinstance` too, but is no method.
        if isinstance(module, Scheduled) and hasattr(type(module), "at"):
            found.append(module.at)
    return found


def _set(module: nn.Module, name: str, curve: Curve, step: int, steps: int) -> None:
    # Looked up anew: moving a module to a device replaces its buffers.
    module._buffers[name].fill_(curve(step, steps))  # type: ignore[union-attr]
