"""The built-in plugin: every part that a spec may name without a namespace."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from aezoo.plugin import LazyModule, hookimpl

#: The modules of each kind, in the order in which they are searched for a part. Importing them all takes 50 ms.
MODULES = {
    "layer": (
        "aezoo.layers.basic",
        "aezoo.layers.convolutions",
        "aezoo.layers.padding",
        "aezoo.layers.resampling",
        f"{__name__}.gates",
        f"{__name__}.residual",
        f"{__name__}.sequences",
        f"{__name__}.shuffling",
        f"{__name__}.reading_layers",
        f"{__name__}.hierarchy",
    ),
    "latent": (f"{__name__}.latents",),
    "prior": (f"{__name__}.priors",),
    "likelihood": (f"{__name__}.likelihoods", f"{__name__}.scaled_likelihoods"),
    "regularizer": (f"{__name__}.regularizers",),
    "constraint": (f"{__name__}.constraints",),
    "corruption": (f"{__name__}.corruptions",),
    "objective": (f"{__name__}.objectives",),
    "schedule": ("aezoo.spec.kinds.schedule", f"{__name__}.ramps", f"{__name__}.schedules"),
    "optimizer": (f"{__name__}.adam", f"{__name__}.optimizers", f"{__name__}.muon", f"{__name__}.schedule_free"),
    "dataset": tuple(
        f"{__name__}.{name}"
        for name in ("digits", "arrays", "image_files", "tables", "parquet", "recordings", "webdataset", "generated")
    ),
    "metric": (f"{__name__}.metrics",),
}


@hookimpl
def aezoo_components() -> list[LazyModule]:
    return [LazyModule(module, kind) for kind, modules in MODULES.items() for module in modules]


@hookimpl
def aezoo_variants() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(files(__name__).joinpath("variants.toml").read_text(encoding="utf-8"))
