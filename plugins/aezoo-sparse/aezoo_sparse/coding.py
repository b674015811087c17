"""Latents: from features to a sparse code."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.distributed import count_of_all, layout, lowest, rows_of_all
from aezoo.nn.latent import ActivatedCode, largest
from aezoo.nn.selection import SelectedCode, largest_of_all, largest_of_each, pays, select
from aezoo_sparse.start import couple

#: Early in a run the running mean is over about the last n / 8 of n steps.
RECENT = 8


class StepCode(NamedTuple):
    """A code of units with thresholds."""

    z: Tensor  # [B, D]
    pre: Tensor  # [B, D]
    active: Tensor  # [B, D], 1 where the unit is active; its gradient reaches the thresholds alone


class GatedCode(NamedTuple):
    """A code of units with gates."""

    z: Tensor  # [B, D]
    pre: Tensor  # [B, D], the magnitude before its relu
    gate: Tensor  # [B, D], after a relu: positive where the unit is active


class Dictionary(nn.Module):
    """Base: pre = W (h - c) + b, from which a rule selects the code.

    Args:
        features: Width F of the encoder's output.
        dim: Units D.
        center: Whether there is a c.
        coupled: Whether `prepare` makes W the transpose of the decoder's first map.
    """

    def __init__(self, features: int, dim: int, *, center: bool = True, coupled: bool = True) -> None:
        super().__init__()
        self.center = nn.Parameter(torch.zeros(features)) if center else None
        self.project = nn.Linear(features, dim)
        self.coupled = coupled

    def scores(self, h: Tensor) -> Tensor:
        """The units before any selection.

        Shape:
            h: [B, *shape] -> [B, D]
        """
        return self.project(self.centered(h))  # type: ignore[no-any-return]

    def centered(self, h: Tensor) -> Tensor:
        """The features that W maps.

        Shape:
            h: [B, *shape] -> [B, F]
        """
        h = h.flatten(1)
        return h if self.center is None else h - self.center

    def prepare(self, first_input: Tensor, *, model: Autoencoder, generator: Generator) -> None:
        """Initialize as a dictionary: see `couple`."""
        if self.coupled:
            couple(self.project, self.center, model.decoder, first_input.flatten(1))


class ReLU(Dictionary):
    """Every unit that is positive.

    Shape:
        h: [B, *shape] -> z, pre: [B, D]
    """

    def forward(self, h: Tensor, generator: Generator | None = None) -> ActivatedCode:
        pre = self.scores(h)
        return ActivatedCode(pre.relu(), pre)


class TopK(Dictionary):
    """The `k` largest units of each sample (Gao et al. 2024, arXiv:2406.04093, section 2.3).

    Shape:
        h: [B, *shape] -> z, pre: [B, D]
    """

    def __init__(self, features: int, dim: int, *, k: int, center: bool = True, coupled: bool = True) -> None:
        super().__init__(features, dim, center=center, coupled=coupled)
        self.k = k

    def forward(self, h: Tensor, generator: Generator | None = None) -> ActivatedCode | SelectedCode:
        h = self.centered(h)
        if self.training and pays(h, self.project, self.k):
            return select(h, self.project, partial(largest_of_each, k=self.k))
        pre = self.project(h)
        return ActivatedCode(largest(pre, self.k), pre)


class BatchTopK(Dictionary):
    """The `k` B largest units of a batch; outside training, those above a running threshold.

    Bussmann et al. 2024, "BatchTopK sparse autoencoders", arXiv:2412.06410. The threshold is the mean over batches of
    the smallest active value. Early in a run it is over few batches, so that a run of any length ends with a threshold
    of its last batches.

    Args:
        features: Width F of the encoder's output.
        dim: Width D of the code.
        k: Active units of a sample, on average.
        momentum: Share of the past in the running mean, after enough batches.
        center: As in `Dictionary`.
        coupled: As in `Dictionary`.

    Shape:
        h: [B, *shape] -> z, pre: [B, D]
    """

    threshold: Tensor
    batches: Tensor

    def __init__(
        self, features: int, dim: int, *, k: int, momentum: float = 0.999, center: bool = True, coupled: bool = True
    ) -> None:
        super().__init__(features, dim, center=center, coupled=coupled)
        self.k = k
        self.momentum = momentum
        self.register_buffer("threshold", torch.zeros(()))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, h: Tensor, generator: Generator | None = None) -> ActivatedCode | SelectedCode:
        h = self.centered(h)
        whole = count_of_all(h) == len(h)  # of a batch that processes share the largest are those of all of it
        if self.training and whole and pays(h, self.project, self.k):
            code = select(h, self.project, partial(largest_of_all, k=self.k))
            self._update_threshold(code.values.detach())
            return code
        pre = self.project(h)
        if not self.training:
            return ActivatedCode(pre.where(pre > self.threshold, 0.0), pre)
        z = largest_of_batch(pre, self.k)
        self._update_threshold(z.detach())
        return ActivatedCode(z, pre)

    @torch.no_grad()
    def _update_threshold(self, z: Tensor) -> None:
        smallest = lowest(z.where(z > 0, torch.inf).min())
        weight = (RECENT / (self.batches + RECENT)).clamp_min(1 - self.momentum).to(smallest.dtype)
        known = smallest.isfinite()  # a batch in which nothing is active has no smallest value
        self.threshold.lerp_(smallest.where(known, 0.0), weight.where(known, 0.0))
        self.batches.add_(known)


def largest_of_batch(pre: Tensor, k: int) -> Tensor:
    """The `k` B largest units of a batch, those below zero and all others as zero.

    Of several processes that share a batch each finds the value from which on units are active: among the largest of
    each process that could be among the largest of all. Units of equal value at that bound are then active together.

    Shape:
        pre: [B, D] -> [B, D]
    """
    samples = count_of_all(pre)
    if samples == len(pre):
        return largest(pre.reshape(1, -1), k * len(pre)).view_as(pre)
    dealt = layout()
    fewest = min(dealt.sizes) if dealt else 1
    each = min(-(-k * samples // fewest), pre.shape[1])
    own = pre.detach().flatten().topk(each * len(pre), sorted=False).values.view(len(pre), each)
    bound = rows_of_all(own).flatten().topk(k * samples, sorted=False).values.min()
    return pre.where(pre >= bound, 0.0).relu()


class JumpReLU(Dictionary):
    """Units above thresholds of their own (Rajamanoharan et al. 2024, arXiv:2407.14435).

    Args:
        features: Width F of the encoder's output.
        dim: Width D of the code.
        threshold: Initial threshold of every unit.
        bandwidth: Width of the rectangular kernel that replaces the delta in the gradients of the thresholds.
        center: As in `Dictionary`.
        coupled: As in `Dictionary`.

    Shape:
        h: [B, *shape] -> z, pre, active: [B, D]
    """

    def __init__(
        self,
        features: int,
        dim: int,
        *,
        threshold: float,
        bandwidth: float,
        center: bool = True,
        coupled: bool = True,
    ) -> None:
        super().__init__(features, dim, center=center, coupled=coupled)
        # Its logarithm, so that it stays positive.
        self.log_threshold = nn.Parameter(torch.full((dim,), threshold).log())
        self.bandwidth = bandwidth

    def forward(self, h: Tensor, generator: Generator | None = None) -> StepCode:
        pre = self.scores(h)
        threshold = self.log_threshold.exp()
        above = (pre > threshold).to(pre.dtype)
        through = straight_through(pre.detach(), threshold, self.bandwidth)
        return StepCode(pre * above + threshold.detach() * through, pre, above + through)


def straight_through(pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
    """Zero, with the gradient -K((pre - threshold) / bandwidth) / bandwidth to the threshold, K a rectangle of width 1.

    That is an estimate of how the step 1[pre > threshold] moves with its threshold; times the threshold, of how
    z = pre 1[pre > threshold] does (Rajamanoharan et al. 2024, arXiv:2407.14435, section 3).

    Shape:
        pre: [B, D], threshold: [D] -> [B, D]
    """
    inside = ((pre - threshold).abs() < bandwidth / 2).to(pre.dtype)
    return inside.detach() / bandwidth * (threshold.detach() - threshold)


class Gated(Dictionary):
    """A gate and a magnitude for each unit, from one map (Rajamanoharan et al. 2024, arXiv:2404.16014, section 3.2).

    Shape:
        h: [B, *shape] -> z, pre, gate: [B, D]
    """

    def __init__(self, features: int, dim: int, *, center: bool = True, coupled: bool = True) -> None:
        super().__init__(features, dim, center=center, coupled=coupled)
        self.log_scale = nn.Parameter(torch.zeros(dim))
        self.offset = nn.Parameter(torch.zeros(dim))

    def forward(self, h: Tensor, generator: Generator | None = None) -> GatedCode:
        gate = self.scores(h)
        assert self.project.bias is not None
        magnitude = (gate - self.project.bias) * self.log_scale.exp() + self.offset
        return GatedCode(magnitude.relu().where(gate > 0, 0.0), magnitude, gate.relu())
