"""Format 0 -> format 1: the notation of the drafts, `reconstruction`, `train`, `dense`, `act`, `latent.beta`.

What format 1 has no word for is refused by name. Keys that neither format knows stay where they are: whoever
reads the spec next says so.
"""

from __future__ import annotations

from aezoo.errors import SpecError
from aezoo.reading.carrier import Carrier
from aezoo.reading.edits import Table, put
from aezoo.spec.format0.loss import carry_likelihood, carry_output, carry_rate, carry_terms
from aezoo.spec.format0.macros import carry_patch, carry_variables
from aezoo.spec.format0.network import carry_decoder, carry_encoder, carry_latent
from aezoo.spec.format0.training import carry_samples, carry_training

#: In this order: macros first, and the likelihood before the function at the decoder's end, which it takes over.
STEPS = (
    carry_variables,
    carry_patch,
    carry_encoder,
    carry_latent,
    carry_rate,
    carry_likelihood,
    carry_output,
    carry_decoder,
    carry_terms,
    carry_training,
    carry_samples,
)


def from_format_0(table: Table) -> Table:
    """A table of format 0 in format 1. Raises `SpecError` with every key that cannot be carried over."""
    carrier = Carrier(table)
    for step in STEPS:
        step(carrier)
    if carrier.faults:
        raise SpecError(carrier.faults)
    put(carrier.table, "aezoo", 1)
    return carrier.table
