"""evaluate: the right numbers on the right samples, beside the right baselines."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import DataError, DataWarning, SpecError, UsageError
from aezoo.evaluation import scores as scores_module
from aezoo.evaluation.scores import Scores
from aezoo.model import Model
from aezoo.spec.samples import Samples

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
    built = model(latent={"type": "deterministic", "dim": dim}, **changes)
    flat = torch.from_numpy(x).flatten(1)
    mean = flat.mean(dim=0)
    axes = torch.linalg.svd(flat - mean, full_matrices=False).Vh[:dim]
    maps = [part for part in built.network.modules() if isinstance(part, torch.nn.Linear)]
    with torch.no_grad():
        for part, weight, bias in zip(maps, (axes, axes.T), (-axes @ mean, mean), strict=True):
            part.weight.copy_(weight)
            part.bias.copy_(bias)
    return built


def test_a_linear_autoencoder_at_its_optimum_scores_like_pca() -> None:
    x = images()
    scores = aezoo.evaluate(pca_model(x), x, split="all")
    assert list(scores.metrics) == CLEAN
    assert scores.baseline == {}  # the spec names no data that a baseline could be fitted to
    again = aezoo.evaluate(pca_model(x[_rows("train")]), x, split="test")
    assert set(again.baseline) == {"pca"}
    for name, value in again.baseline["pca"].items():
        # The model computes in float32, the baseline in float64.
        assert again.metrics[name] == pytest.approx(value, rel=1e-5), name


def _rows(name: str) -> np.ndarray:
    from aezoo.data.splits import split
    from aezoo.spec.samples import Samples

    return split(Samples(images(), "array"), None, 0)[name]


def test_the_metrics_are_those_of_the_split() -> None:
    x, tiny = images(), model()
    scores = aezoo.evaluate(tiny, x, split="validation")
    validation = x[_rows("validation")]
    error = ((validation - tiny.reconstruct(validation)) ** 2).reshape(len(validation), -1).sum(axis=1).mean()
    assert scores.n == len(validation) == 20
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
        ({"type": "topk", "dim": 8, "k": 2}, {"sparsity", "dead"}, {"rate", "mean_activation"}),
        ({"type": "deterministic", "dim": 4, "activation": "sigmoid"}, {"mean_activation"}, {"sparsity", "dead"}),
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
    ("metrics", "message"), [(["rate"], "rate means nothing for this spec"), (["mse", "mse"], "mse stands twice")]
)
def test_a_metric_that_means_nothing_or_stands_twice_is_refused(metrics: list[str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
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
    # 30 samples of 36 values: a standard error of about 4 %.
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


def test_examples_show_the_input_of_the_model() -> None:
    plain = aezoo.evaluate(model(), images()).examples
    assert plain is not None
    assert plain.originals.shape == plain.reconstructions.shape == (10, 1, 6, 6)
    assert plain.corrupted is None
    denoiser = model(corruption=[{"type": "mask", "p": 0.5}])
    shown = aezoo.evaluate(denoiser, images()).examples
    assert shown is not None
    assert shown.corrupted is not None
    np.testing.assert_allclose(shown.reconstructions, denoiser.reconstruct(shown.corrupted), atol=1e-6)


def test_evaluation_leaves_the_network_as_it_was() -> None:
    tiny = model(encoder=[{"type": "flatten"}, {"type": "linear", "features": 8, "norm": "batch"}])
    tiny.network.train()
    before = {name: value.clone() for name, value in tiny.network.state_dict().items()}
    aezoo.evaluate(tiny, images())
    assert tiny.network.training
    for name, value in tiny.network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def _train_rows(n: int) -> np.ndarray:
    from aezoo.data.splits import split
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


def test_metrics_that_are_not_finite_are_warned_of_and_named_beside_their_null() -> None:
    kind = {"kind": "tabular", "shape": [3], "normalize": "standardize"}
    document = {"name": "t", "input": kind, "latent": {"type": "deterministic", "dim": 2}, "likelihood": "mse"}
    data = np.full((20, 3), 3e38, np.float32)
    data[::2] = -3e38
    with pytest.warns(DataWarning, match=r"array: not finite, and no numbers to compare by: .*mse \(inf\)"):
        scores = aezoo.evaluate(aezoo.build(document), data, split="all")
    assert scores.as_dict()["metrics"]["mse"] is None
    assert scores.as_dict()["not_finite"]["mse"] == "inf"


#: A fraction of no variance is not a number, and a warning says so.
NO_VARIANCE = pytest.mark.filterwarnings("ignore:.*not finite:aezoo.errors.DataWarning")


def point_model(**changes: Any) -> Model:
    """Takes any input to the posterior N(0, 1) and decodes z as it is."""
    spec = {"input": {"shape": [1], "normalize": "none"}, "latent": {"type": "gaussian", "dim": 1}}
    built = model(**spec, regularizers={"kl": {}}, **changes)
    with torch.no_grad():
        for part in built.network.parameters():
            part.zero_()
        built.network.decoder[0].get_parameter("linear.weight").fill_(1.0)
    return built


def drawn(seed: int = 0, *, batch_size: int = 256) -> tuple[float, float, float]:
    """The mean squares of what was drawn for the latent, for the corruption and for the examples."""
    noise = [{"type": "gaussian_noise", "std": 1.0}]
    built = point_model(corruption=noise, likelihood={"type": "gaussian", "variance": "fixed", "sigma": 1.0})
    scores = aezoo.evaluate(built, np.zeros((10, 1), np.float32), split="all", seed=seed, batch_size=batch_size)
    latent = -2 * scores.metrics["elbo"] - math.log(2 * math.pi)  # the rate of N(0, 1) is 0
    assert scores.metrics["rate"] == 0
    assert scores.examples is not None
    assert scores.examples.corrupted is not None
    corruption = scores.baseline["noisy input"]["denoising_squared_error"]
    return latent, corruption, float(np.square(scores.examples.corrupted).mean())


@NO_VARIANCE
def test_latent_noise_corruption_and_examples_draw_different_numbers() -> None:
    first, other = drawn(), drawn(seed=1)
    # All digits would be equal if two of them drew from one stream; ten normals have mean squares between 0.05 and 4.
    numbers = sorted([*first, *other])
    assert min(b - a for a, b in zip(numbers, numbers[1:], strict=False)) > 1e-4
    assert 0.05 < numbers[0] < numbers[-1] < 4
    assert drawn() == first
    assert drawn(batch_size=3) == pytest.approx(first, rel=1e-5)


@NO_VARIANCE
def test_every_denoiser_is_measured_with_the_same_noise() -> None:
    noise = [{"type": "gaussian_noise", "std": 1.0}]
    built = point_model(corruption=noise)
    with torch.no_grad():  # the model returns its input
        built.network.latent.get_parameter("project.weight")[0].fill_(1.0)
    scores = aezoo.evaluate(built, np.zeros((50, 1), np.float32), split="all")
    noisy = scores.baseline["noisy input"]["denoising_squared_error"]
    assert scores.metrics["denoising_squared_error"] == pytest.approx(noisy, rel=1e-6)


def test_the_metrics_of_three_samples_are_those_on_paper() -> None:
    # Decoded as 0, 0 and 0: squared errors 1, 4 and 9; the mean is 2, the variances sum to 2/3.
    built = point_model(likelihood="mse")
    values = np.array([[1.0], [2.0], [3.0]], np.float32)
    metrics = aezoo.evaluate(built, values, split="all", batch_size=2).metrics
    assert metrics["squared_error"] == pytest.approx(14 / 3)
    assert metrics["mse"] == pytest.approx(14 / 3)
    assert metrics["fvu"] == pytest.approx(14 / 2)


def test_errors_of_wider_samples_are_summed_over_values_and_averaged_where_that_is_asked() -> None:
    flat = model(
        input={"shape": [4], "normalize": "none", "range": [-2, 2]}, latent={"type": "deterministic", "dim": 1}
    )
    with torch.no_grad():
        for part in flat.network.parameters():
            part.zero_()
    values = np.array([[1, 0, 0, 1], [-1, 0, 2, 0]], np.float32)  # squares 2 and 5
    metrics = aezoo.evaluate(flat, values, split="all").metrics
    assert metrics["squared_error"] == pytest.approx(3.5)
    assert metrics["mse"] == pytest.approx(3.5 / 4)
    assert metrics["psnr"] == pytest.approx(10 * math.log10(16 / (3.5 / 4)))
    # Variances 1, 0, 1 and 1/4.
    assert metrics["fvu"] == pytest.approx(3.5 / 2.25)


def test_baselines_are_fitted_to_the_training_split_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aezoo.evaluation.scores.FIT_ROWS", 5)
    tiny = model(input={"shape": [2], "normalize": "none"}, latent={"type": "deterministic", "dim": 1})
    rows = np.arange(20)
    values = np.stack([rows, np.where(rows % 2, 100, 0)], axis=1).astype(np.float32)
    # Of the training rows 0..9 every second one is taken: all even, so that the second value does not move.
    samples = Samples(values, "rows", splits={"train": rows[:10], "test": rows[10:]})
    pca = aezoo.evaluate(tiny, samples).baseline["pca"]
    assert pca["squared_error"] == pytest.approx(100**2 / 2)  # every other row of the test split is 100 away


def test_examples_are_ten_evenly_spaced_or_all() -> None:
    tiny, x = model(), images(25)
    for n, rows in ((25, [0, 2, 5, 7, 10, 12, 15, 17, 20, 22]), (4, [0, 1, 2, 3])):
        shown = aezoo.evaluate(tiny, x[:n], split="all").examples
        assert shown is not None
        np.testing.assert_array_equal(shown.originals, x[rows])
        np.testing.assert_allclose(shown.reconstructions, tiny.reconstruct(x[rows]), atol=1e-6)


@pytest.mark.parametrize(("train", "dim", "compared"), [(5, 4, True), (4, 4, False), (5, 5, False), (40, 35, True)])
def test_pca_stands_beside_codes_narrower_than_the_data_and_fewer_than_the_samples(
    train: int, dim: int, compared: bool
) -> None:
    samples = Samples(images(60), "made", splits={"train": np.arange(train), "test": np.arange(train, 60)})
    baseline = aezoo.evaluate(model(latent={"type": "deterministic", "dim": dim}), samples).baseline
    assert ("pca" in baseline) is compared


@NO_VARIANCE
def test_all_samples_of_other_data_are_compared_with_a_fit_to_the_specs_own() -> None:
    spec: dict[str, Any] = {
        "name": "own",
        "input": {"shape": [2], "normalize": "none"},
        "latent": {"type": "deterministic", "dim": 1},
        "likelihood": "mse",
        "data": {"type": "gaussian", "n": 4000, "eigenvalues": [9.0, 1.0]},
    }
    own = aezoo.build(spec, seed=0)
    far = np.full((10, 2), 100.0, np.float32)
    error = aezoo.evaluate(own, far, split="all").baseline["pca"]["squared_error"]
    assert error > 1  # its line goes through the spec's own data, and not through these
    assert aezoo.evaluate(own, split="all").n == 4000


def test_what_is_denoised_is_scored_by_its_error_and_its_decibels_alone() -> None:
    noise = [{"type": "gaussian_noise", "std": 0.2}]
    scores = aezoo.evaluate(model(corruption=noise), images())
    assert set(scores.baseline["noisy input"]) == {"denoising_squared_error", "denoising_psnr"}
    assert {name for name in scores.metrics if name.startswith("denoising")} == set(scores.baseline["noisy input"])
    each = scores.baseline["noisy input"]["denoising_squared_error"]
    assert scores.baseline["noisy input"]["denoising_psnr"] == pytest.approx(10 * math.log10(36 / each))


def test_scores_do_not_change_and_are_compared_without_their_pictures() -> None:
    first, again = (aezoo.evaluate(model(), images()) for _ in range(2))
    assert first.examples is not again.examples
    assert first == again
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.n = 3  # type: ignore[misc]
    assert "examples" not in repr(first)


@pytest.mark.parametrize("split", ["test", "all"])
def test_samples_are_judged_in_passes_of_the_size_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, split: str
) -> None:
    sizes = []

    class Watched(scores_module.Evaluator):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            sizes.append(self.passes.args[0])

    monkeypatch.setattr(scores_module, "Evaluator", Watched)
    aezoo.evaluate(model(), images(), split=split, batch_size=7, seed=3)
    aezoo.evaluate(model(), images(), split=split)
    assert sizes == [7, 256]


def test_a_warning_of_what_is_not_finite_has_its_hint() -> None:
    scores = {"psnr": math.inf, "mse": 1.0, "fvu": math.nan}
    with pytest.warns(DataWarning) as caught:
        scores_module._warn_of_not_finite(scores, "rows")
    (warning,) = caught
    text = str(warning.message)
    assert text.startswith("rows: not finite, and no numbers to compare by: psnr (inf), fvu (nan): values beyond")
    assert text.endswith("score names samples")
