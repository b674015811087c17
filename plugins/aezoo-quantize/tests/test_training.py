"""Discrete codes from a spec through the real loop: against closed forms, in the same bits, from the command line."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from aezoo_quantize.counts import Perplexity, Usage

import aezoo
from aezoo.cli import main

SPECS = Path(str(files("aezoo_quantize"))) / "specs"
#: Mean squared error and perplexity of the best quantizers of N(0, 1) with 2, 8 and 16 codes (Max 1960, table I).
LLOYD_MAX = [(2, 0.363380, 2.0), (8, 0.034548, 7.085), (16, 0.009501, 13.598)]


@pytest.mark.parametrize(("codes", "distortion", "perplexity"), LLOYD_MAX)
def test_scalar_codes_of_a_normal_variable_are_as_good_as_lloyds_and_maxs(
    codes: int, distortion: float, perplexity: float
) -> None:
    spec = aezoo.read(SPECS / "lloyd-max.toml", overrides=[f"latent.codes={codes}", "training.epochs=20"])
    scores = aezoo.train(spec).scores
    assert scores is not None
    # Over 50,000 samples the standard error of the distortion is about 1 %; what is clearly below has leaked.
    assert scores.metrics["mse"] == pytest.approx(distortion, rel=0.05)
    assert scores.metrics["quantize:perplexity"] == pytest.approx(perplexity, rel=0.05)
    assert scores.metrics["quantize:usage"] == 1.0


def test_with_restarts_a_codebook_of_digits_is_used_to_the_full() -> None:
    spec = aezoo.read(SPECS / "vqvae-digits.toml", overrides=["training.epochs=2"])
    scores = aezoo.train(spec).scores
    assert scores is not None
    assert scores.metrics["quantize:usage"] >= 0.98


def tiny(latent: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "name": "tiny",
        "input": [1, 8, 8],
        "encoder": [{"type": "conv", "channels": 6, "stride": 2}],
        "latent": latent,
        "likelihood": "bernoulli",
        "regularizers": {"commitment": {"type": "quantize:commitment", "weight": 0.25}},
        "training": {"epochs": 3, "batch_size": 16, "precision": "float32", **changes},
    }


VQ = {"type": "quantize:vq", "dim": 3, "codes": 12, "layout": "spatial", "restart": 0.5, "decay": 0.8}
RESIDUAL = {"type": "quantize:residual_vq", "dim": 3, "codes": 6, "depth": 3, "dropout": 0.5, "restart": 0.5}


def images(n: int = 80) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).random((n, 1, 8, 8), np.float32)


@pytest.mark.parametrize("latent", [VQ, RESIDUAL])
def test_a_run_gives_the_same_bits_whatever_the_global_generator_is_at(latent: dict[str, Any]) -> None:
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        states.append(aezoo.train(tiny(latent), images()).model.network.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize("latent", [VQ, RESIDUAL])
def test_a_saved_model_has_the_same_codes(latent: dict[str, Any], tmp_path: Path) -> None:
    model = aezoo.train(tiny(latent), images(), out=tmp_path / "run").model
    again = aezoo.load(tmp_path / "run")
    indices = again.encode(images(), what="indices")
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(indices, model.encode(images(), what="indices"))
    np.testing.assert_array_equal(again.decode(indices), again.decode(again.encode(images())))


def test_a_grid_of_codes_as_large_as_the_image_is_not_taken_for_images() -> None:
    model = aezoo.build({**tiny(VQ), "encoder": [{"type": "conv", "channels": 6}]})
    indices = model.encode(images(), what="indices")
    assert indices.shape == (80, 8, 8)
    np.testing.assert_array_equal(model.decode(indices), model.decode(model.encode(images())))
    assert model.decode(indices[0]).shape == (1, 8, 8)


def test_lower_precision_of_the_products_leaves_the_codes_in_full() -> None:
    model = aezoo.train(tiny(VQ, precision="bfloat16"), images()).model
    book = model.network.latent.codebook
    assert book.codes.dtype == torch.float32
    assert len(book.codes.unique(dim=0)) == 12


def test_codes_are_encoded_and_decoded_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("images.npy", images(5))
    aezoo.train(tiny(VQ), images(), out="run")

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as leave:
            main(list(words))
        return int(leave.value.code or 0)

    assert run("encode", "run", "images.npy", "--what", "indices", "--out", "codes.npy", "--json") == 0
    assert json.loads(capsys.readouterr().out)["shape"] == [5, 4, 4]
    assert run("decode", "run", "codes.npy", "--out", "again.npy") == 0
    assert run("reconstruct", "run", "images.npy", "--out", "direct.npy") == 0
    np.testing.assert_array_equal(np.load("again.npy"), np.load("direct.npy"))
    np.save("codes.npy", np.load("codes.npy") + 12)
    assert run("decode", "run", "codes.npy", "--out", "wrong.npy") == 6
    assert "names no code: they go from 0 to 11" in capsys.readouterr().err


class _Out:
    """As much of a pass as a count reads."""

    def __init__(self, indices: torch.Tensor) -> None:
        self.x, self.code = indices, type("Code", (), {"indices": indices})


def test_perplexity_and_usage_are_of_the_split_and_not_of_a_batch() -> None:
    perplexity, usage = Perplexity(8), Usage(8)
    for code in range(4):  # each batch has one code alone
        out: Any = _Out(torch.full((10, 2, 2), code))
        perplexity.update(out)
        usage.update(out)
    assert perplexity.result() == pytest.approx(4.0)
    assert usage.result() == 0.5


def test_codebooks_are_counted_apart() -> None:
    indices = torch.stack([torch.zeros(16, dtype=torch.int64), torch.arange(16) % 4], dim=1)  # [B, 2]
    perplexity, usage = Perplexity(4, codebooks=2), Usage(4, codebooks=2)
    out: Any = _Out(indices)
    perplexity.update(out)
    usage.update(out)
    assert perplexity.result() == pytest.approx(2.0)  # the geometric mean of 1 and 4
    assert usage.result() == 5 / 8
