"""Generation: how far new samples are from held-out ones as a set, beside those of a Gaussian."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from aezoo.evaluation.baselines import WIDEST
from aezoo.fitting.comparison import Compared, Kernel, by_samples, discrepancies
from aezoo.fitting.errors_left import Principal
from aezoo.fitting.held_out import HeldOut, Split, in_units
from aezoo.fitting.linear import normal, principal
from aezoo.model import Model
from aezoo.randomness import derive

#: Samples of each set that are compared.
COMPARED = 1500
#: Principal axes of samples that are too wide for a covariance of all their values.
AXES = 256


class GenerationJudge:
    """Judges draws of a model as a set, by the maximum mean discrepancy from held-out samples.

    Args:
        held_out: The samples.
    """

    def __init__(self, held_out: HeldOut) -> None:
        self.held_out = held_out
        self._kernel: Kernel | None = None
        self._wide: Principal | None = None

    def choose(self, model: Model) -> Tensor:
        return discrepancies(self._x(model, "validation"), self._drawn(model), self._kernel_of(model))

    def compare(self, model: Model) -> list[Compared]:
        x, kernel = self._x(model, "test"), self._kernel_of(model)
        own = discrepancies(x, self._drawn(model), kernel)
        training = self._x(model, "train")
        others = {
            "a Gaussian of the samples' moments": discrepancies(x, self._gaussian(model), kernel),
            "training samples themselves": discrepancies(x, training, kernel),
        }
        return [by_samples("squared MMD from held-out samples", own, others, better="lower")]

    def _x(self, model: Model, split: Split) -> Tensor:
        batch = self.held_out.batch(split)
        x, known = in_units(model, batch.x), self.held_out.known(batch)
        rows = torch.arange(min(len(x), COMPARED)) * len(x) // min(len(x), COMPARED)
        return self._spread(model).plain(x[rows], None if known is None else known[rows])

    def _spread(self, model: Model) -> Principal:
        """Makes classes one-hot, and fills gaps with the mean."""
        if self._wide is None:
            batch = self.held_out.batch("train")
            self._wide = Principal(in_units(model, batch.x), self.held_out.known(batch), self.held_out.classes, 1)
        return self._wide

    def _kernel_of(self, model: Model) -> Kernel:
        if self._kernel is None:
            self._kernel = Kernel.of(self._x(model, "train"))
        return self._kernel

    def _drawn(self, model: Model) -> Tensor:
        """As many draws as are compared, at most."""
        drawn = torch.from_numpy(model.sample(COMPARED, seed=derive(model.spec.training.seed, "fit.draws")))
        return self._spread(model).plain(in_units(model, drawn), None)

    def _gaussian(self, model: Model) -> Tensor:
        batch = self.held_out.batch("train")
        spread = self._spread(model)
        x = spread.plain(in_units(model, batch.x), self.held_out.known(batch))
        generator = Generator().manual_seed(derive(model.spec.training.seed, "fit.gaussian"))
        if x.shape[1] <= WIDEST:
            drawn = normal(x).draw(COMPARED, generator)
        else:
            found = principal(x, AXES)
            drawn = found.mean + normal(found.codes(x)).draw(COMPARED, generator) @ found.axes.T
        return spread.plain(spread.back(drawn), None)
