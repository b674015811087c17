"""Convolutions over signals [C, L], images [C, H, W] and volumes [C, D, H, W], by the rank of the input."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from aezoo.errors import NoMirror, ShapeError
from aezoo.layers.basic import ACTIVATION, NORM, check_norm, norm_parameters, norm_window
from aezoo.layers.resampling import UpsampleSpec, check_rank, positions
from aezoo.spec.component import Ints
from aezoo.spec.kinds import Activation, Affine, LayerSpec, Norm, Style
from aezoo.spec.mirror import trace
from aezoo.spec.shape import Shape, conv_length, grid, text
from aezoo.spec.window import Window

if TYPE_CHECKING:
    from torch import nn


class ConvolutionSpec(LayerSpec):
    """Fields and geometry of convolutions and transposed ones."""

    transposed: ClassVar[bool] = False
    channels: int = Field(ge=1, description="channels of the output")
    kernel: int = Field(3, ge=1, description="positions along each axis that one output sees")
    stride: int = Field(1, ge=1, description="positions from one output to the next")
    padding: int | None = Field(
        None,
        ge=0,
        description="zeros on each side; by default half the kernel's reach, which keeps the size",
    )
    dilation: int = Field(1, ge=1, description="positions from one entry of the kernel to the next")
    groups: int = Field(
        1, ge=1, description="blocks of channels that are not connected; divides those of input and output"
    )
    bias: bool = Field(True, description="whether the map has a bias")
    norm: Norm = Field("none", description=NORM)
    activation: Activation = Field("relu", description=ACTIVATION)

    @property
    def reach(self) -> int:
        """From the first to the last entry of the kernel."""
        return self.dilation * (self.kernel - 1)

    @property
    def pad(self) -> int:
        """The padding, by default half the reach."""
        return self.reach // 2 if self.padding is None else self.padding

    @property
    def window(self) -> str:
        """The kernel for a message: `kernel 5 with padding 0`."""
        wide = f", dilation {self.dilation}" if self.dilation > 1 else ""
        return f"kernel {self.kernel} with padding {self.pad}{wide}"

    def style(self) -> Style:
        return Style(self.activation, self.norm)

    def parameters(self, shape: Shape) -> int:
        biases = self.channels if self.bias else 0
        return self.borrowed(shape) + biases + norm_parameters(self.norm, (self.channels,))

    def maps(self, shape: Shape) -> Sequence[Affine]:
        channels, spatial = grid(shape)
        kernel = (self.kernel,) * len(spatial)
        geometry = {"stride": self.stride, "padding": self.pad, "dilation": self.dilation, "groups": self.groups}
        return (Affine(channels, self.channels, kernel, **geometry, transposed=self.transposed),)

    def batch_norm(self, shape: Shape) -> Shape | None:
        return self.output_shape(shape) if self.norm == "batch" else None

    def check_groups(self, channels: int) -> None:
        """Refuse groups that do not divide the channels on both sides."""
        for number in (channels, self.channels):
            if number % self.groups:
                raise ShapeError(f"groups {self.groups} does not divide {number} channels")

    def check_target(self, channels: int) -> None:
        """Refuse to mirror to channels that the groups do not divide."""
        if channels % self.groups:
            raise NoMirror(f"groups {self.groups} does not divide the {channels} channels of the target")


class ConvSpec(ConvolutionSpec):
    """A convolution, then a norm, then an activation: [C, *spatial] -> [channels, *spatial].

    Serves signals, images and volumes, by the rank of its input. An axis of n positions becomes one of
    floor((n + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.

    Its mirror is a transposed convolution to exactly the input's size; with `upsampling = "resize"` it is a
    resize and a plain convolution (Odena et al. 2016, "Deconvolution and checkerboard artifacts").

    Example:
        [[encoder]]
        type = "conv"
        channels = 32
        kernel = 4
        stride = 2
    """

    type: Literal["conv"] = "conv"

    def output_shape(self, shape: Shape) -> Shape:
        channels, spatial = grid(shape)
        self.check_groups(channels)
        output = tuple(
            conv_length(n, kernel=self.kernel, stride=self.stride, padding=self.pad, dilation=self.dilation)
            for n in spatial
        )
        if min(output) < 1:
            raise ShapeError(f"{self.window} does not fit {positions(spatial)}")
        check_norm(self.norm, (self.channels, *output))
        return self.channels, *output

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        channels, size = grid(target)
        self.check_target(channels)
        if self.stride == 1 and self.pad <= self.reach:
            # At stride 1 the adjoint is a convolution again, padded by the rest of the kernel's reach.
            return self._checked([self._plain(channels, self.reach - self.pad, style)], shape, target)
        if style.upsampling == "resize":
            # An even kernel shortens each axis by a position, so the resize is to one more.
            grown = tuple(n + self.reach - 2 * (self.reach // 2) for n in size)
            return [UpsampleSpec(size=grown), self._plain(channels, self.reach // 2, style)]
        back = ConvTransposeSpec(
            channels=channels,
            kernel=self.kernel,
            stride=self.stride,
            padding=self.padding,
            size=size,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
            norm=style.norm,
            activation=style.activation,
        )
        return self._checked([back], shape, target)

    def sees(self, shape: Shape) -> Window | None:
        own = Window(self.stride, self.pad, self.reach - self.pad, self.stride)
        return own.then(norm_window(self.norm))

    def _plain(self, channels: int, padding: int, style: Style) -> ConvSpec:
        return ConvSpec(
            channels=channels,
            kernel=self.kernel,
            padding=None if padding == self.reach // 2 else padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
            norm=style.norm,
            activation=style.activation,
        )

    def _checked(self, back: Sequence[LayerSpec], shape: Shape, target: Shape) -> Sequence[LayerSpec]:
        try:
            reached = trace(back, self.output_shape(shape))[-1]
        except ShapeError as error:
            raise NoMirror(f"{error}; change its stride") from error
        if reached != target:
            raise NoMirror(f"leads back to {text(reached)}, not to {text(target)}; change its stride")
        return back

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.layers import CONVOLUTIONS, block

        channels, spatial = grid(shape)
        conv = CONVOLUTIONS[len(spatial) - 1](
            channels,
            self.channels,
            self.kernel,
            stride=self.stride,
            padding=self.pad,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
        )
        return block("conv", conv, self.output_shape(shape), norm=self.norm, activation=self.activation)


class ConvTransposeSpec(ConvolutionSpec):
    """A transposed convolution, then a norm, then an activation: it grows what a strided convolution shrinks.

    An axis of n positions becomes one of
    (n - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output_padding.

    Example:
        [[encoder]]
        type = "conv_transpose"
        channels = 32
        stride = 2
        output_padding = 1
    """

    transposed: ClassVar[bool] = True
    type: Literal["conv_transpose"] = "conv_transpose"
    output_padding: int = Field(0, ge=0, description="more positions at the end of each axis; less than the stride")
    size: Ints | None = Field(None, description="positions of the output, instead of output_padding")

    def lengths(self, spatial: Shape) -> Shape:
        """Positions of the output without output padding."""
        return tuple((n - 1) * self.stride - 2 * self.pad + self.reach + 1 for n in spatial)

    def paddings(self, spatial: Shape) -> Shape:
        """The output padding of each axis, as set or as follows from the size."""
        if self.size is None:
            return (self.output_padding,) * len(spatial)
        return tuple(wanted - n for wanted, n in zip(self.size, self.lengths(spatial), strict=True))

    def output_shape(self, shape: Shape) -> Shape:
        channels, spatial = grid(shape)
        self.check_groups(channels)
        self._check_size(spatial)
        extra, least = self.paddings(spatial), self.lengths(spatial)
        output = tuple(n + more for n, more in zip(least, extra, strict=True))
        if not all(0 <= more < self.stride for more in extra):
            most = tuple(n + self.stride - 1 for n in least)
            reach = f"{text(least)} up to {text(most)}, not {text(output)}"
            raise ShapeError(f"{self.window} and stride {self.stride} leads {positions(spatial)} to {reach}")
        if min(output) < 1:
            raise ShapeError(f"{self.window} leaves nothing of {positions(spatial)}")
        check_norm(self.norm, (self.channels, *output))
        return self.channels, *output

    def _check_size(self, spatial: Shape) -> None:
        if self.size is not None:
            check_rank(self.size, spatial)
            if self.output_padding:
                raise ShapeError("size and output_padding say the same; leave one out")

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        channels, size = grid(target)
        self.check_target(channels)
        if size != shape[1:]:
            raise NoMirror(f"leads back to {positions(shape[1:])}, not {positions(size)}")
        return [
            ConvSpec(
                channels=channels,
                kernel=self.kernel,
                stride=self.stride,
                padding=self.padding,
                dilation=self.dilation,
                groups=self.groups,
                bias=self.bias,
                norm=style.norm,
                activation=style.activation,
            )
        ]

    def sees(self, shape: Shape) -> Window | None:
        step, cut = Fraction(1, self.stride), max(0, self.pad - self.reach)
        # Padding beyond the kernel's reach cuts positions off that a tile of the input would need.
        own = Window(step, max(0, self.reach - self.pad) * step, (self.pad + cut) * step)
        return own.then(norm_window(self.norm))

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.layers import TRANSPOSED_CONVOLUTIONS, block

        channels, spatial = grid(shape)
        conv = TRANSPOSED_CONVOLUTIONS[len(spatial) - 1](
            channels,
            self.channels,
            self.kernel,
            stride=self.stride,
            padding=self.pad,
            output_padding=self.paddings(spatial),  # type: ignore[arg-type]
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
        )
        output = self.output_shape(shape)
        return block("conv_transpose", conv, output, norm=self.norm, activation=self.activation)
