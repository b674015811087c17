"""Built-in data: handwritten digits, so that a first model needs no download."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

from aezoo.plugin import DatasetSpec, Field, Samples, Shape


class DigitsSpec(DatasetSpec):
    """Handwritten digits, 10,000 grey images of 28x28 from MNIST, part of the package: nothing is downloaded.

    The rows are in no order of class, and the splits are fixed: the first 8,000 train, the next 1,000
    validate, the last 1,000 test. They are not the official MNIST splits. The field `label` is the digit.

    Example:
        [data]
        type = "digits"
    """

    type: Literal["digits"] = "digits"
    limit: int | None = Field(None, ge=1, le=8000, description="how many of the first samples to train on")

    def sample_shape(self) -> Shape:
        return 1, 28, 28

    def field_names(self) -> frozenset[str]:
        return frozenset({"label"})

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        import numpy as np

        with files("aezoo").joinpath("assets/mnist10k.npz").open("rb") as file, np.load(file) as stored:
            images, labels = stored["images"], stored["labels"]
        splits = {
            "train": np.arange(self.limit or 8000),
            "validation": np.arange(8000, 9000),
            "test": np.arange(9000, 10000),
        }
        return Samples(images[:, None], "digits", labels=labels.astype(np.int64), splits=splits)
