"""Deep SVDD of one digit: how well its score tells that digit of the test split from the others.

    OMP_NUM_THREADS=1 python benchmarks/digits.py 0 1 8      a row for each digit

The area under the ROC curve (AUROC): how often a digit of another kind has the higher score. 0.5 is chance.
"""

from __future__ import annotations

import sys
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aezoo
from aezoo.builtins.digits import DigitsSpec

Array = NDArray[Any]


def spec(digit: int) -> dict[str, Any]:
    """An encoder of two convolutions, as in the paper's network for MNIST, but of strides instead of pooling."""
    conv = {"type": "conv", "kernel": 5, "stride": 2, "padding": 2, "bias": False, "activation": "leaky_relu"}
    return {
        "name": f"svdd-of-{digit}",
        "input": [1, 28, 28],
        "encoder": [{**conv, "channels": 8}, {**conv, "channels": 16}],
        "latent": {"type": "oneclass:centered", "dim": 32},
        "decoder": "none",
        "objective": "oneclass:svdd",
        "training": {
            "epochs": 30,
            "batch_size": 128,
            "optimizer": {"type": "adamw", "lr": 0.0003, "weight_decay": 0.001},
        },
    }


def auroc(normal: Array, other: Array) -> float:
    """How often a score of `other` is above one of `normal`; ties count half."""
    above = (other[:, None] > normal[None]).mean() + 0.5 * (other[:, None] == normal[None]).mean()
    return float(above)


def main(digits: list[int]) -> None:
    samples = DigitsSpec().load()
    images, labels = samples.values, samples.labels
    assert labels is not None
    train, test = slice(0, 8000), slice(9000, 10000)
    for digit in digits:
        with TemporaryDirectory() as folder:
            mine = images[train][labels[train] == digit]
            model = aezoo.train(spec(digit), mine, out=f"{folder}/svdd", device="cpu").model
            scores = np.asarray(model.score(images[test]))
        area = auroc(scores[labels[test] == digit], scores[labels[test] != digit])
        print(f"{digit}: AUROC {area:.3f} of {len(mine)} training images", flush=True)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or list(range(10)))
