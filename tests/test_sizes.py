"""Models whose input has `sizes`: every verb takes samples of other sizes, and says which it does not take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import DataError
from aezoo.model import Model
from aezoo.registry.loader import default_registry
from aezoo.spec.kinds import LatentSpec
from tests.spec.test_sizes import HALVED, conv

GAUSSIAN = {"type": "gaussian", "dim": 3, "layout": "spatial"}


def model_of(shape: tuple[int, ...] = (1, 16, 16), sizes: Any = 4, **changes: Any) -> Model:
    table = {
        "name": "t",
        "input": {"shape": list(shape), **({} if sizes is None else {"sizes": sizes})},
        "encoder": [*HALVED, "attention"],
        "latent": GAUSSIAN,
        "likelihood": "gaussian",
        "regularizers": {"kl": {}},
        **changes,
    }
    return aezoo.build(table, seed=0)


def samples(*shape: int) -> Any:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 1, 32, 20), (2, 1, 4, 8), (2, 24, 12), (1, 24, 12), (20, 20)])
def test_every_verb_takes_every_size_whole(shape: tuple[int, ...]) -> None:
    x = samples(*shape)
    if x.ndim == 2:
        x = x[None]  # one grey image
    model, single = model_of(), x.ndim == 3 and len(x) == 1
    grid = (x.shape[-2] // 4, x.shape[-1] // 4)
    codes, reconstructions = model.encode(x), model.reconstruct(x)
    lead = () if single else (len(x),)
    assert codes.shape == (*lead, 3, *grid) == model.encode(x, what="logvar").shape
    assert reconstructions.shape == (*lead, 1, *x.shape[-2:])
    assert np.array_equal(model.decode(codes), reconstructions)
    assert np.shape(model.score(x)) == lead
    assert np.isfinite(model.score(x, by="elbo")).all()


def test_the_same_network_computes_every_size() -> None:
    model = model_of()
    x = torch.from_numpy(samples(2, 1, 24, 36))
    with torch.inference_mode():
        expected = model.network.eval().decode(model.network.encode(x).mean)
    assert model.reconstruct(x).equal(expected)


def test_a_model_declared_for_one_size_reconstructs_another_as_one_declared_for_that() -> None:
    one, other = model_of((1, 16, 16)), model_of((1, 24, 32))
    other.network.load_state_dict(one.network.state_dict())
    x = samples(3, 1, 24, 32)
    assert np.array_equal(one.reconstruct(x), other.reconstruct(x))
    assert np.array_equal(one.score(x), other.score(x))


def test_signals_have_sizes_too() -> None:
    model = model_of((2, 16))
    assert model.reconstruct(samples(3, 2, 40)).shape == (3, 2, 40)
    assert model.encode(samples(2, 40)).shape == (3, 10)
    assert model.interpolate(samples(2, 40), samples(2, 40), 3).shape == (3, 2, 40)


def test_standardized_channels_have_one_scale_for_all_positions() -> None:
    model = model_of(input={"shape": [1, 16, 16], "sizes": 4, "normalize": "standardize"})
    assert model.reconstruct(samples(2, 1, 20, 24)).shape == (2, 1, 20, 24)


def test_a_discrete_code_is_named_and_decoded_at_every_size() -> None:
    default_registry().get("latent", "quantize:fsq")
    latent = {"type": "quantize:fsq", "levels": [5, 5], "layout": "spatial"}
    model = model_of(latent=latent, likelihood="mse", regularizers={})
    assert isinstance(model.spec.latent, LatentSpec)
    x = samples(2, 1, 24, 20)
    names = model.encode(x, what="indices")
    assert names.shape == (2, 6, 5)
    np.testing.assert_allclose(model.decode(names), model.reconstruct(x), atol=1e-6)
    np.testing.assert_allclose(model.decode(names[0]), model.decode(names)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "message", "hint"),
    [
        (
            (2, 1, 30, 33),
            "samples are 1x30x33, the model takes sizes divisible by 4",
            "crop them to 28x32, or pad them to 32x36",
        ),
        ((2, 1, 3, 16), "1x3x16, the model takes sizes divisible by 4", "pad them to 4x16"),
        ((2, 3, 16, 16), "samples are 3x16x16, the input is 1x16x16", "3 channels instead of 1"),
        ((2, 16), "samples are 16, the input is 1x16x16", ""),
    ],
)
def test_a_size_that_is_not_taken_is_named_with_what_to_do(shape: tuple[int, ...], message: str, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        model_of().reconstruct(samples(*shape))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_the_padding_that_is_proposed_works_when_typed() -> None:
    values, model = samples(2, 1, 30, 33), model_of()
    with pytest.raises(DataError) as caught:
        model.encode(values)
    padded = eval(caught.value.hint.partition(": ")[2], {"numpy": np, "values": values})
    assert model.encode(padded).shape == (2, 3, 8, 9)


def test_a_size_below_a_kernel_is_refused() -> None:
    model = model_of((1, 16, 16), "any", encoder=[conv(kernel=5, padding=0)])
    assert model.reconstruct(samples(2, 1, 5, 9)).shape == (2, 1, 5, 9)
    with pytest.raises(DataError, match="too small for the model: kernel 5 with padding 0 does not fit 4x9 pixels"):
        model.reconstruct(samples(2, 1, 4, 9))


def test_codes_of_another_width_are_refused() -> None:
    with pytest.raises(DataError, match="codes are 4x5x5, the model's are 3x4x4, or on another grid"):
        model_of().decode(samples(2, 4, 5, 5))


def test_without_sizes_there_is_one_size() -> None:
    with pytest.raises(DataError, match="samples are 1x20x20, the input is 1x16x16"):
        model_of(sizes=None).encode(samples(2, 1, 20, 20))
    with pytest.raises(DataError, match=r"codes are 3x5x5, the model's are 3x4x4$"):
        model_of(sizes=None).decode(samples(2, 3, 5, 5))


def test_training_keeps_to_the_declared_size() -> None:
    with pytest.raises(DataError, match="samples are 1x20x20, the input is 1x16x16"):
        aezoo.train(model_of().spec, samples(20, 1, 20, 20), device="cpu")


def test_images_of_a_folder_keep_their_size(tmp_path: Path) -> None:
    from PIL import Image

    for name in "ab":
        Image.fromarray((255 * samples(24, 20)).astype(np.uint8)).save(tmp_path / f"{name}.png")
    assert model_of().reconstruct(tmp_path).shape == (2, 1, 24, 20)
    assert model_of((3, 16, 16)).reconstruct(tmp_path / "a.png").shape == (1, 3, 24, 20)
