"""Reads: which taps a layer may read beside its input, and stacks of layers that know the shapes of what they read.

encoder layer      fields, encoder layers before it
decoder layer      fields, decoder layers before it: all that is there where a model decodes or samples
stochastic layer   in the decoder: an encoder layer, for its posterior; without an encoder it draws from its prior
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aezoo.hints import did_you_mean
from aezoo.spec.component import FIELDS
from aezoo.spec.kinds import LayerSpec, ReadingLayerSpec
from aezoo.spec.mirror import Misfit, output_of
from aezoo.spec.shape import Shape


class Unreadable(Misfit):
    """Layer `index` of a list reads a tap that it cannot read."""

    def __init__(self, message: str, index: int, hint: str) -> None:
        super().__init__(message, index)
        self.hint = hint


class Stack(NamedTuple):
    """Layers that know what they read, the shape before each, and after the last."""

    layers: tuple[LayerSpec, ...]
    shapes: list[Shape]


def stacked(stack: str, layers: Sequence[LayerSpec], shape: Shape, known: Mapping[str, Shape]) -> Stack:
    """The layers of the encoder or decoder with the shapes between them.

    Args:
        stack: `encoder` or `decoder`.
        layers: As declared.
        shape: Input of the first.
        known: Shapes of the taps that there are before the stack, by name.

    Raises:
        Misfit: A layer cannot take its input.
        Unreadable: A layer reads a tap that it cannot read.
    """
    taps, shapes, bound = dict(known), [shape], list[LayerSpec]()
    for index, declared in enumerate(layers):
        layer = bind(declared, stack, index, taps)
        shapes.append(output_of(layer, index, shapes[-1]))
        taps[f"{stack}.{index}"] = shapes[-1]
        bound.append(layer)
    return Stack(tuple(bound), shapes)


def bind(layer: LayerSpec, stack: str, index: int, taps: Mapping[str, Shape]) -> LayerSpec:
    """The layer, with the shape of what it reads; any other layer as it is.

    Args:
        layer: As declared.
        stack: Where it stands: `encoder` or `decoder`.
        index: Of the layer in the stack.
        taps: Shapes of all that comes before it, by name.

    Raises:
        Unreadable: It reads a tap that it cannot read.
    """
    if not isinstance(layer, ReadingLayerSpec):
        return layer
    if layer.stochastic and stack == "encoder":
        message = f"{layer.tag()!r} draws a level of the code on the way back: it stands in the decoder"
        raise Unreadable(message, index, f'decoder = [{{ type = "{layer.tag()}", reads = "encoder.0", ... }}, ...]')
    readable = [name for name in taps if _may_read(layer, stack, name)]
    if layer.reads not in readable:
        raise Unreadable(_reason(layer, stack, taps), index, _cure(layer, readable))
    return layer.bound(taps[layer.reads])


def _may_read(layer: ReadingLayerSpec, stack: str, tap: str) -> bool:
    if layer.stochastic:
        return tap.startswith("encoder.")
    return stack == "encoder" or not tap.startswith("encoder.")


def _reason(layer: ReadingLayerSpec, stack: str, taps: Mapping[str, Shape]) -> str:
    if layer.reads not in taps:
        field = layer.reads.startswith(FIELDS)
        return f"no field is called {layer.reads!r}" if field else f"there is no {layer.reads!r} before this layer"
    if layer.stochastic:
        return f"a posterior is made from the encoder, and {layer.reads!r} is none of its layers"
    return f"where the model decodes or samples there is no encoder, and no {layer.reads!r}"


def _cure(layer: ReadingLayerSpec, readable: Sequence[str]) -> str:
    undeclared = layer.reads.startswith(FIELDS) and not any(name.startswith(FIELDS) for name in readable)
    if undeclared and not layer.stochastic:
        return f"declare it: {layer.reads} = {{classes = ...}}, or {{shape = [...]}}"
    if not readable:
        return "there is nothing that it can read: declare a field, or put a layer before it"
    return did_you_mean(layer.reads, readable, f"it can read {', '.join(readable)}")
