"""Judges: the figure of each purpose, on validation samples to choose by and on test samples to report."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from aezoo.errors import DataError
from aezoo.fitting.anomaly import AnomalyJudge
from aezoo.fitting.comparison import Compared
from aezoo.fitting.denoising import DenoisingJudge
from aezoo.fitting.generation import GenerationJudge
from aezoo.fitting.held_out import HeldOut
from aezoo.fitting.purposes import Purpose
from aezoo.fitting.reconstruction import ReconstructionJudge
from aezoo.model import Model


class Judge(Protocol):
    """Judges models of one fit."""

    def choose(self, model: Model) -> Tensor:
        """What each validation sample contributes to the figure by which candidates are compared; lower is better."""
        ...

    def compare(self, model: Model) -> list[Compared]:
        """Figures on test samples beside those of linear baselines; the first one is the purpose's own."""
        ...


def judge_of(purpose: Purpose, held_out: HeldOut) -> Judge:
    """The judge of a purpose. Raises `DataError` where nothing is held out."""
    for split in ("validation", "test"):
        if not len(held_out.rows.get(split, ())):
            hint = "data.validation and data.test say how much is"
            raise DataError(f"{held_out.samples.source}: no sample is held out for {split}", hint=hint)
    if purpose == "denoise":
        return DenoisingJudge(held_out)
    if purpose == "anomaly":
        return AnomalyJudge(held_out)
    if purpose == "generate":
        return GenerationJudge(held_out)
    return ReconstructionJudge(held_out, probes=purpose == "features")
