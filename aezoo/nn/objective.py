"""Objective: a batch -> loss terms by name, weighted; and all else that only training needs.

x --corruption--> x~ --model--> Output --play--> raw terms of a player
                                  └--regularizers--> raw terms of the first player
                                       total = sum of weight(step) * term

Several players take turns at each step, each with a pass, terms and weights of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

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
        play: `play(out, player) -> raw terms`; says what each player moves, as for `moved_by`.
        players: Who takes a turn at each step.
        corruption: Modules `c(x, generator)`, applied in order.
        regularizers: Modules `r(out) -> []` by name.
        weights: The factor of each regularizer, and of what else is not 1, at a step; None for one that is always 1.
            Of a player after the first by `player.term`.
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
        self._factors = {player: list(self._factors_of(player)) for player in self.players}
        # A player that moves nothing of the model needs no way back through it.
        inside = set(model.parameters())
        self._still = {name for name in self.players[1:] if inside.isdisjoint(self.parameters_of(name))}
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
        run = model if self.autocast is None else self._lower
        if player in self._still:
            with torch.no_grad():
                out = run(x, corrupted, noise.latent, self.taps)
        else:
            out = run(x, corrupted, noise.latent, self.taps)
        raw: dict[str, Tensor] = play(out, player)
        weighted = raw
        if factors := self._factors[player]:
            weighted = raw | {name: raw[name] * weight(step) for name, weight in factors}
        if player == self.players[0] and self._terms:
            weighted = dict(weighted)
            for name, term, weight in self._terms:
                raw[name] = value = term(out)
                weighted[name] = value if weight is None else value * weight(step)
        values = iter(weighted.values())
        total = next(values)
        for value in values:
            total = total + value
        return Losses(total, raw, weighted)

    def _lower(self, x: Tensor, *rest: Any) -> Output:
        """A pass whose products are in the lower precision; what it gives is in full, for the terms."""
        model, _ = self._pass
        with torch.autocast(x.device.type, self.autocast):
            out: Output = model(x, *rest)
        return _full(out, x.dtype)

    def parameters_of(self, player: str) -> Iterator[nn.Parameter]:
        """What this player may move."""
        return moved_by(player, self.play, self.model, first=player == self.players[0])

    def _factors_of(self, player: str) -> Iterator[tuple[str, Weight]]:
        """The weights of this player's own terms."""
        prefix = "" if player == self.players[0] else f"{player}."
        penalties = {name for name, *_ in self._terms}
        for name, weight in self.weights.items():
            term = name.removeprefix(prefix)
            if weight is not None and name == prefix + term and "." not in term and name not in penalties:
                yield term, weight

    @property
    def beside(self) -> dict[str, Tensor]:
        """The state of all but the model: critics, running means of penalties."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("model.")}

    def project(self) -> None:
        """Apply the constraints."""
        for projection in self.projections:
            projection()

    def flatten(self) -> None:
        """Keep of the gradient what lies along the constraints."""
        for tangent in self.tangents:
            tangent()


def moved_by(player: str, play: nn.Module, model: nn.Module, *, first: bool) -> Iterator[nn.Parameter]:
    """The weights that a player moves, each once.

    Args:
        player: Its name.
        play: Has `own(player) -> parameters` if there are players after the first; and, if it is not the first one that
            moves the model and all of it, `split(model) -> {player: modules of the model}`.
        model: What is trained.
        first: Whether it is the first player.
    """
    game: Any = play
    parts = game.split(model).get(player, ()) if hasattr(game, "split") else [model] if first else ()
    own = () if first else game.own(player)
    found = [*(p for part in parts for p in part.parameters()), *own]
    return (p for p in dict.fromkeys(found) if p.requires_grad)


def _full(out: Output, dtype: torch.dtype) -> Output:
    """The pass in full precision: three digits of a bfloat16 KL are none to train by."""
    # Indices stay the whole numbers they are.
    code = type(out.code)(*(value.to(dtype) if value.is_floating_point() else value for value in out.code))
    taps = {name: value.to(dtype) for name, value in out.taps.items()}
    return out._replace(code=code, raw=out.raw.to(dtype), taps=taps)
