"""Anomalies: whether strange samples score higher than normal ones, beside linear scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from aezoo.data.batches import Batch
from aezoo.evaluation.baselines import WIDEST
from aezoo.fitting.comparison import Compared, by_ranking
from aezoo.fitting.errors_left import Guess, Principal
from aezoo.fitting.held_out import HeldOut, in_units
from aezoo.fitting.linear import normal
from aezoo.model import Model
from aezoo.randomness import rng
from aezoo.spec.samples import Samples
from aezoo.spec.shape import flat

#: Samples of each kind that AUROC needs.
NEEDED = 5
#: Share of a sample's values that come from another sample in a made-up anomaly.
SWAPPED = 0.25


class AnomalyJudge:
    """Judges scores: by labels that say which samples are strange, else by samples that were made so.

    Candidates are compared by the mean score of validation samples, of which no label is read: it is the bound of
    -log p(x) that all of them lower.

    Args:
        held_out: The samples.
    """

    def __init__(self, held_out: HeldOut) -> None:
        self.held_out = held_out

    def choose(self, model: Model) -> Tensor:
        return torch.from_numpy(self._scores(model, self._samples("validation")))

    def compare(self, model: Model) -> list[Compared]:
        found = []
        test = self._samples("test")
        strange = self._strange()
        if strange is not None and NEEDED <= int(strange.sum()) <= len(strange) - NEEDED:
            n = int(strange.sum())
            what = f"AUROC of the {n} test samples of the rarest label"
            found.append(self._ranked(what, model, test, strange))
        made_up = self._made_up(test)
        both = torch.cat([torch.zeros(len(test)), torch.ones(len(made_up))]) == 1
        what = f"AUROC of made-up anomalies: test samples, of which {SWAPPED:.0%} of the values are another sample's"
        found.append(self._ranked(what, model, _joined(test, made_up), both))
        return found

    def _ranked(self, figure: str, model: Model, samples: Samples, strange: Tensor) -> Compared:
        own = torch.from_numpy(self._scores(model, samples))
        return by_ranking(figure, own, self._linear(model, samples), strange)

    def _scores(self, model: Model, samples: Samples) -> np.ndarray:
        return np.asarray(model.score(samples), np.float64)

    def _samples(self, split: str) -> Samples:
        return self.held_out.samples.take(self.held_out.rows_of(split))  # type: ignore[arg-type]

    def _strange(self) -> Tensor | None:
        """Which test samples have the rarest of all labels."""
        labels, all_of = self.held_out.labels("test"), self.held_out.samples.fields.get("label")
        if labels is None or all_of is None:
            return None
        _, counts = np.unique(np.asarray(all_of), return_counts=True)
        return labels == int(counts.argmin()) if len(counts) > 1 else None

    def _made_up(self, samples: Samples) -> Samples:
        """Each sample with some values of the next one: each is usual by itself, and they do not go together."""
        x = np.array(samples.values).reshape(len(samples), -1)
        width = x.shape[1]
        count = max(1, round(SWAPPED * width))
        source = rng(self.held_out.spec.training.seed, "fit.anomalies")
        other = np.roll(x, 1, axis=0)
        made = x.copy()
        known = samples.fields.get("observed")
        known = None if known is None else np.array(known).reshape(len(samples), -1)
        other_known = None if known is None else np.roll(known, 1, axis=0)
        made_known = None if known is None else known.copy()
        for row in range(len(x)):
            if len(samples.shape) == 1:
                at = source.permutation(width)[:count]
            else:  # of a grid a stretch of neighbouring values
                at = (np.arange(count) + source.integers(width)) % width
            made[row, at] = other[row, at]
            if made_known is not None and other_known is not None:
                made_known[row, at] = other_known[row, at]
        fields = {} if made_known is None else {"observed": made_known.reshape(samples.values.shape)}
        return Samples(made.reshape(samples.values.shape), samples.source, fields=fields)

    # --- linear scores ----------------------------------------------------------------------------------------

    def _linear(self, model: Model, samples: Samples) -> dict[str, Tensor]:
        held_out = replace(self.held_out, samples=samples, rows={"test": np.arange(len(samples))})
        batch, training = _whole(held_out), self.held_out.batch("train")
        x, known = in_units(model, batch.x), held_out.known(batch)
        train, train_known = in_units(model, training.x), self.held_out.known(training)
        classes = self.held_out.classes
        pca = Principal(train, train_known, classes, flat(model.spec.code_shape))
        guess = Guess(train, train_known, classes)
        scores = {"PCA residual": guess.errors(x, pca.estimate(x, known), known)}
        if train.shape[1] > WIDEST:
            return scores
        wide = Principal(train, train_known, classes, 1)  # one-hot, with gaps filled in by the mean
        gaussian = normal(wide.plain(train, train_known))
        return {"Mahalanobis distance": gaussian.distances(wide.plain(x, known)), **scores}


def _whole(held_out: HeldOut) -> Batch:
    from aezoo.data.batches import Batches

    batches = Batches(held_out.samples, held_out.spec, held_out.rows["test"])
    return batches.head(len(batches))


def _joined(first: Samples, second: Samples) -> Samples:
    values = np.concatenate([np.array(first.values), np.array(second.values)])
    names = [name for name in second.fields if name in first.fields]
    fields = {name: np.concatenate([np.array(first.fields[name]), np.array(second.fields[name])]) for name in names}
    return Samples(values, first.source, fields=fields)
