"""Objectives: how losses are computed from a pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import ObjectiveSpec, Spec

if TYPE_CHECKING:
    from torch import nn


class StandardSpec(ObjectiveSpec):
    """Reconstruct the clean input: the batch mean of -log p(x | z), in nats, the term `reconstruction`.

    With `regularizers.kl` of weight 1 and a likelihood that is a density, the total is the negative ELBO.

    Example:
        objective = "standard"
    """

    type: Literal["standard"] = "standard"
    terms: ClassVar[frozenset[str]] = frozenset({"reconstruction"})

    def build(self, spec: Spec) -> nn.Module:
        from aezoo.nn.likelihood import Reconstruction

        return Reconstruction()
