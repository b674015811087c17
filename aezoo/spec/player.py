"""How a player of an objective moves, where that is not as `[training]` says."""

from __future__ import annotations

from pydantic import Field, model_validator

from aezoo.spec.component import Frozen
from aezoo.spec.kinds import ObjectiveSpec, OptimizerSpec


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
        """Whether it moves in its turn, told this loss."""
        return (self.above is None or loss > self.above) and (self.below is None or loss < self.below)


def turns_of(objective: ObjectiveSpec) -> dict[str, PlayerSpec]:
    """How those players move that do not move as `[training]` says."""
    told = {name: objective.player(name) for name in objective.players}
    return {name: player for name, player in told.items() if player is not None}
