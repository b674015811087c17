"""Layers: activations, norms, and a map followed by them; maps tied to another's weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from math import prod
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from torch.nn.utils.parametrize import is_parametrized

from aezoo.errors import ShapeError
from aezoo.nn.selection import Selection

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "hardtanh": nn.Hardtanh,
}

#: Most groups of a group norm whose number is not set.
MAX_GROUPS = 8

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED_CONVOLUTIONS = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
Map = nn.Linear | Convolution


def activation(name: str) -> nn.Module:
    """The pointwise function of this name."""
    return ACTIVATIONS[name]()


def normalization(
    name: str,
    shape: tuple[int, ...],
    *,
    groups: int | None = None,
    eps: float = 1e-5,
    scale: bool = True,
    shift: bool = False,
) -> nn.Module:
    """The norm of this name.

    Args:
        name: `none`; `batch`; of a sample, `layer`: all its values, `instance`: each channel, or `group`; `rms`.
        shape: Of a sample: [F], or [C, *spatial].
        groups: Of a group norm; None is `group_count(shape)`.
        eps: Added to the variance, or to the mean square of an RMS norm.
        scale: Whether a scale is learned for each feature or channel, and with it a shift, which an RMS norm has not.
        shift: Of an RMS norm: whether a shift follows the scale.
    """
    channels, rank = shape[0], len(shape) - 1
    if name == "none":
        return nn.Identity()
    if name == "rms":
        return RMSNorm(channels, eps=eps, scale=scale, shift=shift)
    if name == "batch":
        return BATCH_NORMS[rank](channels, eps=eps, affine=scale)
    if name == "instance":
        return INSTANCE_NORMS[rank - 1](channels, eps=eps, affine=scale)
    if name == "layer" and rank == 0:
        return nn.LayerNorm(channels, eps=eps, elementwise_affine=scale)
    return nn.GroupNorm(1 if name == "layer" else groups or group_count(shape), channels, eps=eps, affine=scale)


class RMSNorm(nn.Module):
    """The channels at each position, divided by their root mean square (Zhang and Sennrich 2019, arXiv:1910.07467).

    Args:
        channels: Features, or channels, C.
        eps: Added to the mean square.
        scale: Whether each channel has a learned factor.
        shift: Whether a learned number is added to each.

    Shape:
        x: [B, C, *spatial] -> the same
    """

    def __init__(self, channels: int, *, eps: float = 1e-5, scale: bool = True, shift: bool = False) -> None:
        super().__init__()
        self.eps = eps
        self.channels = (channels,)
        self.weight = nn.Parameter(torch.ones(channels)) if scale else None
        self.bias = nn.Parameter(torch.zeros(channels)) if shift else None

    def forward(self, x: Tensor) -> Tensor:
        h = F.rms_norm(x.movedim(1, -1), self.channels, self.weight, self.eps)
        return (h if self.bias is None else h + self.bias).movedim(-1, 1)


def weight_normalized(module: nn.Module) -> nn.Module:
    """The map with a weight g v / |v|, the norm over all axes but the first (arXiv:1602.07868).

    In a state dict g is `parametrizations.weight.original0` and v `parametrizations.weight.original1`, as torch has it.
    """
    normalized: nn.Module = parametrizations.weight_norm(module)
    return normalized


def group_count(shape: tuple[int, ...]) -> int:
    """Groups of a group norm: the largest divisor of the channels up to 8 that leaves a group two values."""
    values = prod(shape)
    # A group of one value would be normalized to zero.
    fitting = (g for g in range(MAX_GROUPS, 0, -1) if shape[0] % g == 0 and values // g > 1)
    return next(fitting, 1)


def block(
    name: str,
    module: nn.Module,
    shape: tuple[int, ...],
    *,
    norm: str = "none",
    activation: str = "identity",
    before: nn.Module | None = None,
    after: nn.Module | None = None,
) -> nn.Sequential:
    """A map, its norm and its activation, without those that are `none` or `identity`.

    Args:
        name: Of the map in the state dict: `conv` gives `conv.weight`.
        module: The map.
        shape: Of the map's output.
        norm: A name that `normalization` knows, or `none`.
        activation: A name of `ACTIVATIONS`.
        before: Padding of the map's input.
        after: Padding of its output.
    """
    parts: OrderedDict[str, nn.Module] = OrderedDict({"before": before} if before else {})
    parts[name] = module
    if after:
        parts["after"] = after
    if norm != "none":
        parts["norm"] = normalization(norm, shape)
    if activation != "identity":
        parts["activation"] = ACTIVATIONS[activation]()
    return nn.Sequential(parts)


class Linear(nn.Linear):
    """An affine map of features, or of the active units of a code.

    Shape:
        x: [B, F], or a selection of F units -> [B, features]
    """

    reads_selections = True

    def forward(self, x: Tensor | Selection) -> Tensor:
        if isinstance(x, Selection):
            return x.readout(self.weight, self.bias)
        return F.linear(x, self.weight, self.bias)


class Tied(nn.Module):
    """A linear map or convolution with another's weight, transposed: its adjoint, plus a bias of its own.

    The weight is read from the other map at each pass and is no parameter of this module, so a state dict has it once.
    A deep copy of both stays tied; a deep copy of this module alone includes a copy of the other.

    Args:
        source: The map that has the weight.
        replaced: The untied map that this replaces; gives the geometry and the bias.

    Raises:
        ShapeError: The weights of the two are not each other's transposes.

    Shape:
        x: input of `replaced` -> output of `replaced`
    """

    bias: nn.Parameter | None

    def __init__(self, source: Map, replaced: Map) -> None:
        super().__init__()
        self.transposed = _transpose(source, replaced)
        # In a tuple: nn.Module would register an attribute as a submodule, with its weight twice in the state dict.
        self._source = (source,)
        self.bias = cast("nn.Parameter | None", replaced.bias)

    @property
    def source(self) -> Map:
        """The map whose weight this uses."""
        return self._source[0]

    @property
    def reads_selections(self) -> bool:
        """Whether it takes a `Selection` in place of its dense form: a linear map does."""
        return isinstance(self.source, nn.Linear)

    def forward(self, x: Tensor | Selection) -> Tensor:
        if isinstance(x, Selection):
            return x.readout(self.source.weight.t(), self.bias)
        return self.transposed(x, self.source.weight, self.bias)


def tie(decoder_module: nn.Module, encoder_module: nn.Module) -> nn.Module:
    """The decoder's module with its one map replaced by a `Tied` one; a sequence is changed in place.

    Raises:
        ShapeError: There is not one map in each, or their weights are not each other's transposes.
    """
    _, source = _only_map(encoder_module, "encoder")
    name, replaced = _only_map(decoder_module, "decoder")
    tied = Tied(source, replaced)
    if not name:
        return tied
    parent, _, child = name.rpartition(".")
    setattr(decoder_module.get_submodule(parent), child, tied)
    return decoder_module


def matrices(module: nn.Module) -> list[nn.Parameter]:
    """The weights of a module that mix values: those of its maps, and all others that are not vectors."""
    own = {id(_free_weight(part)) for part in module.modules() if isinstance(part, Map)}
    # [D, 1, 1] counts as a vector: it is broadcast over a grid.
    return [p for p in module.parameters() if id(p) in own or (p.ndim > 1 and p.numel() > len(p))]


def _free_weight(layer: Map) -> Tensor:
    """The weight of a map that is learned: of a normalized one, the direction."""
    return layer.parametrizations.weight.original1 if is_parametrized(layer) else layer.weight  # type: ignore[union-attr, return-value]


def _only_map(module: nn.Module, side: str) -> tuple[str, Map]:
    maps = [(name, part) for name, part in module.named_modules() if isinstance(part, Map)]
    weights = len(matrices(module))
    if len(maps) != 1 or weights != 1:
        what = type(module).__name__
        raise ShapeError(f"only layers of one map can be tied; the {side}'s {what} has {weights} weights")
    return maps[0]


Function = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def _transpose(source: Map, replaced: Map) -> Function:
    """The function that `replaced` computes, of x, the weight of `source` and a bias."""
    if isinstance(source, nn.Linear) and isinstance(replaced, nn.Linear):
        _check_channels((source.in_features, source.out_features), (replaced.in_features, replaced.out_features))
        return _linear
    if isinstance(source, nn.Linear) or isinstance(replaced, nn.Linear):
        raise ShapeError(f"cannot tie a {type(replaced).__name__} to a {type(source).__name__}")
    _check_channels((source.in_channels, source.out_channels), (replaced.in_channels, replaced.out_channels))
    for name in ("kernel_size", "dilation", "groups"):
        decoder, encoder = getattr(replaced, name), getattr(source, name)
        if decoder != encoder:
            raise ShapeError(f"cannot tie a map of {name} {decoder} to one of {name} {encoder}")
    if source.transposed == replaced.transposed and set(replaced.stride) != {1}:
        raise ShapeError("cannot tie two convolutions where the second has a stride: one must be transposed")
    axes = len(replaced.kernel_size) - 1
    geometry = {name: getattr(replaced, name) for name in ("stride", "dilation", "groups")}
    geometry["padding"] = _padding(replaced, flip=source.transposed == replaced.transposed)
    if source.transposed:
        return partial((F.conv1d, F.conv2d, F.conv3d)[axes], **geometry)
    geometry["output_padding"] = replaced.output_padding
    return partial((F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[axes], **geometry)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return F.linear(x, weight.t(), bias)


def _padding(replaced: Convolution, *, flip: bool) -> tuple[int, ...]:
    """The padding that keeps the shape; at stride 1, `flip` turns a convolution's into a transposed one's."""
    assert not isinstance(replaced.padding, str)
    axes = zip(replaced.kernel_size, replaced.dilation, replaced.padding, strict=True)
    padding = tuple(d * (k - 1) - p if flip else p for k, d, p in axes)
    if min(padding) < 0:
        raise ShapeError(f"cannot tie a convolution padded beyond its kernel: {replaced.padding}")
    return padding


def _check_channels(source: tuple[int, int], replaced: tuple[int, int]) -> None:
    if source != replaced[::-1]:
        raise ShapeError(
            f"cannot tie a map {replaced[0]} -> {replaced[1]} to a map {source[0]} -> {source[1]}: "
            "their weights are not each other's transposes"
        )
