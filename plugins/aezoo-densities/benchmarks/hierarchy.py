"""Train a hierarchical and a one-level VAE of equally many weights on binarised digits, and print their log likelihood.

    python benchmarks/hierarchy.py [--seeds 0 1 2] [--steps N] > table.md
    python benchmarks/hierarchy.py --choose > validation.md

Both have the same data, steps, batch size, optimizer, warm-up and normalization, and weights within 3 % of each other:
`CHOSEN`. Each was chosen among others of its kind, `TRIED`, by the -log p(x) of the validation split with seed 0, which
`--choose` prints; the test split was read once, by the two that were chosen.

A row a model and seed: its weights; -log p(x) of 1,000 digits by 500 draws; its -ELBO; the rate of the code and of each
level below it, in nats, from the top; CPU seconds of training. The last lines say which claims hold; the exit status is
1 unless all of them do.
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
Layers = list[Document]
OUTPUT: Layers = [
    {"type": "linear", "features": 784, "activation": "identity"},
    {"type": "reshape", "shape": [1, 28, 28]},
]
#: Nats of each value that are free.
FREE_BITS = 0.02


def dense(*widths: int, norm: str = "batch") -> Layers:
    return [{"type": "linear", "features": width, "activation": "silu", "norm": norm} for width in widths]


def residual(width: int, within: int | None = None) -> Document:
    first, second = dense(within or width, width)
    return {"type": "residual", "body": [first, {**second, "activation": "identity"}], "activation": "silu"}


def level(dim: int, reads: str, joins: str | None) -> Layers:
    """A level below the code, beside what came down to it where it joins that."""
    drawn = {"type": "stochastic", "dim": dim, "reads": reads}
    return [drawn, {"type": "join", "reads": joins}] if joins else [drawn]


class Candidate(NamedTuple):
    encoder: Layers
    dim: int
    decoder: Layers
    lr: float = 5e-3
    free_bits: float | None = FREE_BITS


def one_level(*widths: int, norm: str = "batch", lr: float = 5e-3, free_bits: float | None = None) -> Candidate:
    return Candidate(dense(*widths, norm=norm), 32, dense(*widths[::-1], norm=norm), lr, free_bits)


def two_levels(
    *widths: int,
    top: int = 16,
    lower: int = 32,
    joins: str | None = "decoder.0",
    norm: str = "batch",
    lr: float = 5e-3,
    free_bits: float | None = FREE_BITS,
) -> Candidate:
    """Widths: of the encoder's layers, and of the last one of the decoder."""
    first, second, last = widths
    decoder = [*dense(second, norm=norm), *level(lower, "encoder.1", joins), *dense(last, norm=norm)]
    return Candidate(dense(first, second, norm=norm), top, decoder, lr, free_bits)


def three_levels(*widths: int, last: int, middle_joins: str | None) -> Candidate:
    _, second, third = widths
    decoder = [*dense(third), *level(16, "encoder.2", middle_joins), *dense(second)]
    decoder += [*level(32, "encoder.1", f"decoder.{len(decoder) - 1}"), *dense(last)]
    return Candidate(dense(*widths), 10, decoder)


def with_residual(outer: int, inner: int, *, lr: float = 5e-3, below: int | None = None) -> Candidate:
    """One level with a residual block in encoder and decoder, and one of width `below` before the output."""
    decoder = [*dense(inner), residual(inner), *dense(outer)]
    decoder += [residual(outer, below)] if below else []
    return Candidate([*dense(outer), residual(inner)], 32, decoder, lr, None)


def deeper(encoder: Layers, above: Layers, below: Layers, *, lr: float = 5e-3) -> Candidate:
    """Two levels with further layers above or below the lower one."""
    return Candidate(encoder, 16, [*above, *level(32, "encoder.1", f"decoder.{len(above) - 1}"), *below], lr)


def residual_levels(outer: int, inner: int, *, lr: float = 5e-3, below: int | None = None) -> Candidate:
    """Two levels with the residual blocks of `with_residual`."""
    last = [*dense(outer), *([residual(outer, below)] if below else [])]
    return deeper([*dense(outer, inner), residual(inner)], [*dense(inner), residual(inner)], last, lr=lr)


ONE, MORE = "one level", "two levels"
CHOSEN = {ONE: "96-62, residual, lr 1e-2", MORE: "residual above and below, lr 1e-2"}
TRIED: dict[str, dict[str, Candidate]] = {
    ONE: {
        "112": one_level(112),
        "106-64": one_level(106, 64),
        "100-80": one_level(100, 80),
        "100-80, free bits": one_level(100, 80, free_bits=FREE_BITS),
        "100-80, lr 2e-3": one_level(100, 80, lr=2e-3),
        "100-80, layer norm": one_level(100, 80, norm="layer"),
        "100-80, no norm, lr 2e-3": one_level(100, 80, norm="none", lr=2e-3),
        "96-80-64": one_level(96, 80, 64),
        "102-84": one_level(102, 84),
        "102-84, lr 1e-2": one_level(102, 84, lr=1e-2),
        "98-64, residual": with_residual(98, 64),
        "96-62, residual, lr 1e-2": with_residual(96, 62, lr=1e-2),
        "92-62, residual twice, lr 1e-2": with_residual(92, 62, below=32, lr=1e-2),
        "40 values, wider decoder": Candidate(dense(90, 72), 40, dense(96, 110), free_bits=None),
    },
    MORE: {
        "96-72": two_levels(96, 72, 96),
        "96-80": two_levels(96, 80, 100),
        "100-80, nothing joined": two_levels(100, 80, 100, joins=None),
        "96-72, no free bits": two_levels(96, 72, 96, free_bits=None),
        "96-72, lr 2e-3": two_levels(96, 72, 96, lr=2e-3),
        "96-72, lr 1e-2": two_levels(96, 72, 96, lr=1e-2),
        "96-72, layer norm": two_levels(96, 72, 96, norm="layer"),
        "94-72, 24 and 48 values": two_levels(94, 72, 92, top=24, lower=48),
        "deeper below": deeper(dense(92, 64), dense(64), dense(72, 96)),
        "deeper above": deeper(dense(90, 64, 64), dense(64, 72), dense(96)),
        "deeper above, lr 1e-2": deeper(dense(90, 64, 64), dense(64, 72), dense(96), lr=1e-2),
        "residual below, lr 1e-2": deeper(dense(92, 60), dense(60), [*dense(60), residual(60), *dense(92)], lr=1e-2),
        "narrow residual below, lr 1e-2": deeper(
            dense(92, 64), dense(64), [*dense(92), residual(92, within=32)], lr=1e-2
        ),
        "residual above, lr 1e-2": residual_levels(92, 60, lr=1e-2),
        "residual above and below": residual_levels(88, 60, below=32),
        "residual above and below, lr 1e-2": residual_levels(88, 60, below=32, lr=1e-2),
        "three levels, 90-64-48": three_levels(90, 64, 48, last=92, middle_joins="decoder.0"),
        "three levels, middle alone": three_levels(94, 64, 48, last=96, middle_joins=None),
    },
}


class Row(NamedTuple):
    kind: str
    model: str
    seed: int
    weights: int
    nll: float
    elbo: float
    rates: list[float]
    seconds: float

    def __str__(self) -> str:
        rates = " + ".join(f"{rate:.1f}" for rate in self.rates)
        nats = f"{self.nll:.2f} | {self.elbo:.2f} | {rates}"
        return f"| {self.kind} | {self.model} | {self.seed} | {self.weights:,} | {nats} | {self.seconds:.0f} |"


HEADER = "| kind | model | seed | weights | -log p(x) | -ELBO | rates | CPU s |\n|---|---|---|---|---|---|---|---|"


def document(candidate: Candidate, seed: int, steps: int) -> Document:
    kl: Document = {"weight": {"type": "linear", "start": 0.1, "end": 1.0, "steps": steps // 4}}
    if candidate.free_bits is not None:
        kl["free_bits"] = candidate.free_bits
    return {
        "name": "levels",
        "input": {"shape": [1, 28, 28], "range": [0.0, 1.0]},
        "encoder": [{"type": "flatten"}, *candidate.encoder],
        "latent": {"type": "gaussian", "dim": candidate.dim},
        "decoder": [*candidate.decoder, *OUTPUT],
        "likelihood": "bernoulli",
        "regularizers": {"kl": kl},
        "training": {
            "steps": steps,
            "batch_size": 100,
            "seed": seed,
            # In the warm-up the total rises with the weight: its lowest value is no sign of the best weights.
            "best_by": "last",
            "optimizer": {"type": "adam", "lr": {"type": "cosine", "start": candidate.lr, "end": 1e-5}},
        },
    }


@torch.no_grad()
def measured(kind: str, name: str, seed: int, steps: int, data: Samples, split: str) -> Row:
    start = time.process_time()
    with torch.enable_grad():
        spec = document(TRIED[kind][name], seed, steps)
        model = aezoo.train(spec, data, device="cpu", threads=1).model
    seconds = time.process_time() - start
    network = model.network.eval()
    x = torch.from_numpy(data.values[data.splits[split]] / np.float32(255))
    nll = -torch.cat([log_likelihood(network(part), 500, seed=i) for i, part in enumerate(x.split(100))]).mean().item()
    out = network(x, generator=torch.Generator().manual_seed(0))
    rates = [part.sum(dim=1).mean().item() for part in rate_values_by_level(out)]
    return Row(kind, name, seed, model.spec.parameters, nll, -elbo(out).mean().item(), rates, seconds)


def claims(rows: list[Row]) -> Iterator[tuple[bool, str]]:
    """What is claimed of every seed."""
    one, more = ([row for row in rows if row.kind == kind] for kind in CHOSEN)
    margins = [a.nll - b.nll for a, b in zip(one, more, strict=True)]
    listed = ", ".join(f"{margin:.2f}" for margin in margins)
    yield min(margins) >= 1, f"-log p(x) of {MORE} is at least 1 nat below that of one: by {listed}"
    ratio = more[0].weights / one[0].weights
    yield abs(ratio - 1) <= 0.03, f"the weights are equal within 3 %: {ratio - 1:+.1%}"
    yield all(min(row.rates) > 0.5 for row in more), "no level is dead: each tells more than half a nat"


def choose(steps: int, data: Samples) -> None:
    """The validation split by all candidates."""
    for kind, candidates in TRIED.items():
        for name in candidates:
            print(measured(kind, name, 0, steps, data, "validation"), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=8000, help="of each training")
    parser.add_argument("--choose", action="store_true", help="measure all candidates on the validation split")
    arguments = parser.parse_args()
    data = bits()
    print(HEADER)
    if arguments.choose:
        choose(arguments.steps, data)
        return 0
    rows: list[Row] = []
    for seed in arguments.seeds:
        for kind, name in CHOSEN.items():
            rows.append(measured(kind, name, seed, arguments.steps, data, "test"))
            print(rows[-1], flush=True)
    results = list(claims(rows))
    print("", *(f"- {'holds' if holds else 'FAILS'}: {what}" for holds, what in results), sep="\n")
    return 0 if all(holds for holds, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
