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

    Splits that the dataset fixes are used. Else every row that is in none is in one, and they depend on the seed, the
    number of samples and the fractions alone; the test rows do not depend on the validation's fraction. A share too
    small for a whole sample gets one, but the last sample is always for training. Of samples in groups the shares are
    of groups, whose samples stay together; of samples with times they are of the last ones.

    Raises:
        DataError: Nothing is left to train on, or there are fewer groups than splits.
    """
    fixed = {name: np.asarray(samples.splits.get(name, ()), np.int64) for name in ("train", "validation", "test")}
    if "train" in samples.splits:
        rows = fixed
    else:
        left = _left(samples, fixed)
        shares = dataset.fractions() if dataset is not None else (0.1, 0.1)
        validation, test = (
            0.0 if name in samples.splits else share for name, share in zip(("validation", "test"), shares, strict=True)
        )
        drawn = _drawn(samples, left, validation, test, seed)
        rows = {**drawn, **{name: fixed[name] for name in samples.splits}}
    if not len(rows["train"]):
        raise DataError(f"{samples.source}: no sample is left for training: {len(samples)} in all")
    return {name: np.sort(part) for name, part in rows.items()}


def _drawn(samples: Samples, left: Rows, validation: float, test: float, seed: int) -> dict[str, Rows]:
    """These rows by shares: at random, by whole groups, or by time."""
    if samples.groups is not None:
        groups = np.asarray(samples.groups)[left]
        names = np.unique(groups)
        _refuse_few_groups(samples, len(names), 1 + (validation > 0) + (test > 0))
        parts = _cut(permutation(len(names), seed, "split"), validation, test)
        return {name: left[np.isin(groups, names[part])] for name, part in parts.items()}
    if samples.times is not None:
        # The last ones come first, as in a random order the test does.
        return _cut(left[np.argsort(np.asarray(samples.times)[left], kind="stable")][::-1], validation, test)
    return _cut(left[permutation(len(left), seed, "split")], validation, test)


def _cut(order: Rows, validation: float, test: float) -> dict[str, Rows]:
    """The first ones of an order for the test, the next ones for validation, the others for training."""
    n_test = _share(len(order), test, len(order) - 1)
    n_other = n_test + _share(len(order), validation, len(order) - n_test - 1)
    return {"train": order[n_other:], "validation": order[n_test:n_other], "test": order[:n_test]}


def _refuse_few_groups(samples: Samples, count: int, splits: int) -> None:
    if count < splits:
        there = "one group" if count == 1 else f"{count} groups"
        hint = "data.validation = 0.0 or data.test = 0.0 does without one split, or name another data.group"
        raise DataError(f"{samples.source}: {there} cannot be in {splits} splits, each in one of them", hint=hint)


def _left(samples: Samples, fixed: dict[str, Rows]) -> Rows:
    """The rows that are in none of the splits that the set fixes."""
    left = np.ones(len(samples), bool)
    for rows in fixed.values():
        left[rows] = False
    return np.flatnonzero(left)


def _share(n: int, fraction: float, most: int) -> int:
    # 1e-9: 0.29 * 100 is 28.999999999999996
    return max(0, min(most, max(int(n * fraction + 1e-9), int(fraction > 0))))
