"""What declarations say of themselves, against the modules that they build."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest
import torch
from torch import nn

from aezoo.builtins.latents import DeterministicSpec, GaussianLatentSpec, TopKSpec
from aezoo.builtins.residual import ResidualSpec
from aezoo.builtins.sequences import AttentionSpec, RecurrentSpec, TransformerSpec
from aezoo.layers.basic import ActivationSpec, DropoutSpec, FlattenSpec, LinearSpec, NormSpec
from aezoo.layers.convolutions import ConvSpec, ConvTransposeSpec
from aezoo.nn.layers import BATCH_NORMS
from aezoo.nn.projection import maps
from aezoo.plugin import RANGES, Affine, LatentSpec, LayerSpec, Shape

CONV = {"channels": 4, "kernel": 4, "stride": 2, "padding": 1, "groups": 2}
LAYERS: list[tuple[LayerSpec, Shape]] = [
    (LinearSpec(features=5), (6,)),
    (LinearSpec(features=5, norm="batch", bias=False), (6,)),
    (ConvSpec(**CONV), (2, 8)),
    (ConvSpec(**CONV, norm="batch"), (2, 8, 8)),
    (ConvSpec(channels=3, dilation=2), (2, 8, 8, 8)),
    (ConvTransposeSpec(**CONV, norm="batch"), (2, 8, 8)),
    (ConvTransposeSpec(channels=3, stride=2, size=(16,)), (2, 8)),
    (FlattenSpec(), (2, 8)),
    (NormSpec(norm="batch"), (2, 8)),
    (NormSpec(norm="layer"), (2, 8)),
    (ActivationSpec(), (2, 8)),
    (DropoutSpec(), (2, 8)),
    (ResidualSpec(body=[LinearSpec(features=6), LinearSpec(features=6)]), (6,)),
    (ResidualSpec(body=[LinearSpec(features=3)]), (6,)),
    (ResidualSpec(body=[ConvSpec(channels=4, stride=2, norm="batch")]), (2, 8, 8)),
    (ResidualSpec(body=[ConvTransposeSpec(channels=2, stride=2)]), (2, 8, 8)),
    (ResidualSpec(body=[ConvSpec(channels=3, kernel=4, padding=0)]), (2, 9)),
    (AttentionSpec(heads=2), (4, 8, 8)),
    (TransformerSpec(heads=2, depth=3, mlp_ratio=2.0), (4, 8)),
    (RecurrentSpec(features=6), (4, 8)),
    (RecurrentSpec(features=6, cell="lstm", bidirectional=True), (4, 8)),
]
LATENTS: list[tuple[LatentSpec, Shape]] = [
    (DeterministicSpec(dim=3), (6,)),
    (DeterministicSpec(dim=3), (2, 4, 4)),
    (DeterministicSpec(dim=3, layout="spatial"), (2, 4, 4)),
    (GaussianLatentSpec(dim=3), (6,)),
    (GaussianLatentSpec(dim=3, layout="spatial", logvar="per_dim"), (2, 8)),
    (TopKSpec(dim=8, k=2), (2, 4)),
]


def name(value: Any) -> str:
    return value.type if hasattr(value, "type") else "x".join(map(str, value))


def built(part: LayerSpec | LatentSpec, shape: Shape) -> nn.Module:
    with torch.device("meta"):
        return part.build(shape)


def as_affine(module: nn.Module) -> Affine:
    if isinstance(module, nn.Linear):
        return Affine(module.in_features, module.out_features)
    one = {key: getattr(module, key)[0] for key in ("stride", "padding", "dilation")}
    sizes = module.in_channels, module.out_channels, module.kernel_size
    return Affine(*sizes, **one, groups=module.groups, transposed=module.transposed)


@pytest.mark.parametrize(("part", "shape"), [*LAYERS, *LATENTS], ids=name)
def test_the_maps_that_are_declared_are_the_maps_that_are_built(part: LayerSpec | LatentSpec, shape: Shape) -> None:
    assert [*(part.maps(shape) or ())] == [as_affine(module) for module in maps(built(part, shape))]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=name)
def test_what_a_tied_layer_borrows_is_what_its_maps_hold(layer: LayerSpec, shape: Shape) -> None:
    weights = sum(m.inputs * m.outputs // m.groups * prod(m.kernel) for m in layer.maps(shape) or ())
    if len(layer.maps(shape) or ()) == 1:
        assert layer.borrowed(shape) == weights


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=name)
def test_the_batch_norms_that_are_declared_are_those_that_are_built(layer: LayerSpec, shape: Shape) -> None:
    own = [layer.batch_norm(shape), *(inner.batch_norm(inner_shape) for _, inner, inner_shape in layer.inside(shape))]
    norms = [m for m in built(layer, shape).modules() if isinstance(m, BATCH_NORMS)]
    assert [over[0] for over in own if over] == [norm.num_features for norm in norms]
    seen: list[Shape] = []
    module = layer.build(shape)
    for norm in module.modules():
        if isinstance(norm, BATCH_NORMS):
            norm.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape[1:])))
    module(torch.rand(2, *shape))
    assert [over for over in own if over] == seen


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=name)
def test_a_layer_that_draws_gives_another_value_each_time_in_training(layer: LayerSpec, shape: Shape) -> None:
    torch.manual_seed(0)
    module, x = layer.build(shape).train(), torch.rand(8, *shape)
    assert layer.draws() == (not torch.equal(module(x), module(x)))


def test_a_transformer_draws_if_it_drops() -> None:
    assert TransformerSpec(dropout=0.1).draws()


@pytest.mark.parametrize("function", sorted(RANGES))
def test_the_range_of_a_function_is_where_its_values_lie(function: Any) -> None:
    low, high = RANGES[function]
    values = ActivationSpec(activation=function).build((1,))(torch.linspace(-50, 50, 100_001).double())
    assert low <= values.min().item()
    assert values.max().item() <= high
    for bound, reached in ((low, values.min().item()), (high, values.max().item())):
        assert abs(bound) == float("inf") or reached == pytest.approx(bound, abs=2e-3)
