"""Indices: a discrete code as integers, to be decoded."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import torch

from aezoo.data.batches import Batch, stored_field, type_of
from aezoo.errors import DataError
from aezoo.spec.document import Spec
from aezoo.spec.samples import Samples
from aezoo.spec.shape import Shape, text


class Indices:
    """The batches of a discrete code, checked against the latent's shape and number of codes.

    Args:
        samples: Integers [N, *shape].
        spec: Its latent has a discrete code.
        device: Of the batches.
        fields: Those of the declared fields that are wanted.

    Raises:
        DataError: They are of another shape, or beyond the number of codes.
    """

    def __init__(self, samples: Samples, spec: Spec, *, device: torch.device, fields: Collection[str] = ()) -> None:
        shape, codes = index_shape(spec), spec.latent.alphabet()
        if samples.shape != shape:
            got, wanted = text(samples.shape) or "single numbers", text(shape) or "single numbers"
            raise DataError(f"{samples.source}: indices are {got}, the model's are {wanted}")
        values = np.asarray(samples.values)
        wrong = (values < 0) | (values >= codes)
        if wrong.any():
            message = f"index {values[wrong].flat[0]} names no code: they go from 0 to {codes - 1}"
            raise DataError(f"{samples.source}: {message}")
        self._values = torch.from_numpy(values.astype("int64"))
        self._device = device
        self._fields = {name: stored_field(samples, spec, name, None, device, type_of(spec)) for name in fields}

    def __len__(self) -> int:
        return len(self._values)

    def row(self, row: int) -> Batch:
        """One sample, as a batch."""
        return self._slice(row, row + 1)

    def stretch(self, start: int, stop: int) -> Batch:
        """The samples from one to another, as a batch."""
        return self._slice(start, stop)

    def sequential(self, batch_size: int, *, transient: bool = False) -> Iterator[Batch]:
        """Every sample once, in order; a batch may always be kept."""
        for start in range(0, len(self), batch_size):
            yield self._slice(start, start + batch_size)

    def _slice(self, start: int, stop: int) -> Batch:
        fields = {name: values[start:stop].to(self._device) for name, values in self._fields.items()}
        return Batch(self._values[start:stop].to(self._device), fields)


def index_shape(spec: Spec) -> Shape:
    """Shape of a sample's indices."""
    return spec.latent.tap_shape(spec.latent.discrete, spec.feature_shape)
