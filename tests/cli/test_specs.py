"""Commands about specs: init, check, show, render, list, components."""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aezoo.bundled import bundled_specs
from aezoo.cli.starter import FAMILIES, starter
from aezoo.reader import check, read
from aezoo.spec.text import parse

Run = Callable[..., Any]

FAULTY = """\
aezoo = 1
name = "faulty"
input = [6]
encoder = [{ type = "linear", features = 4, unit = 3 }]
latent = { type = "deterministc", dim = 2 }
"""


# --- init ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(784,), (1, 64), (1, 28, 28), (3, 30, 30), (1, 16, 16, 16)])
def test_a_starter_of_any_mixture_reads_without_a_lint(shape: tuple[int, ...]) -> None:
    usable = [f for f in FAMILIES if len(shape) > 1 or f not in ("convolutional", "vdc")]
    for size in range(3):
        for families in itertools.combinations(usable, size):
            spec, lints = check(parse(starter("mine", families, shape).encode(), "mine.toml"))
            assert lints == [], families
            assert spec.input.shape == shape


def test_init_writes_a_commented_file_that_passes_check(
    aezoo: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = aezoo("init", "mine", "--variant", "denoising", "--variant", "variational")
    assert result == (0, "mine.toml\n", "")
    assert "# " in (tmp_path / "mine.toml").read_text()
    assert aezoo("check", "mine.toml").out.startswith("ok: mine (arch ")


def test_init_writes_to_stdout_when_asked(aezoo: Run) -> None:
    result = aezoo("init", "mine", "--input", "3x32x32", "--variant", "vdc", "--out", "-")
    assert tomllib.loads(result.out)["input"] == [3, 32, 32]


def test_init_never_overwrites_without_force(aezoo: Run, tmp_path: Path) -> None:
    out = tmp_path / "a.toml"
    out.write_text("precious")
    assert aezoo("init", "--out", out).code == 7
    assert out.read_text() == "precious"
    assert aezoo("init", "--out", out, "--force").code == 0
    assert out.read_text() != "precious"


@pytest.mark.parametrize("shape", ["", "0", "1x-2", "axb", "1x2x3x4x5"])
def test_init_refuses_what_is_no_shape(aezoo: Run, shape: str) -> None:
    result = aezoo("init", "--input", shape, "--out", "-")
    assert (result.code, result.out) == (2, "")
    assert "takes one to four sides" in result.err


def test_init_refuses_convolutions_over_vectors(aezoo: Run) -> None:
    assert aezoo("init", "--input", "784", "--variant", "convolutional", "--out", "-").code == 2


def test_init_refuses_a_folder_that_is_not_there(aezoo: Run, tmp_path: Path) -> None:
    assert aezoo("init", "--out", tmp_path / "none" / "a.toml").code == 3


# --- check --------------------------------------------------------------------------------------------------


def test_check_names_arch_and_size(aezoo: Run, vectors: Path) -> None:
    spec = read(vectors)
    assert aezoo("check", vectors) == (0, f"ok: vectors (arch {spec.arch[:8]}, {spec.parameters} parameters)\n", "")


def test_check_says_all_faults_each_on_its_line_and_exits_1(aezoo: Run, tmp_path: Path) -> None:
    path = tmp_path / "faulty.toml"
    path.write_text(FAULTY)
    result = aezoo("check", path)
    lines = result.err.splitlines()
    assert (result.code, result.out, len(lines)) == (1, "", 2)
    assert all(line.startswith(f"{path}: error[AZ") for line in lines)
    assert "did you mean 'deterministic'?" in result.err


def test_check_of_several_specs_judges_each(aezoo: Run, vectors: Path, tmp_path: Path) -> None:
    path = tmp_path / "faulty.toml"
    path.write_text(FAULTY)
    result = aezoo("check", path, vectors, "--json")
    first, second = json.loads(result.out)
    assert (result.code, first["ok"], second["ok"]) == (1, False, True)
    assert {fault["code"] for fault in first["faults"]} == {"AZ203", "AZ301"}
    assert second["arch"] == read(vectors).arch


def test_check_of_a_file_that_is_not_there_exits_3(aezoo: Run, vectors: Path) -> None:
    result = aezoo("check", vectors, "vanila-digits")
    assert result.code == 3
    assert result.out.startswith("ok: vectors")
    assert "did you mean 'vanilla-digits'?" in result.err


def test_check_applies_overrides(aezoo: Run, vectors: Path) -> None:
    assert aezoo("check", vectors, "--set", "latent.dim=0").code == 1
    assert aezoo("check", vectors, "--set", "latent.dim=3", "--set", "training.epochs=5").code == 0


@pytest.mark.parametrize("text", ["a = [", "\0", "aezoo = 1\naezoo = 1\n"])
def test_check_of_a_broken_file_is_one_clear_line(aezoo: Run, tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text)
    result = aezoo("check", path)
    assert result.code == 1
    assert result.err.count("\n") == 1


def test_check_of_a_missing_plugin_exits_4(aezoo: Run, vectors: Path) -> None:
    result = aezoo("check", vectors, "--set", 'latent.type="nowhere:odd"')
    assert result.code == 4
    assert "'nowhere'" in result.err


# --- show and render ----------------------------------------------------------------------------------------


def test_show_lists_layers_shares_and_the_loss(aezoo: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(starter("a", ["variational", "sparse"], (1, 8, 8)))
    result = aezoo("show", path)
    assert result.code == 0
    assert "loss = reconstruction (bernoulli) + 1.0 * kl + 0.1 * sparsity (l1)" in result.out
    assert f"{read(path).parameters:,} parameters" in result.out


def test_the_parameters_of_the_layers_add_up(aezoo: Run) -> None:
    for name in bundled_specs():
        document = json.loads(aezoo("show", name, "--json").out)
        assert sum(layer["parameters"] for layer in document["layers"]) == read(name).parameters


def test_show_applies_overrides(aezoo: Run, vectors: Path) -> None:
    assert json.loads(aezoo("show", vectors, "--set", "latent.dim=4", "--json").out)["code"] == [4]


@pytest.mark.parametrize("form", ["toml", "json"])
def test_what_render_prints_reads_back_as_the_same_spec(aezoo: Run, vectors: Path, tmp_path: Path, form: str) -> None:
    result = aezoo("render", vectors, "--to", form)
    twin = tmp_path / f"twin.{form}"
    twin.write_text(result.out)
    assert result.code == 0
    assert read(twin) == read(vectors)


def test_render_prints_json_for_json(aezoo: Run, vectors: Path) -> None:
    assert json.loads(aezoo("render", vectors, "--json").out) == read(vectors).document()


# --- list, components, completion, doctor -------------------------------------------------------------------


def test_list_names_every_bundled_spec(aezoo: Run) -> None:
    rows = json.loads(aezoo("list", "--json").out)
    assert {row["name"] for row in rows} == set(bundled_specs())
    for row in rows:
        assert row["description"]
        assert row["input"] == list(read(row["name"]).input.shape)


def test_bundled_names_are_file_stems_and_unique() -> None:
    specs = bundled_specs()
    files = [path for folder in {p.parent.parent for p in specs.values()} for path in folder.glob("*/*.toml")]
    assert len(files) == len(specs)
    assert all(read(path).name == name for name, path in specs.items())


def test_components_lists_every_part_with_a_line(aezoo: Run) -> None:
    rows = json.loads(aezoo("components", "--json").out)
    assert {"layer", "latent", "likelihood", "regularizer", "corruption"} <= {row["kind"] for row in rows}
    assert all(row["summary"] and row["provider"] for row in rows)


def test_components_of_a_kind_are_of_that_kind(aezoo: Run) -> None:
    rows = json.loads(aezoo("components", "latent", "--json").out)
    assert {row["kind"] for row in rows} == {"latent"}


@pytest.mark.parametrize("words", [("latent", "gaussian"), ("conv",)])
def test_a_single_part_prints_its_docstring_and_fields(aezoo: Run, words: tuple[str, ...]) -> None:
    result = aezoo("components", *words)
    assert result.code == 0
    assert "Example:" in result.out
    assert "required" in result.out


def test_a_part_that_is_not_there_is_answered_with_the_nearest(aezoo: Run) -> None:
    result = aezoo("components", "gausian")
    assert result.code == 3
    assert "did you mean 'gaussian'?" in result.err
    assert aezoo("components", "nonsense", "conv").code == 3
    assert aezoo("components", "nowhere:conv").code == 4


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(aezoo: Run, shell: str) -> None:
    assert "_AEZOO_COMPLETE" in aezoo("completion", shell).out


def test_completion_completes_commands_and_options(process: Run) -> None:
    def completed(words: str, at: int) -> set[str]:
        result = process(_AEZOO_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(at))
        return {line.partition(",")[2] for line in result.out.splitlines()}

    assert completed("aezoo en", 1) == {"encode"}
    assert "--json" in completed("aezoo list --", 2)


def test_doctor_finds_this_installation_well(aezoo: Run) -> None:
    result = aezoo("doctor", "--json")
    document = json.loads(result.out)
    assert (result.code, document["ok"]) == (0, True)
    assert document["digits"] == {"images": [10000, 28, 28], "type": "uint8"}
    assert document["plugins"]["aezoo"].startswith("loaded")


def test_doctor_says_what_is_broken_and_exits_1(aezoo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> dict[str, object]:
        raise FileNotFoundError("mnist10k.npz")

    monkeypatch.setattr("aezoo.cli.doctor._digits", absent)
    result = aezoo("doctor")
    assert result.code == 1
    assert "broken: FileNotFoundError: mnist10k.npz" in result.out
