"""The plugin in the box: every part that a spec may name without a namespace."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from aezoo.plugin import Room, hookimpl

#: What each file holds, so that a spec imports no more of them than it names: 50 ms of imports, else.
ROOMS = [
    Room("aezoo.layers.basic", layer=("linear", "flatten", "reshape", "norm", "activation", "dropout")),
    Room("aezoo.layers.resampling", layer=("pool", "global_pool", "upsample")),
    Room("aezoo.layers.convolutions", layer=("conv", "conv_transpose")),
    Room(f"{__name__}.residual", layer=("residual",)),
    Room(f"{__name__}.sequences", layer=("attention", "transformer", "recurrent")),
    Room(f"{__name__}.latents", latent=("deterministic", "gaussian", "topk")),
    Room(f"{__name__}.priors", prior=("standard_normal", "mixture", "fitted_gaussian")),
    Room(
        f"{__name__}.likelihoods",
        likelihood=("bernoulli", "continuous_bernoulli", "mse", "gaussian", "laplace", "huber"),
    ),
    Room(f"{__name__}.regularizers", regularizer=("kl", "kl_sparsity", "l1", "l2", "contractive")),
    Room(f"{__name__}.constraints", constraint=("unit_norm", "max_norm")),
    Room(f"{__name__}.corruptions", corruption=("mask", "gaussian_noise", "salt_and_pepper", "block")),
    Room(f"{__name__}.objectives", objective=("standard",)),
    Room("aezoo.spec.kinds.schedule", schedule=("constant",)),
    Room(f"{__name__}.schedules", schedule=("linear", "cosine", "exponential", "cyclical", "piecewise")),
    Room(f"{__name__}.optimizers", optimizer=("adam", "adamw", "sgd", "rmsprop", "lbfgs")),
    Room(f"{__name__}.datasets", dataset=("digits",)),
    Room(f"{__name__}.arrays", dataset=("arrays",)),
    Room(f"{__name__}.pictures", dataset=("images",)),
    Room(f"{__name__}.tables", dataset=("table",)),
    Room(f"{__name__}.generated", dataset=("sprites", "ar1", "gaussian")),
    Room(
        f"{__name__}.metrics",
        metric=(
            "squared_error",
            "mse",
            "psnr",
            "fvu",
            "nll",
            "rate",
            "elbo",
            "active_units",
            "sparsity",
            "mean_activation",
            "latent_rank",
        ),
    ),
]


@hookimpl
def aezoo_components() -> list[Room]:
    return ROOMS


@hookimpl
def aezoo_variants() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(files(__name__).joinpath("variants.toml").read_text(encoding="utf-8"))
