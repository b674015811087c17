"""Figures of data and models: known values, and rules that convict from their threshold on and not before."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.data.batches import Batches
from aezoo.diagnosis.causes import is_fast, suspect
from aezoo.diagnosis.data_figures import DataFigures, data_figures
from aezoo.diagnosis.diagnosis import RULES, diagnose_data, diagnose_model
from aezoo.diagnosis.finding import Finding, read_findings
from aezoo.diagnosis.model_figures import CodeFigures, ModelFigures, OutputFigures, _used, model_figures
from aezoo.diagnosis.rule import working
from aezoo.reading.reader import SpecWarning
from aezoo.spec.document import Spec
from aezoo.spec.samples import Samples


def spec(**more: Any) -> Spec:
    table = {"name": "t", "input": {"shape": [4], "kind": "tabular"}, "latent": {"type": "deterministic", "dim": 2}}
    return aezoo.read({**table, **more})


def of_data(declared: Spec, values: Any) -> DataFigures:
    samples = Samples(np.asarray(values), "test")
    return data_figures(declared, Batches(samples, declared), as_bytes=samples.values.dtype == np.uint8)


OUTPUT = OutputFigures(0.1, torch.full((4,), 0.1), 4.0, 0.9, 1.0, 0.0, (0.0, 0.0), 1.0)
CODE = CodeFigures(1.0, 1.0, 0.0, None, None, 0.0)


def model_codes(declared: Spec, *, metrics: dict[str, float] | None = None, **more: Any) -> set[str]:
    output = OUTPUT._replace(**{key: value for key, value in more.items() if key in OUTPUT._fields})
    code = CODE._replace(**{key: value for key, value in more.items() if key in CODE._fields})
    metrics = metrics or {"fvu": output.fvu}
    baseline = {"pca": {"fvu": more.get("pca", 0.1)}}
    figures = ModelFigures(1000, metrics, baseline, output, code, more.get("train_fvu", output.fvu))
    return {finding.code for finding in diagnose_model(declared, figures)}


# --- data ---------------------------------------------------------------------------------------------------


def test_the_leading_variance_is_the_largest_eigenvalue_of_the_covariance() -> None:
    values = np.random.default_rng(0).normal(size=(500, 4)) @ np.diag([3.0, 1.0, 0.5, 0.1]) + 7
    figures = of_data(spec(), values)
    eigenvalues = np.linalg.eigvalsh(np.cov(values.T, bias=True))
    assert figures.leading == pytest.approx(eigenvalues[-1], rel=1e-5)
    assert figures.variance == pytest.approx(eigenvalues.sum(), rel=1e-5)


def test_what_lies_outside_of_an_output_is_a_share_of_the_variance() -> None:
    values = np.array([[-1.0], [1.0]] * 50) * np.ones(4)
    figures = of_data(spec(likelihood={"type": "mse", "output": "sigmoid"}), values)
    assert (figures.beyond, figures.lost, figures.reach) == (0.5, 0.5, (0.0, 1.0))
    assert of_data(spec(), values).reach is None
    own = [{"type": "linear", "features": 4, "activation": "tanh"}]
    with pytest.warns(SpecWarning, match="AZ505"):
        assert of_data(spec(decoder=own), values).reach == (-1.0, 1.0)


@pytest.mark.parametrize(("ratio", "told"), [(99.0, False), (101.0, True)])
def test_scales_are_told_from_a_hundredfold_on(ratio: float, told: bool) -> None:
    values = np.random.default_rng(0).normal(size=(400, 1)) * np.array([1.0, 1.0, 2.0, ratio])
    codes = {finding.code for finding in diagnose_data(spec(), of_data(spec(), values))}
    assert codes == ({"AZ712"} if told else set())
    standardized = spec(input={"shape": [4], "kind": "tabular", "normalize": "standardize"})
    assert diagnose_data(standardized, of_data(standardized, values)) == []
    ranged = spec(input={"shape": [4], "kind": "tabular", "range": [-1000.0, 1000.0]})
    assert diagnose_data(ranged, of_data(ranged, values)) == []


@pytest.mark.parametrize(("variance", "told"), [(0.49, True), (0.51, False)])
def test_a_penalty_is_too_heavy_up_to_half_its_weight_in_variance(variance: float, told: bool) -> None:
    values = np.zeros((200, 4))
    values[:, 0] = np.tile([1.0, -1.0], 100) * variance**0.5
    values[:, 1:] = np.random.default_rng(0).normal(size=(200, 3)) * 0.1
    heavy = spec(latent={"type": "gaussian", "dim": 2}, likelihood="mse", regularizers={"kl": {"weight": 1.0}})
    found = {finding.code: finding for finding in diagnose_data(heavy, of_data(heavy, values))}
    assert ("AZ713" in found) is told
    if told:
        assert found["AZ713"].patch == ("likelihood=gaussian",)


@pytest.mark.parametrize(("variance", "active"), [(0.3, 0), (0.8, 1)])
def test_a_linear_model_codes_a_direction_if_its_variance_is_above_half_the_weight(
    variance: float, active: int
) -> None:
    """As the closed form has it (Lucas et al. 2019): the encoder's mean has the variance 1 - w / (2 variance), or 0."""
    values = np.random.default_rng(0).normal(size=(2000, 2)) * np.array([variance**0.5, 0.01])
    linear = spec(
        input={"shape": [2], "kind": "tabular"},
        latent={"type": "gaussian", "dim": 1, "logvar": "per_dim"},
        likelihood="mse",
        regularizers={"kl": {"weight": 1.0}},
        training={"steps": 600, "batch_size": 500, "optimizer": {"type": "adam", "lr": 0.02}},
    )
    run = aezoo.train(linear, values, device="cpu")
    assert run.scores is not None
    assert run.scores.metrics["active_units"] == active
    assert ("AZ713" in {finding["code"] for finding in run.record.get("findings", ())}) is not bool(active)


def test_counts_constants_and_small_bytes_are_told_of() -> None:
    rng = np.random.default_rng(0)
    counted = spec(latent={"type": "gaussian", "dim": 2}, likelihood="gaussian", regularizers={"kl": {}})
    assert {one.code for one in diagnose_data(counted, of_data(counted, rng.poisson(3.0, (300, 4)) * 1.0))} == {"AZ714"}
    assert diagnose_data(counted, of_data(counted, rng.integers(0, 2, (300, 4)) * 1.0)) == []
    assert diagnose_data(counted, of_data(counted, rng.poisson(3000.0, (300, 4)) * 1.0)) == []
    values = rng.normal(size=(300, 4))
    values[:, 2] = 5.0
    (still,) = diagnose_data(spec(), of_data(spec(), values))
    assert (still.code, still.evidence) == ("AZ715", "column 2 (counted from 0) in 300 samples")
    ranged = spec(input={"shape": [4], "range": [0.0, 1.0]})
    (small,) = diagnose_data(ranged, of_data(ranged, rng.integers(0, 17, (300, 4)).astype(np.uint8)))
    assert (small.code, small.patch) == ("AZ716", ("input.range=[0, 15.9375]",))
    assert diagnose_data(ranged, of_data(ranged, rng.integers(0, 256, (300, 4)).astype(np.uint8))) == []


# --- models -------------------------------------------------------------------------------------------------

VAE = {"latent": {"type": "gaussian", "dim": 2}, "likelihood": "gaussian", "regularizers": {"kl": {"weight": 1.0}}}
ALIVE = {"fvu": 0.1, "active_units": 2.0, "rate": 5.0}


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({}, set()),
        ({"fvu": 0.89, "pca": 0.8}, set()),
        ({"fvu": 0.9}, {"AZ721"}),
        ({"fvu": 0.41, "pca": 0.2}, {"AZ722"}),
        ({"fvu": 0.39, "pca": 0.2}, set()),
        ({"fvu": 0.02, "pca": 0.001}, set()),
        ({"spread": 0.009}, {"AZ723"}),
        ({"fvu": 10.0}, {"AZ721", "AZ724"}),
        ({"fvu": 0.1, "columns": torch.tensor([0.0, 0.6, 0.6, 0.6])}, {"AZ725"}),
        ({"fvu": 0.4, "pca": 0.4, "columns": torch.tensor([0.0, 0.6, 0.6, 0.6])}, set()),
        ({"drawn": 3.9}, set()),
        ({"drawn": 4.1}, {"AZ726"}),
        ({"drawn": 0.24}, {"AZ726"}),
        ({"fvu": 0.3, "train_fvu": 0.1, "pca": 0.3}, {"AZ727"}),
        ({"fvu": 0.19, "train_fvu": 0.1}, set()),
        ({"spread": 0.011}, set()),
        ({"fvu": 9.9}, {"AZ721"}),
        ({"grid": 2.1}, {"AZ728"}),
        ({"grid": 1.9}, set()),
        ({"at_ends": (0.8, 0.3)}, {"AZ729"}),
        ({"at_ends": (0.8, 0.5)}, set()),
        ({"dead": 0.51}, {"AZ733"}),
        ({"dead": 0.5}, set()),
        ({"dead": 0.51, "activity": 0.004}, set()),
        ({"deviation": 0.009}, {"AZ735"}),
        ({"deviation": 0.011}, set()),
        ({"misfit": 0.6}, {"AZ736"}),
        ({"misfit": 0.4}, set()),
    ],
)
def test_each_rule_convicts_from_its_threshold_on(figures: dict[str, Any], expected: set[str]) -> None:
    assert model_codes(spec(), **figures) == expected


def test_a_posterior_is_collapsed_if_no_value_is_active_and_its_rate_may_be_empty() -> None:
    assert model_codes(spec(**VAE), metrics=ALIVE, information=4.0) == set()
    assert model_codes(spec(**VAE), metrics={**ALIVE, "active_units": 0.0}, information=4.0) == {"AZ731"}
    assert model_codes(spec(**VAE), metrics=ALIVE, information=0.4) == {"AZ732"}


@pytest.mark.parametrize(
    ("rate", "information", "told"),
    [(1.0, 0.0, False), (1.1, 0.11, True), (1.1, 0.12, False), (5.0, 0.5, True), (5.0, 0.51, False)],
)
def test_a_rate_above_one_nat_has_to_tell_a_tenth_of_itself(rate: float, information: float, told: bool) -> None:
    found = model_codes(spec(**VAE), metrics={**ALIVE, "rate": rate}, information=information)
    assert found == ({"AZ732"} if told else set())


@pytest.mark.parametrize(
    ("alphabet", "used", "told"),
    [(64, 3.2, True), (64, 3.3, False), (8, 2.0, True), (8, 2.1, False), (3, 1.0, False), (10**6, 50.0, True)],
)
def test_a_codebook_is_collapsed_up_to_two_codes_or_a_twentieth(alphabet: int, used: float, told: bool) -> None:
    quantized = spec().model_copy(update={"latent": SimpleNamespace(alphabet=lambda: alphabet)})
    verdict = RULES["AZ734"].find(quantized, ModelFigures(1000, {}, {}, OUTPUT, CODE._replace(used=used)))
    assert (verdict is not None) is told


def test_codes_are_used_as_the_exponential_of_their_entropy() -> None:
    indices = torch.tensor([0] * 4 + [1] * 4 + [7] * 8)
    outs = [SimpleNamespace(tap={"indices": part}.__getitem__) for part in indices.split(5)]
    discrete = SimpleNamespace(latent=SimpleNamespace(discrete="indices"))
    assert _used(discrete, outs) == pytest.approx(2**1.5)  # 1/4, 1/4, 1/2: 1.5 bits


@pytest.mark.parametrize(("rate", "fast"), [(0.02, False), (0.021, True)])
def test_a_learning_rate_above_a_fiftieth_is_suspected_first(rate: float, fast: bool) -> None:
    declared = spec(training={"optimizer": {"type": "adam", "lr": rate}})
    assert is_fast(declared) is fast
    figures = ModelFigures(1000, {"fvu": 1.0}, {}, OUTPUT, CODE)
    assert ("learning rate" in suspect(declared, figures).cause) is fast


@pytest.mark.parametrize(("deviation", "told"), [(0.099, True), (0.11, False), (9.9, False), (10.1, True)])
def test_data_far_from_the_scale_of_networks_are_suspected(deviation: float, told: bool) -> None:
    figures = ModelFigures(1000, {"fvu": 1.0}, {}, OUTPUT._replace(variance=4 * deviation**2), CODE)
    assert ("far from the scale" in suspect(spec(), figures).cause) is told
    standardized = spec(input={"shape": [4], "normalize": "standardize"})
    assert "far from the scale" not in suspect(standardized, figures).cause


@pytest.mark.parametrize(("lost", "told"), [(0.01, False), (0.011, True)])
def test_an_output_that_cannot_reach_a_hundredth_of_the_variance_is_suspected(lost: float, told: bool) -> None:
    figures = ModelFigures(1000, {"fvu": 1.0}, {}, OUTPUT._replace(lost=lost), CODE)
    assert ("outside of what" in suspect(spec(), figures).cause) is told


def test_figures_of_a_model_are_those_of_what_it_gives() -> None:
    """A decoder of zero weights gives its bias: outputs that do not vary, errors that are the second moment."""
    declared = spec(**VAE)
    model = aezoo.build(declared)
    for parameter in model.network.decoder.parameters():
        torch.nn.init.zeros_(parameter)
    for parameter in model.network.latent.parameters():
        torch.nn.init.zeros_(parameter)
    values = np.random.default_rng(0).normal(1.0, 2.0, size=(1000, 4))
    batches = Batches(Samples(values, "test"), declared)
    network = model.network.eval()
    with torch.inference_mode():
        figures = model_figures(declared, network, batches, batches, {"rate": 0.0}, {}, batch_size=100)
    assert figures.output is not None
    second = (values**2).mean(axis=0)
    np.testing.assert_allclose(figures.output.columns, second / values.var(axis=0), rtol=1e-5)
    assert figures.output.fvu == pytest.approx(second.sum() / values.var(axis=0).sum(), rel=1e-5)
    assert figures.train_fvu == pytest.approx(figures.output.fvu)
    assert figures.output.spread == 0.0
    assert figures.code.deviation == 0.0
    assert figures.code.information == pytest.approx(0.0, abs=1e-9)  # one N(0, 1) for every sample
    assert figures.code.misfit == pytest.approx(0.0, abs=0.01)  # which is the prior


def test_the_detail_of_a_checkerboard_is_at_one_phase_of_its_grid() -> None:
    from aezoo.diagnosis.model_figures import _grid

    samples = torch.rand(50, 1, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert _grid(samples, samples) == 1.0
    board = samples.clone()
    board[..., ::2, ::2] *= 3
    assert _grid(samples, board) > 2
    assert _grid(samples[..., 0], samples[..., 0]) == 1.0


# --- findings -----------------------------------------------------------------------------------------------


def test_a_patch_is_offered_only_if_the_spec_can_take_it() -> None:
    assert working([("likelihood.nothing=1",), ("latent.dim=9",), ("latent.dim=1",)], spec()) == ("latent.dim=1",)
    assert working([("latent.dim=2",)], spec()) == ()  # the same spec


def test_findings_come_back_from_their_document_and_nothing_else_does() -> None:
    finding = Finding("AZ721", "a", "b", "c", "d", ('likelihood={type = "mse"}',))
    assert finding.command == "--set 'likelihood={type = \"mse\"}'"
    assert read_findings([finding.as_dict(), 3, {"code": "AZ721"}, None]) == [finding]
    assert read_findings({"code": 1}) == []


def test_rules_have_one_code_each_and_say_what_they_see() -> None:
    assert list(RULES) == sorted(RULES)
    assert all(code.startswith("AZ7") and rule.title[-1] != "." and rule.sees for code, rule in RULES.items())
