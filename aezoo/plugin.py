"""Everything a plugin may import. The built-in parts import nothing else.

A plugin is a distribution with one entry under the group `aezoo`; the entry's name is the namespace of its parts,
its module holds the hooks of `aezoo.registry.hookspecs`, marked with `hookimpl`.
"""

from __future__ import annotations

import pluggy
from pydantic import Field

from aezoo.errors import DataError, DataWarning, NoMirror, NotFound, ShapeError
from aezoo.files import cache_folder
from aezoo.layers.mirrored import dense, ending, pointwise
from aezoo.modules.part import made
from aezoo.modules.scheduled import scheduled
from aezoo.randomness import rng
from aezoo.registry.hookspecs import API
from aezoo.registry.lazy import LazyModule
from aezoo.spec.component import Component, Floats, Frozen, Interval, Ints, Matrix, Range, Remark, Strings, as_tuple
from aezoo.spec.description import Column, ColumnDensity, Description
from aezoo.spec.document import Spec
from aezoo.spec.domain import Domain, Domains
from aezoo.spec.kinds import (
    RANGES,
    Activation,
    Affine,
    ConstantSpec,
    ConstraintSpec,
    CorruptionSpec,
    DatasetSpec,
    FileDatasetSpec,
    LatentSpec,
    LayerSpec,
    LikelihoodSpec,
    MetricSpec,
    Norm,
    ObjectiveSpec,
    OptimizerSpec,
    PlayerSpec,
    PriorSpec,
    ReadingLayerSpec,
    RegularizerSpec,
    ScheduleSpec,
    SplitDatasetSpec,
    Style,
    Within,
    flat_parameters,
)
from aezoo.spec.lazy import ConvertedRows, JoinedRows, LazyArray
from aezoo.spec.mirror import mirror_layers, trace
from aezoo.spec.samples import JoinedFields, Samples
from aezoo.spec.shape import Shape, conv_length, flat, grid, images, sequence, text, vector
from aezoo.spec.window import EVERYWHERE, POINTWISE, Window

#: The former name of `LazyModule`.
Room = LazyModule

hookimpl = pluggy.HookimplMarker("aezoo")

__all__ = [
    "API",
    "EVERYWHERE",
    "POINTWISE",
    "RANGES",
    "Activation",
    "Affine",
    "Column",
    "ColumnDensity",
    "Component",
    "ConstantSpec",
    "ConstraintSpec",
    "ConvertedRows",
    "CorruptionSpec",
    "DataError",
    "DataWarning",
    "DatasetSpec",
    "Description",
    "Domain",
    "Domains",
    "Field",
    "FileDatasetSpec",
    "Floats",
    "Frozen",
    "Interval",
    "Ints",
    "JoinedFields",
    "JoinedRows",
    "LatentSpec",
    "LayerSpec",
    "LazyArray",
    "LazyModule",
    "LikelihoodSpec",
    "Matrix",
    "MetricSpec",
    "NoMirror",
    "Norm",
    "NotFound",
    "ObjectiveSpec",
    "OptimizerSpec",
    "PlayerSpec",
    "PriorSpec",
    "Range",
    "ReadingLayerSpec",
    "RegularizerSpec",
    "Remark",
    "Room",
    "Samples",
    "ScheduleSpec",
    "Shape",
    "ShapeError",
    "Spec",
    "SplitDatasetSpec",
    "Strings",
    "Style",
    "Window",
    "Within",
    "as_tuple",
    "cache_folder",
    "conv_length",
    "dense",
    "ending",
    "flat",
    "flat_parameters",
    "grid",
    "hookimpl",
    "images",
    "made",
    "mirror_layers",
    "pointwise",
    "rng",
    "scheduled",
    "sequence",
    "text",
    "trace",
    "vector",
]
