"""Layers: what a layer declares, how it ends, and the linear map that it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf, prod
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from aezoo.errors import KeyPath, NoMirror
from aezoo.spec.component import Component, Range
from aezoo.spec.domain import Domains
from aezoo.spec.shape import Shape, flat
from aezoo.spec.window import Window

if TYPE_CHECKING:
    from torch import nn


#: Pointwise functions that a layer may end in.
Activation = Literal[
    "identity",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "tanh",
    "sigmoid",
    "softplus",
    "hardtanh",
]
#: Between what their values lie.
RANGES: Mapping[str, Range] = {
    "identity": (-inf, inf),
    "relu": (0.0, inf),
    "leaky_relu": (-inf, inf),
    "elu": (-1.0, inf),
    "selu": (-1.7582, inf),
    "gelu": (-0.17, inf),
    "silu": (-0.2785, inf),
    "mish": (-0.3089, inf),
    "tanh": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "softplus": (0.0, inf),
    "hardtanh": (-1.0, 1.0),
}
Norm = Literal["none", "batch", "layer", "group", "instance", "rms"]
#: How a mirrored layer grows: a transposed convolution, or a resize and a plain convolution.
Upsampling = Literal["transposed", "resize"]


class Affine(NamedTuple):
    """A linear map, or a convolution: what a constraint projects and a tied decoder shares.

    Attributes:
        inputs: Width, or channels, of what it takes.
        outputs: Of what it gives.
        kernel: Positions along each axis; empty for a linear map.
        stride: From one position to the next: of the output, if transposed.
        padding: On each side.
        dilation: Between the entries of the kernel.
        groups: Blocks of channels that do not see each other.
        transposed: Whether it is the adjoint of a convolution.
        weight_norm: Whether its weight is a direction and a length for each entry of its first axis.
    """

    inputs: int
    outputs: int
    kernel: Shape = ()
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    transposed: bool = False
    weight_norm: bool = False

    @property
    def weights(self) -> int:
        """How many it has, without a bias."""
        lengths = (self.inputs if self.transposed else self.outputs) if self.weight_norm else 0
        return self.inputs * self.outputs // self.groups * prod(self.kernel) + lengths


class Style(NamedTuple):
    """How a mirrored layer ends: taken from the encoder layer before its source."""

    activation: Activation = "identity"
    norm: Norm = "none"
    upsampling: Upsampling = "transposed"


class LayerSpec(Component):
    """A layer of an encoder, a decoder or a body: [B, *shape] -> [B, *output_shape(shape)]."""

    kind: ClassVar[str] = "layer"
    #: True if the layer only moves or rescales values (flatten, pool, activation): its mirror then passes on
    #: whatever shape it is asked for. A layer with weights makes any shape it is asked for: False.
    carries: ClassVar[bool] = False

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of what comes out, or `ShapeError`."""
        raise NotImplementedError

    def domains(self, shape: Shape) -> Domains:
        """What the data are that it takes as the encoder's first layer, feature by feature; None for any numbers."""
        return None

    def style(self) -> Style | None:
        """How this layer ends (activation, norm); None for one that has nothing to say about it."""
        return None if self.carries else Style()

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        """The layers that lead back from `output_shape(shape)` to `target`, ending in `style`.

        `target` is `shape`, except next to the output, where the likelihood may ask for more channels.
        Raise `NoMirror` if there is none.
        """
        raise NoMirror(f"layer {self.tag()!r} has no mirror(); write the decoder's layers yourself: decoder = [...]")

    def parameters(self, shape: Shape) -> int:
        """How many weights the layer has for an input of this shape (counted without torch)."""
        return 0

    def borrowed(self, shape: Shape) -> int:
        """How many of these a tied layer has from its source: those of its map, without bias and norm."""
        return sum(one.weights for one in self.maps(shape) or ())

    def inside(self, shape: Shape) -> Iterator[tuple[KeyPath, LayerSpec, Shape]]:
        """The layers that it holds: for each its key path in this table, itself, and its input shape.

        Unless a layer says otherwise, each of its lists of layers is a chain that begins at `shape`.
        """
        for name in type(self).model_fields:
            layers = getattr(self, name)
            input_shape = shape
            for i, layer in enumerate(layers if isinstance(layers, tuple) else (layers,)):
                if isinstance(layer, LayerSpec):
                    yield (name, i) if isinstance(layers, tuple) else (name,), layer, input_shape
                    input_shape = layer.output_shape(input_shape)

    def modules(self, shape: Shape) -> int:
        """How many layers it is made of: itself and those inside; a map with its norm and activation is one."""
        return 1 + sum(layer.modules(input_shape) for _, layer, input_shape in self.inside(shape))

    def activations(self, shape: Shape) -> int:
        """How many values a forward pass keeps of a sample: what comes out, and what comes out of those inside."""
        within = sum(layer.activations(input_shape) for _, layer, input_shape in self.inside(shape))
        return flat(self.output_shape(shape)) + within

    def in_use(self, shape: Shape) -> int:
        """How many values a pass without gradients holds at once for it, at most, of a sample.

        What goes in, what comes out, and, unless a layer says less, all that a pass with gradients would keep.
        """
        return flat(shape) + flat(self.output_shape(shape)) + self.activations(shape)

    def maps(self, shape: Shape) -> Sequence[Affine] | None:
        """Its linear maps and convolutions, in order: what a constraint projects and a tied decoder shares.

        None if it does not say; only building it tells, then.
        """
        return () if self.carries else None

    def batch_norm(self, shape: Shape) -> Shape | None:
        """The shape whose channels it normalizes over the batch, those of layers inside not counted; else None."""
        return None

    def sees(self, shape: Shape) -> Window | None:
        """What a position of its output sees, if the layer as built for `shape` works at any size of the grid.

        None if it works at one size only: its weights or its output belong to fixed positions, or it does not say.
        """
        return None

    def forgets_order(self, shape: Shape) -> bool:
        """Whether it makes one number of all positions of a channel without weighing them, as a mean does."""
        pooled = len(shape) > 1 and flat(shape[1:]) > 1 and flat(self.output_shape(shape)) == shape[0]
        return pooled and not self.parameters(shape)

    def draws(self) -> bool:
        """Whether it adds noise in training, as dropout does."""
        return False

    def build(self, shape: Shape) -> nn.Module:
        """The layer, for inputs [B, *shape]."""
        raise NotImplementedError


def flat_parameters(inputs: Shape, outputs: Shape) -> int:
    """Weights and biases of a dense map between two shapes."""
    return (flat(inputs) + 1) * flat(outputs)
