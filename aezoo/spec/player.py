"""How a player of an objective moves, where that is not as `[training]` says."""

from __future__ import annotations

from pydantic import Field

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

    def moves(self, step: int) -> bool:
        """Whether it has a turn at this step."""
        return step >= self.start and (step - self.start) % self.every == 0


def turns_of(objective: ObjectiveSpec) -> dict[str, PlayerSpec]:
    """How those players move that do not move as `[training]` says."""
    told = {name: objective.player(name) for name in objective.players}
    return {name: player for name, player in told.items() if player is not None}
