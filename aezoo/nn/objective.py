"""Objective: a batch -> loss terms by name, weighted; and all else that only training needs.

x --corruption--> x~ --model--> Output --play--> raw terms of a player
                                  └--regularizers--> raw terms of the first player
                                       total = sum of weight(step) * term
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Output

Weight = Callable[[int], float]


class Noise(NamedTuple):
    """Where randomness comes from: one generator for each stream, seeded anew by the loop at each step."""

    corruption: Generator
    latent: Generator


class Losses(NamedTuple):
    """What one player is told: the total, and its terms raw and weighted (nats, averaged over the batch)."""

    total: Tensor
    raw: dict[str, Tensor]
    weighted: dict[str, Tensor]


class Objective(nn.Module):
    """The loss of a model, term by term.

    Args:
        model: What is trained, published and used.
        play: `play(out, player) -> raw terms`; has `players`, and `own(player)` for those after the first.
        corruption: Modules `c(x, generator)`, applied in order.
        regularizers: Modules `r(out) -> []` by name.
        weights: The factor of each regularizer at a step; None for one that is always 1.
        projections: Constraints: functions that change weights in place after each step.
        tangents: Functions that take out of a gradient what the projections would undo.
        taps: Layers whose outputs the regularizers read.
        autocast: Lower precision of the model's own products; the terms are computed in full.
    """

    def __init__(
        self,
        model: Autoencoder,
        play: nn.Module,
        *,
        players: Sequence[str] = ("model",),
        corruption: Sequence[nn.Module] = (),
        regularizers: Mapping[str, nn.Module] | None = None,
        weights: Mapping[str, Weight | None] | None = None,
        projections: Sequence[Callable[[], None]] = (),
        tangents: Sequence[Callable[[], None]] = (),
        taps: Sequence[str] = (),
        autocast: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.play = play
        self.players = tuple(players)
        self.corruption = nn.ModuleList(corruption)
        # A list: a ModuleDict would refuse names such as `pop`, and nothing of it is published.
        self.regularizers = nn.ModuleList((regularizers or {}).values())
        self.weights = dict(weights or {})
        self.projections = tuple(projections)
        self.tangents = tuple(tangents)
        self.taps = tuple(taps)
        self.autocast = autocast
        # Bound once: walking a ModuleDict, or nn.Module's search for an attribute, costs microseconds a step.
        self._pass = model, play
        self._terms = [(name, term, self.weights[name]) for name, term in (regularizers or {}).items()]
        self._spoil = list(self.corruption)

    def forward(self, x: Tensor, player: str, step: int, noise: Noise) -> Losses:
        """The losses of one player for a batch.

        Shape:
            x: [B, *input], in data units
        """
        corrupted = None
        if self._spoil:
            corrupted = x
            for spoil in self._spoil:
                corrupted = spoil(corrupted, noise.corruption)
        model, play = self._pass
        out = model(x, corrupted, noise.latent, self.taps)
        raw: dict[str, Tensor] = play(out, player)
        weighted = raw
        if player == self.players[0] and self._terms:
            weighted = dict(raw)
            for name, term, weight in self._terms:
                raw[name] = value = term(out)
                weighted[name] = value if weight is None else value * weight(step)
        values = iter(weighted.values())
        total = next(values)
        for value in values:
            total = total + value
        return Losses(total, raw, weighted)

    def parameters_of(self, player: str) -> Iterator[nn.Parameter]:
        """What this player may move."""
        owned: Iterator[nn.Parameter] = (
            self.model.parameters() if player == self.players[0] else self.play.own(player)  # type: ignore[operator]
        )
        return (p for p in owned if p.requires_grad)

    def project(self) -> None:
        """Apply the constraints."""
        for projection in self.projections:
            projection()

    def flatten(self) -> None:
        """Keep of the gradient what lies along the constraints."""
        for tangent in self.tangents:
            tangent()


def _full(out: Output, dtype: torch.dtype) -> Output:
    """The pass in full precision: three digits of a bfloat16 KL are none to train by."""
    code = type(out.code)(*(value.to(dtype) for value in out.code))
    taps = {name: value.to(dtype) for name, value in out.taps.items()}
    return out._replace(code=code, raw=out.raw.to(dtype), taps=taps)
