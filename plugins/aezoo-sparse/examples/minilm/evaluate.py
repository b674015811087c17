"""Evaluate a dictionary by its effect on the transformer, and show text on which some of its units are active.

    python evaluate.py runs/minilm

The reconstructed activations of a layer replace the real ones, and the layers above are computed from them. How
near is the embedding of a text then to what it was (cosine)? Beside it the same for PCA with as many directions as a
token has active units, and for the mean activation in place of every one. Then units, with the pieces of text where
each is most active. All of it is measured on held-out sequences.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from activations import BATCH, folder, inner
from bert import Bert, embedding
from torch import Tensor
from wordpiece import WordPiece

import aezoo

#: Units that are shown, from the rare to the frequent, and tokens of each.
UNITS, TOKENS = 12, 8


def inside(h: Tensor, others: Tensor) -> Tensor:
    """Hidden states with all but the first and last token replaced: [B, N, F], [B * (N - 2), F] -> [B, N, F]."""
    replaced = h.clone()
    replaced[:, 1:-1] = others.view(len(h), -1, h.shape[-1])
    return replaced


def faithfulness(bert: Bert, model: aezoo.Model, tokens: Tensor, layer: int, values: Tensor) -> dict[str, float]:
    """Mean cosine between embeddings as they were and as they are with each stand-in for a layer."""
    mean = values.mean(dim=0)  # of what was trained on, as the axes
    active = round((torch.from_numpy(model.encode(values[:4096].numpy())) != 0).sum(dim=1).double().mean().item())
    axes = torch.linalg.eigh(torch.cov((values - mean).T)).eigenvectors[:, -active:]
    stand_ins = {
        "dictionary": lambda x: torch.from_numpy(model.reconstruct(x.numpy())),
        f"PCA, {active} directions": lambda x: mean + (x - mean) @ axes @ axes.T,
        "mean": lambda x: mean.expand_as(x),
    }
    sums = dict.fromkeys(stand_ins, 0.0)
    for chunk in tokens.split(BATCH):
        h = bert.hidden(chunk, layer)
        truth = embedding(bert.onward(h, layer))
        for name, stand_in in stand_ins.items():
            again = embedding(bert.onward(inside(h, stand_in(h[:, 1:-1].flatten(0, 1))), layer))
            sums[name] += (truth * again).sum().item()
    return {name: total / len(tokens) for name, total in sums.items()}


def shown(model: aezoo.Model, values: Tensor, tokens: Tensor, pieces: list[str]) -> list[str]:
    """A line a unit: how often it is active, and where most."""
    codes = torch.from_numpy(model.encode(values.numpy()))  # [N, D]
    around = tokens[:, 1:-1].flatten().tolist()
    share = (codes != 0).double().mean(dim=0)
    living = (share > 0).nonzero().flatten()
    chosen = living[share[living].argsort()][torch.linspace(len(living) // 2, len(living) - 1, UNITS).long()]
    lines = []
    for unit in chosen.tolist():
        at = codes[:, unit].topk(TOKENS).indices.tolist()
        excerpts = (f"{' '.join(pieces[t] for t in around[max(i - 2, 0) : i])} [{pieces[around[i]]}]" for i in at)
        lines.append(f"{unit:5d}  {share[unit]:6.2%}  {' · '.join(excerpts)}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--layer", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(), help="folder that activations.py wrote to")
    arguments = parser.parse_args()
    model, bert = aezoo.load(arguments.model), Bert(folder() / "model.safetensors")
    trained = torch.from_numpy(np.load(arguments.data / "activations.npy"))
    tokens = torch.from_numpy(np.load(arguments.data / "held-tokens.npy"))
    for name, cosine in faithfulness(bert, model, tokens, arguments.layer, trained).items():
        print(f"{cosine:.4f}  {name}")
    pieces = WordPiece(folder() / "vocab.txt").pieces
    print("", *shown(model, inner(bert, tokens, arguments.layer), tokens, pieces), sep="\n")


if __name__ == "__main__":
    main()
