"""Hide a fifth of the cells of real tables, fill them in, and compare with the column's mean or most frequent class.

    python benchmarks/imputation.py penguins.csv Housing.csv Mroz.csv [--seeds 0 1 2] > table.md

The tables are in the distributions palmerpenguins and pydataset (there under `Ecdat`), as CSV. A model sees the rest of
the cells alone; so do the means. Errors of numbers and counts are over the column's standard deviation, as their root
mean square; of classes it is the share of hidden cells that are right. Each is averaged over the columns. The exit
status is 1 unless the model beats both for every table and seed.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt
import torch

import aezoo

Array = npt.NDArray[np.float64]
HIDDEN = 0.2
#: By file: the columns that are read, and their kinds.
TABLES: dict[str, dict[str, str]] = {
    "penguins": {
        "species": "categorical",
        "island": "categorical",
        "bill_length_mm": "gaussian",
        "bill_depth_mm": "gaussian",
        "flipper_length_mm": "gaussian",
        "body_mass_g": "gaussian",
        "sex": "categorical",
        "year": "ordinal",
    },
    "Housing": {
        "price": "gaussian",
        "lotsize": "gaussian",
        "bedrooms": "poisson",
        "bathrms": "poisson",
        "stories": "ordinal",
        "driveway": "categorical",
        "recroom": "categorical",
        "fullbase": "categorical",
        "gashw": "categorical",
        "airco": "categorical",
        "garagepl": "zinb",
        "prefarea": "categorical",
    },
    "Mroz": {
        "work": "categorical",
        "hoursw": "zinb",
        "child6": "negative_binomial",
        "child618": "negative_binomial",
        "agew": "gaussian",
        "educw": "gaussian",
        "hearnw": "gaussian",
        "wagew": "gaussian",
        "hoursh": "gaussian",
        "ageh": "gaussian",
        "educh": "gaussian",
        "wageh": "gaussian",
        "income": "gaussian",
        "city": "categorical",
        "experience": "gaussian",
    },
}
CLASSES = ("categorical", "ordinal")


class Table(NamedTuple):
    """A table as numbers, its classes numbered; NaN where the file has no value."""

    kinds: dict[str, str]
    words: dict[str, list[str]]
    cells: Array  # [N, F]


class Row(NamedTuple):
    """Errors of one table with one seed: of the model, and of the column's mean or most frequent class."""

    table: str
    seed: int
    error: float
    mean_error: float
    right: float
    mode_right: float
    seconds: float

    @property
    def better(self) -> bool:
        return self.error < self.mean_error and self.right > self.mode_right


def read(path: Path) -> Table:
    kinds = TABLES[path.stem]
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = {name: ["" if row[name] == "NA" else row[name] for row in rows] for name in kinds}
    words = {name: sorted({*texts[name]} - {""}) for name, kind in kinds.items() if kind in CLASSES}
    cells = [
        [np.nan if not text else float(words[name].index(text)) if name in words else float(text) for text in column]
        for name, column in texts.items()
    ]
    table = np.array(cells).T
    return Table(kinds, words, table[~np.isnan(table).all(axis=1)])


def document(table: Table) -> dict[str, Any]:
    """The spec of a variational autoencoder of the table."""
    columns = [
        {"kind": kind, **({"classes": len(table.words[name])} if name in table.words else {})}
        for name, kind in table.kinds.items()
    ]
    given = sum({"categorical": column.get("classes", 0), "zinb": 2}.get(column["kind"], 1) for column in columns)
    width = len(columns)
    return {
        "name": "table",
        "input": {"shape": [width], "kind": "tabular", "normalize": "standardize", "observed": "fields.observed"},
        "fields": {"observed": {"shape": [width]}},
        "mask": "fields.observed",
        "encoder": [
            {"type": "tables:columns", "columns": columns},
            {"type": "join", "reads": "fields.observed"},
            {"type": "linear", "features": 64},
        ],
        "latent": {"type": "gaussian", "dim": 8},
        "decoder": [
            {"type": "linear", "features": 64},
            {"type": "linear", "features": given, "activation": "identity"},
        ],
        "likelihood": {"type": "tables:mixed", "columns": columns},
        "regularizers": {"kl": {}},
        "training": {"steps": 2000, "batch_size": 64, "best_by": "last", "optimizer": {"type": "adam", "lr": 2e-3}},
    }


def imputed(table: Table, hidden: npt.NDArray[np.bool_], seed: int, steps: int) -> Array:
    """The model's reconstruction of the table without the hidden cells, which it never sees."""
    spec = document(table)
    spec["training"] |= {"seed": seed, "steps": steps}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gaps.npy"
        np.save(path, np.where(hidden, np.nan, table.cells).astype(np.float32))
        spec["data"] = {"type": "arrays", "path": str(path), "missing": "mask", "validation": 0.0, "test": 0.0}
        run = aezoo.train(spec, device="cpu")
        return np.asarray(run.model.reconstruct(path), dtype=np.float64)


def baseline(table: Table, hidden: npt.NDArray[np.bool_]) -> Array:
    """The mean of each column's cells that are left, or their most frequent class."""
    left = np.where(hidden, np.nan, table.cells)
    filled = np.broadcast_to(np.nanmean(left, axis=0), left.shape).copy()
    for index, name in enumerate(table.kinds):
        if name in table.words:
            known = left[~np.isnan(left[:, index]), index].astype(int)
            filled[:, index] = np.bincount(known).argmax()
    return filled


def errors(table: Table, filled: Array, hidden: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Root mean square error over the deviation, of numbers and counts; share of right classes."""
    numbers, classes = [], []
    for index, name in enumerate(table.kinds):
        rows = hidden[:, index]
        truth, guess = table.cells[rows, index], filled[rows, index]
        if name in table.words:
            classes.append(float((truth == guess).mean()))
        else:
            numbers.append(float(np.sqrt(np.mean((truth - guess) ** 2)) / np.nanstd(table.cells[:, index])))
    return float(np.mean(numbers)), float(np.mean(classes))


def measure(path: Path, seed: int, steps: int) -> Row:
    table = read(path)
    known = ~np.isnan(table.cells)
    hidden = (np.random.default_rng(seed).random(table.cells.shape) < HIDDEN) & known
    hidden[(known & ~hidden).sum(axis=1) == 0] = False  # a row of which nothing is left has nothing to go by
    start = time.process_time()
    error, right = errors(table, imputed(table, hidden, seed, steps), hidden)
    seconds = time.process_time() - start
    mean_error, mode_right = errors(table, baseline(table, hidden), hidden)
    return Row(path.stem, seed, error, mean_error, right, mode_right, seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=2000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| table | seed | error, model | error, mean | right, model | right, mode | CPU s |")
    print("|---|---|---|---|---|---|---|")
    rows = [measure(path, seed, given.steps) for path in given.tables for seed in given.seeds]
    for row in rows:
        shares = f"{row.error:.3f} | {row.mean_error:.3f} | {row.right:.1%} | {row.mode_right:.1%}"
        print(f"| {row.table} | {row.seed} | {shares} | {row.seconds:.0f} |")
    worse = [f"{row.table} with seed {row.seed}" for row in rows if not row.better]
    print(f"\nThe model beats mean and mode{' but for ' + ', '.join(worse) if worse else ' for every table and seed'}.")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
