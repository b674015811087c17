"""Whole output: a pass whose samples are dealt out to several processes, as each of them sees all of it.

A term that is no mean over samples (a total correlation, a distance of two samples, a critic's loss) is computed in
every process from the whole batch, so it is that of one process whatever it computes. What it reads is gathered when
it reads it. Of the N processes each backs the same loss, and gradients are averaged over them: so what goes back to a
process's own samples is N times its part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from aezoo.nn.code import Output
from aezoo.nn.distributed import Layout, rows_of_all, sharing


def gathered(values: Tensor, dealt: Layout) -> Tensor:
    """The rows of all processes; downstream of it all of them compute the same.

    Shape:
        values: [n, ...] -> [N, ...]
    """
    with sharing(dealt):
        if not values.requires_grad:
            return rows_of_all(values)
        return _Gather.apply(values, dealt)  # type: ignore[no-any-return, no-untyped-call]


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, dealt: Layout) -> Tensor:
        ctx.dealt = dealt
        return rows_of_all(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        dealt: Layout = ctx.dealt
        return gradient[dealt.start : dealt.start + dealt.rows] * len(dealt.sizes), None


class WholeOutput(Output):
    """An `Output` whose tensors are gathered when they are read."""

    layout: Layout

    @classmethod
    def of(cls, out: Output, dealt: Layout) -> WholeOutput:
        """The pass of a process's own samples, seen as a whole."""
        whole = cls(*out)
        whole.layout = dealt
        return whole

    def _item(self, name: str) -> Any:
        return tuple.__getitem__(self, Output._fields.index(name))

    def _whole(self, value: Tensor) -> Tensor:
        return gathered(value, self.layout)

    @cached_property
    def x(self) -> Tensor:
        return self._whole(self._item("x"))

    @cached_property
    def corrupted(self) -> Tensor:
        own = self._item("corrupted")
        return self.x if own is self._item("x") else self._whole(own)

    @cached_property
    def code(self) -> Any:
        return _each(self._item("code"), self._whole)

    @cached_property
    def raw(self) -> Tensor:
        return self._whole(self._item("raw"))

    @cached_property
    def taps(self) -> Mapping[str, Tensor]:
        return {name: self._whole(value) for name, value in self._item("taps").items()}

    @cached_property
    def fields(self) -> Mapping[str, Tensor]:
        return {name: self._whole(value) for name, value in self._item("fields").items()}

    @cached_property
    def aim(self) -> Tensor | None:
        own = self._item("aim")
        return None if own is None else self._whole(own)

    @cached_property
    def mask(self) -> Tensor | None:
        own = self._item("mask")
        if own is None or any(own is value for value in self._item("fields").values()):
            return next((self.fields[name] for name, value in self._item("fields").items() if value is own), None)
        return self._whole(own)

    @cached_property
    def levels(self) -> tuple[Any, ...]:
        return tuple(_each(level, self._whole) for level in self._item("levels"))

    def _replace(self, **changes: Any) -> Output:  # type: ignore[override]
        kept = {name: changes.pop(name) if name in changes else getattr(self, name) for name in Output._fields}
        if changes:
            raise ValueError(f"Got unexpected field names: {[*changes]!r}")
        return Output(**kept)


def _each(values: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A NamedTuple of tensors, each changed; one that is there twice stays one."""
    known: dict[int, Tensor] = {}
    for value in values:
        if id(value) not in known:
            known[id(value)] = change(value)
    return type(values)(*(known[id(value)] for value in values))
