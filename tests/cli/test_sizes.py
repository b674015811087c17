"""Sizes on the command line: `--tile`, `--overlap`, `--batch-size`, and what `aezoo show` says of sizes and memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import aezoo as library
from aezoo.spec.limits import LIMITS_IN_USE
from tests.cli.conftest import Run
from tests.spec.test_sizes import conv, spec_of
from tests.test_sizes import WIDE


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(library.save(library.build(spec_of(), seed=0), tmp_path / "model"))


def test_a_large_array_is_reconstructed_in_tiles(aezoo: Run, model: Path, tmp_path: Path) -> None:
    values, out = tmp_path / "large.npy", tmp_path / "out.npy"
    np.save(values, np.random.default_rng(0).random((2, 1, 64, 48), dtype=np.float32))
    assert aezoo("reconstruct", model, values, "--out", out).code == 0
    whole = np.load(out)
    assert whole.shape == (2, 1, 64, 48)
    assert aezoo("reconstruct", model, values, "--tile", "32", "--batch-size", "1", "--out", out, "--force").code == 0
    np.testing.assert_allclose(np.load(out), whole, atol=1e-6)
    codes = tmp_path / "codes.npy"
    assert aezoo("encode", model, values, "--tile", "32", "--overlap", "12", "--out", codes).code == 0
    assert aezoo("decode", model, codes, "--tile", "32", "--out", out, "--force").code == 0
    np.testing.assert_allclose(np.load(out), whole, atol=1e-6)
    assert aezoo("score", model, values, "--batch-size", "1").code == 0


def test_tiles_that_are_no_multiple_are_refused(aezoo: Run, model: Path, tmp_path: Path) -> None:
    values = tmp_path / "large.npy"
    np.save(values, np.zeros((1, 1, 64, 48), np.float32))
    result = aezoo("reconstruct", model, values, "--tile", "30", "--out", tmp_path / "out.npy")
    assert result.code == 2
    assert "tile = 30: takes a multiple of 4" in result.err
    assert "tile = 28 or 32" in result.err


def test_an_approximation_is_one_line(aezoo: Run, model: Path, tmp_path: Path) -> None:
    values = tmp_path / "large.npy"
    np.save(values, np.random.default_rng(0).random((1, 1, 64, 48), dtype=np.float32))
    result = aezoo("encode", model, values, "--tile", "16", "--overlap", "4", "--out", tmp_path / "codes.npy")
    assert result.code == 0
    assert result.err.count("are an approximation") == 1
    assert "overlap = 8 is exact" in result.err


def test_show_says_what_is_seen_and_both_amounts_of_memory(aezoo: Run, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(spec_of()))
    shown = " ".join(aezoo("show", path).out.split())
    # 8 positions, 4 apart; the decoder sees 1 before and 3/4 after of them: 7 + 4 + 3 and itself.
    assert "takes sizes divisible by 4; along each axis a code position sees 8 positions" in shown
    assert "an output position sees 15 positions of the input" in shown
    assert "in use, without gradients: " in shown
    assert "for a sample of 1x16x16" in shown
    document = json.loads(aezoo("show", path, "--json").out)
    assert document["sees"] == {"code": 8, "output": 15, "multiple": 4}
    assert document["memory"]["in_use"] > 0
    path.write_text(json.dumps(spec_of(None, encoder=[conv(), "attention"])))
    shown = " ".join(aezoo("show", path).out.split())
    assert "takes the declared size alone; along each axis a code position sees all positions" in shown


def test_a_spec_that_training_cannot_hold_is_shown_and_not_trained(aezoo: Run, tmp_path: Path) -> None:
    path = tmp_path / "wide.json"
    path.write_text(json.dumps(WIDE))
    assert aezoo("show", path).code == 0
    assert aezoo("show", path, "--limit", "in_use=1e6").code == 1
    for command in ("check", "train"):
        result = aezoo(command, path)
        assert result.code == 1
        assert "AZ604" in result.err + result.out
    assert LIMITS_IN_USE.activations > 1 << 60
