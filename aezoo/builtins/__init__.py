"""The plugin in the box: every part that a spec may name without a namespace."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import import_module
from importlib.resources import files
from typing import Any

from aezoo.plugin import Component, hookimpl

ROOMS = (
    "layers",
    "resampling",
    "convolutions",
    "residual",
    "sequences",
    "latents",
    "priors",
    "likelihoods",
    "regularizers",
    "constraints",
    "corruptions",
    "objectives",
    "schedules",
    "optimizers",
    "datasets",
    "arrays",
    "pictures",
    "tables",
    "generated",
    "metrics",
)


@hookimpl
def aezoo_components() -> list[type[Component]]:
    return [part for room in ROOMS for part in import_module(f"{__name__}.{room}").COMPONENTS]


@hookimpl
def aezoo_variants() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(files(__name__).joinpath("variants.toml").read_text(encoding="utf-8"))
