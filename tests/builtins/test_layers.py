"""Every layer keeps what its declaration says: shapes, weights, a way back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aezoo.builtins.gates import GluSpec, SnakeSpec
from aezoo.builtins.residual import ResidualSpec
from aezoo.builtins.sequences import AttentionSpec, RecurrentSpec, TransformerSpec
from aezoo.builtins.shuffling import PixelShuffleSpec, PixelUnshuffleSpec
from aezoo.errors import NoMirror, ShapeError
from aezoo.layers.basic import (
    ActivationSpec,
    DropoutSpec,
    FlattenSpec,
    LinearSpec,
    NormSpec,
    ReshapeSpec,
    dense,
    ending,
)
from aezoo.layers.convolutions import ConvSpec, ConvTransposeSpec
from aezoo.layers.padding import PadSpec
from aezoo.layers.resampling import GlobalPoolSpec, LastSpec, PoolSpec, UpsampleSpec
from aezoo.plugin import LayerSpec, Shape, Style, trace

NORMS = st.sampled_from(["none", "batch", "layer", "group", "instance", "rms"])
ACTIVATIONS = st.sampled_from(["identity", "relu", "gelu", "tanh"])
SIZES = st.integers(2, 9)

vectors = st.tuples(st.integers(2, 12))
signals = st.tuples(st.sampled_from([2, 4]), SIZES)
grids = st.one_of(
    signals,
    st.tuples(st.sampled_from([2, 4]), SIZES, SIZES),
    st.tuples(st.sampled_from([2, 4]), st.integers(2, 5), st.integers(2, 5), st.integers(2, 5)),
)
window = {
    "channels": st.sampled_from([2, 4, 6]),
    "kernel": st.integers(1, 5),
    "stride": st.integers(1, 3),
    "padding": st.none() | st.integers(0, 3) | st.tuples(st.integers(0, 3), st.integers(0, 3)),
    "dilation": st.integers(1, 2),
    "groups": st.sampled_from([1, 2]),
    "bias": st.booleans(),
    "weight_norm": st.booleans(),
    "norm": NORMS,
    "activation": ACTIVATIONS,
}
MODES = st.sampled_from(["zeros", "reflect", "replicate", "circular"])
convolutions = st.builds(ConvSpec, padding_mode=MODES, **window)
linears = st.builds(
    LinearSpec,
    features=st.integers(1, 9),
    bias=st.booleans(),
    weight_norm=st.booleans(),
    norm=NORMS,
    activation=ACTIVATIONS,
)
bodies = st.lists(convolutions, min_size=1, max_size=2).map(tuple)
residuals = st.builds(
    ResidualSpec,
    body=bodies,
    activation=ACTIVATIONS,
    scale=st.sampled_from([1.0, 0.5]),
    shortcut=st.sampled_from(["map", "rearrange"]),
)
vector_residuals = st.builds(ResidualSpec, body=st.lists(linears, min_size=1, max_size=2).map(tuple))
on_any = st.one_of(
    st.just(FlattenSpec()),
    st.just(ReshapeSpec(shape=(2, -1))),
    st.builds(NormSpec, norm=st.sampled_from(["batch", "layer", "group", "instance"]), affine=st.booleans()),
    st.builds(NormSpec, norm=st.just("rms"), eps=st.sampled_from([None, 1e-12, 0.5]), shift=st.booleans()),
    st.builds(ActivationSpec, activation=ACTIVATIONS),
    st.builds(DropoutSpec, p=st.sampled_from([0.0, 0.5])),
    st.builds(SnakeSpec, beta=st.booleans(), log=st.booleans()),
    st.builds(GluSpec, activation=st.sampled_from(["sigmoid", "silu"])),
)
on_grids = st.one_of(
    convolutions,
    st.builds(ConvTransposeSpec, output_padding=st.integers(0, 2), **window),
    st.builds(PoolSpec, size=st.integers(1, 3), stride=st.none() | SIZES, mode=st.sampled_from(["max", "average"])),
    st.just(GlobalPoolSpec()),
    st.builds(UpsampleSpec, factor=st.integers(1, 3), mode=st.sampled_from(["nearest", "linear"])),
    residuals,
    st.builds(PixelUnshuffleSpec, factor=st.integers(2, 3)),
    st.builds(PixelShuffleSpec, factor=st.just(2)),
    st.builds(PadSpec, padding=st.integers(-1, 2) | st.tuples(st.integers(-1, 2), st.integers(-1, 2)), mode=MODES),
    st.builds(
        AttentionSpec,
        heads=st.sampled_from([1, 2]),
        norm=st.sampled_from(["layer", "rms", "group", "none"]),
    ),
)
on_signals = st.one_of(
    st.just(LastSpec()),
    st.builds(
        TransformerSpec,
        heads=st.sampled_from([1, 2]),
        depth=st.integers(1, 2),
        mlp_ratio=st.sampled_from([0.5, 2.0]),
        positions=st.sampled_from(["learned", "sinusoidal", "none"]),
        dropout=st.sampled_from([0.0, 0.1]),
    ),
    st.builds(RecurrentSpec, cell=st.sampled_from(["gru", "lstm"]), features=st.just(4), bidirectional=st.booleans()),
)
cases = st.one_of(
    st.tuples(st.one_of(linears, vector_residuals, on_any), vectors),
    st.tuples(st.one_of(on_any, on_grids), grids),
    st.tuples(on_signals, signals),
)
thorough = settings(max_examples=150, deadline=None, derandomize=True)
quick = settings(max_examples=60, deadline=None, derandomize=True)


def output_of(layer: LayerSpec, shape: Shape) -> Shape:
    try:
        return layer.output_shape(shape)
    except ShapeError:
        assume(False)
        raise


@thorough
@given(cases)
def test_the_built_layer_gives_the_declared_shape_and_has_the_declared_weights(case):
    layer, shape = case
    declared = output_of(layer, shape)
    with torch.device("meta"):
        meta = layer.build(shape)
        assert meta(torch.empty(3, *shape)).shape[1:] == declared
    built = layer.build(shape)
    assert built(torch.randn(3, *shape)).shape == (3, *declared)
    assert sum(p.numel() for p in built.parameters()) == layer.parameters(shape)
    assert {k: v.shape for k, v in built.state_dict().items()} == {k: v.shape for k, v in meta.state_dict().items()}


@thorough
@given(cases, st.sampled_from(["transposed", "resize"]))
def test_the_mirror_leads_back_to_the_shape_the_layer_was_given(case, upsampling):
    layer, shape = case
    output = output_of(layer, shape)
    back = layer.mirror(shape, target=shape, style=Style("tanh", "batch", upsampling))
    assert trace(back, output)[-1] == shape
    x = torch.randn(2, *output)
    for part, before in zip(back, trace(back, output), strict=False):
        x = part.build(before).eval()(x)
    assert x.shape == (2, *shape)


@quick
@given(cases)
def test_every_weight_gets_a_finite_gradient_and_evaluation_is_deterministic(case):
    layer, shape = case
    output_of(layer, shape)
    module = layer.build(shape)
    x = torch.randn(3, *shape, requires_grad=True)
    module(x).square().sum().backward()
    gradients = [p.grad for p in (x, *module.parameters())]
    assert all(g is not None and g.isfinite().all() for g in gradients)
    module.eval()
    assert torch.equal(module(x), module(x))


@quick
@given(cases)
def test_a_layer_is_written_and_read_back_equal(registry, case):
    layer, _ = case
    written = layer.model_dump(mode="json")
    assert type(layer).model_validate(written, context={"registry": registry}) == layer


def test_a_convolution_of_28_14_7_4_leads_back_to_28():
    shape = (1, 28, 28)
    layer = ConvSpec(channels=8, stride=2)
    sizes = [trace([layer] * 3, shape)[i][1] for i in range(4)]
    assert sizes == [28, 14, 7, 4]
    for size, smaller in pairwise(sizes):
        (back,) = layer.mirror((8, size, size), target=(8, size, size), style=Style())
        assert back.output_shape((8, smaller, smaller)) == (8, size, size)


def test_an_even_kernel_with_stride_two_halves_even_sizes():
    assert ConvSpec(channels=3, kernel=4, stride=2).output_shape((1, 28, 28)) == (3, 14, 14)


def test_resizing_keeps_the_kernel_so_that_weights_can_be_tied():
    (up, conv) = ConvSpec(channels=8, kernel=4, stride=2).mirror(
        (3, 9, 7), target=(3, 9, 7), style=Style("relu", "batch", "resize")
    )
    assert (up, conv.kernel, conv.stride) == (UpsampleSpec(size=(10, 8)), 4, 1)
    assert (conv.activation, conv.norm) == ("relu", "batch")


def test_a_norm_after_a_dense_map_acts_on_channels_not_on_single_values():
    layers = dense((4, 3, 3), Style("relu", "batch"))
    assert [layer.type for layer in layers] == ["linear", "reshape", "norm", "activation"]
    assert sum(layer.parameters(s) for layer, s in zip(layers, trace(layers, (5,)), strict=False)) == 36 * 6 + 8
    assert [layer.type for layer in dense((4, 3, 3), Style("relu"))] == ["linear", "reshape"]
    assert ending(Style()) == []


def test_a_residual_block_says_where_in_its_body_the_fault_is():
    layer = ResidualSpec(body=(ConvSpec(channels=4), ConvSpec(channels=4, kernel=9, padding=0)))
    with pytest.raises(ShapeError, match=r"in its body, layer 1: kernel 9 with padding 0 does not fit 5x5 pixels"):
        trace([layer], (1, 5, 5))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (LinearSpec(features=3), (1, 4, 4), "takes vectors"),
        (
            ConvSpec(channels=4, kernel=5, padding=0),
            (1, 3, 3),
            "kernel 5 with padding 0 does not fit 3x3 pixels",
        ),
        (
            ConvSpec(channels=4, kernel=3, dilation=4, padding=0),
            (1, 7),
            "padding 0, dilation 4 does not fit 7 steps",
        ),
        (ConvSpec(channels=4, groups=2), (3, 8, 8), "groups 2 does not divide 3 channels"),
        (ConvSpec(channels=3), (8,), "takes signals"),
        (ConvTransposeSpec(channels=4, stride=2, size=(9, 30)), (1, 5, 5), "to 9x9 up to 10x10, not 9x30"),
        (ConvTransposeSpec(channels=4, size=(9,)), (1, 5, 5), "size takes 2 positive numbers"),
        (ConvTransposeSpec(channels=4, stride=2, output_padding=1, size=(9, 9)), (1, 5, 5), "say the same"),
        (ConvTransposeSpec(channels=4, kernel=1, padding=2), (1, 3, 3), "leaves nothing of 3x3 pixels"),
        (ConvTransposeSpec(channels=4, output_padding=1), (1, 3, 3), "stride 1 leads 3x3 pixels to 3x3"),
        (ConvSpec(channels=4, padding="causal"), (1, 5, 5), "causal padding is for signals"),
        (ConvSpec(channels=4, padding=(1, 2, 3)), (1, 5, 5), r"two, \[before, after\], or 4, two for each axis, got"),
        (ConvSpec(channels=4, padding=(1, 2, 0, 0)), (1, 5), r"one number, two, \[before, after\], got \[1, 2, 0, 0\]"),
        (
            ConvSpec(channels=4, padding=5, padding_mode="reflect"),
            (1, 5),
            "reflect padding of 5 is too wide for 5 steps",
        ),
        (ConvSpec(channels=4, padding=6, padding_mode="circular"), (1, 5), "circular padding of 6 is too wide"),
        (ConvSpec(channels=4, kernel=9, padding=(1, 2)), (1, 5), r"kernel 9 with padding \[1, 2\] does not fit"),
        (PadSpec(padding=-1, mode="reflect"), (1, 5), "reflect padding cuts nothing off, got -1"),
        (PadSpec(padding=(-3, -2)), (1, 5), "leaves nothing of 5 steps"),
        (PadSpec(padding=(-6, 4)), (1, 5), "leaves nothing of 5 steps"),
        (PoolSpec(size=4), (2, 3, 3, 3), "windows of 4 do not fit 3x3x3 voxels"),
        (UpsampleSpec(), (2, 3), "either a factor or a size"),
        (UpsampleSpec(factor=2, size=(4,)), (2, 3), "either a factor or a size"),
        (ReshapeSpec(shape=(2, 5)), (12,), "12 values"),
        (ReshapeSpec(shape=(-1, -1)), (12,), "one of which may be -1"),
        (NormSpec(norm="instance"), (4,), "instance norm takes grids"),
        (NormSpec(norm="group", groups=3), (4, 2), "groups 3 does not divide 4 channels"),
        (NormSpec(norm="group", groups=4), (4,), "one value to normalize"),
        (NormSpec(norm="batch", groups=2), (4,), "groups is for a group norm"),
        (NormSpec(norm="batch", shift=True), (4,), "shift is for an RMS norm with a scale, this is a batch norm"),
        (NormSpec(norm="rms", affine=False, shift=True), (4,), "this is a norm with affine = false"),
        (NormSpec(norm="rms"), (1, 5), "rms norm over 1x5 has one value to normalize"),
        (ConvSpec(channels=4, norm="instance", padding=0), (1, 3, 3), "one value to normalize"),
        (AttentionSpec(heads=3), (4, 5, 5), "heads 3 does not divide 4 channels"),
        (AttentionSpec(norm="group", groups=3), (4, 5, 5), "groups 3 does not divide 4 channels"),
        (AttentionSpec(groups=2), (4, 5, 5), "groups is for a group norm"),
        (AttentionSpec(norm="none", eps=1e-6), (4, 5, 5), "groups and eps are of a norm, this attention has none"),
        (AttentionSpec(norm="rms"), (1, 5, 5), "rms norm over 1x5x5 has one value"),
        (TransformerSpec(), (4, 5, 5), "takes sequences"),
        (GluSpec(), (3, 5), "takes an even number of features or channels, half of them gates, got 3x5"),
        (PixelUnshuffleSpec(), (1, 4, 5), "factor 2 does not divide 4x5 positions"),
        (PixelShuffleSpec(), (6, 4, 5), "takes a multiple of factor\\^axes = 4 channels, got 6x4x5"),
        (ResidualSpec(body=(ConvSpec(channels=4, stride=2),), shortcut="rearrange"), (1, 7), "by one whole factor"),
        (ResidualSpec(body=(ConvSpec(channels=3, stride=2),), shortcut="rearrange"), (1, 8), "lead 2 channels to 3"),
        (ResidualSpec(body=(FlattenSpec(),)), (2, 3), "its body must keep the axes"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused_with_a_fact(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(shape)


@pytest.mark.parametrize(
    ("layer", "shape", "target", "message"),
    [
        (ConvSpec(channels=4, groups=2), (2, 8, 8), (3, 8, 8), "groups 2 does not divide the 3 channels"),
        (ConvSpec(channels=4, stride=2), (2, 8, 8), (2, 9, 9), "change its stride"),
        (ConvSpec(channels=4), (2, 8, 8), (2, 9, 9), "leads back to 2x8x8, not to 2x9x9"),
        (ConvTransposeSpec(channels=4), (2, 8, 8), (2, 9, 9), "leads back to 8x8 pixels"),
        (AttentionSpec(), (2, 8, 8), (2, 9, 9), "keeps 8x8 positions"),
        (ResidualSpec(body=(ActivationSpec(),)), (2, 8), (4, 8), "its body keeps its channels"),
    ],
)
def test_a_layer_that_cannot_lead_back_says_why(layer, shape, target, message):
    with pytest.raises(NoMirror, match=message):
        layer.mirror(shape, target=target, style=Style())


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_padding_is_added_as_numpy_adds_it(mode):
    x = torch.randn(2, 3, 4, 5, 6)
    sides = ((0, 0), (0, 0), (1, 2), (0, 3), (2, 0))
    layer = PadSpec(padding=(1, 2, 0, 3, 2, 0), mode=mode)
    named = {"zeros": "constant", "replicate": "edge", "circular": "wrap"}.get(mode, mode)
    expected = torch.as_tensor(np.pad(x.numpy(), sides, mode=named))
    assert torch.equal(layer.build(x.shape[1:])(x), expected)
    (back,) = layer.mirror(x.shape[1:], target=x.shape[1:], style=Style())
    assert torch.equal(back.build(expected.shape[1:])(expected), x)

    conv = ConvSpec(channels=2, padding=(1, 2, 0, 3, 2, 0), padding_mode=mode, activation="identity").build(x.shape[1:])
    torch.testing.assert_close(conv(x), conv.conv(expected))
    assert list(conv.state_dict()) == ["conv.weight", "conv.bias"]


def test_positions_are_cut_off_where_a_number_is_negative():
    x = torch.randn(2, 3, 5)
    assert torch.equal(PadSpec(padding=(-1, 2)).build((3, 5))(x), torch.cat([x[..., 1:], torch.zeros(2, 3, 2)], dim=2))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_causal_convolution_sees_nothing_later_and_neither_does_its_mirror(stride, dilation):
    shape = (2, 12)
    layer = ConvSpec(channels=2, kernel=4, stride=stride, dilation=dilation, padding="causal", activation="identity")
    output = layer.output_shape(shape)
    assert output == (2, -(-12 // stride))
    forth = layer.build(shape)
    (back,) = (one.build(output) for one in layer.mirror(shape, target=shape, style=Style()))
    x = torch.randn(1, *shape)
    for step in range(12):
        later = x.clone()
        later[..., step:] += 1
        seen = (step - 1) // stride + 1  # outputs 0, stride, 2 stride ... before this step
        a, b = forth(x), forth(later)
        assert torch.equal(a[..., :seen], b[..., :seen])
        assert not torch.equal(a[..., seen : seen + 1], b[..., seen : seen + 1]) or seen == output[1]
        assert torch.equal(back(a)[..., :step], back(b)[..., :step])


def test_a_causal_convolution_is_led_back_by_a_resize_of_a_whole_factor_alone():
    layer = ConvSpec(channels=2, stride=2, padding="causal")
    style = Style(upsampling="resize")
    up, plain = layer.mirror((2, 12), target=(2, 12), style=style)
    assert (up.size, plain.padding, plain.stride) == ((12,), "causal", 1)
    with pytest.raises(NoMirror, match="by no whole factor is not causal"):
        layer.mirror((2, 11), target=(2, 11), style=style)


def test_padding_of_its_own_is_counted_among_the_activations():
    shape, plain = (3, 8, 8), ConvSpec(channels=2)
    assert ConvSpec(channels=2, padding_mode="reflect").activations(shape) == plain.activations(shape) + 3 * 10 * 10


def seeded(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("beta", [False, True])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("shape", [(3,), (3, 5), (3, 4, 5)])
def test_snake_adds_a_squared_sine_of_learned_frequency_and_amplitude(beta, log, shape):
    snake = SnakeSpec(beta=beta, log=log).build(shape).double()
    x = seeded(4, *shape)
    torch.testing.assert_close(snake(x), x + x.sin() ** 2, msg="alpha and beta begin at 1")
    alpha, amplitude = torch.tensor([0.5, 2.0, 3.0]).double(), torch.tensor([1.5, 0.3, 0.7]).double()
    with torch.no_grad():
        snake.alpha.copy_((alpha.log() if log else alpha).view_as(snake.alpha))
        if beta:
            snake.beta.copy_((amplitude.log() if log else amplitude).view_as(snake.beta))
    a, b = (values.view(3, *(1 for _ in shape[1:])) for values in (alpha, amplitude if beta else alpha))
    torch.testing.assert_close(snake(x), x + torch.sin(a * x) ** 2 / b, rtol=1e-8, atol=1e-8)


def test_a_gate_is_the_second_half_of_the_channels():
    x = seeded(2, 6, 5)
    assert torch.equal(GluSpec().build((6, 5))(x), torch.nn.functional.glu(x, dim=1))
    a, b = x.chunk(2, dim=1)
    assert torch.equal(GluSpec(activation="silu").build((6, 5))(x), a * torch.nn.functional.silu(b))


@pytest.mark.parametrize("factor", [2, 3])
def test_shuffling_of_images_is_that_of_torch_and_each_undoes_the_other(factor):
    x = seeded(2, 3, 6, 12)
    stacked = PixelUnshuffleSpec(factor=factor).build(x.shape[1:])(x)
    assert torch.equal(stacked, torch.nn.functional.pixel_unshuffle(x, factor))
    assert torch.equal(PixelShuffleSpec(factor=factor).build(stacked.shape[1:])(stacked), x)


@pytest.mark.parametrize("shape", [(3, 8), (3, 4, 6), (3, 4, 6, 8)])
def test_shuffling_undoes_itself_on_signals_and_volumes(shape):
    x = seeded(2, *shape)
    stacked = PixelUnshuffleSpec().build(shape)(x)
    assert torch.equal(PixelShuffleSpec().build(stacked.shape[1:])(stacked), x)
    # The first block along the last axis: positions 0 and 1 of channel 0 are channels 0 and 1.
    assert torch.equal(stacked[:, :2].flatten(2)[..., 0], x[:, 0].flatten(1)[:, :2])


def test_a_shortcut_without_weights_averages_channels_on_the_way_down_and_repeats_them_on_the_way_up():
    x = seeded(2, 3, 6, 6)
    down = ResidualSpec(body=(ConvSpec(channels=6, stride=2, activation="identity"),), shortcut="rearrange")
    built = down.build((3, 6, 6)).double()
    blocks = torch.nn.functional.pixel_unshuffle(x, 2)  # 12 channels, two for each of 6
    torch.testing.assert_close(built(x), built.body(x) + (blocks[:, ::2] + blocks[:, 1::2]) / 2)
    assert down.parameters((3, 6, 6)) == 3 * 6 * 9 + 6

    (back,) = down.mirror((3, 6, 6), target=(3, 6, 6), style=Style())
    assert back.shortcut == "rearrange"
    h = seeded(2, 6, 3, 3)
    built = back.build((6, 3, 3)).double()
    repeated = torch.stack([h[:, c // 2] for c in range(12)], dim=1)
    torch.testing.assert_close(built(h), built.body(h) + torch.nn.functional.pixel_shuffle(repeated, 2))


@pytest.mark.parametrize(
    ("layer", "shape", "first"),
    [
        (LinearSpec(features=3, weight_norm=True), (5,), 3),
        (ConvSpec(channels=6, groups=2, weight_norm=True), (4, 5, 5), 6),
        (ConvTransposeSpec(channels=6, stride=2, weight_norm=True), (4, 5), 4),
    ],
)
def test_a_normalized_weight_is_a_direction_and_a_length_and_is_saved_as_both(layer, shape, first):
    module = layer.build(shape).double()
    name = layer.type
    state = module.state_dict()
    g, v = (state[f"{name}.parametrizations.weight.original{i}"] for i in (0, 1))
    assert g.numel() == first == len(v)
    with torch.no_grad():
        g *= 3
    lengths = v.flatten(1).norm(dim=1).view_as(g)
    torch.testing.assert_close(module.get_submodule(name).weight, g * v / lengths)
    assert sum(p.numel() for p in module.parameters()) == layer.parameters(shape)
    assert layer.mirror(shape, target=shape, style=Style())[0].weight_norm
    assert layer.borrowed(shape) == g.numel() + v.numel()


def test_a_residual_block_of_which_a_mirror_leaves_nothing_is_mirrored_by_its_ending():
    vanishing = ResidualSpec(body=(DropoutSpec(),))
    assert vanishing.mirror((2, 8), target=(2, 8), style=Style()) == []
    back = vanishing.mirror((2, 8), target=(2, 8), style=Style("tanh", "batch"))
    assert back == [NormSpec(norm="batch"), ActivationSpec(activation="tanh")]
    with pytest.raises(NoMirror, match="its body keeps its channels"):
        vanishing.mirror((2, 8), target=(4, 8), style=Style())


@pytest.mark.parametrize(
    ("layer", "shape", "borrowed"),
    [
        (LinearSpec(features=3, norm="batch"), (5,), 15),
        (ConvSpec(channels=4, kernel=3, groups=2, norm="batch"), (2, 8, 8), 4 * 2 // 2 * 9),
        (ResidualSpec(body=(ConvSpec(channels=2, kernel=5, norm="batch"),)), (2, 8), 2 * 2 * 5),
        (ResidualSpec(body=(PoolSpec(), ActivationSpec(), ReshapeSpec(shape=(4, -1)))), (2, 8), 2 * 4),
        (ActivationSpec(), (5,), 0),
    ],
)
def test_a_tied_layer_borrows_the_weights_of_its_map_alone(layer, shape, borrowed):
    assert layer.borrowed(shape) == borrowed


def test_a_perceptron_of_infinite_width_is_refused():
    with pytest.raises(ValueError, match="less than or equal to 1024"):
        TransformerSpec(mlp_ratio=1e308)


def test_a_bidirectional_network_takes_an_even_number_of_features():
    with pytest.raises(ValueError, match="even number of features, got 3"):
        RecurrentSpec(features=3, bidirectional=True)


def test_a_body_in_bodies_is_traced_once_on_each_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the levels around it ask: for shapes, weights, activations, the mirror."""
    from aezoo.builtins import residual
    from aezoo.reading.reader import check

    traced: list[int] = []
    trace = residual.trace

    def counted(layers: Any, shape: Any) -> Any:
        traced.append(len(layers))
        return trace(layers, shape)

    monkeypatch.setattr(residual, "trace", counted)
    costs = []
    for depth in (10, 20):
        layer: dict[str, Any] = {"type": "conv", "channels": 1, "kernel": 3, "padding": 1}
        for _ in range(depth):
            layer = {"type": "residual", "body": [layer]}
        traced.clear()
        latent = {"type": "deterministic", "dim": 3}
        check({"name": "deep", "input": [1, 8, 8], "encoder": [layer, "flatten"], "latent": latent})
        costs.append(len(traced))
    assert costs[1] < 2.5 * costs[0]


def test_a_copy_of_a_residual_block_with_another_body_has_its_own_shapes() -> None:
    narrow, wide = ((ConvSpec(channels=channels, kernel=3, padding=1),) for channels in (2, 5))
    block = ResidualSpec(body=narrow)
    assert block.output_shape((1, 8, 8)) == (2, 8, 8)
    assert block.model_copy(update={"body": wide}).output_shape((1, 8, 8)) == (5, 8, 8)
    assert block == ResidualSpec(body=narrow), "what was worked out is no part of it"
    assert block.model_dump() == ResidualSpec(body=narrow).model_dump()
