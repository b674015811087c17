"""Laws of curved spaces: ways from one code to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from aezoo.nn.code import Curved
from aezoo.testing.law.adapters import Adapter, adapters_of, generator
from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import PartUnderTest

#: Pairs of codes; how far, of their size, a way may be off in float64: ways are made of roots and inverse functions.
PAIRS, SLACK = 16, 1e-5


@law(
    "L37",
    "latent",
    says="The way between two codes starts at one and ends at the other, is the shortest between any two of its points,"
    " and keeps the norm that all codes have, if they have one.",
    hint="let `between(a, b, t)` be a geodesic at constant speed, for each sample of a batch by itself",
)
def geodesic(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        module: Any = adapter.build().double().eval()
        if isinstance(module, Curved):
            with torch.no_grad():
                yield from (f"{adapter}: {fault}" for fault in _faults(adapter, module))


def _faults(adapter: Adapter, module: Any) -> Iterator[str]:
    a, b = (_codes(adapter, module, seed) for seed in (1, 2))
    share = torch.rand(PAIRS, *(1 for _ in a.shape[1:]), generator=generator(3), dtype=a.dtype)
    none, all_, half = (torch.full_like(share, value) for value in (0.0, 1.0, 0.5))
    inner = module.between(a, b, share)
    if not _close(module.between(a, b, none), a) or not _close(module.between(a, b, all_), b):
        yield "its way from a to b does not start at a and end at b"
    elif not _close(module.between(a, a, share), a):
        yield "its way from a code to itself leaves it"
    elif not _close(module.between(a, inner, half), module.between(a, b, share / 2)):
        yield "its way from a to a point between a and b is not the way to b"
    elif not _close(module.between(b, a, 1 - share), inner):
        yield "its way back is another one"
    norms = torch.cat([a, b]).flatten(1).norm(dim=1)
    if _close(norms, norms[:1].expand_as(norms)) and not _close(inner.flatten(1).norm(dim=1), norms[:PAIRS]):
        yield f"all codes have the norm {float(norms[0]):.4g}, those between two of them have not"


def _codes(adapter: Adapter, module: Any, seed: int) -> Tensor:
    """What the latent draws, or gives, for samples that lie apart."""
    inputs = [3 * x.double() for x in adapter.inputs(PAIRS, generator(seed))]
    return module(*inputs, generator(seed)).z  # type: ignore[no-any-return]


def _close(one: Tensor, two: Tensor) -> bool:
    return torch.allclose(one, two, rtol=0, atol=SLACK * max(1.0, float(two.abs().max())))


LAWS = [geodesic]
