"""Accuracy on digits by 100 labels: of the semi-supervised VAE, and of its classifier that saw these alone.

python benchmarks/labels.py                                   seeds 0, 1 and 2
python benchmarks/labels.py --seeds 0 --set training.epochs=5

Both have the same layers, dropout, noise of the input and labels. The classifier alone takes `STEPS` steps of all its
labels at once. Settings are chosen by the validation digits, the claim is of the test digits: the exit status is 1
unless the digits without a label help with every seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import aezoo
from aezoo.building.builder import objective_of
from aezoo.nn.corruption import corrupt

SPEC = Path(str(files("aezoo_labels"))) / "specs" / "semi-supervised-digits.toml"
STEPS = 1000
SPLITS = ("validation", "test")


def alone(spec: aezoo.Spec, images: Tensor, labels: Tensor, asked: Tensor) -> Tensor:
    """The answers of the spec's classifier, trained by labelled samples and nothing else."""
    torch.manual_seed(spec.training.seed)
    model = aezoo.build(spec)
    network, corruptions = model.network.train(), objective_of(model, steps=STEPS).corruption
    optimizer = torch.optim.Adam([*network.encoder.parameters(), *network.latent.parameters()], lr=1e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(network.encode(corrupt(corruptions, images, None)).logits, labels).backward()
        optimizer.step()
    with torch.no_grad():
        answers: Tensor = network.eval().encode(asked).logits.argmax(dim=1)
    return answers


def shares(seed: int, overrides: list[str]) -> dict[str, tuple[float, float]]:
    """Of the digits of each split, how many are told right: by labels alone, and with the digits without a label."""
    spec = aezoo.read(SPEC, overrides=[*overrides, f"training.seed={seed}"])
    digits = spec.data.load(seed=seed)
    images = torch.from_numpy(digits.values / np.float32(255))
    labels = torch.from_numpy(digits.fields["label"])
    train, *asked = (torch.from_numpy(digits.splits[name]) for name in ("train", *SPLITS))
    known = train[labels[train] >= 0].unique()
    before = alone(spec, images[known], labels[known], images)
    model = aezoo.train(spec, device="cpu", threads=1).model
    after = torch.from_numpy(model.encode(images.numpy(), what="logits")).argmax(dim=1)
    right = [(answers == labels).double() for answers in (before, after)]
    return {
        name: (right[0][rows].mean().item(), right[1][rows].mean().item())
        for name, rows in zip(SPLITS, asked, strict=True)
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    options = parser.parse_args()
    print("| seed | split | labels alone | with digits without a label | CPU s |\n|---|---|---|---|---|")
    holds = True
    for seed in options.seeds:
        start = time.process_time()
        found = shares(seed, options.overrides)
        seconds = time.process_time() - start
        for split, (before, after) in found.items():
            print(f"| {seed} | {split} | {before:.1%} | {after:.1%} | {seconds:.0f} |", flush=True)
        holds &= found["test"][1] > found["test"][0]
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
