"""Law of corruptions."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from aezoo.spec.kinds import CorruptionSpec
from aezoo.testing.law.adapters import generator, specimens
from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import Subject

#: Samples in a batch.
MANY = 6


@law(
    "L43",
    "corruption",
    says="At strength zero a corruption leaves every input as it is.",
    hint="let `strengths` name the fields that say how strong it is, and 0 in all of them change nothing",
)
def nothing_spoilt(subject: Subject) -> Iterator[str]:
    for specimen in specimens(subject):
        part: CorruptionSpec = specimen.part
        if not part.strengths:
            continue
        idle = part.model_copy(update=dict.fromkeys(part.strengths, 0.0))
        still = type(specimen)(idle, specimen.spec, specimen.shape)
        module, (x,) = still.build(), still.inputs(MANY, generator(1))
        if not torch.equal(still.run(module, (x,), generator(2))["spoilt"], x):
            yield f"{still} changes its input"


LAWS = [nothing_spoilt]
