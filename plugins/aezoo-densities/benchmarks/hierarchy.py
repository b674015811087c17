"""Train a hierarchical and a one-level VAE of equally many weights on binarised digits, and print their log likelihood.

    python benchmarks/hierarchy.py [--seeds 0 1 2] [--steps N] > table.md

Both have the same data, steps, optimizer and warm-up, dense layers with batch norm, and one hidden layer between the
data and the widest code. The digits of aezoo are drawn as bits; 1,000 are kept for the test. A row a
model and seed: its weights; -log p(x) of the test by 500 draws; its -ELBO; the rate of the code and of each level
below it, in nats, from the top; CPU seconds of training. The last lines say which claims hold; the exit status is 1
unless all of them do.
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
from aezoo.nn.divergence import rate_values_by_level
from aezoo.nn.metrics import elbo
from aezoo.plugin import Samples

Document = dict[str, Any]
OUTPUT: list[Document] = [
    {"type": "linear", "features": 784, "activation": "identity"},
    {"type": "reshape", "shape": [1, 28, 28]},
]
#: Nats of each value that are free: no level gains by dying.
FREE_BITS = 0.05


def dense(features: int) -> Document:
    return {"type": "linear", "features": features, "activation": "silu", "norm": "batch"}


MODELS: dict[str, Document] = {
    "one level": {
        "encoder": [{"type": "flatten"}, dense(112)],
        "latent": {"type": "gaussian", "dim": 32},
        "decoder": [dense(112), *OUTPUT],
        "regularizers": {"kl": {}},
    },
    "three levels": {
        "encoder": [{"type": "flatten"}, dense(96), dense(64)],
        "latent": {"type": "gaussian", "dim": 10},
        "decoder": [
            dense(64),
            {"type": "stochastic", "dim": 10, "reads": "encoder.2"},
            {"type": "join", "reads": "decoder.0"},
            dense(64),
            {"type": "stochastic", "dim": 32, "reads": "encoder.1"},
            {"type": "join", "reads": "decoder.3"},
            dense(96),
            *OUTPUT,
        ],
        "regularizers": {"kl": {"free_bits": FREE_BITS}},
    },
}


class Row(NamedTuple):
    model: str
    seed: int
    weights: int
    nll: float
    elbo: float
    rates: list[float]
    seconds: float


def document(name: str, seed: int, steps: int) -> Document:
    slots = MODELS[name]
    weight = {"type": "linear", "start": 0.1, "end": 1.0, "steps": steps // 4}
    return {
        "name": name,
        "input": {"shape": [1, 28, 28], "range": [0.0, 1.0]},
        "likelihood": "bernoulli",
        "training": {
            "steps": steps,
            "batch_size": 100,
            "seed": seed,
            "optimizer": {"type": "adam", "lr": {"type": "cosine", "start": 5e-3, "end": 1e-4}},
        },
        **slots,
        "regularizers": {"kl": {"weight": weight, **slots["regularizers"]["kl"]}},
    }


@torch.no_grad()
def measured(name: str, seed: int, steps: int, data: Samples) -> Row:
    test = torch.from_numpy(data.values[data.splits["test"]] / np.float32(255))
    start = time.process_time()
    with torch.enable_grad():
        model = aezoo.train(document(name, seed, steps), data, device="cpu", threads=1).model
    seconds = time.process_time() - start
    network = model.network.eval()
    nlls = [-log_likelihood(network(x), 500, seed=i) for i, x in enumerate(test.split(100))]
    out = network(test, generator=torch.Generator().manual_seed(0))
    rates = [part.sum(dim=1).mean().item() for part in rate_values_by_level(out)]
    bound = -elbo(out).mean().item()
    return Row(name, seed, model.spec.parameters, torch.cat(nlls).mean().item(), bound, rates, seconds)


def claims(rows: list[Row]) -> Iterator[tuple[bool, str]]:
    """What is claimed of every seed."""
    one, three = ([row for row in rows if row.model == name] for name in MODELS)
    margins = ", ".join(f"{a.nll - b.nll:.2f}" for a, b in zip(one, three, strict=True))
    nearer = all(b.elbo < a.elbo for a, b in zip(one, three, strict=True))
    yield nearer, f"the -ELBO of three levels is below that of one; the NLL is by {margins} nats"
    yield three[0].weights <= 1.03 * one[0].weights, "three levels have at most 3 % more weights"
    yield all(min(row.rates) > 0.5 for row in three), "no level is dead: each tells more than half a nat"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=1500, help="of each training")
    arguments = parser.parse_args()
    print("| model | seed | weights | NLL | -ELBO | rates | CPU s |\n|---|---|---|---|---|---|---|")
    rows: list[Row] = []
    data = bits()
    for seed in arguments.seeds:
        for name in MODELS:
            row = measured(name, seed, arguments.steps, data)
            rows.append(row)
            rates = " + ".join(f"{rate:.1f}" for rate in row.rates)
            nats = f"{row.nll:.2f} | {row.elbo:.2f}"
            print(f"| {name} | {seed} | {row.weights:,} | {nats} | {rates} | {row.seconds:.0f} |", flush=True)
    results = list(claims(rows))
    print("", *(f"- {'holds' if holds else 'FAILS'}: {what}" for holds, what in results), sep="\n")
    return 0 if all(holds for holds, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
