"""Whether samples of a conditional model show the digit that was asked for, as a classifier sees them.

python benchmarks/conditional.py                    conditional-digits, seeds 0, 1 and 2
python benchmarks/conditional.py --seeds 3 --set training.epochs=60

The classifier learns from the real digits that models are trained on, and judges 100 samples of each class. Beside it
stands its accuracy on real digits that it has not seen.
"""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import aezoo

SAMPLES = 100
EPOCHS = 4


def pixels(values: npt.NDArray[np.float32]) -> Tensor:
    """As the classifier takes them: floats of 0 to 1, [B, 1, 28, 28]."""
    return torch.from_numpy(np.asarray(values)).float()


def classifier(images: Tensor, labels: Tensor) -> nn.Module:
    """A small convolutional network, trained to name the digit."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(10),
    )
    network(images[:1])
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(network(images[rows]), labels[rows]).backward()
            optimizer.step()
    return network.eval()


@torch.no_grad()
def agreement(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Whether the classifier names each label."""
    return (network(images).argmax(dim=1) == labels).float()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    options = parser.parse_args()
    spec = aezoo.read("conditional-digits", overrides=options.overrides)
    digits = spec.data.load()
    images, labels = pixels(digits.values / np.float32(255)), torch.from_numpy(digits.fields["label"])
    train, test = (torch.from_numpy(digits.splits[split]) for split in ("train", "test"))
    network = classifier(images[train], labels[train])
    print(f"real digits of the test split: {agreement(network, images[test], labels[test]).mean():.1%}", flush=True)
    asked = torch.arange(10).repeat_interleave(SAMPLES)
    for seed in options.seeds:
        seeded = aezoo.read("conditional-digits", overrides=[*options.overrides, f"training.seed={seed}"])
        model = aezoo.train(seeded).model
        drawn = pixels(model.sample(len(asked), seed=seed, fields={"label": asked}))
        agree = agreement(network, drawn, asked)
        worst = agree.view(10, SAMPLES).mean(dim=1)
        print(f"seed {seed}: {agree.mean():.1%} of samples, {worst.min():.0%} of those of {worst.argmin()}", flush=True)


if __name__ == "__main__":
    main()
