"""Samples: what a dataset loads. Numpy arrays, in memory or mapped, and never torch.

NumPy is imported when a set is loaded, or when somebody asks for `Array`: declarations of sets do without it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """A set of samples and what is known about them.

    Attributes:
        values: [N, *shape], uint8 (read as `value / 255` over the declared range) or floating.
        source: Where they came from, for messages and records: a path or a name.
        labels: [N] integers or None.
        factors: [N, K] true factors of generated sets, or None.
        splits: Row indices by split name where the set fixes them ("train", "validation", "test").
        names: One name per sample (file names, row numbers), or empty.
    """

    values: Array
    source: str
    labels: Array | None = None
    factors: Array | None = None
    splits: Mapping[str, Array] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(int(n) for n in self.values.shape[1:])

    @property
    def title(self) -> str:
        """How records call the set: of a path of this machine the last name, since others will read them."""
        from aezoo.names import utf8

        return utf8(os.path.basename(os.path.normpath(self.source)) if os.path.isabs(self.source) else self.source)

    def name(self, row: int) -> str:
        """How messages and files call this sample; bytes of a file's name that are no UTF-8 are spelt out."""
        from aezoo.names import utf8

        return utf8(self.names[row]) if self.names else f"sample {row}"


def __getattr__(name: str) -> object:
    if name != "Array":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import numpy.typing as npt

    return npt.NDArray[Any]
