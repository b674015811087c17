"""Maps, norms and tied weights as plain PyTorch."""

from __future__ import annotations

import copy
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from aezoo.errors import ShapeError
from aezoo.layers.basic import LinearSpec
from aezoo.layers.convolutions import ConvSpec
from aezoo.nn.convolutions import Residual, shortcut
from aezoo.nn.layers import ACTIVATIONS, Tied, activation, block, group_count, normalization, tie
from aezoo.nn.sequences import Attention, Transformer, sinusoids
from aezoo.plugin import Activation, Style


def test_every_activation_that_a_spec_may_name_is_there():
    assert set(get_args(Activation)) == set(ACTIVATIONS)
    assert torch.equal(activation("relu")(torch.tensor([-1.0, 2.0])), torch.tensor([0.0, 2.0]))


def test_a_block_leaves_out_what_does_nothing_and_names_the_rest():
    bare = block("linear", nn.Linear(3, 2), (2,))
    full = block("linear", nn.Linear(3, 2), (2,), norm="layer", activation="tanh")
    assert list(bare.state_dict()) == ["linear.weight", "linear.bias"]
    assert list(full.state_dict()) == ["linear.weight", "linear.bias", "norm.weight", "norm.bias"]
    assert [type(part) for part in full] == [nn.Linear, nn.LayerNorm, nn.Tanh]


@pytest.mark.parametrize("shape", [(6,), (6, 4), (6, 3, 4), (6, 2, 3, 4)])
def test_a_layer_norm_gives_each_sample_zero_mean_and_unit_variance(shape):
    values = normalization("layer", shape)(5 + 3 * torch.randn(2, *shape, generator=_seeded())).flatten(1)
    torch.testing.assert_close(values.mean(1), torch.zeros(2), atol=1e-5, rtol=0)
    # The norm adds 1e-5 to the variance, which is far from small here.
    torch.testing.assert_close(values.var(1, correction=0), torch.ones(2), atol=1e-3, rtol=0)


def test_groups_are_the_largest_divisor_up_to_eight_that_leaves_two_values_each():
    shapes = {(32, 4, 4): 8, (12, 4): 6, (7, 2, 2): 7, (8,): 4, (7,): 1, (11, 3): 1}
    assert {shape: group_count(shape) for shape in shapes} == shapes


def test_attention_with_one_position_adds_the_mapped_value_of_that_position():
    layer = Attention(4, heads=2)
    x = torch.randn(3, 4, 1)
    h = layer.norm(x[..., 0])
    value = layer.attention.qkv(h)[:, 8:]
    torch.testing.assert_close(layer(x)[..., 0], x[..., 0] + layer.attention.out(value))


def test_a_transformer_without_positions_does_not_know_the_order_and_with_them_does():
    x, order = torch.randn(2, 4, 5, generator=_seeded()), torch.tensor([3, 0, 4, 1, 2])
    for positions, same in {"none": True, "learned": False, "sinusoidal": False}.items():
        layer = Transformer(4, 5, depth=2, heads=2, hidden=8, positions=positions).eval()
        # float32 sums in another order.
        assert torch.allclose(layer(x[..., order]), layer(x)[..., order], atol=1e-5) == same


def test_sinusoids_are_sines_then_cosines_of_the_position():
    table = sinusoids(3, 5)
    assert table.shape == (3, 5)
    torch.testing.assert_close(table[:, 0], torch.arange(3.0).sin())
    torch.testing.assert_close(table[:, 3], torch.arange(3.0).cos())


def test_a_residual_sum_is_the_shortcut_and_the_scaled_body():
    body = nn.Linear(3, 3)
    x = torch.randn(2, 3)
    layer = Residual([body], None, activation="relu", scale=0.5)
    torch.testing.assert_close(layer(x), (x + 0.5 * body(x)).relu())


@pytest.mark.parametrize(
    ("shape", "output", "parts"),
    [
        ((3,), (3,), None),
        ((3,), (5,), ["linear"]),
        ((3, 7, 8), (5, 4, 4), ["conv"]),
        ((3, 9, 9), (3, 3, 5), ["conv"]),
        ((3, 4, 4), (5, 7, 8), ["conv", "resize"]),
        ((3, 28), (3, 27), ["conv", "resize"]),
    ],
)
def test_a_shortcut_is_the_least_map_between_two_shapes(shape, output, parts):
    module = shortcut(shape, output)
    assert (module and [name for name, _ in module.named_children()]) == parts
    if module:
        assert module(torch.randn(2, *shape)).shape == (2, *output)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    axes=st.integers(1, 3),
    size=st.integers(4, 7),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.none() | st.integers(0, 2),
    groups=st.sampled_from([1, 2]),
)
def test_a_tied_mirror_of_a_convolution_is_its_adjoint(axes, size, kernel, stride, padding, groups):
    """<conv x, y> = <x, mirror y>."""
    shape = (2, *(size + i for i in range(axes)))
    layer = ConvSpec(
        channels=4,
        kernel=kernel,
        stride=stride,
        padding=padding,
        groups=groups,
        bias=False,
        activation="identity",
    )
    (mirrored,) = layer.mirror(shape, target=shape, style=Style())
    output = layer.output_shape(shape)
    forth = layer.build(shape).double()
    back = tie(mirrored.build(output).double(), forth)
    x = torch.randn(3, *shape, dtype=torch.float64, generator=_seeded())
    y = torch.randn(3, *output, dtype=torch.float64, generator=_seeded())
    torch.testing.assert_close((forth(x) * y).sum(), (x * back(y)).sum())
    assert list(back.parameters()) == []


def test_a_tied_mirror_of_a_transposed_convolution_is_its_adjoint():
    from aezoo.layers.convolutions import ConvTransposeSpec

    layer = ConvTransposeSpec(channels=4, stride=2, output_padding=1, bias=False, activation="identity")
    (mirrored,) = layer.mirror((2, 5, 4), target=(2, 5, 4), style=Style())
    forth = layer.build((2, 5, 4)).double()
    back = tie(mirrored.build((4, 10, 8)).double(), forth)
    x, y = torch.randn(3, 2, 5, 4, dtype=torch.float64), torch.randn(3, 4, 10, 8, dtype=torch.float64)
    torch.testing.assert_close((forth(x) * y).sum(), (x * back(y)).sum())


def test_a_resizing_mirror_can_be_tied_too():
    layer = ConvSpec(channels=4, kernel=4, stride=2)
    up, conv = layer.mirror((3, 8, 8), target=(3, 8, 8), style=Style(upsampling="resize"))
    back = tie(conv.build(up.output_shape((4, 4, 4))), layer.build((3, 8, 8)))
    assert back(torch.randn(2, 4, *up.size)).shape == (2, 3, 8, 8)


def _pair() -> tuple[nn.Module, nn.Module]:
    encoder = LinearSpec(features=3).build((5,))
    return encoder, tie(LinearSpec(features=5, norm="batch").build((3,)), encoder)


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_tied_layer_keeps_its_own_bias_and_norm_and_no_weight():
    encoder, decoder = _pair()
    assert [name for name, _ in decoder.named_parameters()] == ["linear.bias", "norm.weight", "norm.bias"]
    assert isinstance(decoder.linear, Tied)
    assert decoder.linear.source is encoder.linear
    z = torch.randn(2, 3)
    torch.testing.assert_close(decoder.linear(z), z @ encoder.linear.weight + decoder.linear.bias)


def test_both_ends_of_a_tie_add_to_the_gradient_of_the_one_weight():
    encoder, decoder = _pair()
    decoder.linear(torch.ones(2, 3)).sum().backward()
    torch.testing.assert_close(encoder.linear.weight.grad, torch.full((3, 5), 2.0))


def test_ties_survive_a_copy_and_a_change_of_type():
    model = nn.ModuleList(_pair())
    twin = copy.deepcopy(model).double()
    assert twin[1].linear.source is twin[0].linear
    assert twin[1].linear.source is not model[0].linear
    assert twin[1](torch.randn(2, 3, dtype=torch.float64)).dtype == torch.float64
    assert model[0].linear.weight.dtype == torch.float32


def test_a_bare_map_is_tied_as_well():
    tied = tie(nn.Linear(3, 5), nn.Linear(5, 3))
    assert isinstance(tied, Tied)
    assert tied(torch.randn(2, 3)).shape == (2, 5)


@pytest.mark.parametrize(
    ("decoder", "encoder", "message"),
    [
        (nn.Linear(3, 4), nn.Linear(5, 3), "a map 3 -> 4 to a map 5 -> 3: .*not each other's transposes"),
        (nn.Conv2d(4, 2, 3), nn.Conv2d(2, 4, 5), r"kernel_size \(3, 3\) to one of kernel_size \(5, 5\)"),
        (nn.Conv2d(4, 2, 3, stride=2), nn.Conv2d(2, 4, 3), "one must be transposed"),
        (nn.Conv1d(4, 2, 3, padding=4), nn.Conv1d(2, 4, 3), "padded beyond its kernel"),
        (nn.Linear(4, 2), nn.Conv1d(2, 4, 1), "cannot tie a Linear to a Conv1d"),
        (nn.Linear(4, 2), nn.GRU(2, 4), "the encoder's GRU has 2 weights"),
        (
            nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)),
            nn.Linear(2, 4),
            "the decoder's Sequential has 2 weights",
        ),
    ],
)
def test_weights_that_are_not_each_others_transposes_are_not_tied(decoder, encoder, message):
    with pytest.raises(ShapeError, match=message):
        tie(decoder, encoder)
