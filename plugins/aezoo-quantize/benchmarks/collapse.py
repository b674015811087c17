"""How many of 64 codes a VQ-VAE of digits uses, by how its codes learn; three seeds, one thread.

python benchmarks/collapse.py
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

from importlib.resources import files
from pathlib import Path

import aezoo

SPEC = Path(str(files("aezoo_quantize"))) / "specs" / "vqvae-digits.toml"
#: All start from k-means of the first batch.
WAYS = {
    "straight-through": [
        'latent.update="loss"',
        "latent.restart=0.0",
        'regularizers.codebook={type="quantize:codebook"}',
    ],
    "running means": ["latent.restart=0.0"],
    "with restarts": [],
}
SEEDS = (0, 1, 2)


def main() -> None:
    """Print a row for each run, and whether the order is the expected one for each seed."""
    print(f"{'seed':>4}  {'codes learn by':<18}{'perplexity':>10}{'usage':>8}{'squared error':>15}")
    for seed in SEEDS:
        perplexities = [_row(seed, way) for way in WAYS]
        print(f"{'':>4}  ordered: {perplexities == sorted(perplexities)}")


def _row(seed: int, way: str) -> float:
    scores = aezoo.train(aezoo.read(SPEC, overrides=[*WAYS[way], f"training.seed={seed}"])).scores
    assert scores is not None
    figures = [scores.metrics[name] for name in ("quantize:perplexity", "quantize:usage", "squared_error")]
    print(f"{seed:>4}  {way:<18}{figures[0]:>10.1f}{figures[1]:>8.1%}{figures[2]:>15.2f}", flush=True)
    return figures[0]


if __name__ == "__main__":
    main()
