"""Declarations of Deep SVDD: the latent that has the centre, and the objective that measures distances from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import RANGES, Affine, LatentSpec, LayerSpec, ObjectiveSpec, Remark, Shape, Spec, Style, dense, flat

if TYPE_CHECKING:
    from torch import nn


class CenteredSpec(LatentSpec):
    """A linear code without a bias, z = W h, and its `offset` from a fixed centre: z - c.

    The centre is the mean code of the first batch before training, each of its values moved to at least 0.1 from zero
    (in the paper of all samples, Ruff et al. 2018, section 3.3). It is saved with the model.

    Example:
        [latent]
        type = "oneclass:centered"
        dim = 32
    """

    type: Literal["centered"] = "centered"
    provides: ClassVar[frozenset[str]] = frozenset({"offset"})

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def parameters(self, shape: Shape) -> int:
        return flat(shape) * self.dim

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return (Affine(flat(shape), self.dim),)

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return dense(shape, style)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_oneclass.svdd import Centered

        return Centered(flat(shape), self.dim)


class SVDDSpec(ObjectiveSpec):
    """Deep SVDD of one class: the mean squared distance of codes from the centre, the term `distance`.

    Ruff et al. 2018, "Deep one-class classification", ICML, equation 4; its weight decay is that of the optimizer.
    `score` gives the squared distance. An encoder that gives one code to all samples would be perfect and useless, so
    layers with biases, and activations that are bounded on both sides, are refused (propositions 2 and 3).

    Example:
        decoder = "none"
        objective = "oneclass:svdd"

        [[encoder]]
        type = "linear"
        features = 64
        bias = false

        [latent]
        type = "oneclass:centered"
        dim = 16
    """

    type: Literal["svdd"] = "svdd"
    family: ClassVar[str] = "one-class"
    needs: ClassVar[frozenset[str]] = frozenset({"offset"})
    terms: ClassVar[frozenset[str]] = frozenset({"distance"})
    reconstructs: ClassVar[bool] = False
    scores: ClassVar[bool] = True

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        for i, (layer, shape) in enumerate(zip(spec.encoder_layers(), spec.encoder_shapes, strict=False)):
            for path, inner, inner_shape in _leaves(layer, shape):
                at = ("encoder", i, *path)
                yield from (remark._replace(path=at) for remark in _collapses(inner, inner_shape))

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_oneclass.svdd import SVDD

        return SVDD()


Placed = tuple[tuple[str | int, ...], LayerSpec, Shape]


def _leaves(layer: LayerSpec, shape: Shape) -> Iterator[Placed]:
    """The layer, or those inside it that hold no others, each with its path from the layer."""
    inside = list(layer.inside(shape))
    if not inside:
        yield (), layer, shape
    for path, inner, inner_shape in inside:
        yield from (((*path, *rest), leaf, leaf_shape) for rest, leaf, leaf_shape in _leaves(inner, inner_shape))


def _collapses(layer: LayerSpec, shape: Shape) -> Iterator[Remark]:
    """Why a layer lets all samples have one code."""
    style = layer.style()
    if layer.parameters(shape) > layer.borrowed(shape):
        message = f"{layer.tag()!r} has a bias, or the shift of a norm: it can bring all codes to the centre"
        yield Remark(message, 'bias = false, norm = "none"')
    if style is not None and all(map(isfinite, RANGES[style.activation])):
        message = f"{style.activation} is bounded: a unit at its bound acts as a bias"
        yield Remark(message, 'activation = "relu"')
