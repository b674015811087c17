"""One base for each kind of part, a file for each: what a part of that kind says, and what its `build()` gives.

A declaration says what is wanted and imports no torch; its `build()` is the only bridge to tensors.
"""

from __future__ import annotations

from aezoo.spec.component import Component
from aezoo.spec.kinds.constraint import ConstraintSpec
from aezoo.spec.kinds.corruption import CorruptionSpec
from aezoo.spec.kinds.dataset import SHARES, DatasetSpec, FileDatasetSpec, SplitDatasetSpec
from aezoo.spec.kinds.latent import LatentSpec
from aezoo.spec.kinds.layer import RANGES, Activation, Affine, LayerSpec, Norm, Style, Upsampling, flat_parameters
from aezoo.spec.kinds.likelihood import LikelihoodSpec
from aezoo.spec.kinds.metric import MetricSpec
from aezoo.spec.kinds.objective import ObjectiveSpec, PlayerSpec, players_of, turns_of
from aezoo.spec.kinds.optimizer import OptimizerSpec
from aezoo.spec.kinds.prior import PriorSpec
from aezoo.spec.kinds.reading_layer import ReadingLayerSpec
from aezoo.spec.kinds.regularizer import BEYOND_LATENT, RegularizerSpec
from aezoo.spec.kinds.schedule import ConstantSpec, ScheduleSpec, Within

__all__ = [
    "BEYOND_LATENT",
    "KINDS",
    "RANGES",
    "SHARES",
    "Activation",
    "Affine",
    "ConstantSpec",
    "ConstraintSpec",
    "CorruptionSpec",
    "DatasetSpec",
    "FileDatasetSpec",
    "LatentSpec",
    "LayerSpec",
    "LikelihoodSpec",
    "MetricSpec",
    "Norm",
    "ObjectiveSpec",
    "OptimizerSpec",
    "PlayerSpec",
    "PriorSpec",
    "ReadingLayerSpec",
    "RegularizerSpec",
    "ScheduleSpec",
    "SplitDatasetSpec",
    "Style",
    "Upsampling",
    "Within",
    "flat_parameters",
    "players_of",
    "turns_of",
]

#: Every kind and its base. A new kind is a row here.
KINDS: dict[str, type[Component]] = {
    base.kind: base
    for base in (
        LayerSpec,
        LatentSpec,
        PriorSpec,
        LikelihoodSpec,
        RegularizerSpec,
        ConstraintSpec,
        CorruptionSpec,
        ObjectiveSpec,
        ScheduleSpec,
        OptimizerSpec,
        DatasetSpec,
        MetricSpec,
    )
}
