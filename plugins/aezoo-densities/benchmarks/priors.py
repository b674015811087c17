"""Train small VAEs of binarised digits that differ in bound, prior or posterior, and print their log likelihood.

    python benchmarks/priors.py [--seeds 0 1 2] [--only NAME ...] [--steps N] > table.md

All have one encoder, decoder and number of steps; in a warm-up the weight of the rate rises from 0.1 to 1 over half of
them. The digits of aezoo are drawn as bits, those that are trained on ten times; the test split is never trained on. A
row a model and seed: -log p(x) of the test by 1,000 draws, and its -ELBO; the lowest total of validation that training
logged, with a warm-up the last, and the -ELBO that an evaluation reports for that split; active units; CPU seconds of
training. The last lines say which claims hold; the exit status is 1 unless all of them do.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from aezoo_densities.importance import log_likelihood
from binarised import bits

import aezoo
from aezoo.plugin import Samples

Document = dict[str, Any]
KL: Document = {"regularizers": {"kl": {"weight": 1.0}}}
COMPONENTS = 100

PRIORS: dict[str, Document] = {
    "mixture": {"type": "mixture", "components": COMPONENTS},
    "vamp": {"type": "densities:vamp", "components": COMPONENTS},
    "flow": {"type": "densities:flow"},
}
MODELS: dict[str, Document] = {
    "vae": KL,
    "iwae-5": {"objective": {"type": "densities:iwae", "k": 5}},
    "dreg-5": {"objective": {"type": "densities:iwae", "k": 5, "estimator": "dreg"}},
    **{name: {**KL, "latent": {"prior": prior}} for name, prior in PRIORS.items()},
    "vae-warm-up": {},
    "flow-warm-up": {"latent": {"prior": {"type": "densities:flow", "transforms": 1, "bins": 4}}},
    "iaf-warm-up": {"latent": {"type": "densities:iaf"}},
    "iaf": {**KL, "latent": {"type": "densities:iaf"}},
    # Codes of four dimensions each: those of a sphere are written as five values.
    "gaussian-4": {**KL, "latent": {"dim": 4}},
    "spherical-4": {**KL, "latent": {"type": "densities:power_spherical", "dim": 5}},
    "poincare-4": {**KL, "latent": {"type": "densities:poincare", "dim": 4}},
}


class Row(NamedTuple):
    model: str
    seed: int
    nll: float
    elbo: float
    trained: float
    reported: float
    active: float
    seconds: float


def document(name: str, seed: int, steps: int) -> Document:
    slots = MODELS[name]
    latent = {"type": "gaussian", "dim": 32, **slots.get("latent", {})}
    warm = {"type": "linear", "start": 0.1, "end": 1.0, "steps": steps // 2}
    regularizers = {"regularizers": {"kl": {"weight": warm}}} if warms_up(name) else {}
    return {
        "name": name,
        "input": {"shape": [1, 28, 28], "range": [0.0, 1.0]},
        "encoder": [{"type": "flatten"}, {"type": "linear", "each": {"features": [200, 200]}}],
        "likelihood": "bernoulli",
        "training": {
            "steps": steps,
            "batch_size": 100,
            "seed": seed,
            # In a warm-up the lowest total is that of the lowest weight.
            "best_by": "last" if warms_up(name) else "total",
            "optimizer": {"type": "adam", "lr": {"type": "cosine", "start": 2e-3, "end": 1e-4}},
        },
        **slots,
        **regularizers,
        "latent": latent,
    }


def warms_up(name: str) -> bool:
    return name.endswith("warm-up")


def measured(name: str, seed: int, steps: int, data: Samples) -> Row:
    start = time.process_time()
    run = aezoo.train(document(name, seed, steps), data, device="cpu", threads=1)
    seconds = time.process_time() - start
    totals = [record["total"] for record in run.history if record["split"] == "validation"]
    reported = -aezoo.evaluate(run.model, data, split="validation").metrics["elbo"]
    metrics = aezoo.evaluate(run.model, data, split="test").metrics
    return Row(
        name,
        seed,
        nll(run.model, data),
        -metrics["elbo"],
        totals[-1] if warms_up(name) else min(totals),
        reported,
        metrics["active_units"],
        seconds,
    )


@torch.no_grad()
def nll(model: aezoo.Model, data: Samples, k: int = 1000) -> float:
    test = data.values[data.splits["test"]]
    parts = torch.from_numpy(test / np.float32(255)).split(100)
    return -torch.cat([log_likelihood(model.network(x), k, seed=i) for i, x in enumerate(parts)]).mean().item()


def claims(rows: list[Row]) -> Iterator[tuple[bool, str]]:
    """What is claimed of every seed."""
    nlls = {name: np.array([row.nll for row in rows if row.model == name]) for name in MODELS}
    active = {name: np.array([row.active for row in rows if row.model == name]) for name in MODELS}
    for name in ("iwae-5", "dreg-5"):
        yield bool((nlls[name] <= nlls["vae"] - 1).all()), f"{name}: at least 1 nat below the VAE"
        yield bool((active[name] >= active["vae"]).all()), f"{name}: not fewer active units than the VAE"
    for name in ("mixture", "vamp"):  # the flow needs a warm-up
        yield bool((nlls[name] < nlls["vae"]).all()), f"{name}: below the VAE, whose prior is N(0, I)"
    for name in ("flow-warm-up", "iaf-warm-up"):
        yield bool((nlls[name] < nlls["vae-warm-up"]).all()), f"{name}: below vae-warm-up, a Gaussian under N(0, I)"
    bound = [row for row in rows if row.model not in ("iwae-5", "dreg-5")]
    yield all(abs(row.reported - row.trained) < 1 for row in bound), "reported ELBO within 1 nat of the trained bound"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=list(MODELS), default=list(MODELS), metavar="NAME")
    parser.add_argument("--steps", type=int, default=2000, help="of each training")
    arguments = parser.parse_args()
    print("| model | seed | NLL | -ELBO | trained | reported | active | CPU s |\n|---|---|---|---|---|---|---|---|")
    rows: list[Row] = []
    data = bits()
    for name in arguments.only:
        for seed in arguments.seeds:
            row = measured(name, seed, arguments.steps, data)
            rows.append(row)
            nats = f"{row.nll:.2f} | {row.elbo:.2f} | {row.trained:.2f} | {row.reported:.2f}"
            print(f"| {name} | {seed} | {nats} | {row.active:.0f} | {row.seconds:.0f} |", flush=True)
    if set(arguments.only) != set(MODELS):
        return 0
    results = list(claims(rows))
    print("", *(f"- {'holds' if holds else 'FAILS'}: {what}" for holds, what in results), sep="\n")
    return 0 if all(holds for holds, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
