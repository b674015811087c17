"""Reconstruction: the share of the variance that a code leaves unexplained, beside PCA of its width."""

from __future__ import annotations

from torch import Tensor

from aezoo.data.batches import Batch
from aezoo.fitting.comparison import Compared, by_samples
from aezoo.fitting.errors_left import Guess, Principal
from aezoo.fitting.held_out import HeldOut, Split, encoded, in_units, reconstructed
from aezoo.fitting.linear import told
from aezoo.model import Model
from aezoo.spec.shape import flat

PCA = "PCA of equal width"


class ReconstructionJudge:
    """Judges how well samples are restored from their codes.

    Args:
        held_out: The samples.
        probes: Whether a linear map of the codes is asked for labels, where there are some.
    """

    def __init__(self, held_out: HeldOut, *, probes: bool) -> None:
        self.held_out = held_out
        self.probes = probes
        self._batches: dict[Split, Batch] = {}
        self._guess: Guess | None = None
        self._principal: dict[int, Principal] = {}

    def choose(self, model: Model) -> Tensor:
        return self._shares(model, "validation")

    def compare(self, model: Model) -> list[Compared]:
        pca = self._pca(model)
        x, known = self._x(model, "test")
        shares = self._guessed(model).shares(x, pca.estimate(x, known), known)
        what = "share of the variance unexplained"
        if any(count is not None for count in self.held_out.classes):
            what = "error as a share of that of guessing each column's mean or most frequent class"
        found = [by_samples(what, self._shares(model, "test"), {PCA: shares}, better="lower")]
        labels, others = self.held_out.labels("train"), self.held_out.labels("test")
        if self.probes and labels is not None and others is not None and int(labels.max()) > int(labels.min()):
            found.append(self._probe(model, pca, labels, others))
        return found

    def _probe(self, model: Model, pca: Principal, labels: Tensor, others: Tensor) -> Compared:
        batches = self._batch("train"), self._batch("test")
        (x, known), (y, y_known) = self._x(model, "train"), self._x(model, "test")
        own = told(encoded(model, batches[0]), labels, encoded(model, batches[1]), others)
        by_pca = told(pca.codes(x, known), labels, pca.codes(y, y_known), others)
        figure = "labels told right by a linear map of the code"
        return by_samples(figure, own, {PCA: by_pca}, better="higher")

    def _shares(self, model: Model, split: Split) -> Tensor:
        x, known = self._x(model, split)
        estimate = in_units(model, reconstructed(model, self._batch(split)))
        return self._guessed(model).shares(x, estimate, known)

    def _batch(self, split: Split) -> Batch:
        if split not in self._batches:
            self._batches[split] = self.held_out.batch(split)
        return self._batches[split]

    def _x(self, model: Model, split: Split) -> tuple[Tensor, Tensor | None]:
        """Samples in units of the loss, and which values are known."""
        batch = self._batch(split)
        return in_units(model, batch.x), self.held_out.known(batch)

    def _guessed(self, model: Model) -> Guess:
        if self._guess is None:
            x, known = self._x(model, "train")
            self._guess = Guess(x, known, self.held_out.classes)
        return self._guess

    def _pca(self, model: Model) -> Principal:
        dim = flat(model.spec.code_shape)
        if dim not in self._principal:
            x, known = self._x(model, "train")
            self._principal[dim] = Principal(x, known, self.held_out.classes, dim)
        return self._principal[dim]
