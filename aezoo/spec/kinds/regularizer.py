"""Regularizers: the penalties of a loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from aezoo.spec.component import AnySpec, Component
from aezoo.spec.kinds.objective import PlayerSpec
from aezoo.spec.kinds.schedule import ConstantSpec, ScheduleSpec
from aezoo.spec.shape import Shape

if TYPE_CHECKING:
    from torch import nn


#: What `needs` may name that no latent provides.
BEYOND_LATENT = frozenset({"decoder", "nll_values"})


class RegularizerSpec(Component):
    """One penalty of the loss, in nats: summed over a sample's axes, averaged over the batch.

    The weight is applied by the objective; no regularizer touches it.
    """

    kind: ClassVar[str] = "regularizer"
    #: What the latent must provide: fields of its code; `posterior`, if the term asks for the density of the draw. And
    #: `nll_values`, if it asks for the likelihood of single values; `decoder`, if it decodes.
    needs: ClassVar[frozenset[str]] = frozenset()
    #: Whether it limits what the code can tell of the input, as a KL to the prior does. A rate that needs the
    #: posterior is the rate itself: two such terms, or one beside an objective that has it, count it twice.
    rate: ClassVar[bool] = False
    #: Whether it asks for few active values.
    sparsifies: ClassVar[bool] = False
    #: Whether `on` may be a field of classes: whole numbers, [B].
    reads_classes: ClassVar[bool] = False
    #: Players of its own, beside those of the objective: a critic. Each has weights, terms and an optimizer.
    players: ClassVar[tuple[str, ...]] = ()
    weight: ScheduleSpec = Field(ConstantSpec(value=1.0), description="factor of the term; a number or a schedule")
    on: str = Field("latent", description="the tap it reads: latent, encoder.1, input.clean, output ...")

    @classmethod
    def is_rate(cls) -> bool:
        """Whether it is the rate itself: then no other part of the loss may be, and a prior can learn by it."""
        return cls.rate and "posterior" in cls.needs

    @property
    def weighted(self) -> bool:
        """Whether its weight is ever but 1: only then is `name.weighted` logged beside `name`."""
        return self.weight.bounds() != (1.0, 1.0)

    def player(self, name: str) -> PlayerSpec | None:
        """How and when this player of its own moves; None for as `training` says, at every step."""
        return None

    def price(self, spec: AnySpec) -> float | None:
        """What it asks for a direction of the data, in the long run; None if that does not depend on the weight alone.

        Beside `factor` times a squared error, a direction is coded only if its variance exceeds price / (2 factor):
        exact for linear models with a KL (Lucas et al. 2019, arXiv:1911.02469) or a tied contractive penalty.
        """
        return None

    def weights(self) -> Mapping[str, ScheduleSpec]:
        """Factors of its players' terms, by `player.term`; 1 for those not named."""
        return {}

    def parameters(self, shape: Shape) -> int:
        """How many weights it has of its own, a critic's, for a tap of this shape (counted without torch)."""
        return 0

    def build(self, shape: Shape) -> nn.Module:
        """A module: `forward(out: Output) -> Tensor []`. `shape` is that of the tap `on`.

        One with players also has `losses(out, player) -> dict[str, Tensor []]`, the raw terms of one of them, and
        `own(player)`, the weights that it moves. In the turns of others these are frozen.
        """
        raise NotImplementedError
