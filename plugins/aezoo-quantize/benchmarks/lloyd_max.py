"""Scalar codes of N(0, 1) against the best there are (Max 1960, table I); one thread.

python benchmarks/lloyd_max.py
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

from importlib.resources import files
from pathlib import Path

import aezoo

SPEC = Path(str(files("aezoo_quantize"))) / "specs" / "lloyd-max.toml"
#: Mean squared error and perplexity of the best quantizer with so many bits.
BEST = {
    1: (0.363380, 2.0),
    2: (0.117482, 3.761),
    3: (0.034548, 7.085),
    4: (0.009501, 13.598),
    5: (0.002505, 26.53),
    6: (0.000644, 52.35),
}


def main() -> None:
    """Print a row for each number of bits. Lloyd's algorithm takes the longer, the more codes there are."""
    print(f"{'bits':>4}{'mse':>11}{'best':>11}{'off by':>9}{'perplexity':>12}{'best':>8}")
    for bits, (distortion, perplexity) in BEST.items():
        epochs = 40 if bits < 6 else 200
        spec = aezoo.read(SPEC, overrides=[f"latent.codes={2**bits}", f"training.epochs={epochs}"])
        scores = aezoo.train(spec).scores
        assert scores is not None
        mse, measured = scores.metrics["mse"], scores.metrics["quantize:perplexity"]
        off = mse / distortion - 1
        print(f"{bits:>4}{mse:>11.6f}{distortion:>11.6f}{off:>9.1%}{measured:>12.3f}{perplexity:>8.3f}", flush=True)


if __name__ == "__main__":
    main()
