"""A mirror leads back, ends as the layer before its source ends, and says what has none."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aezoo.builtins.residual import ResidualSpec
from aezoo.builtins.sequences import AttentionSpec, RecurrentSpec, TransformerSpec
from aezoo.errors import NoMirror, ShapeError
from aezoo.layers.basic import ActivationSpec, DropoutSpec, FlattenSpec, LinearSpec, NormSpec, ReshapeSpec
from aezoo.layers.convolutions import ConvSpec, ConvTransposeSpec
from aezoo.layers.resampling import GlobalPoolSpec, PoolSpec, UpsampleSpec
from aezoo.plugin import LayerSpec, Style
from aezoo.spec.mirror import Misfit, last_style, mirror_layers, mirror_source, trace


class OneWaySpec(LayerSpec):
    """A layer without a mirror."""

    type: str = "one_way"

    def output_shape(self, shape):
        return shape


def test_a_trace_lists_the_shape_before_each_layer_and_after_the_last():
    layers = [ConvSpec(channels=8, stride=2), FlattenSpec(), LinearSpec(features=3)]
    assert trace(layers, (1, 8, 8)) == [(1, 8, 8), (8, 4, 4), (128,), (3,)]


def test_a_misfit_names_the_layer_that_cannot_take_its_shape():
    with pytest.raises(Misfit, match="put a 'flatten' before it") as caught:
        trace([ConvSpec(channels=8), LinearSpec(features=3)], (1, 8, 8))
    assert caught.value.index == 1
    assert isinstance(caught.value, ShapeError)


def test_dense_layers_are_mirrored_in_reverse_each_ending_as_the_one_before_its_source():
    layers = [
        FlattenSpec(),
        LinearSpec(features=64, activation="relu", norm="batch"),
        LinearSpec(features=16, activation="tanh"),
    ]
    assert mirror_layers(layers, (1, 8, 8), target=(1, 8, 8), style=Style("sigmoid")) == [
        LinearSpec(features=64, activation="relu", norm="batch"),
        LinearSpec(features=64, activation="identity"),
        ReshapeSpec(shape=(1, 8, 8)),
        ActivationSpec(activation="sigmoid"),
    ]


def test_convolutions_are_mirrored_by_transposed_ones_that_meet_the_size():
    layers = [ConvSpec(channels=8, stride=2, activation="gelu"), ConvSpec(channels=16, stride=2)]
    assert mirror_layers(layers, (1, 28, 28), target=(2, 28, 28), style=Style()) == [
        ConvTransposeSpec(channels=8, stride=2, size=(14, 14), activation="gelu"),
        ConvTransposeSpec(channels=2, stride=2, size=(28, 28), activation="identity"),
    ]


def test_resizing_is_chosen_once_and_holds_for_all_layers_and_their_bodies():
    inner = ResidualSpec(body=(ConvSpec(channels=8, stride=2),))
    layers = [ConvSpec(channels=8, stride=2), inner]
    residual, up, _ = mirror_layers(layers, (1, 8, 8), target=(1, 8, 8), style=Style(upsampling="resize"))
    assert up == UpsampleSpec(size=(8, 8))
    assert residual.body[0] == UpsampleSpec(size=(4, 4))


def test_dropout_has_no_mirror_image_and_pooling_is_undone_by_a_resize():
    layers = [ConvSpec(channels=8), PoolSpec(), DropoutSpec(p=0.2)]
    assert mirror_layers(layers, (1, 9, 9), target=(1, 9, 9), style=Style()) == [
        UpsampleSpec(size=(9, 9)),
        ConvSpec(channels=1, activation="identity"),
    ]


def test_layers_that_carry_values_pass_the_channels_the_likelihood_asks_for():
    layers = [PoolSpec(), FlattenSpec(), LinearSpec(features=5)]
    back = mirror_layers(layers, (1, 8, 8), target=(2, 8, 8), style=Style())
    assert trace(back, (5,)) == [(5,), (32,), (2, 4, 4), (2, 8, 8)]
    assert mirror_source(layers, (1, 8, 8), target=(2, 8, 8)) == (5,)
    assert mirror_source([FlattenSpec()], (1, 8, 8), target=(2, 8, 8)) == (128,)
    assert mirror_source([], (4,), target=(8,)) == (8,)


def test_the_latent_starts_from_the_ending_of_the_last_layer_that_has_one():
    conv = ConvSpec(channels=8, activation="silu", norm="group")
    assert last_style([conv, PoolSpec(), AttentionSpec()], upsampling="resize") == Style("silu", "group", "resize")
    assert last_style([]) == Style()


def test_a_norm_of_channels_never_ends_the_map_that_leads_back_to_a_flattened_vector():
    layers = [ConvSpec(channels=4, norm="instance"), FlattenSpec(), LinearSpec(features=5)]
    assert last_style(layers[:2]) == Style()
    back = mirror_layers(layers, (1, 4, 4), target=(1, 4, 4), style=Style())
    assert back[:4] == [
        LinearSpec(features=64, activation="identity"),
        ReshapeSpec(shape=(4, 4, 4)),
        NormSpec(norm="instance"),
        ActivationSpec(activation="relu"),
    ]


def test_a_layer_without_a_mirror_is_named_with_its_position():
    with pytest.raises(NoMirror, match=r"layer 1 \('one_way'\).*decoder = \[\.\.\.\]"):
        mirror_layers([FlattenSpec(), OneWaySpec()], (1, 2, 2), target=(1, 2, 2), style=Style())


def test_a_reshape_that_cannot_hold_what_the_likelihood_asks_for_is_named():
    with pytest.raises(NoMirror, match=r"layer 0 \('reshape'\): 32 values"):
        mirror_layers([ReshapeSpec(shape=(1, 4, 4))], (16,), target=(32,), style=Style())


def test_a_norm_that_the_way_back_cannot_hold_is_refused_with_its_layer():
    body = (ConvSpec(channels=4, padding=0, norm="none"), ConvSpec(channels=4))
    layers = [ResidualSpec(body=body), OneWaySpec()]
    with pytest.raises(NoMirror, match="layer 1"):
        mirror_layers(layers, (1, 3, 3), target=(1, 3, 3), style=Style())


ACTIVATIONS = st.sampled_from(["identity", "relu", "gelu"])
NORMS = st.sampled_from(["none", "batch", "layer", "group"])
convolutions = st.builds(
    ConvSpec,
    channels=st.sampled_from([2, 4]),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    activation=ACTIVATIONS,
    norm=NORMS,
)
grids = st.lists(
    st.one_of(
        convolutions,
        st.builds(ConvTransposeSpec, channels=st.just(4), stride=st.integers(1, 2)),
        st.builds(PoolSpec, size=st.integers(1, 2)),
        st.just(UpsampleSpec(factor=2)),
        st.builds(ResidualSpec, body=st.lists(convolutions, min_size=1, max_size=2).map(tuple)),
        st.just(NormSpec(norm="batch")),
        st.just(ActivationSpec()),
        st.just(DropoutSpec()),
        st.just(AttentionSpec()),
    ),
    max_size=4,
)
ends = st.sampled_from(
    [
        (),
        (FlattenSpec(),),
        (GlobalPoolSpec(),),
        (FlattenSpec(), LinearSpec(features=5, norm="batch"), DropoutSpec(), LinearSpec(features=3)),
        (ReshapeSpec(shape=(2, -1)), TransformerSpec(), RecurrentSpec(features=6, bidirectional=True)),
    ]
)
shapes = st.one_of(
    st.tuples(st.just(2), st.integers(4, 17)),
    st.tuples(st.just(1), st.integers(4, 17), st.integers(4, 17)),
    st.tuples(st.just(2), st.integers(4, 7), st.integers(4, 7), st.integers(4, 7)),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(grids, ends, shapes, st.sampled_from([1, 2]), st.sampled_from(["transposed", "resize"]))
def test_any_stack_leads_back_to_its_input_and_to_more_channels(layers, end, shape, times, upsampling):
    layers = [*layers, *end]
    target = (shape[0] * times, *shape[1:])
    try:
        trace(layers, shape)
    except ShapeError:
        assume(False)
    first = next((layer for layer in layers if not layer.carries), None)
    # A transformer after a reshape keeps its steps: it is refused, and says so.
    assume(times == 1 or not isinstance(first, TransformerSpec))
    back = mirror_layers(layers, shape, target=target, style=Style(upsampling=upsampling))
    source = mirror_source(layers, shape, target=target)
    assert trace(back, source)[-1] == target
