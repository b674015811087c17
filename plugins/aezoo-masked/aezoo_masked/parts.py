"""Declarations: a latent that sees some patches, an objective of the others, and a metric of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import (
    POINTWISE,
    Component,
    Field,
    LatentSpec,
    LayerSpec,
    MetricSpec,
    ObjectiveSpec,
    Remark,
    Shape,
    ShapeError,
    Spec,
    Style,
    flat,
    flat_parameters,
    grid,
    pointwise,
    text,
)

if TYPE_CHECKING:
    from torch import nn

    from aezoo.nn.code import Accumulator


class VisibleSpec(LatentSpec):
    """Codes of patches by a transformer that, in training, sees a random few of them (arXiv:2111.06377).

    A position of the features [C, *grid] is a patch, and becomes a token of `dim` numbers: an affine map, and a learned
    encoding of its position. In training `ratio` of them are hidden, always as many, drawn anew for each sample: the
    others alone go through the transformer. In `z` [dim, *grid] all hidden positions have one learned token, without
    their positions; `hidden` [1, *grid] is 1 there, and 0 elsewhere. Where nothing is drawn nothing is hidden.

    Example:
        encoder = [{ type = "pixel_unshuffle", factor = 2 }]

        [latent]
        type = "masked:visible"
        dim = 8
        heads = 2
    """

    type: Literal["visible"] = "visible"
    provides: ClassVar[frozenset[str]] = frozenset({"hidden"})
    ratio: float = Field(0.75, gt=0, lt=1, description="share of the patches that are hidden in training")
    depth: int = Field(1, ge=1, description="blocks of the transformer, one after the other")
    heads: int = Field(1, ge=1, description="attention maps of a block, side by side; divides `dim`")
    mlp_ratio: float = Field(
        4.0, gt=0, le=1024, description="hidden width of a block's perceptron, in multiples of `dim`"
    )

    @property
    def width(self) -> int:
        """Hidden width of a block's perceptron."""
        return max(1, round(self.mlp_ratio * self.dim))

    def visible(self, shape: Shape) -> int:
        """How many patches are seen in training."""
        patches = flat(grid(shape)[1])
        seen = patches - round(self.ratio * patches)
        if not 0 < seen < patches:
            what = "none" if seen else "all"
            raise ShapeError(f"a ratio of {self.ratio:g} hides {what} of {patches} patches; take smaller ones")
        return seen

    def code_shape(self, shape: Shape) -> Shape:
        self.visible(shape)
        if self.dim % self.heads:
            raise ShapeError(f"heads {self.heads} does not divide dim {self.dim}")
        return self.dim, *shape[1:]

    def tap_shape(self, field: str, shape: Shape) -> Shape:
        return 1, *shape[1:]

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return pointwise(shape, style)

    def parameters(self, shape: Shape) -> int:
        channels, spatial = grid(shape)
        dim, width = (self.dim,), (self.width,)
        # Each block has two norms, a map to queries, keys and values, one out, and a perceptron; one norm is the last.
        block = 4 * flat_parameters(dim, dim) + flat_parameters(dim, width) + flat_parameters(width, dim) + 4 * self.dim
        # Encodings of positions, and the token of what is hidden.
        learned = (flat(spatial) + 1) * self.dim
        return flat_parameters((channels,), dim) + learned + self.depth * block + 2 * self.dim

    def activations(self, shape: Shape) -> int:
        tokens, seen = flat(shape[1:]), self.visible(shape)
        block = seen * (8 * self.dim + 2 * self.width + self.heads * seen)
        return 2 * self.dim * tokens + self.depth * block + super().activations(shape)

    def in_use(self, shape: Shape) -> int:
        # Blocks run one after the other; torch's fused attention never holds the attention weights.
        tokens = flat(shape[1:])
        return flat(shape) + tokens * (4 * self.dim + max(8 * self.dim, 2 * (self.dim + self.width)) + 1)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_masked.tokens import VisibleTokens

        channels, spatial = grid(shape)
        return VisibleTokens(
            channels,
            flat(spatial),
            self.dim,
            visible=self.visible(shape),
            depth=self.depth,
            heads=self.heads,
            hidden=self.width,
        )


def _leak(spec: Spec) -> Iterator[Remark]:
    """Why a patch is not a block of the input, seen by one position alone."""
    seen = POINTWISE
    for layer, shape in zip(spec.encoder_layers(), spec.encoder_shapes, strict=False):
        window = layer.sees(shape)
        if window is None:
            message = f"the layer {layer.tag()!r} does not say what a position sees: what is hidden may not be"
            yield Remark(message, 'make patches by {type = "pixel_unshuffle", factor = 4}, say')
            return
        seen = seen.then(window)
    sides = tuple(seen.stride * n for n in spec.feature_shape[1:])
    if seen.before > 0 or seen.after >= seen.stride or sides != spec.input.shape[1:]:
        message = (
            "patches of the encoder are not blocks of the input side by side: what is hidden from one is seen by others"
        )
        yield Remark(message, 'make patches by {type = "pixel_unshuffle", factor = 4}, say')


def _alone(spec: Spec) -> Iterator[Remark]:
    """Whether no position of the decoder sees another."""
    windows = [layer.sees(shape) for layer, shape in zip(spec.decoder_layers(), spec.decoder_shapes, strict=False)]
    if all(window is not None and window.positions == 1 for window in windows):
        message = "no position of the decoder sees another one: it cannot tell what is hidden from what is seen"
        yield Remark(message, "a decoder with attention", "warning")


class HiddenSpec(ObjectiveSpec):
    """Fill in what is hidden: -log p of the values of hidden patches, in nats, the term `hidden`.

    Summed over these values and averaged over the batch, as every term is; He et al. 2021 (arXiv:2111.06377) take the
    mean over values. What the decoder gives where patches are seen counts nothing, so the model encodes, and does not
    reconstruct. For latents that provide `hidden`, on patches that do not overlap.

    Example:
        objective = "masked:hidden"
        input = [1, 8, 8]
        encoder = [{ type = "pixel_unshuffle", factor = 2 }]
        latent = { type = "masked:visible", dim = 8 }
        decoder = [
            { type = "attention" },
            { type = "conv", channels = 4, kernel = 1, activation = "identity" },
            { type = "pixel_shuffle", factor = 2 },
        ]
    """

    type: Literal["hidden"] = "hidden"
    family: ClassVar[str] = "masked"
    needs: ClassVar[frozenset[str]] = frozenset({"hidden", "nll_values"})
    terms: ClassVar[frozenset[str]] = frozenset({"hidden"})
    copying: ClassVar[bool] = False
    fills_in: ClassVar[bool] = True

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        if "hidden" not in spec.latent.provides:  # which is reported as a need
            return
        yield from _leak(spec)
        yield from _alone(spec)
        if spec.target_shape[1:] != spec.input.shape[1:]:
            message = (
                f"the target {text(spec.target_shape)} has other positions than the input {text(spec.input.shape)}"
            )
            yield Remark(message, "leave target out, or take one of the same positions")

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_masked.tokens import HiddenReconstruction

        return HiddenReconstruction()


class HiddenFVUSpec(MetricSpec):
    """Squared error of hidden patches as a share of their variance about the mean of the split.

    0 is perfect, 1 is no better than the mean sample. For models that are trained by `masked:hidden`.

    Example:
        type = "masked:hidden_fvu"
        objective = "masked:hidden"
        input = [1, 8, 8]
        encoder = [{ type = "pixel_unshuffle", factor = 2 }]
        latent = { type = "masked:visible", dim = 8 }
        decoder = [
            { type = "attention" },
            { type = "conv", channels = 4, kernel = 1, activation = "identity" },
            { type = "pixel_shuffle", factor = 2 },
        ]
    """

    type: Literal["hidden_fvu"] = "hidden_fvu"
    noisy: ClassVar[bool] = True

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return isinstance(spec.objective, HiddenSpec) and spec.likelihood.quantities

    def build(self, spec: Spec) -> Accumulator:
        from aezoo_masked.tokens import HiddenVariance

        return HiddenVariance()


COMPONENTS: list[type[Component]] = [VisibleSpec, HiddenSpec, HiddenFVUSpec]
