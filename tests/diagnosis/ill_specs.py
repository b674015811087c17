"""Specs that fall ill, and their data, from seeds: each case of the catalogue in docs/diagnosis.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
CONVS = [
    {"type": "conv", "kernel": 4, "stride": 2, "padding": 1, "channels": 16},
    {"type": "conv", "kernel": 4, "stride": 2, "padding": 1, "channels": 32},
]
ADAM = {"type": "adam", "lr": 2e-3}


class Case(NamedTuple):
    """A spec, its data, and what is to be told of them.

    Attributes:
        spec: As a document.
        data: Its samples.
        codes: Findings that are to be among those of the data and of the model.
        lints: Codes of lints that are to be given by the spec alone.
    """

    spec: Mapping[str, Any]
    data: Callable[[], Values]
    codes: frozenset[str] = frozenset()
    lints: frozenset[str] = frozenset()


def blobs(n: int = 1500) -> Values:
    """Grey pictures with a spot each, [n, 1, 16, 16]: 0.4 and a spot of 0.2."""
    rng = np.random.default_rng(0)
    at = rng.uniform(3, 13, size=(n, 2, 1, 1))
    y, x = np.mgrid[0:16, 0:16]
    spot = 0.2 * np.exp(-((y - at[:, 0]) ** 2 + (x - at[:, 1]) ** 2) / 6)
    return (0.4 + spot)[:, None].astype(np.float32)


def table(n: int = 1500) -> Values:
    """Ten columns of unit scale, driven by three factors, [n, 10]."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, 3)) @ rng.normal(size=(3, 10)) / 3**0.5
    return (values + 0.05 * rng.normal(size=(n, 10))).astype(np.float32)


def scales() -> Values:
    """The table with one column of noise, 10,000 times as wide."""
    values = table()
    values[:, 8] = 1e4 * np.random.default_rng(1).normal(size=len(values))
    return values


def sines(n: int = 1500) -> Values:
    """Two channels of a sine of random phase and frequency each, [n, 2, 100]."""
    rng = np.random.default_rng(0)
    phase, rate = rng.uniform(0, 2 * np.pi, size=(n, 2, 1)), rng.uniform(0.1, 0.3, size=(n, 2, 1))
    return np.sin(phase + rate * np.arange(100)).astype(np.float32)


def activations(n: int = 6000) -> Values:
    """Sparse sums of directions with a mean of 60 in two of 32 dimensions, [n, 32]."""
    rng = np.random.default_rng(0)
    atoms = rng.normal(size=(64, 32)) / 32**0.5
    values = (rng.uniform(0.5, 1.5, size=(n, 64)) * (rng.random((n, 64)) < 0.06)) @ atoms
    values[:, :2] += 60
    return values.astype(np.float32)


def counts(n: int = 1500) -> Values:
    """Poisson counts of twenty columns, [n, 20]."""
    rng = np.random.default_rng(0)
    rates = np.exp(rng.normal(size=(n, 2)) @ rng.normal(size=(2, 20)) * 0.6 + 0.8)
    return rng.poisson(rates).astype(np.float32)


def bytes_of_16() -> Values:
    """Pictures of numbers from 0 to 16 that were stored as uint8."""
    return np.asarray(((blobs() - 0.4) * 80).round().astype(np.uint8))


def pictures(**more: Any) -> dict[str, Any]:
    spec = {"name": "ill", "input": [1, 16, 16], "encoder": CONVS, "training": {"epochs": 12, "optimizer": ADAM}}
    return {**spec, **more}


def tabular(**more: Any) -> dict[str, Any]:
    spec = {
        "name": "ill",
        "input": {"shape": [10], "kind": "tabular"},
        "encoder": [{"type": "linear", "features": 32}],
        "latent": {"type": "deterministic", "dim": 3},
        "training": {"epochs": 30, "optimizer": ADAM},
    }
    return {**spec, **more}


GAUSSIAN = {"type": "gaussian", "dim": 8}
KL = {"kl": {"weight": 1.0}}


def fast(rate: float, **more: Any) -> dict[str, Any]:
    return {"epochs": 8, "optimizer": {"type": "adam", "lr": rate}, **more}


ILL: Mapping[str, Case] = {
    "mse beside a kl": Case(
        pictures(latent=GAUSSIAN, likelihood="mse", regularizers=KL),
        blobs,
        frozenset({"AZ713", "AZ721", "AZ723", "AZ731"}),
        frozenset({"AZ701"}),
    ),
    "columns of different scale": Case(tabular(), scales, frozenset({"AZ712", "AZ725"})),
    "a sigmoid on standardized values": Case(
        tabular(likelihood={"type": "mse", "output": "sigmoid"}), table, frozenset({"AZ711", "AZ722"})
    ),
    "a pool after a recurrent layer": Case(
        {
            "name": "ill",
            "input": {"shape": [2, 100], "kind": "signal"},
            "encoder": [{"type": "recurrent", "cell": "lstm", "features": 32}, {"type": "global_pool"}],
            "latent": {"type": "deterministic", "dim": 8},
            "training": {"epochs": 4, "optimizer": ADAM},
        },
        sines,
        frozenset({"AZ721"}),
        frozenset({"AZ702"}),
    ),
    "a tied contractive penalty that is too heavy": Case(
        {
            "name": "ill",
            "input": [1, 16, 16],
            "encoder": ["flatten", {"type": "linear", "features": 64}],
            "latent": {"type": "deterministic", "dim": 8},
            "decoder": {"tied": True},
            "regularizers": {"contractive": {"weight": 1.0}},
            "training": {"epochs": 12, "optimizer": ADAM},
        },
        blobs,
        frozenset({"AZ713", "AZ721"}),
    ),
    "units that never fire": Case(
        {
            "name": "ill",
            "input": {"shape": [32], "kind": "activations"},
            "latent": {"type": "topk", "dim": 256, "k": 4},
            "constraints": {"unit_norm": {"on": "decoder"}},
            "training": {"epochs": 12, "optimizer": ADAM},
        },
        activations,
        frozenset({"AZ721", "AZ733"}),
    ),
    "a learned variance that diverges": Case(
        pictures(
            latent=GAUSSIAN,
            likelihood={"type": "gaussian", "variance": "per_value"},
            regularizers=KL,
            training=fast(0.3),
        ),
        blobs,
        frozenset({"AZ721", "AZ723"}),
    ),
    "a black picture": Case(
        pictures(
            latent={"type": "deterministic", "dim": 8},
            likelihood={"type": "mse", "output": "sigmoid"},
            training=fast(0.5),
        ),
        blobs,
        frozenset({"AZ721", "AZ723"}),
    ),
    "counts under a gaussian": Case(
        tabular(
            input={"shape": [20], "kind": "tabular"},
            latent={"type": "gaussian", "dim": 3},
            likelihood="gaussian",
            regularizers=KL,
        ),
        counts,
        frozenset({"AZ714"}),
    ),
    "a code nearly as wide as its input": Case(
        tabular(latent={"type": "deterministic", "dim": 9}), table, frozenset(), frozenset({"AZ703"})
    ),
    "small numbers as bytes": Case(
        pictures(latent={"type": "deterministic", "dim": 8}, training=fast(2e-3)), bytes_of_16, frozenset({"AZ716"})
    ),
}

#: Cases that take a plugin.
WITH_PLUGINS: Mapping[str, Case] = {
    "a codebook that collapses": Case(
        pictures(
            latent={"type": "quantize:vq", "dim": 8, "codes": 256},
            regularizers={"commitment": {"type": "quantize:commitment", "weight": 0.25}},
        ),
        blobs,
        frozenset({"AZ721", "AZ734"}),
    ),
}
