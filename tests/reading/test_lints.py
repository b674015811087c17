"""What a valid spec means: each lint speaks where it has reason to, and is silent beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import pytest

import aezoo
from aezoo.errors import Fault, SpecError
from aezoo.layers.basic import LinearSpec
from aezoo.plugin import (
    ConstraintSpec,
    Field,
    LatentSpec,
    LayerSpec,
    LikelihoodSpec,
    ObjectiveSpec,
    Range,
    RegularizerSpec,
    Remark,
    ScheduleSpec,
    Shape,
    Spec,
    Style,
)
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.reader import check
from aezoo.registry.registry import Registry
from tests.registries import registry_with

Table = dict[str, Any]


class FlatSpec(LatentSpec):
    """A code of a vector."""

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return [LinearSpec(features=shape[0])]


class CodebookSpec(FlatSpec):
    """One of finitely many codes."""

    type: Literal["codebook"] = "codebook"
    quantized: ClassVar[bool] = True


class DrawnSpec(FlatSpec):
    """A code that is drawn."""

    type: Literal["drawn"] = "drawn"
    noisy: ClassVar[bool] = True


class BottleneckSpec(RegularizerSpec):
    """A rate of any latent."""

    type: Literal["bottleneck"] = "bottleneck"
    rate: ClassVar[bool] = True


class SeveralSpec(ObjectiveSpec):
    """A bound that has its own rate."""

    type: Literal["several"] = "several"
    rate: ClassVar[bool] = True
    copying: ClassVar[bool] = False
    terms: ClassVar[frozenset[str]] = frozenset({"bound"})


class LooseSpec(ConstraintSpec):
    """A constraint that bounds nothing."""

    type: Literal["loose"] = "loose"


class PercentSpec(LikelihoodSpec):
    """Data from 0 to 100."""

    type: Literal["percent"] = "percent"
    support: ClassVar[Range | None] = (0.0, 100.0)


class SilentSpec(ScheduleSpec):
    """A schedule that says nothing of its bounds."""

    type: Literal["silent"] = "silent"

    def value(self, step: int, steps: int) -> float:
        return -1.0


class TalkativeSpec(LayerSpec):
    """A layer with something to say."""

    type: Literal["talkative"] = "talkative"
    carries: ClassVar[bool] = True
    code: str = Field("AZ505")

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return []

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield Remark("listen", level="warning", code=self.code, at="code")


PARTS = [
    CodebookSpec,
    DrawnSpec,
    BottleneckSpec,
    SeveralSpec,
    LooseSpec,
    PercentSpec,
    SilentSpec,
    TalkativeSpec,
]


@pytest.fixture(scope="module")
def registry() -> Registry:
    """The built-in parts, and the ones above as a plugin's."""
    return registry_with(*PARTS, namespace="odd")


def spec_of(**changes: Any) -> Table:
    base: Table = {"name": "t", "input": [1, 4, 4], "encoder": ["flatten"], "latent": latent(dim=3)}
    return {**base, **changes}


def latent(**fields: Any) -> Table:
    return {"type": "deterministic", **fields}


def faults_in(registry: Registry, **changes: Any) -> list[Fault]:
    """All that is said of a spec."""
    try:
        return check(spec_of(**changes), registry=registry)[1]
    except SpecError as error:
        return list(error.faults)


def codes(registry: Registry, **changes: Any) -> list[str]:
    """Code and place, and `!` for an error."""
    return [f"{fault.code} {fault.place}{'!' * (fault.level == 'error')}" for fault in faults_in(registry, **changes)]


def test_the_bundled_specs_draw_no_lint() -> None:
    assert len(bundled_specs()) >= 18
    assert {name: check(name)[1] for name in bundled_specs() if check(name)[1]} == {}


GAUSSIAN = {"type": "gaussian", "dim": 3}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["AZ511 latent"]),
        ({"regularizers": {"l2": {}}}, ["AZ511 latent"]),
        ({"regularizers": {"kl": {}}}, ["AZ701 likelihood"]),
        ({"regularizers": {"kl": {}}, "likelihood": "gaussian"}, []),
        ({"regularizers": {"kl": {"weight": 0}}}, ["AZ511 latent", "AZ505 regularizers.kl.weight"]),
        ({"regularizers": {"kl": {"weight": {"type": "linear", "start": 0.0, "end": 0.0}}}}, ["AZ511", "AZ505"]),
        ({"regularizers": {"kl": {"weight": {"type": "linear", "start": 0.0, "end": 0.5}}}}, []),
        ({"regularizers": {"odd": {"type": "odd:bottleneck"}}}, []),
        ({"objective": "odd:several", "training": {"best_by": "bound"}}, []),
        ({"latent": {"type": "odd:drawn", "dim": 3}}, ["AZ511 latent"]),
    ],
)
def test_a_drawn_code_wants_a_term_that_limits_its_rate(
    registry: Registry, changes: Table, expected: list[str]
) -> None:
    found = codes(registry, **{"latent": GAUSSIAN, **changes})
    assert len(found) == len(expected)
    assert all(one.startswith(start) for one, start in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (1.0, []),
        (-1.0, ["AZ505 regularizers.l2.weight"]),
        ({"type": "piecewise", "values": [1.0, -0.5, 1.0], "at": [10, 20]}, ["AZ505 regularizers.l2.weight"]),
        ({"type": "cyclical", "start": -1.0, "end": 1.0}, ["AZ505 regularizers.l2.weight"]),
        ({"type": "cosine", "start": 1.0, "end": -0.1}, ["AZ505 regularizers.l2.weight"]),
        ({"type": "exponential", "start": 1.0, "end": 0.1}, []),
        ({"type": "odd:silent"}, []),
    ],
)
def test_a_weight_below_zero_is_a_reward(registry: Registry, weight: Any, expected: list[str]) -> None:
    assert codes(registry, regularizers={"l2": {"weight": weight}}) == expected


def test_patience_needs_something_to_wait_for(registry: Registry) -> None:
    assert codes(registry, training={"patience": 3, "best_by": "last"}) == ["AZ505 training.patience"]
    assert codes(registry, training={"patience": 3}) == []
    assert codes(registry, training={"best_by": "last"}) == []


TOPK = {"type": "topk", "dim": 8, "k": 2}
UNIT = {"unit_norm": {}}


def test_a_sparsity_penalty_on_a_code_of_fixed_sparsity_is_doubted(registry: Registry) -> None:
    assert codes(registry, latent=TOPK, regularizers={"l1": {}}, constraints=UNIT) == ["AZ513 regularizers.l1"]
    layers = ["flatten", {"type": "linear", "features": 5}]
    elsewhere = {"l1": {"on": "encoder.1"}}
    assert codes(registry, latent=TOPK, regularizers=elsewhere, constraints=UNIT, encoder=layers) == []
    assert codes(registry, latent=TOPK, regularizers={"l2": {}}) == []
    assert codes(registry, regularizers={"l1": {}}, constraints=UNIT) == []


def test_a_rate_term_on_a_quantized_code_is_doubted(registry: Registry) -> None:
    rate = {"rate": {"type": "odd:bottleneck"}}
    codebook = {"type": "odd:codebook", "dim": 3}
    assert codes(registry, latent=codebook, regularizers=rate) == ["AZ514 regularizers.rate"]
    assert codes(registry, latent=codebook, regularizers={"l2": {}}) == []
    assert codes(registry, regularizers=rate) == []


# --- corruptions --------------------------------------------------------------------------------------------

SIGNED = {"shape": [1, 4, 4], "range": [-1, 1]}
FREE = {"kind": "signal", "shape": [1, 16]}


@pytest.mark.parametrize(
    ("corruption", "given", "expected"),
    [
        ({"type": "gaussian_noise", "std": 0.5}, [1, 4, 4], []),
        ({"type": "gaussian_noise", "std": 1.0}, [1, 4, 4], []),
        ({"type": "gaussian_noise", "std": 1.5}, [1, 4, 4], ["AZ515 corruption[0].std"]),
        ({"type": "gaussian_noise", "std": 1.5, "clip": True}, [1, 4, 4], ["AZ515 corruption[0].std"]),
        ({"type": "gaussian_noise", "std": [0.1, 25.0]}, [1, 4, 4], []),
        ({"type": "gaussian_noise", "std": [2.0, 25.0]}, [1, 4, 4], ["AZ515 corruption[0].std"]),
        ({"type": "gaussian_noise", "std": 1.5}, SIGNED, []),
        ({"type": "gaussian_noise", "std": 50.0}, FREE, []),
        ({"type": "gaussian_noise", "std": 0}, FREE, ["AZ505 corruption[0].std"]),
        ({"type": "mask", "value": 0.5}, [1, 4, 4], []),
        ({"type": "mask", "value": -1.0}, [1, 4, 4], ["AZ515 corruption[0].value"]),
        ({"type": "mask", "value": -1.0}, SIGNED, []),
        ({"type": "mask", "value": 9.0}, FREE, []),
        ({"type": "mask", "p": 0}, FREE, ["AZ505 corruption[0].p"]),
        ({"type": "mask", "p": [0.5, 1]}, FREE, []),
        ({"type": "mask", "p": 1}, FREE, ["AZ505 corruption[0].p"]),
        ({"type": "salt_and_pepper", "p": 1}, [1, 4, 4], ["AZ505 corruption[0].p"]),
        ({"type": "salt_and_pepper", "p": 0.5}, [1, 4, 4], []),
        ({"type": "block", "size": 2, "value": 7}, [1, 4, 4], ["AZ515 corruption[0].value"]),
        ({"type": "block", "size": 4}, [1, 4, 4], ["AZ505 corruption[0].size"]),
        ({"type": "block", "size": 3}, [1, 4, 4], []),
        ({"type": "block", "size": 5}, [1, 4, 4], ["AZ505 corruption[0].size!"]),
    ],
)
def test_a_corruption_is_doubted_where_it_makes_no_sense(
    registry: Registry, corruption: Table, given: Any, expected: list[str]
) -> None:
    assert codes(registry, input=given, corruption=[corruption]) == expected


# --- contraction --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["AZ516 regularizers.contractive"]),
        ({"decoder": {"tied": True}}, []),
        ({"constraints": {"unit_norm": {}}}, []),
        ({"constraints": {"max_norm": {"on": "decoder.0"}}}, []),
        ({"constraints": {"unit_norm": {"on": "latent"}}}, ["AZ516 regularizers.contractive"]),
        ({"constraints": {"odd": {"type": "odd:loose"}}}, ["AZ516 regularizers.contractive"]),
        ({"training": {"optimizer": "adamw"}}, []),
        ({"training": {"optimizer": {"type": "sgd", "weight_decay": 1e-4}}}, []),
        ({"training": {"optimizer": {"type": "adamw", "weight_decay": 0.0}}}, ["AZ516 regularizers.contractive"]),
    ],
)
def test_a_contraction_wants_a_decoder_that_cannot_make_up_for_it(
    registry: Registry, changes: Table, expected: list[str]
) -> None:
    assert codes(registry, regularizers={"contractive": {}}, **changes) == expected


# --- copying ------------------------------------------------------------------------------------------------

WIDE = latent(dim=16)
DROPPING = ["flatten", {"type": "dropout", "p": 0.2}]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["AZ517 latent"]),
        ({"latent": latent(dim=15)}, ["AZ703 latent"]),
        ({"latent": latent(dim=14)}, []),
        ({"corruption": [{"type": "mask"}]}, []),
        ({"regularizers": {"l2": {}}}, []),
        ({"latent": {"type": "topk", "dim": 32, "k": 4}}, []),
        ({"latent": {"type": "odd:codebook", "dim": 32}}, []),
        ({"latent": {"type": "gaussian", "dim": 32}, "likelihood": "gaussian", "regularizers": {"kl": {}}}, []),
        ({"encoder": DROPPING}, []),
        ({"encoder": ["flatten", {"type": "residual", "body": [{"type": "dropout"}]}]}, []),
        ({"encoder": ["flatten", {"type": "dropout", "p": 0.0}]}, ["AZ517 latent"]),
        ({"encoder": ["flatten", {"type": "linear", "features": 8}]}, []),
        ({"encoder": ["flatten", {"type": "linear", "features": 99}]}, ["AZ517 latent"]),
        ({"encoder": [], "latent": latent(dim=2, layout="spatial")}, ["AZ517 latent"]),
        ({"objective": "odd:several", "training": {"best_by": "bound"}}, []),
        ({"input": [1], "latent": latent(dim=1), "encoder": []}, []),
    ],
)
def test_a_way_without_anything_narrow_noisy_or_dear_learns_to_copy(
    registry: Registry, changes: Table, expected: list[str]
) -> None:
    assert codes(registry, **{"latent": WIDE, **changes}) == expected


# --- batch norm ---------------------------------------------------------------------------------------------

ALONE = {"training": {"batch_size": 1}}
NORMED = {"type": "conv", "channels": 2, "norm": "batch"}
FLAT = {"type": "linear", "features": 8, "norm": "batch"}


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        (["flatten", FLAT], ["AZ518 encoder[1]!", "AZ518 decoder!"]),
        ([NORMED], ["AZ518 encoder[0]", "AZ518 decoder"]),
        ([{**NORMED, "kernel": 4, "padding": 0}], ["AZ518 encoder[0]!", "AZ518 decoder!"]),
        (["flatten", {"type": "norm"}], ["AZ518 encoder[1]!", "AZ518 decoder!"]),
        ([{"type": "residual", "body": [NORMED]}], ["AZ518 encoder[0].body[0]"]),
        (
            [{"type": "residual", "body": [{"type": "residual", "body": [NORMED]}]}],
            ["AZ518 encoder[0].body[0].body[0]"],
        ),
        ([{**NORMED, "norm": "group"}], []),
    ],
)
def test_batch_norm_wants_a_batch(registry: Registry, encoder: list[Any], expected: list[str]) -> None:
    found = codes(registry, encoder=encoder, **ALONE)
    assert found == expected
    assert codes(registry, encoder=encoder, training={"batch_size": 2}) == []


def test_batch_norm_in_a_decoder_of_its_own_is_found_at_its_layer(registry: Registry) -> None:
    last = {"type": "linear", "features": 16, "activation": "identity"}
    decoder = [FLAT, last, {"type": "reshape", "shape": [1, 4, 4]}]
    assert codes(registry, decoder=decoder, **ALONE) == ["AZ518 decoder.layers[0]!"]


@pytest.mark.parametrize(
    ("encoder", "trains"), [(["flatten", FLAT], False), ([NORMED], True), ([{**NORMED, "norm": "group"}], True)]
)
def test_a_batch_norm_that_is_refused_is_one_that_torch_refuses(encoder: list[Any], trains: bool) -> None:
    import torch

    from aezoo.building.builder import assemble

    spec, _ = check(spec_of(encoder=encoder))
    network = assemble(spec).train()
    if trains:
        network(torch.rand(1, 1, 4, 4))
    else:
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            network(torch.rand(1, 1, 4, 4))


# --- likelihoods --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("likelihood", "given", "expected"),
    [
        ("bernoulli", [1, 4, 4], []),
        ("bernoulli", {"shape": [1, 4, 4], "range": [0.1, 0.9]}, []),
        ("bernoulli", SIGNED, ["AZ519 likelihood!"]),
        ("bernoulli", FREE, ["AZ519 likelihood!"]),
        ("bernoulli", {"shape": [1, 4, 4], "normalize": "standardize"}, ["AZ519 likelihood!"]),
        ("odd:percent", {"shape": [1, 4, 4], "range": [0, 100]}, []),
        ("odd:percent", {"shape": [1, 4, 4], "range": [0, 255]}, ["AZ519 likelihood!"]),
        ({"type": "mse", "output": "sigmoid"}, [1, 4, 4], []),
        ({"type": "mse", "output": "tanh"}, [1, 4, 4], []),
        ({"type": "mse", "output": "sigmoid"}, SIGNED, ["AZ519 likelihood.output"]),
        ({"type": "laplace", "output": "tanh"}, {"shape": [1, 4, 4], "range": [0, 255]}, ["AZ519 likelihood.output"]),
        ({"type": "mse", "output": "sigmoid"}, FREE, []),
    ],
)
def test_a_likelihood_and_the_declared_range_must_agree(
    registry: Registry, likelihood: Any, given: Any, expected: list[str]
) -> None:
    assert codes(registry, likelihood=likelihood, input=given) == expected


ON_UNIT, ON_SIGNED = {"shape": [16], "range": [0, 1]}, {"shape": [16], "range": [-1, 1]}
WRONG = ["AZ505 decoder.layers[0]"]


@pytest.mark.parametrize(
    ("activation", "likelihood", "given", "expected"),
    [
        ("relu", "mse", ON_UNIT, []),
        ("relu", "bernoulli", ON_UNIT, WRONG),
        ("identity", "bernoulli", ON_UNIT, []),
        ("leaky_relu", "bernoulli", ON_UNIT, []),
        ("sigmoid", "mse", ON_UNIT, []),
        ("sigmoid", "mse", ON_SIGNED, WRONG),
        ("sigmoid", {"type": "mse", "output": "sigmoid"}, ON_UNIT, WRONG),
        ("tanh", "mse", ON_SIGNED, []),
        ("relu", "huber", {"shape": [16]}, WRONG),
        ("relu", "laplace", {**ON_UNIT, "normalize": "standardize"}, WRONG),
        ("relu", {"type": "gaussian", "variance": "fixed"}, ON_UNIT, []),
        ("relu", "odd:percent", {"shape": [16], "range": [0, 100]}, []),
    ],
)
def test_a_decoder_of_its_own_must_be_able_to_give_what_the_likelihood_takes(
    registry: Registry, activation: str, likelihood: Any, given: Table, expected: list[str]
) -> None:
    decoder = [{"type": "linear", "features": 16, "activation": activation}]
    assert codes(registry, decoder=decoder, likelihood=likelihood, input=given, encoder=[]) == expected


# --- remarks ------------------------------------------------------------------------------------------------


def test_parts_inside_parts_are_asked_for_their_remarks(registry: Registry) -> None:
    inner = {"type": "odd:talkative"}
    body = {"type": "residual", "body": [{"type": "residual", "body": [inner]}]}
    decoder = [
        {"type": "linear", "features": 16, "activation": "identity"},
        inner,
        {"type": "reshape", "shape": [1, 4, 4]},
    ]
    assert codes(registry, encoder=[body, "flatten"], decoder=decoder) == [
        "AZ505 encoder[0].body[0].body[0].code",
        "AZ505 decoder.layers[1].code",
    ]


@pytest.mark.parametrize(("code", "shown"), [("AZ515", "AZ515"), ("AZ203", "AZ505"), ("nonsense", "AZ505")])
def test_a_plugins_remark_carries_a_code_of_meaning(registry: Registry, code: str, shown: str) -> None:
    (fault,) = faults_in(registry, encoder=[{"type": "odd:talkative", "code": code}, "flatten"])
    assert fault.code == shown


def test_a_lint_is_a_warning_and_refuses_nothing() -> None:
    with pytest.warns(aezoo.reading.reader.SpecWarning, match="AZ517"):
        aezoo.read(spec_of(latent=WIDE))


# --- modelling ----------------------------------------------------------------------------------------------

POOL = [{"type": "conv", "channels": 4}, {"type": "global_pool"}]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"encoder": POOL}, ["AZ702 encoder[1]"]),
        ({"encoder": [{"type": "conv", "channels": 4}, {"type": "pool"}]}, []),
        ({"encoder": POOL, "decoder": "none", "objective": "odd:several", "training": {"best_by": "bound"}}, []),
        ({"encoder": ["flatten"]}, []),
        ({"input": [2, 9], "encoder": [{"type": "recurrent", "features": 4}, "global_pool"]}, ["AZ702 encoder[1]"]),
        ({"input": [2, 9], "encoder": [{"type": "recurrent", "features": 4}, "last"]}, []),
    ],
)
def test_a_mean_over_all_positions_before_a_flat_code_forgets_where_things_are(
    registry: Registry, changes: Table, expected: list[str]
) -> None:
    assert [code for code in codes(registry, **{"latent": latent(dim=2), **changes}) if "AZ702" in code] == expected


@pytest.mark.parametrize(
    ("term", "likelihood", "expected"),
    [
        ({}, "mse", 1),
        ({}, "gaussian", 0),
        ({"weight": 0.1}, "mse", 0),
        ({"weight": 0.5}, "mse", 1),
        ({"free_bits": 0.1}, "mse", 0),
        ({"weight": {"type": "linear", "start": 0.0, "end": 4.0}}, "mse", 1),
    ],
)
def test_a_rate_beside_a_squared_error_is_told_unless_its_weight_was_chosen(
    registry: Registry, term: Table, likelihood: str, expected: int
) -> None:
    found = codes(registry, latent=GAUSSIAN, likelihood=likelihood, regularizers={"kl": term})
    assert found.count("AZ701 likelihood") == expected
