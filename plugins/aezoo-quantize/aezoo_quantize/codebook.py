"""Codebook: K vectors, the nearest of which replaces a vector; learned by running means or a gradient."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from aezoo.nn.distributed import alone, chosen_of_all, count_of_all, of_first, rows_of_all, summed
from aezoo_quantize.kmeans import kmeans, nearest

#: Codes with a running count below this have not been used for long: they are not moved.
UNUSED = 1e-5


class Lookup(NamedTuple):
    """Vectors, and their nearest codes."""

    vectors: Tensor  # [N, D], the input, of norm 1 if the codebook compares angles
    codes: Tensor  # [N, D], the nearest to each
    indices: Tensor  # [N]


class Codebook(nn.Module):
    """K codes, moved by running means or by a gradient, restarted where they are not used.

    The running means are those of van den Oord et al. 2017, arXiv:1711.00937, appendix A.1:

        n_k <- decay n_k + (1 - decay) count of k      code_k = s_k / n_k
        s_k <- decay s_k + (1 - decay) sum of the vectors of k

    They are updated in a forward pass in training, after the lookup. A code that is not used does not move; Sonnet adds
    1e-5 to its count instead, which draws it to the origin. A code whose n_k falls below `restart`
    times the mean of all is moved to a vector of the batch, with that mean as its n_k (Dhariwal et al. 2020,
    arXiv:2005.00341, section 3.1). All of it is in buffers, the same in every process that trains: counts, sums, first
    codes and restarts are of the vectors of all of them. Random numbers come from the generator alone;
    without one the first codes are the farthest points and no code is restarted.

    Args:
        codes: K.
        dim: Width D of a code.
        learned: Whether codes are a parameter of a loss, instead of running means.
        decay: Of the running means, for each batch.
        kmeans: Whether the first codes are the k-means of the first batch in training.
        restart: Below which share of the mean count; 0 for never.
        cosine: Whether vectors and codes are scaled to norm 1.

    Shape:
        x: [N, D] -> vectors, codes: [N, D]; indices: [N]
    """

    codes: Tensor
    counts: Tensor
    sums: Tensor
    started: Tensor

    def __init__(
        self,
        codes: int,
        dim: int,
        *,
        learned: bool = False,
        decay: float = 0.99,
        kmeans: bool = True,
        restart: float = 0.1,
        cosine: bool = False,
    ) -> None:
        super().__init__()
        self.learned, self.decay, self.restart, self.cosine = learned, decay, restart, cosine
        first = torch.empty(codes, dim).uniform_(-1 / codes, 1 / codes)
        first = F.normalize(first, dim=-1) if cosine else first
        if learned:
            self.codes = nn.Parameter(first)
        else:
            self.register_buffer("codes", first)
            self.register_buffer("sums", first.clone())
        self.register_buffer("counts", torch.ones(codes))
        self.register_buffer("started", torch.tensor(not kmeans))

    def forward(self, x: Tensor, generator: Generator | None = None) -> Lookup:
        # In the precision of the codes: three digits of bfloat16 do not distinguish near codes.
        with _without_autocast(x.device):
            x = x.to(self.codes.dtype)
            x = F.normalize(x, dim=-1) if self.cosine else x
            detached = x.detach()
            if self.training and not self.started:
                self._start(detached, generator)
            indices = nearest(detached, self.codes.detach())
            lookup = Lookup(x, self.embed(indices), indices)
            if self.training:
                self._learn(detached, indices, generator)
            return lookup

    def embed(self, indices: Tensor) -> Tensor:
        """The codes of these indices: [...] -> [..., D]."""
        # A copy: `_learn` changes codes in place before the backward pass, which needs them as they were. Without
        # `cosine` the lookup itself is a copy.
        codes = F.normalize(self.codes.clone(), dim=-1) if self.cosine else self.codes
        return F.embedding(indices, codes)

    @torch.no_grad()
    def _start(self, x: Tensor, generator: Generator | None) -> None:
        every = rows_of_all(x)
        with alone():
            centres, counts = kmeans(every, len(self.codes), generator, cosine=self.cosine)
        self._set(torch.ones_like(self.counts, dtype=torch.bool), of_first(centres), of_first(counts))
        self.started.fill_(True)

    @torch.no_grad()
    def _learn(self, x: Tensor, indices: Tensor, generator: Generator | None) -> None:
        # As a product: sums by index are in no fixed order on some accelerators.
        members = F.one_hot(indices, len(self.codes)).to(x.dtype)  # [N, K]
        self.counts.lerp_(summed(members.sum(dim=0)), 1 - self.decay)
        if not self.learned:
            self.sums.lerp_(summed(members.t() @ x), 1 - self.decay)
            self._move_to_means()
        if self.restart and generator is not None:
            self._restart(x, generator)

    def _move_to_means(self) -> None:
        """Move each code to the mean of its vectors."""
        means = self.sums / self.counts.clamp_min(UNUSED)[:, None]
        means = F.normalize(means, dim=-1) if self.cosine else means
        self.codes.copy_(torch.where(self.counts[:, None] > UNUSED, means, self.codes))

    def _restart(self, x: Tensor, generator: Generator) -> None:
        """Move codes that are hardly used to vectors of the batch. The number of draws does not depend on how many."""
        every = count_of_all(x)
        with alone():  # a draw of codes, none of samples
            rows = torch.randint(every, (len(self.codes),), generator=generator, device=x.device)
        mean_count = self.counts.mean()
        chosen = chosen_of_all(x, of_first(rows))
        self._set(self.counts < self.restart * mean_count, chosen, mean_count.expand_as(self.counts))

    def _set(self, which: Tensor, codes: Tensor, counts: Tensor) -> None:
        """Set some codes, and their running means."""
        self.codes.copy_(torch.where(which[:, None], codes, self.codes))
        self.counts.copy_(torch.where(which, counts, self.counts))
        if not self.learned:
            self.sums.copy_(torch.where(which[:, None], codes * counts[:, None], self.sums))


def _without_autocast(device: torch.device) -> AbstractContextManager[object]:
    known = torch.amp.is_autocast_available(device.type)  # not on meta
    return torch.autocast(device.type, enabled=False) if known else nullcontext()
