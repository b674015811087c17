"""`aezoo diff`: in what two specs or models differ."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aezoo.cli import output
from aezoo.reading.reader import read
from aezoo.spec.canonical import to_json
from aezoo.storage.config_json import manifest

Run = Callable[..., Any]


@pytest.fixture
def model(tmp_path: Path, vectors: Path) -> Path:
    """A model's folder, as far as its spec is concerned."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(to_json(manifest(read(vectors))))
    return folder


def on_a_terminal(*words: str, **environment: str) -> str:
    """What `python -m aezoo` prints to a terminal."""
    ours, its = os.openpty()
    names = {"PATH", "OMP_NUM_THREADS", "HOME", "VIRTUAL_ENV", "PYTHONPATH"}
    inherited = {name: value for name, value in os.environ.items() if name in names}
    variables = {**inherited, "TERM": "xterm", "COLUMNS": "80", "LINES": "24", **environment}
    with subprocess.Popen([sys.executable, "-m", "aezoo", *words], stdout=its, stdin=its, env=variables) as process:
        os.close(its)
        text = b""
        while True:
            try:
                more = os.read(ours, 4096)
            except OSError:  # Linux's way to say that nobody writes any more
                more = b""
            if not more:
                break
            text += more
        process.wait()
    os.close(ours)
    return text.decode()


def test_values_are_told_by_path_and_effects_below(aezoo: Run) -> None:
    result = aezoo("diff", "vanilla-digits", "vanilla-digits", "--set", "latent.dim=64")
    a, b = read("vanilla-digits"), read("vanilla-digits", overrides=["latent.dim=64"])
    assert (result.code, result.err) == (1, "")
    assert result.out.splitlines() == [
        "~ latent.dim: 32 -> 64",
        "",
        f"architecture: changed (weights of one do not fit the other), {a.arch[:8]} -> {b.arch[:8]}",
        f"run: changed, {a.run[:8]} -> {b.run[:8]}",
        f"parameters: {a.parameters:,} -> {b.parameters:,} (+{b.parameters - a.parameters:,})",
        "code: 32 -> 64",
        "output: 1x28x28",
    ]


def test_another_run_of_the_same_architecture_keeps_the_weights(aezoo: Run) -> None:
    result = aezoo("diff", "vanilla-digits", "vanilla-digits", "--set", "training.epochs=1")
    assert result.code == 1
    assert "~ training.epochs: 60 -> 1\n" in result.out
    assert "architecture: the same (weights fit)" in result.out
    assert "run: changed" in result.out


def test_parts_come_and_go_with_their_settings(aezoo: Run) -> None:
    out = aezoo("diff", "vanilla-digits", "contractive-denoising").out
    assert "+ corruption.0: gaussian_noise(std=[0.0, 0.5])" in out
    assert "- encoder.1: linear(features=512)" in out
    assert "~ likelihood: mse(output=sigmoid) -> bernoulli" in out
    assert "~ decoder.tied: false -> true" in out


def test_equal_specs_in_two_spellings_do_not_differ(aezoo: Run, vectors: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin.json"
    twin.write_text(aezoo("render", vectors, "--json").out)
    result = aezoo("diff", vectors, twin)
    assert result.code == 0
    assert result.out.startswith("architecture: the same")


def test_names_alone_are_told_and_do_not_count(aezoo: Run, vectors: Path) -> None:
    result = aezoo("diff", vectors, vectors, "--set", "name=other", "--set", "license=mit")
    assert result.code == 0
    assert '~ name: vectors -> other\n~ license: "" -> mit\n' in result.out


def test_a_model_is_compared_by_the_spec_it_was_trained_from(aezoo: Run, vectors: Path, model: Path) -> None:
    assert aezoo("diff", model, vectors).code == 0
    assert "~ latent.dim: 2 -> 3" in aezoo("diff", model, vectors, "--set", "latent.dim=3").out


def test_nothing_of_a_model_can_be_set(aezoo: Run, vectors: Path, model: Path) -> None:
    result = aezoo("diff", vectors, model, "--set", "latent.dim=3")
    assert (result.code, result.out) == (2, "")
    assert "a trained model cannot be changed" in result.err


def test_json_is_one_document_with_every_change(aezoo: Run) -> None:
    result = aezoo("diff", "vanilla-digits", "variational-digits", "--json")
    document = json.loads(result.out)
    assert result.code == 1
    assert (document["same"], document["same_architecture"]) == (False, False)
    assert document["a"]["arch"] == read("vanilla-digits").arch
    assert document["b"]["code"] == [16]
    (latent,) = [change for change in document["changes"] if change["path"] == "latent"]
    assert latent == {
        "kind": "changed",
        "path": "latent",
        "was": "latent",
        "before": {"type": "deterministic", "dim": 32},
        "after": {"type": "gaussian", "dim": 16},
        "name": False,
    }
    assert [change["path"] for change in document["changes"] if change["name"]] == ["name", "description", "paper"]


@pytest.mark.parametrize("words", [("vanila-digits", "vanilla-digits"), ("vanilla-digits", "vanila-digits")])
def test_what_is_not_there_exits_3(aezoo: Run, words: tuple[str, ...]) -> None:
    result = aezoo("diff", *words)
    assert (result.code, result.out) == (3, "")
    assert "did you mean 'vanilla-digits'?" in result.err


def test_a_broken_spec_is_told_as_check_tells_it(aezoo: Run, vectors: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(vectors.read_text().replace("dim = 2", "dimm = 2"))
    result = aezoo("diff", vectors, path)
    assert (result.code, result.out) == (1, "")
    assert "AZ203" in result.err


@pytest.mark.parametrize("width", [20, 40, 80])
def test_no_line_is_wider_than_the_terminal(aezoo: Run, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(output, "columns", lambda: width)
    lines = aezoo("diff", "vanilla-digits", "vdc-sprites64").out.splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.startswith("    ") for line in lines)


def test_colour_is_for_terminals_that_want_it() -> None:
    words = ("diff", "vanilla-digits", "convolutional-digits")
    assert "\x1b[3" in on_a_terminal(*words)
    assert "\x1b[" not in on_a_terminal(*words, NO_COLOR="1")
    assert "\x1b[" not in on_a_terminal(*words, TERM="dumb")


def test_a_pipe_gets_no_colour_and_whole_lines(process: Run) -> None:
    result = process("diff", "vanilla-digits", "vdc-sprites64", columns=40)
    assert "\x1b[" not in result.out
    assert max(map(len, result.out.splitlines())) > 80


def test_it_never_imports_torch() -> None:
    code = (
        "import sys\nfrom aezoo.cli import main\n"
        "try:\n    main(['diff', 'vanilla-digits', 'vdc-digits'])\n"
        "except SystemExit as leave:\n    assert leave.code == 1\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
