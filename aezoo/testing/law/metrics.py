"""Law of metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from aezoo.building.builder import build
from aezoo.nn.code import Output
from aezoo.spec.document import Spec
from aezoo.testing.law.adapters import generator, same_fields
from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import PartUnderTest


@law(
    "L56",
    "metric",
    says="A metric is a number that does not depend on the order of the batches.",
    hint="keep sums and counts in `update`, divide in `result`; keep them on the object, not on the class",
)
def unordered(tested: PartUnderTest) -> Iterator[str]:
    if tested.example is None:
        return
    batches = list(_passes(tested.example))
    results = [_judged(tested, batches), _judged(tested, batches[::-1]), _judged(tested, batches)]
    if not all(isinstance(result, (int, float)) for result in results):
        yield f"its result is {results[0]!r}"
    elif not math.isclose(results[0], results[1], rel_tol=1e-9, abs_tol=1e-12):
        yield f"{results[0]!r} for three batches, {results[1]!r} for the same three in another order"
    elif results[0] != results[2]:
        yield f"{results[0]!r} at first, {results[2]!r} when it is built anew: it remembers"


def _passes(spec: Spec) -> Iterator[Output]:
    network = build(spec, seed=0).network.double().eval()
    low, high = spec.input.range or (-1.0, 1.0)
    for seed, n in enumerate((5, 3, 4)):
        x = low + (high - low) * torch.rand(n, *spec.input.shape, generator=generator(seed), dtype=torch.double)
        with torch.no_grad():
            yield network(x, None, generator(seed), fields=same_fields(spec, x))


def _judged(tested: PartUnderTest, batches: list[Output]) -> float:
    metric = tested.metric.build(tested.example)
    for out in batches:
        metric.update(out)
    return metric.result()  # type: ignore[no-any-return]


LAWS = [unordered]
