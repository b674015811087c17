"""Latents: an affine map to many units, and a rule that says which of them may be active."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from aezoo.plugin import (
    Affine,
    Component,
    Field,
    LatentSpec,
    LayerSpec,
    Remark,
    Shape,
    Spec,
    Style,
    dense,
    flat,
    flat_parameters,
)

if TYPE_CHECKING:
    from torch import nn


class _DictionarySpec(LatentSpec):
    """Base of the latents: pre = W (h - c) + b, and its initialization.

    With `start = "transposed"` the decoder's first map gets directions of length 1, W their transpose, c and that map's
    bias the geometric median of the first batch (Gao et al. 2024, arXiv:2406.04093, appendix A.1). There c and the bias
    are one parameter; here they start equal and are trained apart: b can
    absorb W c, so both have the same solutions.
    """

    provides: ClassVar[frozenset[str]] = frozenset({"pre"})
    center: bool = Field(True, description="subtract a learned vector from the features")
    start: Literal["transposed", "random"] = Field(
        "transposed",
        description="transposed: encoder the decoder's transpose, biases the geometric median of the first batch",
    )

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def vectors(self, shape: Shape) -> int:
        """Weights beside the affine map."""
        return flat(shape) if self.center else 0

    def parameters(self, shape: Shape) -> int:
        return flat_parameters(shape, (self.dim,)) + self.vectors(shape)

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return (Affine(flat(shape), self.dim),)

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return dense(shape, style)

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.start == "random" or spec.decoder.tied:
            return
        if spec.target is not None:
            message = f"columns of the decoder are directions of {spec.target}, which are none to read the input along"
            yield Remark(message, 'start = "random"', at="start")
            return
        back = next(iter(spec.decoder_layers()), None)
        declared = back.maps(spec.code_shape) if back else ()
        if declared is not None and list(declared)[:1] != [Affine(self.dim, flat(spec.feature_shape))]:
            yield Remark(
                f"the decoder does not begin with a map from {self.dim} to {flat(spec.feature_shape)}, "
                "whose transpose the encoder could start from",
                'start = "random"',
                at="start",
            )


class ReLUSpec(_DictionarySpec):
    """Every unit that is positive (Bricken et al. 2023, "Towards monosemanticity").

    An `l1` makes it sparse, but also shrinks active values; the other latents here avoid that.

    Example:
        [latent]
        type = "sparse:relu"
        dim = 256

        [regularizers.l1]
        weight = 0.5

        [constraints.dictionary]
        type = "sparse:unit_norm"
    """

    type: Literal["relu"] = "relu"
    family: ClassVar[str] = "sparse"

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_sparse.coding import ReLU

        return ReLU(flat(shape), self.dim, center=self.center, coupled=self.start == "transposed")


class _SelectionSpec(_DictionarySpec):
    """Base of the latents with a fixed number of active units."""

    sparse: ClassVar[bool] = True
    k: int = Field(ge=1, description="how many units are active, of `dim`")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.k > self.dim:
            raise ValueError(f"k = {self.k} of dim = {self.dim} units cannot be active; take k up to {self.dim}")
        return self


class TopKSpec(_SelectionSpec):
    """The `k` largest units of each sample, after a relu (Gao et al. 2024, arXiv:2406.04093, section 2.3).

    The selection is that of the built-in `topk`; this one is centred, and starts as a dictionary.

    Example:
        [latent]
        type = "sparse:topk"
        dim = 256
        k = 16
    """

    type: Literal["topk"] = "topk"
    family: ClassVar[str] = "sparse"

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_sparse.coding import TopK

        return TopK(flat(shape), self.dim, k=self.k, center=self.center, coupled=self.start == "transposed")


class BatchTopKSpec(_SelectionSpec):
    """The `k` B largest units of a batch of B samples: a sample has as many as it needs (arXiv:2412.06410).

    Outside training a code does not depend on its batch: units above a threshold are active, a running mean of the
    smallest active value of each batch. The model that is saved is a JumpReLU with one threshold.

    Example:
        [latent]
        type = "sparse:batch_topk"
        dim = 256
        k = 16
    """

    type: Literal["batch_topk"] = "batch_topk"
    family: ClassVar[str] = "sparse"
    k: int = Field(ge=1, description="how many units are active for a sample on average, of `dim`")
    momentum: float = Field(0.999, ge=0, lt=1, description="share of the past in the running threshold")

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_sparse.coding import BatchTopK

        coupled = self.start == "transposed"
        return BatchTopK(flat(shape), self.dim, k=self.k, momentum=self.momentum, center=self.center, coupled=coupled)


class JumpReLUSpec(_DictionarySpec):
    """Each unit has a threshold of its own, learned: z = pre where pre > threshold, else 0 (arXiv:2407.14435).

    The gradient to a threshold is estimated from the values within `bandwidth` of it (section 3 there): that of z is
    -(threshold / bandwidth) K, that of `active`, the unit step that `sparse:l0` counts, -(1 / bandwidth) K, with K
    a rectangle.

    Example:
        [latent]
        type = "sparse:jumprelu"
        dim = 256
        bandwidth = 0.1
    """

    type: Literal["jumprelu"] = "jumprelu"
    family: ClassVar[str] = "sparse"
    provides: ClassVar[frozenset[str]] = frozenset({"pre", "active"})
    threshold: float = Field(0.05, gt=0, description="initial threshold of every unit")
    bandwidth: float = Field(0.05, gt=0, description="width of the rectangle, in units of `pre`")

    def vectors(self, shape: Shape) -> int:
        return super().vectors(shape) + self.dim

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_sparse.coding import JumpReLU

        return JumpReLU(
            flat(shape),
            self.dim,
            threshold=self.threshold,
            bandwidth=self.bandwidth,
            center=self.center,
            coupled=self.start == "transposed",
        )


class GatedSpec(_DictionarySpec):
    """Which units are active, and how strongly, from one map with two biases (arXiv:2404.16014, section 3.2).

    gate = W (h - c) + b, magnitude = exp(r) W (h - c) + m, z = relu(magnitude) where gate > 0. The step gives the gate
    no gradient: an `l1` on the tap `gate` (the gate after a relu) and `sparse:gate` train it.

    Example:
        [latent]
        type = "sparse:gated"
        dim = 256

        [regularizers.l1]
        on = "gate"
        weight = 0.5

        [regularizers.gate]
        type = "sparse:gate"
    """

    type: Literal["gated"] = "gated"
    family: ClassVar[str] = "sparse"
    provides: ClassVar[frozenset[str]] = frozenset({"pre", "gate"})

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        if not any("gate" in term.needs for term in spec.regularizers.values()):
            yield Remark(
                "nothing trains the gates: the code gives them no gradient",
                'regularizers.gate = "sparse:gate", and an l1 with on = "gate"',
                "warning",
            )

    def vectors(self, shape: Shape) -> int:
        return super().vectors(shape) + 2 * self.dim

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_sparse.coding import Gated

        return Gated(flat(shape), self.dim, center=self.center, coupled=self.start == "transposed")


COMPONENTS: list[type[Component]] = [ReLUSpec, TopKSpec, BatchTopKSpec, JumpReLUSpec, GatedSpec]
