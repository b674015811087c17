"""Hidden values: the bound of the known ones, and what is imputed, against the Gaussian's closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from aezoo_densities.importance import ImportanceWeighted, ImputationError, imputed, log_likelihood
from torch import Generator, Tensor

import aezoo
from aezoo.errors import SpecError
from aezoo.plugin import Samples

Make = Callable[..., Any]
MASKED: dict[str, Any] = {
    "input": {"shape": [5], "kind": "vector", "observed": "fields.observed"},
    "mask": "fields.observed",
    "fields": {"observed": {"shape": [5]}, "whole": {"shape": [5]}},
}
METRIC = {"type": "densities:imputation_rmse", "k": 50, "truth": "fields.whole"}


@pytest.fixture
def masked(linear: Make) -> tuple[Any, Tensor, Tensor]:
    """The linear-Gaussian model with a mask, samples, and which of their values are known: two or more of each."""
    model = linear(**MASKED)
    project = model.model.network.latent.project
    with torch.no_grad():  # wide enough for what is known of two values alone
        project.weight.mul_(0.3)
        project.bias.mul_(0.3)[2:].fill_(0.0)
    known = torch.rand(60, 5, generator=Generator().manual_seed(3)) < 0.5
    known[:, :2] = True
    return model, model.samples(60), known


def passed(model: Any, x: Tensor, known: Tensor, generator: Generator | None = None) -> Any:
    """A pass whose input shows nothing of the hidden values."""
    with torch.no_grad():
        fields = {"observed": known.float(), "whole": x}
        return model.model.network(torch.where(known, x, 7.0), None, generator, fields=fields)


def test_the_estimate_is_the_density_of_the_known_values(masked: Any) -> None:
    model, x, known = masked
    estimate = log_likelihood(passed(model, x, known), 20_000)
    # The posterior is too wide: 20,000 draws have an error of some hundredths each.
    torch.testing.assert_close(estimate, model.of_known(x, known)[0], rtol=0, atol=0.2)
    assert (estimate - model.of_known(x, known)[0]).abs().mean() < 0.02


def test_the_bound_is_below_that_density_and_rises_with_the_draws(masked: Any) -> None:
    model, x, known = masked
    exact = model.of_known(x, known)[0].mean().item()
    bounds = []
    for k in (1, 5, 500):
        noise = Generator().manual_seed(0)
        with torch.no_grad():
            losses = [ImportanceWeighted(k)(passed(model, x, known, noise), "model")["bound"] for _ in range(20)]
        bounds.append(-torch.stack(losses).mean().item())
    assert bounds[0] < bounds[1] < bounds[2] < exact
    assert bounds[2] > exact - 0.1


def test_hidden_values_are_imputed_by_their_mean_given_the_known_ones(masked: Any) -> None:
    model, x, known = masked
    expected = model.of_known(x, known)[1].float()
    filled = imputed(passed(model, x, known), 20_000)
    assert torch.equal(filled[known], x[known])
    torch.testing.assert_close(filled, expected, rtol=0, atol=0.25)
    assert (filled - expected)[~known].abs().mean() < 0.02
    error = (filled - x)[~known].square().mean().sqrt().item()
    metric = ImputationError(20_000, "whole")
    metric.update(passed(model, x, known))
    assert metric.result() == pytest.approx(error, rel=1e-5)


def test_chunks_do_not_change_what_is_imputed(masked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, known = masked
    out = passed(model, x, known)
    whole = imputed(out, 64)
    monkeypatch.setattr("aezoo_densities.importance.VALUES", 7 * out.raw.numel())
    drawn = [imputed(out, 64, seed=seed) for seed in (0, 1)]
    assert (drawn[0] - drawn[1]).abs().max() > 0.01
    # Other numbers are drawn in another order; each chunking is a sample of the same estimate.
    assert (whole - drawn[0])[~known].abs().mean() < 3 * (drawn[0] - drawn[1])[~known].abs().mean()


def test_of_samples_without_hidden_values_there_is_no_error(masked: Any) -> None:
    model, x, known = masked
    metric = ImputationError(2, "whole")
    metric.update(passed(model, x, torch.ones_like(known)))
    assert math.isnan(metric.result())


def test_training_with_a_mask_imputes_better_than_the_mean_and_reads_no_hidden_value(spec: Make) -> None:
    draw = np.random.default_rng(0)
    x = (draw.standard_normal((600, 2)) @ draw.standard_normal((2, 5)) + 3).astype(np.float32)
    x += 0.1 * draw.standard_normal(x.shape).astype(np.float32)
    known = draw.random(x.shape) < 0.7
    known[np.arange(600), draw.integers(5, size=600)] = True
    masked = MASKED | {"input": {**MASKED["input"], "normalize": "standardize"}}
    training = {"steps": 300, "batch_size": 50, "optimizer": {"lr": 0.01}}
    document = spec(**masked, metrics=[METRIC], training=training)
    results = []
    for hidden in (0.0, 1e3):
        fields = {"observed": known.astype(np.float32), "whole": x}
        samples = Samples(np.where(known, x, np.float32(hidden)), "drawn", fields=fields)
        run = aezoo.train(document, samples)
        results.append(aezoo.evaluate(run.model, samples, split="all").metrics["densities:imputation_rmse"])
    assert results[0] == results[1]
    assert results[0] < 0.6  # the mean has 1


@pytest.mark.parametrize("truth", ["fields.other", "fields.narrow"])
def test_a_truth_that_is_not_declared_is_refused(spec: Make, truth: str) -> None:
    slots = MASKED | {"fields": {**MASKED["fields"], "narrow": {"shape": [4]}}}
    with pytest.raises(SpecError, match=r"truth: .*no field '\w+' is declared.*\(" + truth + r"\.shape = \[5\]\)"):
        aezoo.read(spec(**slots, metrics=[METRIC | {"truth": truth}]))


def test_without_a_mask_nothing_is_imputed(spec: Make) -> None:
    with pytest.raises(SpecError, match="densities:imputation_rmse means nothing for this spec"):
        aezoo.read(spec(fields=MASKED["fields"], metrics=[METRIC]))
