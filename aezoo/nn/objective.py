"""Objective: a batch -> loss terms by name, weighted; and corruptions and constraints, which only training needs.

x --corruption--> x~ --model--> Output --loss_terms--> raw terms of a player
                                  └--regularizers--> raw terms of the first player
                                       total = sum of weight(step) * term

Several players take turns at each step, each with a pass, terms and weights of its own: those of the loss terms, then
those of the regularizers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from operator import call
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import NONE, Output
from aezoo.nn.corruption import attach, corrupt
from aezoo.nn.lower_products import Rounding, lower_products
from aezoo.nn.schedule_buffers import changes

Weight = Callable[[int], float]
#: Calls a module, or one of its methods, with a pass and what follows it: `operator.call`, or what deals samples out.
Call = Callable[..., Any]


class HasParameters(Protocol):
    """Something with weights: any module."""

    def parameters(self) -> Iterator[nn.Parameter]: ...


class Game(Protocol):
    """Loss terms of several players: it says which of its own weights (a critic's) players after the first move."""

    def own(self, player: str) -> Iterable[nn.Parameter]: ...


class TermWithPlayers(Game, Protocol):
    """A regularizer with players of its own: their raw terms, and the weights that they move."""

    def losses(self, out: Output, player: str) -> Mapping[str, Tensor]: ...


@runtime_checkable
class SplitsModel(Protocol):
    """Loss terms whose first player does not move the whole model: it says which parts of it each player moves."""

    def split(self, model: Autoencoder) -> Mapping[str, Iterable[HasParameters]]: ...


class Noise(NamedTuple):
    """Random generators, one for each stream; the loop seeds them anew at each step."""

    corruption: Generator
    latent: Generator


class Losses(NamedTuple):
    """The losses of one player: the total, and its terms raw and weighted (nats, averaged over the batch)."""

    total: Tensor
    raw: dict[str, Tensor]
    weighted: dict[str, Tensor]


def averaged(passes: Sequence[tuple[Losses, float]]) -> Losses:
    """The losses of a batch from those of its parts and their shares of it, without gradients."""
    total = sum(losses.total.detach() * share for losses, share in passes)
    (first, _), *_ = passes
    raw = {name: sum(losses.raw[name].detach() * share for losses, share in passes) for name in first.raw}
    weighted = {
        # One tensor for both says that there is no weight.
        name: raw[name]
        if value is first.raw[name]
        else sum(losses.weighted[name].detach() * share for losses, share in passes)
        for name, value in first.weighted.items()
    }
    return Losses(total, raw, weighted)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Terms:
    """The terms of the total loss.

    Args:
        loss_terms: A module `loss_terms(out, player) -> raw terms`; a `Game` if there are several players.
        players: Names, in the order of their turns.
        regularizers: Modules `r(out) -> []` by name: further terms of the first player.
        weights: The factor of a term at a step, by name; None for one that is always 1. Terms of a player after
            the first are named `player.term`.
        term_players: Players of regularizers, who have their turns after the others: by the name of each, the
            regularizer, and what that calls it.
        taps: Layers whose outputs the regularizers read.
    """

    loss_terms: nn.Module
    players: tuple[str, ...] = ("model",)
    regularizers: Mapping[str, nn.Module] = field(default_factory=dict)
    weights: Mapping[str, Weight | None] = field(default_factory=dict)
    term_players: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    taps: Sequence[str] = ()

    def weights_of(self, player: str) -> dict[str, Weight]:
        """The weights, other than 1, of this player's terms, by term."""
        prefix = "" if player == self.players[0] else f"{player}."
        terms = {name.removeprefix(prefix): weight for name, weight in self.weights.items() if name.startswith(prefix)}
        # A term with a dot in its name belongs to another player.
        return {term: weight for term, weight in terms.items() if weight is not None and "." not in term}


class Constraints(NamedTuple):
    """Constraints on weights.

    Attributes:
        projections: Functions that change weights in place after each step.
        tangents: Functions that remove from a gradient the part that the projections would undo.
    """

    projections: Sequence[Callable[[], None]] = ()
    tangents: Sequence[Callable[[], None]] = ()


UNCONSTRAINED = Constraints()


class Objective(nn.Module):
    """The loss of a model, term by term.

    Args:
        model: The autoencoder to train.
        terms: The terms of the total loss.
        constraints: On its weights.
        corruption: Modules `c(x, generator)`, or a `FieldCorruption`, applied in order.
        steps: Length of the run.
        autocast: Lower precision of the model's matrix products; the terms are computed in full.

    Attributes:
        rounding: How products of float32 tensors are rounded in the model's passes; None: not at all.
    """

    def __init__(
        self,
        model: Autoencoder,
        terms: Terms,
        constraints: Constraints = UNCONSTRAINED,
        *,
        corruption: Sequence[nn.Module] = (),
        steps: int = 1,
        autocast: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.loss_terms = terms.loss_terms
        self.corruption = nn.ModuleList(corruption)
        attach(corruption, model)
        # A list: a ModuleDict would refuse names such as `pop`. In the order of their names: a saved spec has them in
        # that order, and the state that is kept beside it is restored by these numbers.
        self.regularizers = nn.ModuleList(terms.regularizers[name] for name in sorted(terms.regularizers))
        self.terms = terms
        self.players = (*terms.players, *terms.term_players)
        self.constraints = constraints
        self.steps = steps
        self.autocast = autocast
        self.rounding: Rounding | None = None
        self._changes = changes(self.modules())
        self._corrupts = bool(corruption)
        self._weights = {player: terms.weights_of(player) for player in self.players}
        # A player that moves no weight of the model needs no graph of its pass.
        weights = set(model.parameters())
        self._frozen = {player for player in self.players[1:] if weights.isdisjoint(self.parameters_of(player))}

    def forward(
        self,
        x: Tensor,
        player: str,
        step: int,
        noise: Noise,
        fields: Mapping[str, Tensor] = NONE,
        call: Call = call,
    ) -> Losses:
        """The losses of one player for a batch.

        Args:
            x: Samples, in data units.
            player: Whose.
            step: The position of the run.
            noise: Where corruption and latent draw from.
            fields: What goes along with the samples, by name.
            call: Calls a term with the pass: where processes share a batch, a term may want all of it.

        Shape:
            x: [B, *input]; fields: [B, ...]
        """
        self.set_step(step)
        if player in self._frozen:
            with torch.no_grad():
                out = self._pass(x, noise, fields)
        else:
            out = self._pass(x, noise, fields)
        raw = self._raw(out, player, call)
        weighted = raw
        if weights := self._weights[player]:
            weighted = raw | {name: raw[name] * weight(step) for name, weight in weights.items()}
        total, *others = weighted.values()
        for term in others:
            total = total + term
        return Losses(total, raw, weighted)

    def raw_terms(self, x: Tensor, player: str, noise: Noise, fields: Mapping[str, Tensor] = NONE) -> dict[str, Tensor]:
        """The terms of one player for a batch, without their weights, at the step that was set last."""
        return self._raw(self._pass(x, noise, fields), player, call)

    def _raw(self, out: Output, player: str, call: Call) -> dict[str, Tensor]:
        """The terms of a player, without their weights."""
        if player in self.terms.term_players:
            term, name = self._term_player(player)
            return dict(call(term.losses, out, name))
        raw: dict[str, Tensor] = dict(call(self._modules["loss_terms"], out, player))
        if player == self.players[0]:
            for name, regularizer in self.terms.regularizers.items():
                raw[name] = call(regularizer, out)
        return raw

    def _term_player(self, player: str) -> tuple[TermWithPlayers, str]:
        """The regularizer whose player it is, and what that calls it."""
        term, name = self.terms.term_players[player]
        return cast(TermWithPlayers, self.terms.regularizers[term]), name

    @property
    def follows_step(self) -> bool:
        """Whether something of it changes with the step, beside the weights of terms."""
        return bool(self._changes)

    def set_step(self, step: int) -> None:
        """Set what changes with the step to that of this one."""
        for change in self._changes:
            change(step, self.steps)

    def _pass(self, x: Tensor, noise: Noise, fields: Mapping[str, Tensor]) -> Output:
        """One pass; with `autocast` its products are in lower precision, and its results cast back to full."""
        parts = self._modules  # `self.model` takes half a microsecond more, at each step
        corrupted = corrupt(self.corruption, x, noise.corruption, fields) if self._corrupts else None
        if self.autocast is None and self.rounding is None:
            return parts["model"](x, corrupted, noise.latent, self.terms.taps, fields)  # type: ignore[misc, no-any-return]
        if self.autocast is None:
            with self.rounded():
                return self.model(x, corrupted, noise.latent, self.terms.taps, fields)  # type: ignore[no-any-return]
        with torch.autocast(x.device.type, self.autocast):
            out = self.model(x, corrupted, noise.latent, self.terms.taps, fields)
        return _full(out, x.dtype)

    def rounded(self) -> AbstractContextManager[None]:
        """Within, products of float32 are those of the model's passes: for the backward pass."""
        return nullcontext() if self.rounding is None else lower_products(self.rounding)

    def parameters_of(self, player: str) -> Iterator[nn.Parameter]:
        """The weights that this player moves, each once; the first also those of terms that no other player moves."""
        if player in self.terms.term_players:
            return iter(dict.fromkeys(p for p in self._own(player) if p.requires_grad))
        first = player == self.players[0]
        moved = [*player_parameters(player, self.loss_terms, self.model, first=first)]
        return iter(dict.fromkeys([*moved, *self._terms_own()] if first else moved))

    def _terms_own(self) -> Iterator[nn.Parameter]:
        """Weights of loss terms, regularizers and corruptions that are neither the model's nor a later player's."""
        others = {p for player in self.players[1:] for p in self._own(player)}
        others.update(self.model.parameters())
        for terms in (self.loss_terms, self.regularizers, self.corruption):
            yield from (p for p in terms.parameters() if p.requires_grad and p not in others)

    def _own(self, player: str) -> Iterable[nn.Parameter]:
        """The weights of a player after the first that are not the model's."""
        if player not in self.terms.term_players:
            return cast(Game, self.loss_terms).own(player)
        term, name = self._term_player(player)
        return term.own(name)

    def unmoved(self) -> list[str]:
        """Names of the weights that could be trained and that no player moves."""
        moved = {p for player in self.players for p in self.parameters_of(player)}
        return [name for name, p in self.named_parameters() if p.requires_grad and p not in moved]

    @property
    def auxiliary_state(self) -> dict[str, Tensor]:
        """The state that is not the model's: critics, running means of penalties."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("model.")}

    def project(self) -> None:
        """Apply the constraints."""
        for projection in self.constraints.projections:
            projection()

    def project_gradients(self) -> None:
        """Remove from gradients the part that the constraints would undo."""
        for tangent in self.constraints.tangents:
            tangent()


def player_parameters(player: str, loss_terms: nn.Module, model: Autoencoder, *, first: bool) -> Iterator[nn.Parameter]:
    """The weights that a player moves, each once.

    Args:
        player: Its name.
        loss_terms: A `Game` if there are players after the first; `SplitsModel` if the first player does not move the
            whole model.
        model: What is trained.
        first: Whether it is the first player.
    """
    parts: Iterable[HasParameters] = [model] if first else ()
    if isinstance(loss_terms, SplitsModel):
        parts = loss_terms.split(model).get(player, ())
    own = () if first else cast(Game, loss_terms).own(player)
    parameters = [*(p for part in parts for p in part.parameters()), *own]
    return (p for p in dict.fromkeys(parameters) if p.requires_grad)


def _full(out: Output, dtype: torch.dtype) -> Output:
    """The pass in full precision: a KL in bfloat16 would have three digits."""
    # Indices are integers and stay so.
    code = type(out.code)(*(value.to(dtype) if value.is_floating_point() else value for value in out.code))
    taps = {name: value.to(dtype) for name, value in out.taps.items()}
    levels = tuple(type(level)(*(value.to(dtype) for value in level)) for level in out.levels)
    return out._replace(code=code, raw=out.raw.to(dtype), taps=taps, levels=levels)
