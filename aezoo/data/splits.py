"""Splits: which samples are for training, validation and test."""

from __future__ import annotations

import numpy as np

from aezoo.data.batches import Rows
from aezoo.errors import DataError
from aezoo.randomness import permutation
from aezoo.spec.kinds import DatasetSpec
from aezoo.spec.samples import Samples


def split(samples: Samples, dataset: DatasetSpec | None, seed: int = 0) -> dict[str, Rows]:
    """Rows of `train`, `validation` and `test`, each in ascending order, no row in two.

    Splits that the dataset fixes are used. Else every row is in one, and they depend on the seed, the number of samples
    and the fractions alone; the test rows do not depend on the validation's fraction. A share too small for a whole
    sample gets one, but the last sample is always for training.

    Raises:
        DataError: Nothing is left to train on.
    """
    if samples.splits:
        rows = {name: np.asarray(samples.splits.get(name, ()), np.int64) for name in ("train", "validation", "test")}
    else:
        validation, test = dataset.fractions() if dataset is not None else (0.1, 0.1)
        n_test = _share(len(samples), test, len(samples) - 1)
        n_other = n_test + _share(len(samples), validation, len(samples) - n_test - 1)
        order = permutation(len(samples), seed, "split")
        rows = {"train": order[n_other:], "validation": order[n_test:n_other], "test": order[:n_test]}
    if not len(rows["train"]):
        raise DataError(f"{samples.source}: no sample is left for training: {len(samples)} in all")
    return {name: np.sort(part) for name, part in rows.items()}


def _share(n: int, fraction: float, most: int) -> int:
    # 1e-9: 0.29 * 100 is 28.999999999999996
    return max(0, min(most, max(int(n * fraction + 1e-9), int(fraction > 0))))
