"""Time steps of top-k autoencoders by all units and by active units alone, and print the ratios.

    OMP_NUM_THREADS=1 python benchmarks/selection.py [--widths 8192] [--ks 32] [--batches 256] > table.md

A row a size: CPU milliseconds of the forward and backward pass of encoder map, selection and decoder map (loss and
optimizer left out) by dense autograd and by `aezoo.nn.selection`, and their ratio; then the ratio of a whole step, with
squared error and fused Adam. Both sides are the same model and run in turns, one step each; medians.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from unittest import mock

import torch
from aezoo_sparse.coding import BatchTopK, TopK
from torch import Tensor, nn

from aezoo.nn import selection
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.layers import Linear
from aezoo.nn.likelihood import SquaredError

LATENTS = {"topk": TopK, "batch_topk": BatchTopK}


def passes(model: Autoencoder, x: Tensor, gradient: Tensor) -> None:
    """Forward and backward through the maps, from a gradient that is at hand."""
    model.zero_grad()
    model(x).raw.backward(gradient)


def step(model: Autoencoder, optimizer: torch.optim.Optimizer, x: Tensor, _: Tensor) -> None:
    """A whole training step."""
    optimizer.zero_grad()
    (model(x).raw - x).square().sum(dim=1).mean().backward()
    optimizer.step()


def seconds(run: Callable[[], None], width: float) -> float:
    """CPU seconds of one call, with active units alone from a width on."""
    with mock.patch.multiple(selection, WIDTH=width, BATCH=1, SPARSITY=1):
        start = time.process_time()
        run()
        return time.process_time() - start


def compared(run: Callable[[], None], pairs: int) -> tuple[float, float]:
    """Medians of the CPU seconds by all units, and by active units alone."""
    for width in (math.inf, 1):
        seconds(run, width)
    dense, sparse = zip(*((seconds(run, math.inf), seconds(run, 1)) for _ in range(pairs)), strict=True)
    return statistics.median(dense), statistics.median(sparse)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("widths", [8192]), ("ks", [32]), ("batches", [256]), ("features", [512])):
        parser.add_argument(f"--{name}", type=int, nargs="+", default=default)
    parser.add_argument("--latent", choices=LATENTS, default="topk")
    parser.add_argument("--pairs", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| width | k | batch | features | dense, ms | active, ms | ratio | whole step |\n" + "|---" * 8 + "|")
    for width, k, batch, features in product(arguments.widths, arguments.ks, arguments.batches, arguments.features):
        torch.manual_seed(0)
        latent: nn.Module = LATENTS[arguments.latent](features, width, k=k)
        model = Autoencoder(
            input_shape=(features,),
            encoder=[],
            latent=latent,
            decoder=[nn.Sequential(Linear(width, features))],
            likelihood=SquaredError(),
        )
        x, gradient = torch.randn(batch, features), torch.randn(batch, features)
        dense, sparse = compared(partial(passes, model, x, gradient), arguments.pairs)
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        whole = compared(partial(step, model, optimizer, x, gradient), arguments.pairs)
        figures = f"{dense * 1e3:.1f} | {sparse * 1e3:.1f} | {dense / sparse:.2f} | {whole[0] / whole[1]:.2f}"
        print(f"| {width} | {k} | {batch} | {features} | {figures} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
