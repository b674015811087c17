"""What a spec must satisfy between its parts, and that all faults are reported in one run."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aezoo
from aezoo.building.builder import objective_of, skeleton
from aezoo.errors import Fault, SpecError
from aezoo.plugin import LayerSpec, LikelihoodSpec, RegularizerSpec, Shape, ShapeError
from aezoo.reading.reader import check
from aezoo.registry.registry import Registry
from aezoo.spec.document import DecoderSpec
from aezoo.spec.tying import Affine, disagreement, untied
from tests.registries import registry_with
from tests.wrong_parts import CubeSpec, TurnedSpec

Table = dict[str, Any]


def spec_of(**changes: Any) -> Table:
    base: Table = {
        "name": "t",
        "input": [1, 4, 4],
        "encoder": ["flatten"],
        "latent": {"type": "deterministic", "dim": 3},
    }
    return {**base, **changes}


def faults_in(registry: Registry | None = None, **changes: Any) -> list[Fault]:
    try:
        return check(spec_of(**changes), registry=registry)[1]
    except SpecError as error:
        return list(error.faults)


def codes(registry: Registry | None = None, **changes: Any) -> list[str]:
    return [f"{fault.code} {fault.place}" for fault in faults_in(registry, **changes)]


# --- everything at once -------------------------------------------------------------------------------------

WRONG_SHAPE = {"type": "conv", "channels": 2, "kernel": 9, "padding": 0}


def test_what_hangs_on_no_shape_is_told_beside_a_shape_that_does_not_fit() -> None:
    found = codes(
        encoder=[WRONG_SHAPE],
        corruption=[{"type": "gaussian_noise", "std": 3.0}],
        regularizers={"kl": {}, "total": {"type": "l2"}, "l1": {"on": "encoder.7"}},
        constraints={"unit_norm": {"on": "encoder.9"}},
        training={"best_by": "kl_divergence"},
        data="digits",
    )
    assert sorted(found) == [
        "AZ401 encoder[0]",
        "AZ501 regularizers.kl",
        "AZ502 regularizers.l1.on",
        "AZ503 constraints.unit_norm.on",
        "AZ505 data",
        "AZ506 regularizers.total",
        "AZ507 training.best_by",
        "AZ515 corruption[0].std",
    ]


def test_a_way_there_that_fails_does_not_hide_a_likelihood_that_does() -> None:
    class PickySpec(LikelihoodSpec):
        type: str = "picky"

        def raw_shape(self, shape: Shape) -> Shape:
            raise ShapeError("takes vectors")

    registry = registry_with(PickySpec, namespace="odd")
    assert codes(registry, encoder=[WRONG_SHAPE], likelihood="odd:picky") == ["AZ401 encoder[0]", "AZ403 likelihood"]


def test_a_term_of_single_values_wants_a_likelihood_that_has_them() -> None:
    class ColumnsSpec(RegularizerSpec):
        type: str = "columns"
        needs: ClassVar[frozenset[str]] = frozenset({"nll_values"})

    def found(likelihood: Any) -> list[Fault]:
        registry = registry_with(ColumnsSpec, namespace="odd")
        return faults_in(registry, regularizers={"c": {"type": "odd:columns"}}, likelihood=likelihood)

    (fault,) = found("gaussian")
    assert (fault.code, fault.place) == ("AZ501", "regularizers.c")
    assert fault.message == "needs the likelihood of single values; 'gaussian' as it is set has none"
    assert found({"type": "gaussian", "variance": "learned"}) == []  # what the hint says to type
    assert found("mse") == []


def test_names_in_a_decoder_are_judged_only_where_there_is_one() -> None:
    terms = {"l2": {"on": "decoder.9"}, "l1": {"on": "encodr.0"}}
    bounds = {"unit_norm": {"on": "decoder.9"}, "max_norm": {"on": "decodr"}}
    assert codes(encoder=[WRONG_SHAPE], regularizers=terms, constraints=bounds) == [
        "AZ401 encoder[0]",
        "AZ502 regularizers.l1.on",
        "AZ503 constraints.max_norm.on",
    ]
    own = [{"type": "linear", "features": 5}]
    assert codes(decoder=own, regularizers=terms, constraints=bounds)[1:] == [
        "AZ502 regularizers.l2.on",
        "AZ502 regularizers.l1.on",
        "AZ503 constraints.unit_norm.on",
        "AZ503 constraints.max_norm.on",
    ]


def test_a_name_is_answered_with_the_nearest_or_with_some() -> None:
    faults = faults_in(regularizers={"l2": {"on": "encodr.0"}, "l1": {"on": "xyz"}})
    assert faults[0].hint == "did you mean 'encoder.0'?"
    assert faults[1].hint.startswith("there are: input.clean, input.corrupted, latent, pre, output")


# --- the term that chooses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weight", "weighted"),
    [
        (1.0, False),
        (2.0, True),
        ({"type": "linear", "start": 0.0, "end": 1.0}, True),
        ({"type": "linear", "start": 1.0, "end": 1.0}, False),
    ],
)
def test_best_by_takes_the_terms_that_are_logged(weight: Any, weighted: bool) -> None:
    import torch

    from aezoo.nn.objective import Noise
    from aezoo.training.meter import Meter

    terms = {"l2": {"weight": weight}}
    model = aezoo.build(spec_of(regularizers=terms))
    noise = Noise(torch.Generator(), torch.Generator())
    meter = Meter()
    meter.add(objective_of(model, steps=10)(torch.rand(2, 1, 4, 4), "model", 0, noise))
    logged = set(meter.means())
    assert ("l2.weighted" in logged) == weighted
    for name in ("total", "reconstruction", "reconstruction.weighted", "l2", "l2.weighted"):
        accepted = not codes(regularizers=terms, training={"best_by": name})
        assert accepted == (name in logged), name


def test_the_weighted_term_of_a_weight_of_one_is_answered_with_the_term() -> None:
    (fault,) = faults_in(regularizers={"l2": {}}, training={"best_by": "l2.weighted"})
    assert (fault.code, fault.hint) == ("AZ507", "its weight is 1: take 'l2'")


# --- tied decoders ------------------------------------------------------------------------------------------

SHARED = {"type": "gaussian", "dim": 2, "layout": "spatial", "logvar": "per_dim"}
#: Below what a mean squared error is warned of beside a rate.
WEAK = {"kl": {"weight": 0.1}}
TIED = {"decoder": {"tied": True}}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"encoder": ["flatten", {"type": "linear", "features": 5, "norm": "layer"}]}, ""),
        ({"encoder": [{"type": "conv", "channels": 4, "stride": 2, "kernel": 4, "padding": 1}]}, ""),
        ({"encoder": [{"type": "residual", "body": [{"type": "conv", "channels": 1}]}]}, ""),
        ({"input": [3, 4, 4], "latent": {"type": "deterministic", "dim": 2, "layout": "spatial"}, "encoder": []}, ""),
        ({"latent": {"type": "gaussian", "dim": 3, "logvar": "per_dim"}, "regularizers": {"kl": {"weight": 0.1}}}, ""),
        ({"input": [3, 4, 4], "encoder": [], "latent": SHARED, "regularizers": {"kl": {"weight": 0.1}}}, ""),
        (
            {"latent": {"type": "gaussian", "dim": 3}, "regularizers": {"kl": {"weight": 0.1}}},
            "each other's transposes",
        ),
        ({"likelihood": {"type": "gaussian", "variance": "per_value"}}, "each other's transposes"),
        ({"encoder": [{"type": "attention"}, "flatten"]}, "'attention' has 2 maps"),
        (
            {"input": [2, 8], "encoder": [{"type": "recurrent", "features": 2}, "flatten"]},
            "'recurrent' has weights that are no map",
        ),
        ({"encoder": [{"type": "residual", "body": [{"type": "conv", "channels": 2}]}]}, "'residual' has 2 maps"),
    ],
)
def test_a_decoder_that_cannot_be_tied_is_refused_without_building_it(changes: Table, why: str) -> None:
    found = faults_in(**{**TIED, **changes})
    assert [(fault.code, fault.path) for fault in found] == ([("AZ407", ("decoder", "tied"))] if why else [])
    assert why in (found[0].message if found else "")
    if not why:
        assert skeleton(aezoo.read(spec_of(**{**TIED, **changes})))


CONVS = st.builds(
    lambda channels, kernel, stride, dilation, groups: {
        "type": "conv",
        "channels": 2 * channels,
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "groups": groups,
    },
    *(st.integers(1, n) for n in (2, 4, 2, 2, 2)),
)
LAYERS = st.one_of(
    CONVS,
    CONVS.map(lambda conv: {"type": "residual", "body": [conv]}),
    CONVS.map(lambda conv: {**conv, "type": "conv_transpose"}),
    st.sampled_from([{"type": "pool"}, {"type": "attention"}, {"type": "norm"}, {"type": "dropout"}]),
)
LATENTS = st.sampled_from(
    [
        {"type": "deterministic", "dim": 3},
        {"type": "deterministic", "dim": 2, "layout": "spatial"},
        {"type": "gaussian", "dim": 3},
        {"type": "gaussian", "dim": 2, "layout": "spatial", "logvar": "per_dim"},
        {"type": "topk", "dim": 5, "k": 2},
    ]
)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.lists(LAYERS, max_size=3), LATENTS, st.sampled_from(["transposed", "resize"]))
def test_the_declarations_and_the_modules_agree_on_what_can_be_tied(
    encoder: list[Table], latent: Table, upsampling: Any
) -> None:
    table = spec_of(input=[2, 8, 8], encoder=encoder, latent=latent, regularizers={"l2": {}})
    try:
        spec, _ = check({**table, "decoder": {"upsampling": upsampling}})
    except SpecError:
        return
    tied = spec.model_copy(update={"decoder": DecoderSpec(upsampling=upsampling, tied=True)})
    try:
        skeleton(tied)
        built = True
    except SpecError:
        built = False
    assert (untied(tied) == "") == built


def test_a_layer_that_does_not_say_what_maps_it_has_is_left_to_the_builder() -> None:
    class SilentSpec(LayerSpec):
        type: str = "silent"

        def output_shape(self, shape: Shape) -> Shape:
            return shape

        def parameters(self, shape: Shape) -> int:
            return 4

        def mirror(self, shape: Shape, **_: Any) -> list[LayerSpec]:
            return [self]

    registry = registry_with(SilentSpec, namespace="odd")
    assert codes(registry, **TIED, encoder=["flatten", "odd:silent"]) == []
    assert codes(registry, encoder=["flatten", "odd:silent"], constraints={"unit_norm": {"on": "encoder.1"}}) == []


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (Affine(3, 5), Affine(5, 3), ""),
        (Affine(3, 5), Affine(5, 4), "not each other's transposes"),
        (Affine(3, 5), Affine(5, 3, (3,)), "cannot tie a convolution to a linear map"),
        (Affine(3, 5, (3, 3)), Affine(5, 3, (4, 4)), "kernel (4, 4) to one of kernel (3, 3)"),
        (Affine(3, 5, (3,), dilation=2), Affine(5, 3, (3,)), "dilation 1"),
        (Affine(4, 2, (3,), groups=2), Affine(2, 4, (3,)), "groups 1"),
        (Affine(3, 5, (3,), stride=2), Affine(5, 3, (3,), stride=2), "one must be transposed"),
        (Affine(3, 5, (3,), stride=2), Affine(5, 3, (3,), stride=2, transposed=True), ""),
        (Affine(3, 5, (3,)), Affine(5, 3, (3,), padding=3), "padded beyond its kernel"),
    ],
)
def test_maps_that_are_not_each_others_transposes_say_why(one: Affine, other: Affine, why: str) -> None:
    assert (why in disagreement(one, other)) if why else not disagreement(one, other)


# --- spaces -------------------------------------------------------------------------------------------------


class OnSphereSpec(CubeSpec):
    """A density over the sphere."""

    type: Literal["on_sphere"] = "on_sphere"
    space: ClassVar[str | None] = "sphere"


class AnywhereSpec(CubeSpec):
    """A density over the space of the latent, whichever it is."""

    type: Literal["anywhere"] = "anywhere"
    space: ClassVar[str | None] = None


class UnlimitedSpec(TurnedSpec):
    """A posterior on the sphere, and no prior that it brings along."""

    type: Literal["unlimited"] = "unlimited"
    posterior: ClassVar[bool] = True


SPHERE = {"type": "wrong:turned", "dim": 3}


@pytest.mark.parametrize(
    ("latent", "fault"),
    [
        (SPHERE, ""),
        (SPHERE | {"prior": "wrong:on_sphere"}, ""),
        (SPHERE | {"prior": "wrong:anywhere"}, ""),
        ({"type": "deterministic", "dim": 3, "prior": "wrong:anywhere"}, ""),
        (
            SPHERE | {"prior": "fitted_gaussian"},
            "latent.prior: 'fitted_gaussian' is a density over R^n, and the codes of 'wrong:turned' lie in sphere",
        ),
        (
            {"type": "gaussian", "dim": 3, "prior": "wrong:on_sphere"},
            "latent.prior: 'wrong:on_sphere' is a density over sphere, and the codes of 'gaussian' lie in R^n",
        ),
        (
            {"type": "wrong:unlimited", "dim": 3},
            "latent: N(0, I) is a density over R^n, and the codes of 'wrong:unlimited' lie in sphere",
        ),
    ],
)
def test_a_prior_over_another_space_than_that_of_the_codes_is_refused(latent: Table, fault: str) -> None:
    registry = registry_with(TurnedSpec, OnSphereSpec, AnywhereSpec, UnlimitedSpec, namespace="wrong")
    found = [f"{one.place}: {one.message}" for one in faults_in(registry, latent=latent) if one.code == "AZ501"]
    assert found == ([fault] if fault else [])


def test_the_cure_of_a_prior_over_another_space_is_the_latents_own() -> None:
    registry = registry_with(OnSphereSpec, namespace="wrong")
    latent = {"type": "gaussian", "dim": 3, "prior": "wrong:on_sphere"}
    (fault,) = faults_in(registry, latent=latent, regularizers={"kl": {"weight": 0.1}})
    assert fault.hint == 'latent.prior = "standard_normal"'
