"""Model: what its verbs take, and what they give."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

import aezoo
import aezoo.data.values
from aezoo.building.builder import objective_of
from aezoo.errors import AnswerNo, DataError, DataWarning, NotFound, UsageError
from aezoo.model import Model
from aezoo.nn.divergence import rate_values_by_level
from aezoo.nn.metrics import elbo
from aezoo.nn.objective import Noise
from aezoo.reading.reader import SpecWarning

IMAGES = (1, 8, 8)


def vanilla(**changes: Any) -> Model:
    spec = {
        "name": "tiny",
        "input": [1, 8, 8],
        "encoder": [{"type": "flatten"}, {"type": "linear", "features": 16}],
        "latent": {"type": "deterministic", "dim": 3},
        "likelihood": "mse",
    }
    return aezoo.build({**spec, **changes}, seed=0)


def variational(**changes: Any) -> Model:
    kl = {"latent": {"type": "gaussian", "dim": 3}, "regularizers": {"kl": {}}}
    gaussian = {"type": "gaussian", "variance": "fixed", "sigma": 0.5}
    return vanilla(**{**kl, "likelihood": gaussian, **changes})


def images(n: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, *IMAGES), dtype=np.float32)


# --- types and shapes ------------------------------------------------------------------------------------


def test_arrays_give_arrays_and_tensors_give_tensors() -> None:
    model, x = vanilla(), images()
    codes = model.encode(x)
    assert isinstance(codes, np.ndarray)
    assert codes.shape == (5, 3)
    assert codes.dtype == np.float32
    tensor = model.encode(torch.from_numpy(x))
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_array_equal(tensor.numpy(), codes)


def test_a_file_gives_an_array(tmp_path: Path) -> None:
    model, x = vanilla(), images()
    np.save(tmp_path / "x.npy", x)
    np.testing.assert_array_equal(model.encode(tmp_path / "x.npy"), model.encode(x))
    np.testing.assert_array_equal(model.reconstruct(str(tmp_path / "x.npy")), model.reconstruct(x))
    codes = model.encode(x)
    np.save(tmp_path / "codes.npy", codes)
    np.testing.assert_array_equal(model.decode(tmp_path / "codes.npy"), model.decode(codes))


def test_a_sample_without_batch_axis_gives_a_result_without_one() -> None:
    model, x = variational(), images()
    np.testing.assert_array_equal(model.encode(x[0]), model.encode(x[:1])[0])
    assert model.reconstruct(x[0]).shape == IMAGES
    assert model.decode(model.encode(x[0])).shape == IMAGES
    assert model.score(x[0]).shape == ()
    assert model.encode(torch.from_numpy(x[0])).shape == (3,)


def test_grey_images_may_come_without_channel_axis() -> None:
    model, x = vanilla(), images()
    np.testing.assert_array_equal(model.encode(x[:, 0]), model.encode(x))


def test_bytes_are_scaled_to_the_range_as_in_training() -> None:
    model = vanilla()
    raw = np.random.default_rng(0).integers(0, 256, (4, *IMAGES), dtype=np.uint8)
    np.testing.assert_allclose(model.encode(raw), model.encode((raw / 255).astype(np.float32)), atol=1e-6)
    np.testing.assert_array_equal(model.encode(torch.from_numpy(raw)).numpy(), model.encode(raw))


def test_a_model_in_float64_answers_in_float64() -> None:
    model = vanilla(training={"precision": "float64"})
    assert model.encode(images().astype(np.float64)).dtype == np.float64


def test_the_batch_size_changes_nothing() -> None:
    model, x = variational(), images(11)
    for verb in (model.encode, model.reconstruct, model.score):
        # Another batch size may take another matrix kernel, which rounds differently.
        np.testing.assert_allclose(verb(x, batch_size=4), verb(x), rtol=2e-6, atol=1e-6)


def test_a_result_may_take_part_in_a_later_graph() -> None:
    codes = vanilla().encode(torch.from_numpy(images()))
    weight = torch.ones(3, requires_grad=True)
    (codes * weight).sum().backward()
    assert weight.grad is not None


def test_it_says_what_it_is() -> None:
    assert repr(vanilla()) == "Model('tiny', 1x8x8 -> 3, 2,243 parameters, cpu)"


# --- meaning ---------------------------------------------------------------------------------------------


def test_reconstructing_is_encoding_and_decoding_and_draws_nothing() -> None:
    model, x = variational(corruption=["gaussian_noise"]), images()
    again = model.reconstruct(x)
    np.testing.assert_array_equal(again, model.reconstruct(x))
    np.testing.assert_allclose(again, model.decode(model.encode(x)), rtol=1e-6, atol=1e-6)


def test_the_code_of_a_gaussian_is_its_mean() -> None:
    model, x = variational(), images()
    with torch.no_grad():
        code = model.network.encode(torch.from_numpy(x))
    np.testing.assert_allclose(model.encode(x), code.mean.numpy(), rtol=1e-6, atol=1e-7)


def test_batch_norm_and_dropout_are_as_in_evaluation_and_modes_come_back() -> None:
    layers = [{"type": "flatten"}, {"type": "linear", "features": 16, "norm": "batch"}, {"type": "dropout"}]
    model = vanilla(encoder=layers)
    model.network.train()
    model.network.decoder.eval()
    x = images()
    np.testing.assert_array_equal(model.encode(x), model.encode(x))
    assert model.network.encoder.training
    assert not model.network.decoder.training


def test_results_are_in_data_units() -> None:
    model = vanilla(input={"shape": [1, 8, 8], "normalize": "standardize"})
    model.network.normalizer.shift.fill_(100.0)
    model.network.normalizer.scale.fill_(1e-3)
    assert abs(model.decode(np.zeros((1, 3), np.float32)) - 100).max() < 0.1


# --- sampling --------------------------------------------------------------------------------------------


def test_samples_depend_on_the_seed_alone() -> None:
    model = variational()
    first = model.sample(3, seed=1)
    assert first.shape == (3, *IMAGES)
    np.testing.assert_array_equal(first, model.sample(3, seed=1))
    assert not np.array_equal(first, model.sample(3, seed=2))


def test_samples_are_decoded_draws_of_the_prior() -> None:
    model = vanilla(latent={"type": "deterministic", "dim": 3, "prior": "fitted_gaussian"})
    model.network.prior.fit(torch.full((50, 3), 2.0))
    expected = model.decode(np.full((4, 3), 2.0, np.float32))
    np.testing.assert_allclose(model.sample(4), expected, atol=1e-4)


def test_a_model_without_prior_says_how_to_get_one() -> None:
    with pytest.raises(AnswerNo, match="tiny has no prior") as caught:
        vanilla().sample(1)
    assert "fitted_gaussian" in caught.value.hint


def test_at_least_one_sample_is_drawn() -> None:
    with pytest.raises(UsageError, match="cannot draw 0 samples"):
        variational().sample(0)


# --- scores ----------------------------------------------------------------------------------------------


def test_by_reconstruction_a_squared_error_likelihood_scores_its_squared_error() -> None:
    model, x = vanilla(), images()
    expected = ((x - model.reconstruct(x)) ** 2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(model.score(x), expected, rtol=1e-5)


def test_by_reconstruction_a_gaussian_scores_its_density() -> None:
    model, x = variational(), images()
    mean = torch.from_numpy(model.reconstruct(x))
    density = torch.distributions.Normal(mean, 0.5).log_prob(torch.from_numpy(x)).sum(dim=(1, 2, 3))
    np.testing.assert_allclose(model.score(x, by="reconstruction"), -density.numpy(), rtol=1e-5)


def test_the_density_is_that_of_the_data_and_not_of_what_was_normalized() -> None:
    model = variational(input={"shape": [1, 8, 8], "normalize": "standardize"})
    model.network.normalizer.scale.fill_(0.25)
    x = images()
    mean = torch.from_numpy(model.reconstruct(x))
    density = torch.distributions.Normal(mean, 0.5 * 0.25).log_prob(torch.from_numpy(x)).sum(dim=(1, 2, 3))
    np.testing.assert_allclose(model.score(x, by="reconstruction"), -density.numpy(), rtol=1e-5)


def test_the_elbo_of_a_linear_model_agrees_with_its_closed_form() -> None:
    gaussian = {"type": "gaussian", "variance": "fixed", "sigma": 0.5}
    spec = {"name": "linear", "input": [6], "latent": {"type": "gaussian", "dim": 2}, "likelihood": gaussian}
    model = aezoo.build({**spec, "regularizers": {"kl": {}}, "training": {"precision": "float64"}}, seed=3)
    x = torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        code = model.network.encode(x)
        weight = next(p for p in model.network.decoder.parameters() if p.ndim == 2)  # [6, 2]
        spread = (code.logvar.exp() @ weight.square().T).sum(-1)
        error = (x - model.network.decode(code.mean)).square().sum(-1)
        distortion = (error + spread) / (2 * 0.25) + 6 * math.log(0.5 * math.sqrt(2 * math.pi))
        prior = torch.distributions.Normal(0.0, 1.0)
        posterior = torch.distributions.Normal(code.mean, (code.logvar / 2).exp())
        expected = distortion + torch.distributions.kl_divergence(posterior, prior).sum(-1)
    # 20,000 pairs of draws: the standard error of the quadratic part is under 1 %.
    scores = model.score(x, draws=40_000)
    torch.testing.assert_close(scores, expected, rtol=1e-2, atol=0)


def test_auto_is_the_elbo_only_of_a_model_with_a_kl_term() -> None:
    model, x = variational(), images()
    np.testing.assert_array_equal(model.score(x), model.score(x, by="elbo"))
    assert not np.allclose(model.score(x), model.score(x, by="reconstruction"))
    with pytest.warns(SpecWarning, match="nothing keeps its codes near the prior"):
        bare = variational(regularizers={})
    np.testing.assert_array_equal(bare.score(x), bare.score(x, by="reconstruction"))


def test_a_sample_has_one_score_whatever_stands_beside_it() -> None:
    model, x = variational(), images(6)
    np.testing.assert_allclose(model.score(x)[::-1], model.score(x[::-1].copy()), rtol=1e-6)
    np.testing.assert_allclose(model.score(x)[4], model.score(x[4]), rtol=1e-6)


def test_a_model_without_elbo_refuses_to_score_by_it() -> None:
    with pytest.raises(UsageError, match="latent 'deterministic' with likelihood 'mse' has no ELBO"):
        vanilla().score(images(), by="elbo")
    with pytest.raises(UsageError, match="cannot score by 'magic'"):
        vanilla().score(images(), by="magic")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="an ELBO of 0 draws is none"):
        variational().score(images(), draws=0)


# --- bad input -------------------------------------------------------------------------------------------


def test_another_shape_is_refused_with_both_shapes() -> None:
    with pytest.raises(DataError, match=r"samples are 1x9x9, the input is 1x8x8"):
        vanilla().encode(np.zeros((2, 1, 9, 9), np.float32))
    with pytest.raises(DataError, match="codes are 4, the model's are 3"):
        vanilla().decode(np.zeros((2, 4), np.float32))


def test_values_that_are_no_numbers_are_refused_by_name() -> None:
    x = images()
    x[2, 0, 3, 4] = np.nan
    with pytest.raises(DataError, match=r"sample 2, position \[0, 3, 4\]: nan"):
        vanilla().encode(x)
    with pytest.raises(DataError, match=r"sample 0, position \[0\]: nan; 3 of 3 values are NaN"):
        vanilla().decode(np.full((1, 3), np.nan, np.float32))


def test_noise_may_leave_the_range_but_another_unit_is_refused() -> None:
    x = images()
    with pytest.warns(DataWarning, match="320 of 320 values are outside"):
        assert vanilla().reconstruct(x + 3).shape == x.shape
    with pytest.raises(DataError, match="outside of") as caught:
        vanilla().reconstruct(x * 300)
    assert "rescale" in caught.value.hint


def test_a_missing_file_and_a_wrong_type_are_named() -> None:
    with pytest.raises(NotFound, match=r"nowhere\.npy"):
        vanilla().encode("nowhere.npy")
    with pytest.raises(UsageError, match="data are a list"):
        vanilla().encode([[0.0]])  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="batch_size = 0"):
        vanilla().encode(images(), batch_size=0)


def test_integers_that_are_no_bytes_are_refused() -> None:
    with pytest.raises(DataError, match="values are int64"):
        vanilla().encode(np.zeros((2, *IMAGES), np.int64))


# --- numbers that are finite, in order, or refused -------------------------------------------------------


def standardized(**changes: Any) -> Model:
    kind = {"kind": "tabular", "shape": [3], "normalize": "standardize"}
    return vanilla(
        **{
            "input": kind,
            "latent": {"type": "deterministic", "dim": 2},
            "encoder": [{"type": "linear", "features": 4}],
            **changes,
        }
    )


STRANGE = np.array([[0.1, 0.2, 0.3], [1e20, 1e20, 1e20], [3e38, 3e38, 3e38], [-3.3e38, 3.3e38, 1.0]], np.float32)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("likelihood", ["mse", "gaussian", "laplace", "huber"])
def test_scores_beyond_float32_are_finite_and_in_order(precision: str, likelihood: str) -> None:
    model = standardized(likelihood=likelihood, training={"precision": precision})
    scores = model.score(STRANGE)
    assert np.isfinite(scores).all()
    assert scores[0] < scores[1] < scores[2]
    tensor = model.score(torch.from_numpy(STRANGE))
    np.testing.assert_array_equal(tensor.numpy(), scores)
    assert model.score(STRANGE[2]) == scores[2]


def test_a_score_does_not_depend_on_what_stands_beside_it() -> None:
    model = standardized()
    plain = STRANGE[:1]
    assert model.score(np.concatenate([plain, STRANGE[1:]]))[0] == model.score(np.concatenate([plain] * 4))[0]


def test_elbos_beyond_float32_are_finite_and_in_order() -> None:
    latent = {"latent": {"type": "gaussian", "dim": 2}, "regularizers": {"kl": {}}, "likelihood": "gaussian"}
    for precision in ("float32", "float64"):
        scores = standardized(**latent, training={"precision": precision}).score(STRANGE, by="elbo")
        assert np.isfinite(scores).all()
        assert scores[0] < scores[1] < scores[2]


def test_a_sample_without_a_finite_score_is_refused_by_name() -> None:
    model = standardized(training={"precision": "float64"})
    x = STRANGE.astype(np.float64)
    x[1] = 1e200
    x[2] = -1e300
    with pytest.raises(DataError, match=r"array: sample 1: .*no finite number, nor of 1 more") as caught:
        model.score(x)
    assert "1e+200" in str(caught.value)
    model = standardized()
    with torch.no_grad():
        model.network.decoder[0].linear.bias.fill_(torch.nan)
    with pytest.raises(DataError, match=r"array: sample 0: .*no finite number; its values go from 0.1 to 0.3"):
        model.score(STRANGE[:1])


@pytest.mark.parametrize("verb", ["encode", "reconstruct"])
def test_codes_and_reconstructions_that_are_no_numbers_are_refused_by_name(verb: str) -> None:
    model = standardized()
    with torch.no_grad():
        model.network.encoder[0].linear.weight.mul_(1e10)
    assert np.isfinite(getattr(model, verb)(STRANGE[:2])).all()
    with pytest.raises(DataError, match=r"array: sample 2: what the model makes of it is no finite number"):
        getattr(model, verb)(STRANGE)


def test_what_float32_cannot_add_up_on_the_way_is_computed_in_float64() -> None:
    model = standardized()
    model.network.normalizer.scale.fill_(1e-3)
    with torch.no_grad():
        model.network.encoder[0].linear.weight.mul_(1e-3)
    far = np.full((1, 3), 3e37, np.float32)  # over 1e-3, beyond float32
    assert np.isfinite(model.encode(far)).all()


@pytest.mark.parametrize("normalize", ["none", "standardize"])
def test_what_float32_cannot_square_is_scored_in_float64(normalize: str) -> None:
    model = standardized(input={"kind": "tabular", "shape": [3], "normalize": normalize})
    far = np.array([[0, 1, 2], [0, 1e25, 0], [0, 1e30, 0]], np.float32)
    scores = model.score(far, by="reconstruction")
    assert np.isfinite(scores).all()
    assert (np.diff(scores) > 0).all()


def test_codes_beyond_float32_are_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"sample 1, position .2.: 1e.39 is beyond float32"):
        vanilla().decode(np.array([[0, 0, 0], [0, 0, 1e39]]))


# --- the declared range ----------------------------------------------------------------------------------


def messages(model: Model, x: np.ndarray, verb: str = "encode") -> list[str]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        getattr(model, verb)(x)
    assert all(each.category is DataWarning for each in seen)
    return [str(each.message) for each in seen]


def test_values_within_the_declared_range_are_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    survey = aezoo.data.values.survey
    monkeypatch.setattr(aezoo.data.values, "survey", lambda *args: seen.append(args) or survey(*args))
    vanilla(input={"shape": [1, 8, 8], "range": [0.0, 1.0]}).encode(images())
    assert len(seen) == 1


@pytest.mark.parametrize("verb", ["encode", "reconstruct", "score"])
def test_values_outside_of_the_declared_range_are_warned_of(verb: str) -> None:
    x = images(20)
    (message,) = messages(vanilla(), (x - 0.4) / 0.2, verb)
    assert "of 1280 values are outside of [0, 1]" in message
    assert "go from -1.99" in message
    (message,) = messages(vanilla(), x * 9, verb)
    assert "0..255" not in message
    x[3, 0, 0, 0] = 1.5
    (message,) = messages(vanilla(), x, verb)
    assert "1 of 1280 values" in message


def test_rounding_mild_noise_and_what_the_corruption_adds_are_not_warned_of() -> None:
    x = images(20)
    noise = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    assert messages(vanilla(), x) == []
    assert messages(vanilla(), (x * 255).astype(np.uint8)) == []
    assert messages(vanilla(), np.clip(x + 0.05 * noise, -0.1, 1.1)) == []
    assert len(messages(vanilla(), x + 0.5 * noise)) == 1
    denoising = vanilla(corruption=[{"type": "gaussian_noise", "std": 0.5}])
    assert messages(denoising, x + 0.5 * noise) == []
    assert len(messages(denoising, x * 9)) == 1


def test_another_unit_is_refused_and_the_declared_range_is_named() -> None:
    with pytest.raises(DataError, match=r"is outside of \[0, 1\] by more than 10 times its width") as caught:
        vanilla().encode(images() * 250)
    assert "looks like 0..255" in caught.value.hint


# --- hierarchies ------------------------------------------------------------------------------------------


def hierarchical(**changes: Any) -> Model:
    """A code and two levels below it, whose weights are far enough from their start for levels to differ."""
    decoder = [
        {"type": "linear", "features": 8},
        {"type": "stochastic", "dim": 4, "reads": "encoder.2"},
        {"type": "linear", "features": 12},
        {"type": "stochastic", "dim": 6, "reads": "encoder.1"},
        {"type": "linear", "features": 64, "activation": "identity"},
        {"type": "reshape", "shape": list(IMAGES)},
    ]
    encoder = [{"type": "flatten"}, {"type": "linear", "each": {"features": [16, 12]}}]
    model = variational(**{"encoder": encoder, "decoder": decoder, **changes})
    with torch.no_grad():
        for p in model.network.parameters():
            p.mul_(1.2)
    return model


def test_the_code_of_a_hierarchy_is_its_top_level() -> None:
    model, x = hierarchical(), images()
    assert model.encode(x).shape == (5, 3)
    assert not np.allclose(model.decode(model.encode(x)), model.reconstruct(x))  # which has the posteriors of all


def test_a_sample_of_a_hierarchy_depends_on_seed_and_position_alone() -> None:
    model = hierarchical()
    samples = model.sample(7, seed=3)
    np.testing.assert_allclose(model.sample(7, seed=3, batch_size=2), samples, atol=1e-6)
    np.testing.assert_array_equal(model.sample(7, seed=3), samples)
    assert not np.allclose(model.sample(7, seed=4), samples)
    codes = model.network.prior.sample(2000, torch.Generator().manual_seed(0)).numpy()
    same = np.repeat(codes[:1], 2000, axis=0)
    assert np.ptp(model.decode(same), axis=0).max() < 1e-5  # decoding draws nothing
    assert model.sample(2000).std(axis=0).mean() > model.decode(codes).std(axis=0).mean()


def test_a_sample_of_data_has_one_score_in_a_hierarchy_whatever_stands_beside_it() -> None:
    model, x = hierarchical(), images(6)
    scores = model.score(x, by="elbo")
    np.testing.assert_allclose(model.score(x[2:4], by="elbo"), scores[2:4], rtol=1e-6)
    np.testing.assert_allclose(model.score(x, by="elbo", batch_size=1), scores, rtol=1e-6)


def test_the_score_of_a_hierarchy_is_its_elbo_averaged_over_draws() -> None:
    model, x = hierarchical(), images(3)
    many = torch.from_numpy(x).repeat_interleave(20_000, dim=0)
    with torch.no_grad():
        drawn = -elbo(model.network(many, generator=torch.Generator().manual_seed(0))).reshape(3, -1)
    error = drawn.std(dim=1) / math.sqrt(drawn.shape[1])
    score = model.score(x, by="elbo", draws=2000)
    # Four standard errors of the drawn mean, and as much again for the ten times fewer pairs of the score.
    assert (np.abs(score - drawn.mean(dim=1).numpy()) < (4 + 4 * math.sqrt(10)) * error.numpy()).all()


def test_the_metrics_of_a_hierarchy_count_every_level() -> None:
    model, x = hierarchical(), images(200)
    metrics = aezoo.evaluate(model, x, split="all").metrics
    with torch.no_grad():
        out = model.network(torch.from_numpy(x), generator=torch.Generator().manual_seed(0))
    parts = [part.sum(dim=1).mean().item() for part in rate_values_by_level(out)]
    assert len(parts) == 3
    assert min(parts) > 0.01
    assert metrics["rate"] == pytest.approx(sum(parts), rel=0.05)  # other draws of the levels
    by_level = [metrics[f"level_rates.{name}"] for name in ("latent", "decoder.1", "decoder.3")]
    assert sum(by_level) == pytest.approx(metrics["rate"])
    assert by_level == pytest.approx(parts, rel=0.1)


def test_the_rates_of_single_values_are_those_of_the_distributions_the_largest_first() -> None:
    model, x = variational(metrics=[{"type": "value_rates", "most": 2}]), images(200)
    with torch.no_grad():
        code = model.network(torch.from_numpy(x)).code
    means = kl_divergence(Normal(code.mean, (code.logvar / 2).exp()), Normal(0, 1)).mean(dim=0)
    largest = sorted(enumerate(means.tolist()), key=lambda value: -value[1])[:2]
    metrics = aezoo.evaluate(model, x, split="all").metrics
    found = {name: value for name, value in metrics.items() if name.startswith("value_rates")}
    assert found == pytest.approx({f"value_rates.latent.{i}": value for i, value in largest}, rel=1e-5)
    assert len(means) == 3
    assert list(found) == [f"value_rates.latent.{i}" for i, _ in largest]


def test_the_rates_of_single_values_add_up_to_those_of_the_levels() -> None:
    metrics = aezoo.evaluate(
        hierarchical(metrics=[{"type": "value_rates", "most": 1000}]), images(200), split="all"
    ).metrics
    for level, values in (("latent", 3), ("decoder.1", 4), ("decoder.3", 6)):
        rates = [metrics[f"value_rates.{level}.{i}"] for i in range(values)]
        assert sum(rates) == pytest.approx(metrics[f"level_rates.{level}"])
    assert "value_rates.latent.0" not in aezoo.evaluate(hierarchical(), images(50), split="all").metrics


def test_a_hierarchy_trains_and_is_loaded_as_it_was(tmp_path: Path) -> None:
    spec = hierarchical(training={"steps": 20, "batch_size": 32}).spec
    run = aezoo.train(spec, images(100), out=tmp_path / "run")
    loaded = aezoo.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.sample(3), run.model.sample(3))
    np.testing.assert_array_equal(loaded.reconstruct(images()), run.model.reconstruct(images()))
    assert "hierarchical" in (tmp_path / "run" / "README.md").read_text(encoding="utf-8")


def test_a_hierarchy_trains_in_bfloat16_with_full_precision_of_its_rates() -> None:
    model = hierarchical(training={"precision": "bfloat16"})
    objective, noise = objective_of(model, steps=1), torch.Generator().manual_seed(0)
    losses = objective(torch.from_numpy(images()), "model", 0, Noise(noise, noise))
    assert losses.raw["kl"].dtype == torch.float32
    assert losses.total.isfinite()


def test_half_a_sample_is_refused() -> None:
    for n in (0, -1, 2.5, "3"):
        with pytest.raises(UsageError, match="cannot draw"):
            variational().sample(n)
    assert len(variational().sample(np.int64(2))) == 2


def test_what_is_no_model_is_refused_with_what_loads_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="model is a str"):
        aezoo.evaluate("runs/vae")
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"')
    with pytest.raises(NotFound, match=r"mine\.toml is a spec, not a model") as caught:
        aezoo.load(path)
    assert f"aezoo train {path}" in caught.value.hint
