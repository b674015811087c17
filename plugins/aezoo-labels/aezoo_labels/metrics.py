"""Metrics of a classifier that is part of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Component, MetricSpec, Spec
from aezoo_labels.objectives import SemiSupervisedSpec

if TYPE_CHECKING:
    from aezoo.nn.code import Accumulator


class AccuracySpec(MetricSpec):
    """Share of the samples whose label q(y | x) finds likeliest, of those with a known label; NaN if none has one.

    Example:
        type = "labels:accuracy"
        input = [16]
        fields.label = { classes = 3, missing = true }
        latent = { type = "labels:gaussian", dim = 8, classes = 3 }
        objective = "labels:semi_supervised"
        decoder = [
            { type = "join", reads = "fields.label" },
            { type = "linear", features = 16, activation = "identity" },
        ]
    """

    type: Literal["accuracy"] = "accuracy"
    better: ClassVar[str] = "higher"

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return isinstance(spec.objective, SemiSupervisedSpec)

    def build(self, spec: Spec) -> Accumulator:
        from aezoo_labels.semi_supervised import Accuracy

        assert isinstance(spec.objective, SemiSupervisedSpec)
        return Accuracy(spec.objective.name)


COMPONENTS: list[type[Component]] = [AccuracySpec]
