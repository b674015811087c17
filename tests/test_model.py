"""Model: what its verbs take, and what they give."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import AnswerNo, DataError, NotFound, UsageError
from aezoo.model import Model, evaluating
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


def test_modes_come_back_after_an_error() -> None:
    network = vanilla().network.train()
    with pytest.raises(KeyError), evaluating(network):
        raise KeyError
    assert all(module.training for module in network.modules())


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
    with pytest.raises(DataError, match="codes take finite floating values"):
        vanilla().decode(np.full((1, 3), np.nan, np.float32))


def test_noise_may_leave_the_range_but_another_unit_is_refused() -> None:
    x = images()
    assert vanilla().reconstruct(x + 3).shape == x.shape
    with pytest.raises(DataError, match="outside of") as caught:
        vanilla().reconstruct(x * 255)
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
