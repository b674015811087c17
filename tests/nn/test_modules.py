"""Maps, norms and tied weights as plain PyTorch."""

from __future__ import annotations

import copy
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from aezoo.errors import ShapeError
from aezoo.layers.basic import LinearSpec
from aezoo.layers.convolutions import ConvSpec
from aezoo.nn.layers import ACTIVATIONS, Tied, activation, block, group_count, matrices, normalization, tie
from aezoo.nn.resampling import GlobalPool, pool, resize
from aezoo.nn.residual import Residual, shortcut
from aezoo.nn.sequences import Attention, Last, Recurrent, SelfAttention, Transformer, TransformerBlock, sinusoids
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
    padding=st.none() | st.integers(0, 2) | st.tuples(st.integers(0, 2), st.integers(0, 2)),
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
        (nn.Conv1d(4, 2, 3, padding=3), nn.Conv1d(2, 4, 3), "padded beyond its kernel"),
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


# --- on paper ----------------------------------------------------------------------------------------------


def test_sinusoids_fall_in_frequency_from_one_by_the_same_factor():
    table = sinusoids(50, 8).double()
    rates = [1.0, 0.1, 0.01, 0.001]  # 10000^(-i / 4)
    for i, rate in enumerate(rates):
        positions = rate * torch.arange(50.0).double()
        # float32 angles up to 49 are known to 4e-6
        torch.testing.assert_close(table[:, i], positions.sin(), rtol=0, atol=1e-5)
        torch.testing.assert_close(table[:, 4 + i], positions.cos(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "kind"),
    [
        ("none", (6, 4), nn.Identity),
        ("batch", (6,), nn.BatchNorm1d),
        ("batch", (6, 4), nn.BatchNorm1d),
        ("batch", (6, 4, 4), nn.BatchNorm2d),
        ("batch", (6, 4, 4, 4), nn.BatchNorm3d),
        ("instance", (6, 4), nn.InstanceNorm1d),
        ("instance", (6, 4, 4), nn.InstanceNorm2d),
        ("instance", (6, 4, 4, 4), nn.InstanceNorm3d),
        ("layer", (6,), nn.LayerNorm),
        ("layer", (6, 4), nn.GroupNorm),
        ("group", (6, 4), nn.GroupNorm),
    ],
)
def test_a_norm_is_the_one_of_its_name_and_rank_and_keeps_the_shape(name, shape, kind):
    module = normalization(name, shape)
    assert type(module) is kind
    x = 3 + 2 * torch.randn(4, *shape, generator=_seeded())
    assert module(x).shape == x.shape
    if name != "none":
        assert [tuple(p.shape) for p in module.parameters()] == [(6,), (6,)]


@pytest.mark.parametrize(
    ("name", "groups", "axes"),
    [("layer", None, (1, 2)), ("group", 3, (1,)), ("instance", None, ()), ("group", 2, (1,))],
)
def test_a_norm_takes_its_moments_over_the_values_it_says(name, groups, axes):
    x = 3 + 2 * torch.randn(4, 6, 5, generator=_seeded()).double()
    count = {"layer": 1, "instance": 6}.get(name, groups)
    parts = x.view(4, count, -1)
    mean, variance = parts.mean(-1, keepdim=True), parts.var(-1, correction=0, keepdim=True)
    expected = ((parts - mean) / (variance + 1e-5).sqrt()).view_as(x)
    torch.testing.assert_close(normalization(name, (6, 5), groups=groups).double()(x), expected)


@pytest.mark.parametrize("norm", ["layer", "rms", "group", "none"])
def test_attention_is_added_to_what_it_normalizes_as_it_is_told(norm):
    from aezoo.builtins.sequences import AttentionSpec

    shape, eps = (4, 3, 5), None if norm == "none" else 0.1
    layer = AttentionSpec(heads=2, norm=norm, groups=2 if norm == "group" else None, eps=eps).build(shape).double()
    x = torch.randn(2, *shape, generator=_seeded()).double()
    axes = {"layer": (1,), "rms": (1,), "group": (2, 3, 4)}.get(norm)
    parts = x.view(2, 2, 2, 3, 5) if norm == "group" else x
    centred = parts - parts.mean(axes, keepdim=True) if norm in ("layer", "group") else parts
    normed = centred if axes is None else centred / (centred.square().mean(axes, keepdim=True) + 0.1).sqrt()
    tokens = normed.reshape(2, 4, 15).transpose(1, 2)
    torch.testing.assert_close(layer(x), x + layer.attention(tokens).transpose(1, 2).view_as(x))


@pytest.mark.parametrize("shape", [(6,), (6, 5), (6, 3, 4), (6, 2, 3, 2)])
def test_an_rms_norm_divides_the_channels_of_a_position_by_their_root_mean_square(shape):
    x = 3 + 2 * torch.randn(4, *shape, generator=_seeded()).double()
    module = normalization("rms", shape, eps=0.1, shift=True).double()
    scale, shift = (torch.randn(6, *(1 for _ in shape[1:]), generator=_seeded()).double() for _ in range(2))
    module.load_state_dict({"weight": scale.flatten(), "bias": shift.flatten()})
    expected = scale * x / (x.square().mean(dim=1, keepdim=True) + 0.1).sqrt() + shift
    torch.testing.assert_close(module(x), expected)


def test_an_rms_norm_of_vectors_is_that_of_torch():
    x = torch.randn(4, 6, generator=_seeded())
    assert torch.equal(normalization("rms", (6,))(x), nn.RMSNorm(6, eps=1e-5)(x))


@pytest.mark.parametrize("name", ["batch", "layer", "group", "instance", "rms"])
def test_a_norm_has_the_eps_and_the_weights_that_it_is_told(name):
    x = 1e-3 * torch.randn(4, 6, 5, generator=_seeded()).double()

    def plain(eps: float) -> Tensor:
        module = normalization(name, (6, 5), groups=3, eps=eps, scale=False).double()
        assert not list(module.parameters())
        return module(x)

    torch.testing.assert_close(plain(1e-5), normalization(name, (6, 5), groups=3).double()(x))
    # With values of 1e-3, 1e-12 is nothing beside their variance, and 1 is all.
    assert float(plain(1e-12).std()) == pytest.approx(1.0, abs=0.05)
    assert float(plain(1.0).std()) == pytest.approx(float(x.std()), rel=0.2)


def test_groups_of_a_norm_that_does_not_say_are_up_to_eight():
    assert normalization("group", (16, 4)).num_groups == 8
    assert normalization("group", (16, 4), groups=4).num_groups == 4
    assert normalization("layer", (16, 4), groups=4).num_groups == 1
    assert [group_count(shape) for shape in [(9,), (2,), (4,), (8, 1), (16,), (3, 1), (1, 2), (1,)]] == [
        3, 1, 2, 4, 8, 1, 1, 1,
    ]  # fmt: skip


def test_attention_is_a_softmax_of_scaled_products_for_each_head():
    layer = SelfAttention(6, heads=2).double()
    h = torch.randn(3, 5, 6, generator=_seeded()).double()
    query, key, value = (part.view(3, 5, 2, 3).transpose(1, 2) for part in layer.qkv(h).chunk(3, dim=-1))
    weights = (query @ key.transpose(-1, -2) / 3**0.5).softmax(dim=-1)
    expected = layer.out((weights @ value).transpose(1, 2).reshape(3, 5, 6))
    torch.testing.assert_close(layer(h), expected)


def test_attention_over_a_picture_adds_to_each_position_what_it_gathers():
    layer = Attention(4, heads=1).double()
    x = torch.randn(2, 4, 3, 2, generator=_seeded()).double()
    tokens = x.flatten(2).transpose(1, 2)
    expected = tokens + layer.attention(layer.norm(tokens))
    torch.testing.assert_close(layer(x), expected.transpose(1, 2).reshape(x.shape))


def test_a_transformer_block_adds_attention_and_then_a_perceptron():
    block_ = TransformerBlock(4, heads=2, hidden=7, dropout=0.0).double()
    h = torch.randn(2, 3, 4, generator=_seeded()).double()
    between = h + block_.attention(block_.attention_norm(h))
    torch.testing.assert_close(block_(h), between + block_.mlp(block_.mlp_norm(between)))
    assert [tuple(p.shape) for p in block_.mlp.parameters()] == [(7, 4), (7,), (4, 7), (4,)]


def test_dropout_of_a_transformer_acts_in_training_alone():
    layer = Transformer(4, 5, depth=1, heads=2, hidden=8, dropout=0.5)
    x = torch.randn(2, 4, 5, generator=_seeded())
    assert not layer(x).equal(layer(x))
    layer.eval()
    assert layer(x).equal(layer(x))
    attention = SelfAttention(4, heads=1, dropout=0.5)
    h = torch.randn(2, 6, 4, generator=_seeded())
    assert not attention(h).equal(attention(h))
    attention.eval()
    assert attention(h).equal(attention(h))


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "none"])
def test_a_transformer_is_positions_blocks_and_a_norm(positions):
    layer = Transformer(4, 5, depth=2, heads=2, hidden=8, positions=positions).eval()
    x = torch.randn(2, 4, 5, generator=_seeded())
    h = x.transpose(1, 2)
    if positions == "none":
        assert layer.positions is None
    else:
        assert layer.positions.shape == (5, 4)
        assert layer.positions.requires_grad is (positions == "learned")
        assert "positions" in layer.state_dict()
        h = h + layer.positions
    for part in layer.blocks:
        h = part(h)
    assert len(layer.blocks) == 2
    torch.testing.assert_close(layer(x), layer.norm(h).transpose(1, 2))


def test_learned_positions_start_small():
    torch.manual_seed(0)
    layer = Transformer(64, 64, depth=1, heads=2, hidden=8)
    assert layer.positions.std().item() == pytest.approx(0.02, rel=4 / (2 * 64 * 64) ** 0.5)


@pytest.mark.parametrize(("cell", "gates"), [("gru", 3), ("lstm", 4)])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_recurrent_layer_runs_along_the_sequence(cell, gates, bidirectional):
    layer = Recurrent(cell, 3, 6, bidirectional=bidirectional)
    x = torch.randn(2, 3, 5, generator=_seeded())
    expected, _ = layer.cells(x.transpose(1, 2))
    assert layer(x).equal(expected.transpose(1, 2))
    assert layer(x).shape == (2, 6, 5)
    assert layer.cells.weight_ih_l0.shape == (gates * (3 if bidirectional else 6), 3)
    changed = x.clone()
    changed[:, :, -1] += 1
    moved = (layer(changed) - layer(x)).abs().amax(dim=(0, 1)) > 0
    assert moved.tolist() == [bidirectional] * 4 + [True]


@pytest.mark.parametrize(("mode", "kind"), [("max", "max_pool"), ("average", "avg_pool")])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_pool_is_over_as_many_axes_with_its_own_size_and_stride(mode, kind, axes):
    x = torch.randn(2, 3, *[7] * axes, generator=_seeded())
    expected = getattr(nn.functional, f"{kind}{axes}d")(x, 3, 2)
    assert pool(mode, axes, size=3, stride=2)(x).equal(expected)


@pytest.mark.parametrize("size", [(5,), (5, 4), (5, 4, 3)])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_a_resize_interpolates_along_all_axes(size, mode):
    x = torch.randn(2, 3, *[3] * len(size), generator=_seeded())
    name = mode if mode == "nearest" else {1: "linear", 2: "bilinear", 3: "trilinear"}[len(size)]
    assert resize(size, mode=mode)(x).equal(nn.functional.interpolate(x, size=size, mode=name))
    assert resize(size)(x).equal(nn.functional.interpolate(x, size=size, mode="nearest"))


def test_a_global_pool_is_the_mean_over_all_positions():
    x = torch.arange(24.0).view(2, 3, 2, 2)
    assert GlobalPool()(x).tolist() == [[1.5, 5.5, 9.5], [13.5, 17.5, 21.5]]


def test_the_last_state_tells_what_came_last_and_the_mean_of_all_states_does_not():
    """Weights by hand: a state that keeps the sign of the last spike. No function of its mean can tell which it was."""
    layer = Recurrent("gru", 2, 1, bidirectional=False)
    with torch.no_grad():
        for value in layer.parameters():
            value.zero_()
        layer.cells.weight_ih_l0[1] = -60.0  # any spike opens the update gate, which its bias keeps shut
        layer.cells.bias_ih_l0[1] = 30.0
        layer.cells.weight_ih_l0[2] = torch.tensor(
            [30.0, -30.0]
        )  # a spike of channel 0 writes 1, of channel 1 writes -1
    first, second = torch.combinations(torch.arange(8), 2).unbind(dim=1)
    n = len(first)
    x = torch.zeros(2, n, 2, 8)  # in the first half channel 1 has the later spike, in the second channel 0
    for half, (early, late) in enumerate([(0, 1), (1, 0)]):
        x[half, range(n), early, first] = 1
        x[half, range(n), late, second] = 1
    later = torch.tensor([-1.0, 1.0]).repeat_interleave(n)
    states = layer(x.flatten(0, 1))
    torch.testing.assert_close(Last()(states)[:, 0], later)
    mean = GlobalPool()(states).reshape(2, n)
    assert ((mean[0][:, None] - mean[1]).abs() < 1e-6).sum() > n


def test_a_residual_sum_has_a_scale_a_shortcut_and_an_end():
    body, side, x = nn.Linear(3, 2), nn.Linear(3, 2), torch.randn(4, 3)
    expected = side(x) + body(x)
    torch.testing.assert_close(Residual([body], side, activation="identity", scale=1.0)(x), expected)
    torch.testing.assert_close(
        Residual([body], side, activation="tanh", scale=0.1)(x), (side(x) + 0.1 * body(x)).tanh()
    )
    two = Residual([nn.Linear(3, 3), nn.ReLU()], None, activation="identity", scale=1.0)
    torch.testing.assert_close(two(x), x + two.body[0](x).relu())


@pytest.mark.parametrize(
    ("shape", "output", "strides"),
    [((3, 7, 8), (5, 4, 4), (2, 2)), ((3, 9, 9), (3, 3, 5), (3, 2)), ((3, 8), (4, 8), (1,)), ((3, 10), (3, 4), (3,))],
)
def test_a_shortcut_down_is_one_convolution_with_a_stride(shape, output, strides):
    module = shortcut(shape, output)
    assert module.conv.stride == strides
    assert set(module.conv.kernel_size) == {1}
    assert module(torch.randn(1, *shape)).shape == (1, *output)
    assert len(module) == 1


def test_matrices_are_what_mixes_values_and_nothing_else():
    module = nn.Sequential(nn.Linear(3, 1), nn.LayerNorm(3), nn.Conv1d(1, 4, 1), nn.GRU(2, 2))
    module.register_parameter("vector", nn.Parameter(torch.zeros(4, 1, 1)))
    module.register_parameter("matrix", nn.Parameter(torch.zeros(4, 2)))
    shapes = {tuple(part.shape) for part in matrices(module)}
    assert shapes == {(1, 3), (4, 1, 1), (6, 2), (4, 2)}
    assert not any(part is module.vector for part in matrices(module))


def test_a_block_puts_its_parts_in_order():
    torch.manual_seed(0)
    full = block("linear", nn.Linear(3, 4), (4,), norm="group", activation="relu")
    x = torch.randn(2, 3)
    torch.testing.assert_close(full(x), full.norm(full.linear(x)).relu())
    assert full.norm.num_groups == 2


@pytest.mark.parametrize(
    ("shape", "output"), [((3, 8, 9), (3, 4, 4)), ((3, 9, 8), (3, 4, 4)), ((3, 4, 4), (5, 7, 8)), ((3, 28), (3, 27))]
)
def test_a_shortcut_that_no_stride_gives_is_a_kernel_of_one_and_a_resize(shape, output):
    module = shortcut(shape, output)
    assert [name for name, _ in module.named_children()] == ["conv", "resize"]
    assert set(module.conv.kernel_size) == set(module.conv.stride) == {1}
    x = torch.randn(2, *shape, generator=_seeded())
    expected = nn.functional.interpolate(module.conv(x), size=output[1:], mode="nearest")
    assert module(x).equal(expected)
