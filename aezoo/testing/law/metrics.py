"""Law of metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch

from aezoo.building.builder import build
from aezoo.nn.code import Fitted, Output
from aezoo.spec.document import Spec
from aezoo.testing.law.adapters import generator
from aezoo.testing.law.batch_fields import same_fields
from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import PartUnderTest


@law(
    "L56",
    "metric",
    says="A metric is a number, or numbers by name, that do not depend on the order of the batches.",
    hint="keep sums and counts in `update`, divide in `result`; keep them on the object, not on the class",
)
def unordered(tested: PartUnderTest) -> Iterator[str]:
    if tested.example is None:
        return
    batches = list(_passes(tested.example, grad=tested.metric.grad))
    results = [_judged(tested, batches), _judged(tested, batches[::-1]), _judged(tested, batches)]
    for name, value in results[0].items():
        if not all(isinstance(result.get(name), (int, float)) for result in results):
            yield f"its result{name and f' {name}'} is {value!r}"
        elif not math.isclose(value, results[1][name], rel_tol=1e-9, abs_tol=1e-12):
            yield f"{value!r} for three batches, {results[1][name]!r} for the same three in another order"
        elif value != results[2][name]:
            yield f"{value!r} at first, {results[2][name]!r} when it is built anew: it remembers"


def _passes(spec: Spec, *, grad: bool) -> Iterator[Output]:
    network = build(spec, seed=0).network.double().eval()
    low, high = spec.input.range or (-1.0, 1.0)
    for seed, n in enumerate((5, 3, 4)):
        x = low + (high - low) * torch.rand(n, *spec.input.shape, generator=generator(seed), dtype=torch.double)
        with torch.set_grad_enabled(grad):
            yield network(x.requires_grad_(grad), None, generator(seed), fields=same_fields(spec, x))


def _judged(tested: PartUnderTest, batches: list[Output]) -> dict[str, float]:
    """What the metric gives, by name; one number stands under no name."""
    metric = tested.metric.build(tested.example)
    for take in (*([metric.fit] if isinstance(metric, Fitted) else []), metric.update):
        for out in batches:
            take(out)
    result = metric.result()
    return dict(result) if isinstance(result, Mapping) else {"": result}


LAWS = [unordered]
