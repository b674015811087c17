"""Accumulators of metrics: active units, explained variance, recovered directions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from aezoo.nn.metrics import UnexplainedVariance, point
from aezoo.nn.projection import by_input, maps

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from aezoo.nn.code import Network, Output


def active_count(out: Output) -> Tensor:
    """How many values of each code are not zero.

    Shape:
        -> [B]
    """
    return (point(out) != 0).sum(dim=-1)


class ExplainedVariance(UnexplainedVariance):
    """1 - FVU."""

    def result(self) -> float:
        return 1 - super().result()


def directions(model: Network) -> Tensor:
    """The direction of each unit, in data units: the columns of the decoder's first map, as rows.

    Shape:
        -> [D, F]
    """
    columns = by_input(next(maps(model.decoder)))[0, :, :, 0].t()
    scale = getattr(model.normalizer, "scale", None)
    return columns if scale is None else columns * scale


def nearest(learned: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """For each true direction the largest cosine with a learned one, and the index of that one.

    Shape:
        learned: [D, F], true: [K, F] -> [K], [K]
    """
    cosines = F.normalize(true, dim=1) @ F.normalize(learned, dim=1).t()
    best = cosines.max(dim=1)
    return best.values, best.indices


class Recovery:
    """Mean over true directions of the largest cosine with one of the decoder's.

    Args:
        true: [K, F].
    """

    def __init__(self, true: npt.NDArray[np.float64]) -> None:
        self.true = torch.from_numpy(true)
        self.model: Network | None = None

    def update(self, out: Output) -> None:
        self.model = out.model

    def result(self) -> float:
        if self.model is None:
            return math.nan
        learned = directions(self.model).detach().cpu().double()
        return nearest(learned, self.true)[0].mean().item()
