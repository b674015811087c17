"""Law of constraints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from aezoo.building.builder import build
from aezoo.testing.law.adapters import generator
from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import PartUnderTest


@law(
    "L44",
    "constraint",
    says="A projection is one: done twice it changes nothing more; weights stay finite, the same tensors, in no graph.",
    hint="write to the weights in place under `torch.no_grad()`, and mind weights that are all zero",
)
def projected_once(tested: PartUnderTest) -> Iterator[str]:
    for spec, _, part in tested.occurrences:
        network = build(spec, seed=0).network
        constrained = network.get_submodule(part.on)
        for scale in (3.0, 0.0, 0.01):
            with torch.no_grad():
                for p in constrained.parameters():
                    p.copy_(scale * torch.randn(p.shape, generator=generator(1)))
            yield from (f"{part.tag()}: {fault}" for fault in _projected(part.build(), constrained))


def _projected(project: Any, constrained: nn.Module) -> Iterator[str]:
    before = dict(constrained.named_parameters())
    project(constrained)
    once = {name: p.detach().clone() for name, p in constrained.named_parameters()}
    project(constrained)
    for name, p in constrained.named_parameters():
        if p is not before[name] or p.grad_fn is not None or not p.is_leaf:
            yield f"{name} is another tensor afterwards"
        elif not bool(p.isfinite().all()):
            yield f"{name} is not finite afterwards"
        elif not torch.allclose(p, once[name], rtol=1e-4, atol=1e-6):
            yield f"{name} moves again when it is projected again"


LAWS = [projected_once]
