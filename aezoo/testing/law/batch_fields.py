"""Fields of the batches that laws run on: classes, numbers, what is missing."""

from __future__ import annotations

import torch
from torch import Tensor

from aezoo.spec.document import Spec
from aezoo.spec.shape import flat


def same_fields(spec: Spec, x: Tensor) -> dict[str, Tensor]:
    """Fields of a batch, alike for all samples: the last class, and numbers that are 1 and 0 in turn."""
    values: dict[str, Tensor] = {}
    for name, field in spec.fields.items():
        if field.classes is not None:
            values[name] = torch.full((len(x),), field.classes - 1, device=x.device)
        else:
            numbers = 1 - torch.arange(flat(field.sample_shape), device=x.device, dtype=x.dtype) % 2
            values[name] = numbers.reshape(1, *field.sample_shape).repeat(len(x), *(1 for _ in field.sample_shape))
    return values


def partly_missing(spec: Spec, x: Tensor) -> dict[str, Tensor]:
    """`same_fields`, but of every other sample a class that may be missing is: a term may need both kinds."""
    unknown = torch.arange(len(x), device=x.device) % 2 == 1
    fields = same_fields(spec, x)
    missing = {name: fields[name].masked_fill(unknown, -1) for name, field in spec.fields.items() if field.missing}
    return fields | missing
