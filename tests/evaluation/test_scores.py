"""evaluate: the right numbers on the right samples, beside the right baselines."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import DataError, DataWarning, SpecError, UsageError
from aezoo.evaluation.scores import Scores
from aezoo.model import Model

CLEAN = ["fvu", "latent_rank", "mse", "psnr", "squared_error"]


def model(**changes: Any) -> Model:
    spec = {
        "name": "tiny",
        "input": [1, 6, 6],
        "latent": {"type": "deterministic", "dim": 4},
        "likelihood": "mse",
    }
    return aezoo.build({**spec, **changes}, seed=0)


def images(n: int = 200) -> np.ndarray:
    """Sums of four patterns and a little noise, within [0, 1]."""
    rng = np.random.default_rng(0)
    patterns = rng.random((4, 36))
    values = rng.random((n, 4)) @ patterns / 4 + 0.02 * rng.random((n, 36))
    return np.clip(values, 0, 1).astype(np.float32).reshape(n, 1, 6, 6)


def pca_model(x: np.ndarray, dim: int = 4, **changes: Any) -> Model:
    """A linear autoencoder with the weights of PCA: closed form instead of training."""
    found = model(latent={"type": "deterministic", "dim": dim}, **changes)
    flat = torch.from_numpy(x).flatten(1)
    mean = flat.mean(dim=0)
    axes = torch.linalg.svd(flat - mean, full_matrices=False).Vh[:dim]
    maps = [part for part in found.network.modules() if isinstance(part, torch.nn.Linear)]
    with torch.no_grad():
        for part, weight, bias in zip(maps, (axes, axes.T), (-axes @ mean, mean), strict=True):
            part.weight.copy_(weight)
            part.bias.copy_(bias)
    return found


def test_a_linear_autoencoder_at_its_optimum_scores_like_pca() -> None:
    x = images()
    scores = aezoo.evaluate(pca_model(x), x, split="all")
    assert list(scores.metrics) == CLEAN
    assert scores.baseline == {}  # the spec names no data that a baseline could be fitted to
    again = aezoo.evaluate(pca_model(x[_rows("train")]), x, split="test")
    assert set(again.baseline) == {"pca"}
    for name, value in again.baseline["pca"].items():
        assert again.metrics[name] == pytest.approx(value, rel=1e-3), name


def _rows(name: str) -> np.ndarray:
    from aezoo.data.sources import split
    from aezoo.spec.samples import Samples

    return split(Samples(images(), "array"), None, 0)[name]


def test_the_metrics_are_those_of_the_split() -> None:
    x, tiny = images(), model()
    scores = aezoo.evaluate(tiny, x, split="validation")
    held = x[_rows("validation")]
    error = ((held - tiny.reconstruct(held)) ** 2).reshape(len(held), -1).sum(axis=1).mean()
    assert scores.n == len(held) == 20
    assert scores.metrics["squared_error"] == pytest.approx(error, rel=1e-5)
    assert (scores.split, scores.dataset, scores.seed) == ("validation", "array", 0)
    assert set(scores.versions) == {"aezoo", "torch"}


def test_the_batch_size_changes_no_metric_that_draws_nothing() -> None:
    tiny, x = model(), images()
    one, other = (aezoo.evaluate(tiny, x, batch_size=size).metrics for size in (7, 256))
    assert one == pytest.approx(other, rel=1e-5)


def test_the_same_seed_gives_the_same_scores_and_another_draws_other_noise() -> None:
    gaussian = {"type": "gaussian", "variance": "fixed", "sigma": 0.2}
    variational = model(latent={"type": "gaussian", "dim": 4}, likelihood=gaussian, regularizers={"kl": {}})
    first, again, other = (aezoo.evaluate(variational, images(), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.metrics["elbo"] != other.metrics["elbo"]
    assert {name: value for name, value in first.metrics.items() if name != "elbo"} == {
        name: value for name, value in other.metrics.items() if name != "elbo"
    }
    assert {"nll", "rate", "elbo", "active_units"} <= set(first.metrics)
    # The decoder is linear, so log p(x | z) is a downward parabola in z: noise costs likelihood.
    assert first.metrics["elbo"] < -(first.metrics["nll"] + first.metrics["rate"]) + 0.1


@pytest.mark.parametrize(
    ("latent", "present", "absent"),
    [
        ({"type": "topk", "dim": 8, "k": 2}, {"sparsity"}, {"rate", "mean_activation"}),
        ({"type": "deterministic", "dim": 4, "activation": "sigmoid"}, {"mean_activation"}, {"sparsity"}),
        ({"type": "deterministic", "dim": 4}, set(), {"sparsity", "mean_activation", "nll", "elbo"}),
    ],
)
def test_metrics_are_those_that_mean_something(latent: dict[str, Any], present: set[str], absent: set[str]) -> None:
    names = set(aezoo.evaluate(model(latent=latent), images()).metrics)
    assert present <= names
    assert not absent & names


def test_a_metric_that_the_spec_asks_for_takes_its_settings_and_changes_no_fingerprint_of_the_weights() -> None:
    changes: dict[str, Any] = {"latent": {"type": "gaussian", "dim": 4}, "regularizers": {"kl": {}}}
    metrics = [{"type": "active_units", "threshold": 0.0}]
    plain, asked = model(**changes), model(**changes, metrics=metrics)
    assert aezoo.evaluate(plain, images()).metrics["active_units"] == 0  # its means hardly move yet
    assert aezoo.evaluate(asked, images()).metrics["active_units"] == 4
    assert plain.spec.arch == asked.spec.arch


@pytest.mark.parametrize(
    ("metrics", "said"), [(["rate"], "rate means nothing for this spec"), (["mse", "mse"], "mse stands twice")]
)
def test_a_metric_that_means_nothing_or_stands_twice_is_refused(metrics: list[str], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        model(metrics=metrics)


def test_k_active_units_of_a_code_give_their_share() -> None:
    positive = model(latent={"type": "topk", "dim": 8, "k": 2})
    with torch.no_grad():
        positive.network.latent.project.bias.fill_(10.0)
    assert aezoo.evaluate(positive, images()).metrics["sparsity"] == pytest.approx(0.25)


def test_a_code_as_wide_as_the_data_has_no_pca_beside_it() -> None:
    wide = model(latent={"type": "deterministic", "dim": 36}, regularizers={"l2": {}})
    assert aezoo.evaluate(wide, images()).baseline == {}


def test_without_a_range_there_is_no_psnr() -> None:
    free = model(input={"shape": [36], "kind": "vector"})
    scores = aezoo.evaluate(free, images().reshape(-1, 36))
    assert "psnr" not in scores.metrics
    assert "psnr" not in scores.baseline["pca"]


def test_denoising_is_scored_against_the_clean_beside_the_noise_and_the_wiener_filter() -> None:
    noise = [{"type": "gaussian_noise", "std": 0.2}]
    scores = aezoo.evaluate(pca_model(images(), corruption=noise), images())
    errors = {name: row["denoising_squared_error"] for name, row in scores.baseline.items() if name != "pca"}
    assert set(errors) == {"noisy input", "wiener", "wiener_clipped"}
    # 20 samples of 36 values: chi-squared with 720 degrees of freedom, standard error 5 %.
    assert errors["noisy input"] == pytest.approx(36 * 0.2**2, rel=0.2)
    # Projecting on the signal's subspace removes noise, shrinking on top of it removes more.
    assert errors["wiener"] < scores.metrics["denoising_squared_error"] < errors["noisy input"]
    assert scores.metrics["denoising_psnr"] > scores.baseline["noisy input"]["denoising_psnr"]
    assert scores.metrics["squared_error"] < scores.metrics["denoising_squared_error"]


def test_the_wiener_filter_is_also_cut_off_at_the_range() -> None:
    noise = [{"type": "gaussian_noise", "std": 0.8}]
    bits = (np.random.default_rng(0).random((300, 1, 6, 6)) < 0.5).astype(np.float32)
    rows = aezoo.evaluate(model(corruption=noise), bits).baseline
    # Half of all values lie at either end: a guess beyond it is better cut off. By the noise the filter guesses
    # 0.5 + w (y - 0.5), w = 0.25 / (0.25 + 0.64), whose error is 0.25 * 0.64 / 0.89 = 0.18 a value.
    assert rows["wiener"]["denoising_squared_error"] == pytest.approx(36 * 0.18, rel=0.2)
    assert rows["wiener_clipped"]["denoising_squared_error"] < rows["wiener"]["denoising_squared_error"]
    assert rows["wiener_clipped"].keys() == rows["wiener"].keys()
    free = model(input={"shape": [36], "kind": "vector"}, corruption=noise)
    assert set(aezoo.evaluate(free, bits.reshape(-1, 36)).baseline) == {"pca", "noisy input", "wiener"}


def standardized(x: np.ndarray, dim: int, **changes: Any) -> Model:
    """A linear autoencoder with the weights of PCA of the standardized samples; and fitted to these."""
    spec: dict[str, Any] = {"name": "s", "input": {"shape": [*x.shape[1:]], "normalize": "standardize"}}
    latent = {"type": "deterministic", "dim": dim}
    made = aezoo.build({**spec, "latent": latent, "likelihood": "mse", **changes}, seed=0)
    made.network.normalizer.fit(torch.from_numpy(x))
    flat = made.network.normalizer(torch.from_numpy(x)).flatten(1)
    axes = torch.linalg.svd(flat - flat.mean(dim=0), full_matrices=False).Vh[:dim]
    maps = [part for part in made.network.modules() if isinstance(part, torch.nn.Linear)]
    with torch.no_grad():
        for part, weight, bias in zip(maps, (axes, axes.T), (-axes @ flat.mean(dim=0), flat.mean(dim=0)), strict=True):
            part.weight.copy_(weight)
            part.bias.copy_(bias)
    return made


def columns(n: int = 400) -> np.ndarray:
    """Five dependent columns on scales from a thousandth to thousands."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, 3)) @ rng.normal(size=(3, 5)) + 0.3 * rng.normal(size=(n, 5))
    return (values * [1e-3, 1.0, 10.0, 200.0, 5e3] + [0.0, 5.0, -3.0, 1e3, 1e4]).astype(np.float32)


@pytest.mark.parametrize("dim", [1, 2, 4])
def test_a_model_that_standardizes_and_its_pca_are_measured_in_units_of_the_loss(dim: int) -> None:
    x = columns()
    rows = _train_rows(len(x))
    scores = aezoo.evaluate(standardized(x[rows], dim), x, split="train")
    y = (x[rows].astype(np.float64) - x[rows].mean(0, np.float64)) / x[rows].std(0, dtype=np.float64)
    left = (np.linalg.svd(y, compute_uv=False)[dim:] ** 2).sum() / len(y)  # of five columns of unit variance
    expected = {"squared_error": left, "mse": left / 5, "fvu": left / 5}
    for row in (scores.metrics, scores.baseline["pca"]):
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-4), name
    assert (scores.units, scores.as_dict()["units"]) == ("standardized", "standardized")
    assert aezoo.evaluate(model(), images()).as_dict()["units"] == "data"


def test_wide_samples_have_their_axes_in_units_of_the_loss_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aezoo.evaluation.baselines.WIDEST", 4)
    x = columns()
    scores = aezoo.evaluate(standardized(x[_train_rows(len(x))], 2), x, split="train")
    assert scores.baseline["pca"]["fvu"] == pytest.approx(scores.metrics["fvu"], rel=1e-3)


def test_denoising_is_measured_in_units_of_the_loss_too() -> None:
    x = columns()
    noise = [{"type": "gaussian_noise", "std": 1e-3}]
    rows = aezoo.evaluate(standardized(x[_train_rows(len(x))], 4, corruption=noise), x, split="train").baseline
    # The first column's deviation is a few thousandths, so noise of a thousandth shows in it alone.
    scale = x[_train_rows(len(x))].std(0)
    assert rows["noisy input"]["denoising_squared_error"] == pytest.approx(((1e-3 / scale) ** 2).sum(), rel=0.2)
    assert rows["wiener"]["denoising_squared_error"] < rows["noisy input"]["denoising_squared_error"]


def test_images_that_standardize_keep_their_decibels_in_units_of_the_range() -> None:
    x = images()
    made = standardized(x, 4, input={"shape": [1, 6, 6], "normalize": "standardize"})
    scores = aezoo.evaluate(made, x, split="all")
    error = np.square(x - made.reconstruct(x)).mean()
    assert scores.metrics["psnr"] == pytest.approx(-10 * math.log10(error), rel=1e-4)
    assert scores.metrics["mse"] == pytest.approx(error / x.std() ** 2, rel=1e-3)


def test_a_corruption_without_closed_form_has_no_wiener_filter() -> None:
    scores = aezoo.evaluate(model(corruption=[{"type": "block", "size": 2}]), images())
    assert set(scores.baseline) == {"pca", "noisy input"}


def test_examples_show_what_the_model_was_given() -> None:
    plain = aezoo.evaluate(model(), images()).examples
    assert plain is not None
    assert plain.originals.shape == plain.reconstructions.shape == (10, 1, 6, 6)
    assert plain.corrupted is None
    spoilt = model(corruption=[{"type": "mask", "p": 0.5}])
    shown = aezoo.evaluate(spoilt, images()).examples
    assert shown is not None
    assert shown.corrupted is not None
    np.testing.assert_allclose(shown.reconstructions, spoilt.reconstruct(shown.corrupted), atol=1e-6)


def test_judging_leaves_the_network_as_it_was() -> None:
    tiny = model(encoder=[{"type": "flatten"}, {"type": "linear", "features": 8, "norm": "batch"}])
    tiny.network.train()
    before = {name: value.clone() for name, value in tiny.network.state_dict().items()}
    aezoo.evaluate(tiny, images())
    assert tiny.network.training
    for name, value in tiny.network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def _train_rows(n: int) -> np.ndarray:
    from aezoo.data.sources import split
    from aezoo.spec.samples import Samples

    return split(Samples(np.zeros((n, 1)), "rows"), None)["train"]


def test_scores_are_json() -> None:
    scores = Scores({"fvu": math.nan, "mse": 0.5}, {"pca": {"mse": 0.25}}, "digits", "test", 10, 0, {"aezoo": "1"})
    document = json.loads(json.dumps(scores.as_dict(), allow_nan=False))
    assert document["metrics"] == {"fvu": None, "mse": 0.5}
    assert document["baseline"] == {"pca": {"mse": 0.25}}
    assert document["n"] == 10
    assert scores.finite() == {"mse": 0.5}


def test_a_split_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(DataError, match="array: there is no holdout split") as caught:
        aezoo.evaluate(model(), images(), split="holdout")
    assert caught.value.hint == "there are: train, validation, test, all"


def test_a_model_without_data_asks_for_some() -> None:
    with pytest.raises(UsageError, match="no data"):
        aezoo.evaluate(model())


def test_values_out_of_the_range_are_refused() -> None:
    with pytest.raises(DataError, match="outside of"):
        aezoo.evaluate(model(), images() * 255)


def test_on_the_digits_in_the_box_the_baselines_are_those_of_mnist() -> None:
    scores = aezoo.evaluate(aezoo.build("denoising-digits"))
    # PCA-64 on all of MNIST: 7.093; the Wiener filter at sigma 0.5: 17.03 dB; both from 60,000 images.
    assert scores.baseline["pca"]["squared_error"] == pytest.approx(7.093, rel=0.03)
    assert scores.baseline["wiener"]["denoising_psnr"] == pytest.approx(17.03, abs=0.1)
    assert scores.baseline["noisy input"]["denoising_psnr"] == pytest.approx(6.02, abs=0.02)


def test_metrics_that_are_not_finite_are_told_and_named_beside_their_null() -> None:
    kind = {"kind": "tabular", "shape": [3], "normalize": "standardize"}
    document = {"name": "t", "input": kind, "latent": {"type": "deterministic", "dim": 2}, "likelihood": "mse"}
    data = np.full((20, 3), 3e38, np.float32)
    data[::2] = -3e38
    with pytest.warns(DataWarning, match=r"array: not finite, and no numbers to compare by: .*mse \(inf\)"):
        scores = aezoo.evaluate(aezoo.build(document), data, split="all")
    assert scores.as_dict()["metrics"]["mse"] is None
    assert scores.as_dict()["not_finite"]["mse"] == "inf"
