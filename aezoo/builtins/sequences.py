"""Layers over positions: attention, transformers, recurrent networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

from aezoo.plugin import (
    EVERYWHERE,
    Affine,
    Field,
    LayerSpec,
    NoMirror,
    Shape,
    ShapeError,
    Style,
    Window,
    ending,
    flat,
    flat_parameters,
    grid,
    pointwise,
    sequence,
    text,
)

if TYPE_CHECKING:
    from torch import nn


def check_heads(heads: int, channels: int) -> None:
    """Refuse heads that do not share the channels evenly."""
    if channels % heads:
        raise ShapeError(f"heads {heads} does not divide {channels} channels")


def attention_parameters(channels: int) -> int:
    """Of the map to queries, keys and values, and the map out."""
    return flat_parameters((channels,), (4 * channels,))


def attention_maps(channels: int) -> tuple[Affine, Affine]:
    """To queries, keys and values, and out."""
    return Affine(channels, 3 * channels), Affine(channels, channels)


def attention_activations(shape: Shape, heads: int) -> int:
    """Outputs of the norm and the maps, the mixed values, and the attention weights."""
    tokens = flat(shape[1:])
    return 6 * flat(shape) + heads * tokens**2


def attention_in_use(shape: Shape) -> int:
    """As above, without the weights: torch's fused attention, which a pass in evaluation takes, never holds them."""
    return 8 * flat(shape)


def widen(layer: LayerSpec, shape: Shape, target: Shape, style: Style) -> Sequence[LayerSpec]:
    """The layer itself, and a pointwise map if the target has other channels."""
    if target[1:] != shape[1:]:
        raise NoMirror(f"keeps {text(shape[1:])} positions, the target has {text(target[1:])}")
    if target == shape:
        return [layer]
    return [layer, *pointwise(target, style)]


class AttentionSpec(LayerSpec):
    """Self-attention between the positions of a signal, image or volume: x + attention(norm(x)).

    Zhang et al. 2018, arXiv:1805.08318. It keeps the shape and is its own mirror. Its work grows with the square of
    the number of positions.

    Example:
        [[encoder]]
        type = "attention"
        heads = 4
    """

    type: Literal["attention"] = "attention"
    heads: int = Field(1, ge=1, description="attention maps side by side; divides the channels")
    norm: Literal["layer", "rms", "group", "none"] = Field(
        "layer", description="of the channels at each position (layer, rms), or of groups of channels over all of them"
    )
    groups: int | None = Field(
        None, ge=1, description="of a group norm; by default the largest divisor of the channels up to 8"
    )
    eps: float | None = Field(None, ge=1e-12, le=1, description="of the norm; 1e-5 unless set")

    def output_shape(self, shape: Shape) -> Shape:
        check_heads(self.heads, grid(shape)[0])
        norm = self._norm
        if norm is None and (self.groups or self.eps):
            raise ShapeError("groups and eps are of a norm, this attention has none; leave them out")
        if norm and (self.norm != "layer" or self.groups):
            norm.output_shape(self._normed(shape))
        return shape

    @property
    def _norm(self) -> LayerSpec | None:
        """The norm as a layer."""
        layers = ending(Style(norm=self.norm))
        return layers[0].model_copy(update={"groups": self.groups, "eps": self.eps}) if layers else None

    def _normed(self, shape: Shape) -> Shape:
        """What the norm takes: of a layer norm the vector at each position, else the grid."""
        return shape[:1] if self.norm == "layer" else shape

    def style(self) -> None:
        return None

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return widen(self, shape, target, style)

    def parameters(self, shape: Shape) -> int:
        return attention_parameters(shape[0]) + (self._norm.parameters(shape) if self._norm else 0)

    def activations(self, shape: Shape) -> int:
        return attention_activations(shape, self.heads)

    def in_use(self, shape: Shape) -> int:
        return attention_in_use(shape)

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return attention_maps(shape[0])

    def sees(self, shape: Shape) -> Window | None:
        return EVERYWHERE

    def build(self, shape: Shape) -> nn.Module:
        from torch import nn

        from aezoo.nn.sequences import Attention

        norm = self._norm.build(self._normed(shape)) if self._norm else nn.Identity()
        return Attention(shape[0], heads=self.heads, norm=norm, by_position=self.norm == "layer")


class TransformerSpec(LayerSpec):
    """A pre-norm transformer over the steps of a sequence [C, L] (arXiv:1706.03762, pre-norm arXiv:2002.04745).

    It keeps the shape and is its own mirror. For images, put a strided `conv` and a `reshape` to [channels, -1]
    before it.

    Example:
        [[encoder]]
        type = "transformer"
        heads = 4
        depth = 2
    """

    type: Literal["transformer"] = "transformer"
    heads: int = Field(1, ge=1, description="attention maps of a block, side by side; divides the channels")
    depth: int = Field(1, ge=1, description="blocks, one after the other")
    mlp_ratio: float = Field(
        4.0, gt=0, le=1024, description="hidden width of a block's perceptron, in multiples of the channels"
    )
    positions: Literal["learned", "sinusoidal", "none"] = Field(
        "learned", description="encoding of the position that is added to the input"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="in training, of attention weights and of a block's outputs")

    def hidden(self, channels: int) -> int:
        """Width inside a perceptron."""
        return max(1, round(self.mlp_ratio * channels))

    def output_shape(self, shape: Shape) -> Shape:
        check_heads(self.heads, sequence(shape)[0])
        return shape

    def style(self) -> None:
        return None

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return widen(self, shape, target, style)

    def parameters(self, shape: Shape) -> int:
        channels, length = sequence(shape)
        hidden = self.hidden(channels)
        perceptron = flat_parameters((channels,), (hidden,)) + flat_parameters((hidden,), (channels,))
        block = attention_parameters(channels) + 4 * channels + perceptron
        learned = length * channels if self.positions == "learned" else 0
        return self.depth * block + 2 * channels + learned

    def modules(self, shape: Shape) -> int:
        return 1 + 2 * self.depth

    def activations(self, shape: Shape) -> int:
        channels, length = sequence(shape)
        perceptron = 2 * (channels + self.hidden(channels)) * length
        return self.depth * (attention_activations(shape, self.heads) + perceptron) + flat(shape)

    def in_use(self, shape: Shape) -> int:
        channels, length = sequence(shape)
        return 2 * flat(shape) + max(attention_in_use(shape), 2 * (channels + self.hidden(channels)) * length)

    def maps(self, shape: Shape) -> Sequence[Affine]:
        channels = shape[0]
        hidden = self.hidden(channels)
        return self.depth * (*attention_maps(channels), Affine(channels, hidden), Affine(hidden, channels))

    def sees(self, shape: Shape) -> Window | None:
        # Encodings of positions are as many as the sequence has steps.
        return EVERYWHERE if self.positions == "none" else None

    def draws(self) -> bool:
        return self.dropout > 0

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.sequences import Transformer

        channels, length = sequence(shape)
        return Transformer(
            channels,
            length,
            depth=self.depth,
            heads=self.heads,
            hidden=self.hidden(channels),
            positions=self.positions,
            dropout=self.dropout,
        )


class RecurrentSpec(LayerSpec):
    """A recurrent network along a sequence, [C, L] -> [features, L]: its state at each step.

    GRU: Cho et al. 2014, arXiv:1406.1078; LSTM: Hochreiter and Schmidhuber 1997.

    States lie in (-1, 1); the mirror is the same network and a convolution of kernel 1 to the channels of the target.

    Example:
        [[encoder]]
        type = "recurrent"
        cell = "gru"
        features = 32
    """

    type: Literal["recurrent"] = "recurrent"
    cell: Literal["gru", "lstm"] = Field("gru", description="what carries the state from step to step")
    features: int = Field(ge=1, description="width of a step's output, of both directions together")
    bidirectional: bool = Field(False, description="whether half of the features are read from the end")

    @model_validator(mode="after")
    def _halves(self) -> Self:
        if self.bidirectional and self.features % 2:
            raise ValueError(f"bidirectional takes an even number of features, got {self.features}")
        return self

    def output_shape(self, shape: Shape) -> Shape:
        return self.features, sequence(shape)[1]

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return [self, *pointwise(target, style)]

    def parameters(self, shape: Shape) -> int:
        directions = 2 if self.bidirectional else 1
        width, gates = self.features // directions, 3 if self.cell == "gru" else 4
        # torch has two biases for each gate, one of the input's map and one of the state's.
        return directions * gates * width * (sequence(shape)[0] + width + 2)

    def activations(self, shape: Shape) -> int:
        gates = 3 if self.cell == "gru" else 4
        return (1 + gates) * flat(self.output_shape(shape))

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return ()  # its weights act at every step: none of them is a map between two shapes

    def sees(self, shape: Shape) -> Window | None:
        return EVERYWHERE

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.sequences import Recurrent

        return Recurrent(self.cell, sequence(shape)[0], self.features, bidirectional=self.bidirectional)
