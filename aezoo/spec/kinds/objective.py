"""Objectives: how the losses are made, and how each player moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from aezoo.spec.component import AnySpec, Component, Frozen
from aezoo.spec.kinds.optimizer import OptimizerSpec
from aezoo.spec.kinds.schedule import ScheduleSpec

if TYPE_CHECKING:
    from torch import nn


class PlayerSpec(Frozen):
    """How and when one player moves; the base of tables such as a critic's."""

    optimizer: OptimizerSpec | None = Field(
        None, description="how its weights move; unless said, as `training.optimizer`"
    )
    clip: float | None = Field(None, gt=0, description="largest norm of its gradient; unless said, `training.clip`")
    every: int = Field(1, ge=1, description="it moves at every so many steps")
    start: int = Field(0, ge=0, description="the step at which it moves for the first time")

    above: float | None = Field(
        None,
        ge=0,
        description="it moves only where its loss, of the step's batch, is above this: it waits for the others",
    )
    below: float | None = Field(None, gt=0, description="it moves only where its loss is below this")

    @model_validator(mode="after")
    def _open(self) -> PlayerSpec:
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise ValueError(f"no loss is above {self.above:g} and below {self.below:g}: this player would never move")
        return self

    @property
    def gated(self) -> bool:
        """Whether its loss decides if it moves."""
        return self.above is not None or self.below is not None

    def moves(self, step: int) -> bool:
        """Whether it has a turn at this step."""
        return step >= self.start and (step - self.start) % self.every == 0

    def passes(self, loss: float) -> bool:
        """Whether it moves in its turn, with this loss."""
        return (self.above is None or loss > self.above) and (self.below is None or loss < self.below)


class ObjectiveSpec(Component):
    """How the losses are made from a pass, for each player in turn."""

    kind: ClassVar[str] = "objective"
    #: Who plays: each has its own parameters, optimizer and terms. One, or say model and critic.
    players: ClassVar[tuple[str, ...]] = ("model",)
    #: What latent and likelihood must provide, as a regularizer's `needs`.
    needs: ClassVar[frozenset[str]] = frozenset()
    #: What the first player's own terms are called: names that no regularizer can have.
    terms: ClassVar[frozenset[str]] = frozenset()
    #: Whether its own terms limit what the code can tell, as the bound of several samples does.
    rate: ClassVar[bool] = False
    #: Whether a model that copies its input would be perfect; a masked objective says no.
    copying: ClassVar[bool] = True
    #: Whether it compares reconstructions. If not, a spec with it says `decoder = "none"`.
    reconstructs: ClassVar[bool] = True
    #: Whether it compares what was hidden from the encoder alone. From the code of a whole sample, of which nothing is,
    #: nothing is then decoded, and metrics of that do not apply.
    fills_in: ClassVar[bool] = False
    #: Whether what it builds has `score(out) -> [B]`, how anomalous each sample is: what `score` then gives. A score
    #: depends on the model alone: weights that it needs are the model's, a latent's say, since those are published.
    scores: ClassVar[bool] = False

    @classmethod
    def is_rate(cls) -> bool:
        """Whether it is the rate itself: then no other part of the loss may be, and a prior can learn by it."""
        return cls.rate and "posterior" in cls.needs

    def player(self, name: str) -> PlayerSpec | None:
        """How and when this player moves; None for as `training` says, at every step."""
        return None

    def weights(self) -> Mapping[str, ScheduleSpec]:
        """Factors of its own terms, 1 for those not named; of a player after the first by `player.term`."""
        return {}

    def parameters(self, spec: AnySpec) -> int:
        """How many weights it has of its own, a critic's (counted without torch)."""
        return 0

    def build(self, spec: AnySpec) -> nn.Module:
        """A module: `forward(out: Output, player: str) -> dict[str, Tensor []]`, the raw terms of that player.

        Of its parameters, `own(player)` gives those of each player after the first (a critic's); the first moves the
        others. The first player also moves the model, unless `split(model) -> {player: modules of it}` divides it up.
        What a player does not move is frozen in its turn.
        """
        raise NotImplementedError


def players_of(spec: AnySpec) -> dict[str, PlayerSpec | None]:
    """Who plays, in the order of their turns, each with its table; those of a penalty go by `penalty.player`."""
    players = {name: spec.objective.player(name) for name in spec.objective.players}
    for term, penalty in spec.regularizers.items():
        players |= {f"{term}.{name}": penalty.player(name) for name in penalty.players}
    return players


def turns_of(spec: AnySpec) -> dict[str, PlayerSpec]:
    """How those players move that do not move as `[training]` says."""
    return {name: player for name, player in players_of(spec).items() if player is not None}
