"""A dataset of known directions, to compare with those that a dictionary learns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from aezoo.plugin import Component, DataError, Field, Interval, Remark, Samples, Shape, Spec, SplitDatasetSpec, rng

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: Samples that are drawn at once, to bound the memory of temporary arrays.
CHUNK = 1 << 14


class DictionarySpec(SplitDatasetSpec):
    """Sparse combinations of known directions: x = sum of a_j d_j over the few j that are active.

    The directions d_j have length 1 and are drawn evenly from the sphere, or are orthonormal. Each is active with
    probability `active / atoms`, or exactly `active` of them are; coefficients a_j are drawn evenly from an interval.
    The samples' `factors` are the coefficients. The metric `sparse:recovery` compares the directions with a decoder's.
    With `outputs` there is a field `after`: what a linear layer, drawn by the seed, makes of each sample.

    Example:
        [data]
        type = "sparse:dictionary"
        features = 32
        atoms = 64
        active = 4
        n = 10000
    """

    type: Literal["dictionary"] = "dictionary"
    n: int = Field(100_000, ge=1, description="how many samples")
    seed: int = Field(0, ge=0, lt=2**63, description="of the directions and the samples")
    features: int = Field(64, ge=1, description="width of a sample")
    atoms: int = Field(128, ge=1, description="how many directions there are")
    active: int = Field(5, ge=1, description="how many are active in a sample, on average or exactly")
    exact: bool = Field(False, description="exactly `active` of them, not each by chance")
    orthonormal: bool = Field(False, description="whether directions are orthonormal")
    coefficients: Interval = Field((0.5, 1.5), description="range of the coefficients")
    outputs: int | None = Field(
        None, ge=1, description="width of the field `after`, a linear map of the sample; none unless said"
    )

    def sample_shape(self) -> Shape:
        return (self.features,)

    def field_names(self) -> frozenset[str]:
        return frozenset({"factors", "after"} if self.outputs else {"factors"})

    def faults(self) -> Iterator[Remark]:
        """Why these numbers are no dictionary."""
        if self.active > self.atoms:
            yield Remark(f"{self.active} of {self.atoms} atoms cannot be active", "more atoms", at="active")
        if self.orthonormal and self.atoms > self.features:
            message = f"{self.atoms} directions in {self.features} dimensions are not orthonormal"
            yield Remark(message, f"atoms = {self.features} or fewer", at="orthonormal")
        if self.coefficients[0] > self.coefficients[1]:
            yield Remark("coefficients take the lower end first", at="coefficients")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from self.faults()
        yield from super().remarks(spec)

    def directions(self) -> npt.NDArray[np.float64]:
        """The true directions, one a row: [atoms, features]."""
        import numpy as np

        drawn = rng(self.seed, "directions").standard_normal((self.features, self.atoms))
        if self.orthonormal:
            drawn = np.linalg.qr(drawn)[0]
        rows: npt.NDArray[np.float64] = (drawn / np.linalg.norm(drawn, axis=0)).T
        return rows

    def layer(self) -> npt.NDArray[np.float64]:
        """The matrix W of `after` = W x: [outputs, features], entries of variance 1 / features."""
        drawn = rng(self.seed, "layer").standard_normal((self.outputs or 0, self.features))
        return drawn / math.sqrt(self.features)

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        for fault in self.faults():
            raise DataError(f"dictionary: {fault.message}", hint=fault.hint)
        import numpy as np

        chunks = [self._coefficients(start, min(CHUNK, self.n - start)) for start in range(0, self.n, CHUNK)]
        coefficients = np.concatenate(chunks)
        directions = self.directions().astype(np.float32)
        values = coefficients @ directions
        fields = {"after": values @ self.layer().astype(np.float32).T} if self.outputs else {}
        return Samples(values, "dictionary", factors=coefficients, fields=fields)

    def _coefficients(self, start: int, count: int) -> npt.NDArray[np.float32]:
        """Those of the samples from `start` on: [count, atoms]."""
        import numpy as np

        draw = rng(self.seed, "coefficients", start)
        keys = draw.random((count, self.atoms), dtype=np.float32)
        if self.exact:
            chosen = np.argpartition(keys, self.active - 1, axis=1)[:, : self.active]
            active = np.zeros(keys.shape, bool)
            np.put_along_axis(active, chosen, True, axis=1)
        else:
            active = keys < self.active / self.atoms
        low, high = self.coefficients
        sizes = low + (high - low) * draw.random(keys.shape, dtype=np.float32)
        return (sizes * active).astype(np.float32)


COMPONENTS: list[type[Component]] = [DictionarySpec]
