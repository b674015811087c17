"""A latent that also says which class a sample is of, declared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import (
    Affine,
    Component,
    Field,
    LatentSpec,
    LayerSpec,
    PriorSpec,
    Shape,
    Style,
    dense,
    flat,
    flat_parameters,
)

if TYPE_CHECKING:
    from torch import nn


class LabelledGaussianSpec(LatentSpec):
    """A diagonal Gaussian posterior q(z | x), and beside it `logits` of the classes: q(y | x).

    Both are maps of the same features. `model.encode(x, what="logits")` gives the classifier's answer.

    Example:
        [latent]
        type = "labels:gaussian"
        dim = 8
        classes = 10
    """

    type: Literal["gaussian"] = "gaussian"
    provides: ClassVar[frozenset[str]] = frozenset({"mean", "logvar", "logits"})
    point: ClassVar[str] = "mean"
    posterior: ClassVar[bool] = True
    noisy: ClassVar[bool] = True
    classes: int = Field(ge=2, description="how many classes there are: as many as the field of labels has")
    prior: PriorSpec | None = Field("standard_normal", description="density that `sample` draws from")  # type: ignore[assignment]

    @property
    def outputs(self) -> int:
        """Width of the map: means, log variances and logits."""
        return 2 * self.dim + self.classes

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def tap_shape(self, field: str, shape: Shape) -> Shape:
        return (self.classes,) if field == "logits" else (self.dim,)

    def parameters(self, shape: Shape) -> int:
        return flat_parameters(shape, (self.outputs,))

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return (Affine(flat(shape), self.outputs),)

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return dense(shape, style)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_labels.semi_supervised import LabelledGaussian

        return LabelledGaussian(flat(shape), self.dim, self.classes)


COMPONENTS: list[type[Component]] = [LabelledGaussianSpec]
