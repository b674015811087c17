import pytest
import torch
from torch import nn

from aezoo.nn.layers import tie
from aezoo.nn.projection import Projection, by_input, column_norms, maps, scale_below, scale_to_unit

LAYERS = [
    nn.Linear(5, 3),
    nn.Conv1d(4, 6, 3, groups=2),
    nn.Conv2d(4, 6, 3),
    nn.Conv3d(2, 3, 2),
    nn.ConvTranspose1d(4, 6, 3),
    nn.ConvTranspose2d(4, 6, 3, groups=2),
    nn.ConvTranspose3d(2, 3, 2),
]


def reach(layer, inputs=None):
    """Norm of what one input unit adds to the output, by asking the layer itself."""
    inputs = inputs or (layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels)
    rank = getattr(layer, "source", layer).weight.ndim - 2
    norms = []
    for i in range(inputs):
        x = torch.zeros(1, inputs, *([9] * rank))
        x[(0, i, *([4] * rank))] = 1
        y = layer(x) - layer(torch.zeros_like(x))
        norms.append(y.norm())
    return torch.stack(norms)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_unit_norm_makes_every_input_unit_reach_as_far(layer):
    Projection(scale_to_unit)(layer)
    norms = reach(layer)
    torch.testing.assert_close(norms, torch.ones_like(norms), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_max_norm_shortens_what_is_too_long_and_nothing_else(layer):
    nn.init.normal_(layer.weight)
    before = reach(layer)
    limit = before.median().item()
    Projection(lambda part: scale_below(part, norm=limit))(layer)
    torch.testing.assert_close(reach(layer), before.clamp_max(limit), rtol=1e-4, atol=1e-4)


def test_a_column_of_zeros_stays():
    layer = nn.Linear(2, 3)
    nn.init.zeros_(layer.weight)
    Projection(scale_to_unit)(layer)
    Projection(lambda part: scale_below(part, norm=1.0))(layer)
    assert not layer.weight.any()


def test_only_the_first_map_is_projected_if_so_asked():
    stack = nn.Sequential(nn.ReLU(), nn.Linear(2, 3), nn.Linear(3, 4))
    before = stack[2].weight.clone()
    Projection(scale_to_unit, first=True)(stack)
    torch.testing.assert_close(column_norms(stack[1]).flatten(), torch.ones(2))
    assert stack[2].weight.equal(before)
    assert len(list(maps(stack))) == 2


TIED = [
    (nn.Linear(3, 5), nn.Linear(5, 3), 5),
    (nn.Conv2d(4, 6, 3, groups=2), nn.ConvTranspose2d(6, 4, 3, groups=2), 6),
    (nn.ConvTranspose1d(4, 6, 3), nn.Conv1d(6, 4, 3), 6),
]


@pytest.mark.parametrize(("source", "untied", "inputs"), TIED, ids=str)
def test_a_tied_map_is_projected_through_the_weight_it_borrows(source, untied, inputs):
    before = source.weight.clone()
    layer = tie(untied, source)
    Projection(scale_to_unit, first=True)(nn.ModuleList([layer]))
    norms = reach(layer, inputs)
    torch.testing.assert_close(norms, torch.ones_like(norms), rtol=1e-4, atol=1e-4)
    assert not source.weight.equal(before)


def test_a_projection_leaves_no_graph_behind():
    layer = nn.Linear(2, 3)
    Projection(scale_to_unit)(layer)
    assert layer.weight.is_leaf
    layer(torch.randn(1, 2)).sum().backward()


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_any_tensor_of_the_weights_shape_is_viewed_as_the_weight_is(layer):
    torch.testing.assert_close(by_input(layer, 2 * layer.weight), 2 * by_input(layer))


def test_columns_of_a_linear_map_are_those_of_its_inputs():
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 0.0], [4.0, 0.5]]))
    assert column_norms(layer).flatten().tolist() == [5.0, 0.5]
    Projection(lambda part: scale_below(part, norm=2.0))(layer)
    torch.testing.assert_close(layer.weight.detach(), torch.tensor([[1.2, 0.0], [1.6, 0.5]]))
    Projection(scale_to_unit)(layer)
    torch.testing.assert_close(layer.weight.detach(), torch.tensor([[0.6, 0.0], [0.8, 1.0]]))


def test_every_map_is_projected_unless_the_first_alone_is_meant():
    stack = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4))
    Projection(scale_to_unit)(stack)
    for layer in (stack[0], stack[2]):
        torch.testing.assert_close(layer.weight.norm(dim=0), torch.ones(layer.in_features))
