"""Built-in data: handwritten digits, so that a first model needs no download."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from aezoo.plugin import DatasetSpec, Field, Remark, Samples, Shape, Spec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


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
    labels: int | None = Field(
        None,
        ge=1,
        le=8000,
        description="how many of these keep their label, evenly over the digits; others have -1, for unknown",
    )
    repeat: int = Field(
        1,
        ge=1,
        le=1000,
        description="how often a sample that keeps its label comes in an epoch: then each batch has some",
    )

    def sample_shape(self) -> Shape:
        return 1, 28, 28

    def field_names(self) -> frozenset[str]:
        return frozenset({"label"})

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        field = spec.fields.get("label")
        if self.labels is not None and field is not None and not field.missing:
            message = "labels that are not kept are unknown, and the field 'label' says nothing of that"
            yield Remark(message, "fields.label = { classes = 10, missing = true }", at="labels")
        if self.labels is None and self.repeat > 1:
            message = "all samples have a label: there are none to repeat more often than others"
            yield Remark(message, "labels = 100, or leave 'repeat' out", at="repeat")

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        import numpy as np

        with files("aezoo").joinpath("assets/mnist10k.npz").open("rb") as file, np.load(file) as stored:
            images, labels = stored["images"], stored["labels"]
        labels = labels.astype(np.int64)
        train = np.arange(self.limit or 8000)
        if self.labels is not None:
            hidden = unlabelled(labels[train], self.labels, seed)
            labels[train[hidden]] = -1
            train = np.concatenate([train, *[train[labels[train] >= 0]] * (self.repeat - 1)])
        splits = {
            "train": train,
            "validation": np.arange(8000, 9000),
            "test": np.arange(9000, 10000),
        }
        return Samples(images[:, None], "digits", labels=labels, splits=splits)


def unlabelled(labels: npt.NDArray[np.int64], kept: int, seed: int) -> npt.NDArray[np.int64]:
    """The rows that lose their label: all but `kept` random ones, of each class as many as of any other, or one more.

    Where a class has too few samples for that, the others keep more.
    """
    import numpy as np

    order = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), np.int64)  # of a row: how many of its class come before it in that order
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        turn[rows] = np.arange(len(rows))
    return order[np.argsort(turn[order], kind="stable")][kept:]
