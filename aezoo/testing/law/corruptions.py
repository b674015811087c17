"""Law of corruptions."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from aezoo.spec.kinds import CorruptionSpec
from aezoo.testing.law.adapters import adapters_of, generator
from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import PartUnderTest

#: Samples in a batch.
BATCH_SIZE = 6


@law(
    "L43",
    "corruption",
    says="At strength zero a corruption leaves every input as it is.",
    hint="let `strengths` name the fields that say how strong it is, and 0 in all of them change nothing",
)
def identity_at_zero(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        part: CorruptionSpec = adapter.part
        if not part.strengths:
            continue
        part_at_zero = part.model_copy(update=dict.fromkeys(part.strengths, 0.0))
        at_zero = type(adapter)(part_at_zero, adapter.spec, adapter.shape)
        module, (x,) = at_zero.build(), at_zero.inputs(BATCH_SIZE, generator(1))
        if not torch.equal(at_zero.run(module, (x,), generator(2))["corrupted"], x):
            yield f"{at_zero} changes its input"


LAWS = [identity_at_zero]
