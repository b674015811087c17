"""Networks: layers for samples of a kind, from a linear map to convolutions."""

from __future__ import annotations

from typing import Any, NamedTuple

from aezoo.fitting.facts import Facts

Layer = dict[str, Any]


class Network(NamedTuple):
    """The layers of a model.

    Attributes:
        name: What it is.
        why: What it can and cannot do.
        encoder: Its layers; with "mirror" as the decoder, which leads them back.
        outputs: Layers of a decoder of its own, before its last map; None for the mirror.
        spatial: Whether the code keeps the grid of positions.
    """

    name: str
    why: str
    encoder: list[Layer]
    outputs: list[Layer] | None = None
    spatial: bool = False


def linear(facts: Facts) -> Network:
    """Maps alone: what PCA can do, and no more."""
    flat = [{"type": "flatten"}] if len(facts.shape) > 1 else []
    return Network("linear", "linear maps: what PCA can do, by which the others are measured", flat, [])


def dense(facts: Facts, name: str, hidden: int, dim: int) -> Network:
    """A perceptron beside a linear map, which it begins near to and need not be worse than."""
    flat = [{"type": "flatten"}] if len(facts.shape) > 1 else []
    why = f"a perceptron of {hidden} units beside a linear map: it can be PCA, and bend where the samples do"
    return Network(name, why, [*flat, _bent(hidden, dim)], [_bent(hidden, None)])


def _bent(hidden: int, features: int | None) -> Layer:
    """A residual block of vectors: a linear map and a perceptron. Without features its last map is filled in."""
    body: list[Layer] = [{"type": "linear", "features": hidden, "activation": "silu"} for _ in range(2)]
    last: Layer = {"type": "linear", "features": features or 0, "activation": "identity"}
    return {"type": "residual", "body": [*body, last]}


def convolutional(facts: Facts, name: str, channels: int) -> Network:
    """Strided convolutions, each of which halves the grid."""
    halvings = 3 if min(_sides(facts)) >= 48 else 2 if min(_sides(facts)) >= 8 else 1
    widths = [channels * min(2**i, 4) for i in range(halvings)]
    strided = {"type": "conv", "kernel": 4, "stride": 2, "padding": 1, "norm": "group", "activation": "silu"}
    why = f"convolutions: the same is learnt at every position; {halvings} of stride 2"
    return Network(name, why, [{**strided, "each": {"channels": widths}}])


def filtering(facts: Facts, name: str, channels: int) -> Network:
    """Convolutions with a code that keeps the grid: for samples of which nothing but noise may be lost."""
    plain = {"type": "conv", "kernel": 5 if len(facts.shape) == 2 else 3, "activation": "silu"}
    layers = [{**plain, "channels": channels}, {**plain, "channels": channels}]
    layers.append(
        {"type": "conv", "kernel": 4, "stride": 2, "padding": 1, "channels": 2 * channels, "activation": "silu"}
    )
    layers.append({**plain, "channels": 2 * channels})
    return Network(name, "convolutions, and a code on half of the grid: detail is kept", layers, spatial=True)


def _sides(facts: Facts) -> tuple[int, ...]:
    return facts.shape[1:]


def can_convolve(facts: Facts) -> bool:
    """Whether there are positions beside each other, on all axes at least four."""
    return len(facts.shape) > 1 and min(_sides(facts)) >= 4
