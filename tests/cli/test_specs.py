"""Commands about specs: check, render, list, components."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aezoo.reading.bundled import bundled_specs
from aezoo.reading.reader import read

Run = Callable[..., Any]

FAULTY = """\
aezoo = 1
name = "faulty"
input = [6]
encoder = [{ type = "linear", features = 4, unit = 3 }]
latent = { type = "deterministc", dim = 2 }
"""


# --- check --------------------------------------------------------------------------------------------------


def test_check_names_arch_and_size(aezoo: Run, vectors: Path) -> None:
    spec = read(vectors)
    assert aezoo("check", vectors) == (0, f"ok: vectors (arch {spec.arch[:8]}, {spec.parameters} parameters)\n", "")


def test_check_says_all_faults_each_on_its_line_and_exits_1(aezoo: Run, tmp_path: Path) -> None:
    path = tmp_path / "faulty.toml"
    path.write_text(FAULTY)
    result = aezoo("check", path)
    heads = [line for line in result.err.splitlines() if line.startswith(f"{path}:")]
    assert (result.code, result.out, len(heads)) == (1, "", 2)
    assert all(": error[AZ" in line for line in heads)
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
def test_check_of_a_broken_file_is_one_clear_fault_with_its_place(aezoo: Run, tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text)
    result = aezoo("check", path)
    assert result.code == 1
    assert result.err.count("broken.toml:") == result.err.count("error[AZ103]") == 1


def test_check_of_a_missing_plugin_exits_4(aezoo: Run, vectors: Path) -> None:
    result = aezoo("check", vectors, "--set", 'latent.type="nowhere:odd"')
    assert result.code == 4
    assert "'nowhere'" in result.err


# --- render -------------------------------------------------------------------------------------------------


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
    rows = json.loads(aezoo("list", "specs", "--json").out)["specs"]
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
