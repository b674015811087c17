"""Sizes: what a model sees, and which other sizes of its input it takes. Without torch.

A part that says what it `sees` works at any size of the grid; a model of such parts does, if the size can be divided by
what its strides multiply to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aezoo.errors import KeyPath
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import LayerSpec
from aezoo.spec.shape import Shape
from aezoo.spec.window import POINTWISE, Window


class Views(NamedTuple):
    """What a model sees.

    Attributes:
        encoder: The positions of the input that a position of the code sees.
        decoder: The positions of the code that a position of the output sees.
        both: The positions of the input that a position of the reconstruction sees.
    """

    encoder: Window
    decoder: Window

    @property
    def both(self) -> Window:
        return self.encoder.then(self.decoder)


def views(spec: Spec) -> Views | None:
    """The windows of a model whose shapes fit; None if a part of it works at one size only."""
    there, back = POINTWISE, POINTWISE
    for path, _, window in windows(spec):
        if window is None:
            return None
        if path[0] == "decoder":
            back = back.then(window)
        else:
            there = there.then(window)
    return Views(there, back)


def windows(spec: Spec) -> Iterator[tuple[KeyPath, Component, Window | None]]:
    """Each part that positions pass, from the input to the output: its key path, itself, and its window."""
    yield from _stack(("encoder",), spec.encoder, spec.encoder_shapes)
    yield ("latent",), spec.latent, spec.latent.sees(spec.feature_shape)
    stem: KeyPath = ("decoder", "layers") if spec.decoder.type == "layers" else ("decoder",)
    yield from _stack(stem, spec.decoder_layers(), spec.decoder_shapes)


def _stack(
    stem: KeyPath, layers: Sequence[LayerSpec], shapes: Sequence[Shape]
) -> Iterator[tuple[KeyPath, Component, Window | None]]:
    for i, layer in enumerate(layers):
        yield ((*stem, i) if stem != ("decoder",) else stem), layer, layer.sees(shapes[i])


def nearest_sizes(spatial: Shape, multiple: int) -> tuple[Shape, Shape]:
    """The next smaller and the next larger size whose axes the multiple divides; none of them is 0."""
    lower = tuple(max(n // multiple, 1) * multiple for n in spatial)
    return lower, tuple(-(-n // multiple) * multiple for n in spatial)
