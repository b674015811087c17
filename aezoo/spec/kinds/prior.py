"""Priors: a density over codes."""

from __future__ import annotations

from typing import Any, ClassVar

from aezoo.spec.component import AnySpec, Component
from aezoo.spec.shape import Shape


class PriorSpec(Component):
    """A density over codes: what `sample` draws from, and what a rate is measured against."""

    kind: ClassVar[str] = "prior"
    #: Whether it is fitted to codes after training: until then there is nothing to draw from.
    fitted: ClassVar[bool] = False
    #: Whether it learns with the model, by a rate term. Its weights are part of the model's.
    learned: ClassVar[bool] = False
    #: Whether its module has `log_prob`; one without can be drawn from, and no rate is measured against it.
    density: ClassVar[bool] = True
    #: Whether that is a density per unit of volume; on a sphere or in a hyperbolic space it is none.
    euclidean: ClassVar[bool] = True
    #: Whether `log_prob` takes codes of any size of the grid: of a model whose input has `sizes`.
    resizable: ClassVar[bool] = False
    #: The curved space that it is a density over, by the name that latents give it; empty for R^n, None for that of
    #: the latent, whichever it is.
    space: ClassVar[str | None] = ""

    def parameters(self, shape: Shape, spec: AnySpec) -> int:
        """How many weights it has for codes of this shape (counted without torch)."""
        return 0

    def build(self, shape: Shape, spec: AnySpec) -> Any:
        """A module with `sample(n, generator) -> [n, *shape]`, `log_prob(z) -> [B]` in nats, `fit(codes)`.

        Args:
            shape: Of a code.
            spec: Of the whole model: a prior may have weights of the input's shape.
        """
        raise NotImplementedError
