"""Accuracy on test digits by 100 labels: of the semi-supervised VAE, and of its classifier that saw these alone.

python benchmarks/labels.py                                   seeds 0, 1 and 2
python benchmarks/labels.py --seeds 0 --set training.epochs=5

Both have the same layers and the same labels. The classifier alone takes `STEPS` steps of all its labels at once.
"""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import aezoo

SPEC = Path(str(files("aezoo_labels"))) / "specs" / "semi-supervised-digits.toml"
STEPS = 500


def alone(spec: aezoo.Spec, images: Tensor, labels: Tensor, test: Tensor) -> Tensor:
    """The answers of the spec's classifier, trained by labelled samples and nothing else."""
    torch.manual_seed(spec.training.seed)
    network = aezoo.build(spec).network.train()
    optimizer = torch.optim.Adam([*network.encoder.parameters(), *network.latent.parameters()], lr=1e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(network.encode(images).logits, labels).backward()
        optimizer.step()
    with torch.no_grad():
        answers: Tensor = network.eval().encode(test).logits.argmax(dim=1)
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    options = parser.parse_args()
    for seed in options.seeds:
        spec = aezoo.read(SPEC, overrides=[*options.overrides, f"training.seed={seed}"])
        digits = spec.data.load(seed=seed)
        images = torch.from_numpy(digits.values / np.float32(255))
        labels = torch.from_numpy(digits.fields["label"])
        train, test = (torch.from_numpy(digits.splits[split]) for split in ("train", "test"))
        known = train[labels[train] >= 0]
        right = alone(spec, images[known], labels[known], images[test]) == labels[test]
        print(f"seed {seed}: {len(known)} labels alone {right.float().mean():.1%}", flush=True)
        together = aezoo.train(spec).model.encode(images[test], what="logits").argmax(dim=1) == labels[test]
        more = len(train) - len(known)
        print(f"seed {seed}: with {more} digits more {together.float().mean():.1%}", flush=True)


if __name__ == "__main__":
    main()
