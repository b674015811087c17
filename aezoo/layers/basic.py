"""Layers over any shape: linear maps, norms, activations, dropout, and changes of shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from aezoo.errors import ShapeError
from aezoo.spec.component import Ints
from aezoo.spec.kinds import Activation, Affine, LayerSpec, Norm, Style
from aezoo.spec.shape import Shape, flat, text, vector
from aezoo.spec.window import EVERYWHERE, POINTWISE, Window

if TYPE_CHECKING:
    from torch import nn

ACTIVATION = "pointwise function at the end"
NORM = "between map and activation; group: at most 8 groups, as many as divide the channels"
WEIGHT_NORM = (
    "whether the weight is g v / |v|, with a length g for each output (of a transposed convolution, for each input; "
    "arXiv:1602.07868)"
)
EPS = "added to what is divided by: the variance, or the mean square of an RMS norm; 1e-5 unless set"
#: Of a norm that says no `eps`.
DEFAULT_EPS = 1e-5
#: Smaller ones have an infinite reciprocal where float32 takes the third power of its root.
Eps = Annotated[float, Field(ge=1e-12, le=1)]


def check_norm(norm: str, shape: Shape, *, groups: int | None = None) -> None:
    """Refuse a norm over one value of [F] or [C, *spatial], which would leave nothing of it but its sign."""
    if norm == "instance" and len(shape) == 1:
        raise ShapeError(f"instance norm takes grids [C, ...], got {text(shape)}; take batch norm")
    if groups is not None and shape[0] % groups:
        raise ShapeError(f"groups {groups} does not divide {shape[0]} channels")
    together = {"layer": flat(shape), "group": flat(shape) // (groups or 1), "instance": flat(shape[1:])}
    together["rms"] = flat(shape[:1])
    if together.get(norm, 2) < 2:
        raise ShapeError(f"{norm} norm over {text(shape)} has one value to normalize; take batch norm")


def norm_parameters(norm: str, shape: Shape) -> int:
    """Scales and shifts of a norm."""
    return {"none": 0, "rms": 1}.get(norm, 2) * flat(shape[:1])


def norm_window(norm: str) -> Window:
    """What a value sees through a norm and an activation: in evaluation a batch norm is a function of each value."""
    return EVERYWHERE if norm in ("layer", "group", "instance") else POINTWISE


def ending(style: Style) -> list[LayerSpec]:
    """The style as layers of their own, for a layer that has no such fields."""
    layers: list[LayerSpec] = []
    if style.norm != "none":
        layers.append(NormSpec(norm=style.norm))
    if style.activation != "identity":
        layers.append(ActivationSpec(activation=style.activation))
    return layers


def dense(shape: Shape, style: Style) -> list[LayerSpec]:
    """The layers from any vector to `shape`, ending in `style`; a norm of channels follows the reshape."""
    if len(shape) == 1:
        return [LinearSpec(features=shape[0], activation=style.activation, norm=style.norm)]
    if style.norm == "none":
        return [LinearSpec(features=flat(shape), activation=style.activation), ReshapeSpec(shape=shape)]
    linear = LinearSpec(features=flat(shape), activation="identity")
    return [linear, ReshapeSpec(shape=shape), *ending(style)]


class LinearSpec(LayerSpec):
    """A dense map of a vector, then a norm, then an activation: [F] -> [features].

    Inputs that are not vectors need a `flatten` before it.

    Example:
        [[encoder]]
        type = "linear"
        features = 256
        activation = "gelu"
    """

    type: Literal["linear"] = "linear"
    features: int = Field(ge=1, description="width of the output")
    bias: bool = Field(True, description="whether the map has a bias")
    weight_norm: bool = Field(False, description=WEIGHT_NORM)
    norm: Norm = Field("none", description=NORM)
    activation: Activation = Field("relu", description=ACTIVATION)

    def output_shape(self, shape: Shape) -> Shape:
        vector(shape)
        check_norm(self.norm, (self.features,))
        return (self.features,)

    def style(self) -> Style:
        return Style(self.activation, self.norm)

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return [
            LinearSpec(
                features=vector(target),
                bias=self.bias,
                weight_norm=self.weight_norm,
                norm=style.norm,
                activation=style.activation,
            )
        ]

    def parameters(self, shape: Shape) -> int:
        biases = self.features if self.bias else 0
        return self.borrowed(shape) + biases + norm_parameters(self.norm, (self.features,))

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return (Affine(vector(shape), self.features, weight_norm=self.weight_norm),)

    def batch_norm(self, shape: Shape) -> Shape | None:
        return (self.features,) if self.norm == "batch" else None

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.layers import Linear, block, weight_normalized

        linear: nn.Module = Linear(vector(shape), self.features, bias=self.bias)
        linear = weight_normalized(linear) if self.weight_norm else linear
        return block("linear", linear, (self.features,), norm=self.norm, activation=self.activation)


class FlattenSpec(LayerSpec):
    """All values of a sample as one vector: [C, *spatial] -> [F].

    Example:
        [[encoder]]
        type = "flatten"
    """

    type: Literal["flatten"] = "flatten"
    carries: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        return (flat(shape),)

    def style(self) -> Style:
        # No style for the linear map back: a norm over channels has to follow the reshape.
        return Style()

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return [ReshapeSpec(shape=target), *ending(style)]

    def build(self, shape: Shape) -> nn.Module:
        from torch import nn

        return nn.Flatten()


class ReshapeSpec(LayerSpec):
    """The same values, in the same order (last axis fastest), in another shape.

    Example:
        [[encoder]]
        type = "reshape"
        shape = [1, -1]
    """

    type: Literal["reshape"] = "reshape"
    carries: ClassVar[bool] = True
    shape: Ints = Field(description="shape of the output; one axis may be -1: the remaining values")

    def output_shape(self, shape: Shape) -> Shape:
        wanted, values = self.shape, flat(shape)
        if not wanted or min(wanted) < -1 or 0 in wanted or wanted.count(-1) > 1:
            raise ShapeError(f"takes positive axes, one of which may be -1, got {list(wanted)}")
        known = abs(flat(wanted))
        if values % known or (values != known and -1 not in wanted):
            raise ShapeError(f"{values} values ({text(shape)}) cannot have the shape {list(wanted)}")
        return tuple(values // known if axis == -1 else axis for axis in wanted)

    def style(self) -> Style:
        return Style()  # as for flatten: the channels change

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return [ReshapeSpec(shape=target), *ending(style)]

    def build(self, shape: Shape) -> nn.Module:
        from torch import nn

        output = self.output_shape(shape)
        return nn.Flatten() if len(output) == 1 else nn.Sequential(nn.Flatten(), nn.Unflatten(1, output))


class NormSpec(LayerSpec):
    """A norm as a layer of its own, then a learned scale and shift for each feature or channel.

    Normalized to zero mean and unit variance: each channel over the batch (batch norm, arXiv:1502.03167);
    all values of a sample (layer norm, arXiv:1607.06450); each group of channels of a sample (group norm,
    arXiv:1803.08494); each channel of a sample (instance norm, arXiv:1607.08022). Divided by their root mean square
    alone: the channels at each position (RMS norm, arXiv:1910.07467), which has a scale, and a shift where `shift`
    says so.

    Example:
        [[encoder]]
        type = "norm"
        norm = "group"
        groups = 4
    """

    type: Literal["norm"] = "norm"
    carries: ClassVar[bool] = True
    norm: Literal["batch", "layer", "group", "instance", "rms"] = Field("batch", description="what is normalized")
    groups: int | None = Field(
        None, ge=1, description="of a group norm; by default the largest divisor of the channels up to 8"
    )
    eps: Eps | None = Field(None, description=EPS)
    affine: bool = Field(True, description="whether a scale and a shift are learned")
    shift: bool = Field(False, description="of an RMS norm: whether a learned shift follows its scale")

    def output_shape(self, shape: Shape) -> Shape:
        if self.groups is not None and self.norm != "group":
            raise ShapeError(f"groups is for a group norm, this is a {self.norm} norm; leave it out")
        if self.shift and (self.norm != "rms" or not self.affine):
            what = f"a {self.norm} norm" if self.affine else "a norm with affine = false"
            raise ShapeError(f"shift is for an RMS norm with a scale, this is {what}; leave it out")
        check_norm(self.norm, shape, groups=self.groups)
        return shape

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return [self]

    def parameters(self, shape: Shape) -> int:
        return (norm_parameters(self.norm, shape) if self.affine else 0) + self.shift * shape[0]

    def batch_norm(self, shape: Shape) -> Shape | None:
        return shape if self.norm == "batch" else None

    def sees(self, shape: Shape) -> Window | None:
        return norm_window(self.norm)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.layers import normalization

        eps = DEFAULT_EPS if self.eps is None else self.eps
        return normalization(self.norm, shape, groups=self.groups, eps=eps, scale=self.affine, shift=self.shift)


class ActivationSpec(LayerSpec):
    """A pointwise function as a layer of its own.

    `gelu` is x Phi(x), `silu` x sigmoid(x), `mish` x tanh(softplus(x)); `leaky_relu` has slope 0.01 below 0,
    `hardtanh` clips to [-1, 1].

    Example:
        [[encoder]]
        type = "activation"
        activation = "silu"
    """

    type: Literal["activation"] = "activation"
    carries: ClassVar[bool] = True
    activation: Activation = Field("relu", description="the function")

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return [self]

    def sees(self, shape: Shape) -> Window | None:
        return POINTWISE

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.layers import activation

        return activation(self.activation)


class DropoutSpec(LayerSpec):
    """Values zeroed at random in training, the others divided by 1 - p (arXiv:1207.0580); a mirror leaves it out.

    Example:
        [[encoder]]
        type = "dropout"
        p = 0.2
    """

    type: Literal["dropout"] = "dropout"
    carries: ClassVar[bool] = True
    p: float = Field(0.5, ge=0, lt=1, description="share of the values that are zeroed")

    def draws(self) -> bool:
        return self.p > 0

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return []

    def sees(self, shape: Shape) -> Window | None:
        return POINTWISE

    def build(self, shape: Shape) -> nn.Module:
        from torch import nn

        return nn.Dropout(self.p)
