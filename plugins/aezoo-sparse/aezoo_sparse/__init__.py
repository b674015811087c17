"""Sparse dictionaries: each sample is a combination of few of many directions.

    x ── encoder ──> h ── W (h - c) + b ──> pre ── which may be active ──> z ── D z + d ──> x^

Latents choose the active units, penalties and an objective train the code, a constraint keeps the directions (columns
of D) at length 1, and a dataset of known directions measures whether a dictionary finds them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from aezoo.plugin import LazyModule, hookimpl

#: The plugin interface this was written for.
AEZOO_API = 1

MODULES = [
    LazyModule(f"{__name__}.latents", latent=("relu", "topk", "batch_topk", "jumprelu", "gated")),
    LazyModule(f"{__name__}.terms", regularizer=("auxk", "l0", "gate"), objective="matryoshka", constraint="unit_norm"),
    LazyModule(f"{__name__}.dictionary", dataset="dictionary"),
    LazyModule(f"{__name__}.metrics", metric=("l0", "explained_variance", "recovery")),
]


@hookimpl
def aezoo_components() -> list[LazyModule]:
    return MODULES


@hookimpl
def aezoo_variants() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(files(__name__).joinpath("variants.toml").read_text(encoding="utf-8"))
