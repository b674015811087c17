"""Groups of weights that an optimizer moves with settings of their own."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from aezoo.spec.component import Frozen, Strings
from aezoo.spec.contracts import value_of
from aezoo.spec.kinds.schedule import ScheduleSpec

#: A text, or a list of them.
Names = str | Strings


class ParameterGroupSpec(Frozen):
    """Weights by where they are, what they are called and how many axes they have; and their rate and decay.

    A weight is in the first group of the list all of whose conditions it meets.
    """

    on: Names = Field((), description="parts or layers that the weights are of: `encoder`, `latent`, `decoder.0`")
    names: Names = Field((), description="what the weights are called, with `*` for any text: `*.bias`")
    weights: Literal["all", "vectors", "matrices"] = Field(
        "all", description="vectors: with one axis or none, as biases and the scales of norms; matrices: the others"
    )
    factor: float | None = Field(None, ge=0, description="their rate as a multiple of the optimizer's; 0: they stay")
    lr: ScheduleSpec | None = Field(None, description="their rate, a number or a schedule, instead of a factor")
    weight_decay: float | None = Field(None, ge=0, description="instead of that of the optimizer")

    @model_validator(mode="after")
    def _says_something(self) -> ParameterGroupSpec:
        if not (self.on or self.names or self.weights != "all"):
            raise ValueError("says of no weights that they are in it: give it 'on', 'names' or 'weights'")
        if self.factor is None and self.lr is None and self.weight_decay is None:
            raise ValueError("changes nothing: give it 'factor', 'lr' or 'weight_decay'; factor = 1.0 keeps the rate")
        if self.factor is not None and self.lr is not None:
            raise ValueError("takes a 'factor' or an 'lr', not both")
        if self.lr is not None:
            self._refuse_uphill(self.lr)
        return self

    @staticmethod
    def _refuse_uphill(lr: ScheduleSpec) -> None:
        if min(lr.bounds() or (value_of(lr, 0, 1), value_of(lr, 2**62, 1))) < 0:
            raise ValueError("a learning rate is 0 or more, from first to last")

    @property
    def places(self) -> tuple[str, ...]:
        """What it is on, as a list."""
        return _listed(self.on)

    @property
    def patterns(self) -> tuple[str, ...]:
        """What its weights are called, as a list."""
        return _listed(self.names)

    @property
    def title(self) -> str:
        """Its conditions, in a few words: `encoder, vectors`."""
        kinds = () if self.weights == "all" else (self.weights,)
        return ", ".join("|".join(each) for each in (self.places, self.patterns, kinds) if each)


def _listed(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names
