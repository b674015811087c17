"""Priors: a density over codes."""

from __future__ import annotations

from typing import Any, ClassVar

from aezoo.spec.component import Component
from aezoo.spec.shape import Shape


class PriorSpec(Component):
    """A density over codes: what `sample` draws from."""

    kind: ClassVar[str] = "prior"
    #: Whether it is fitted to codes after training: until then there is nothing to draw from.
    fitted: ClassVar[bool] = False

    def build(self, shape: Shape) -> Any:
        """A module with `sample(n, generator) -> [n, *shape]`, `log_prob(z) -> [B]`, `fit(codes)`."""
        raise NotImplementedError
