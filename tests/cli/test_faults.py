"""How faults look: a frame with a caret for people, annotations for GitHub, a document for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aezoo.cli.faults import SHOWN, document, github, human
from aezoo.errors import Fault, Where
from aezoo.names import visible
from tests.cli.conftest import Run

LINE = "chanels = 64"
FAULT = Fault(
    ("encoder", 1, "chanels"),
    "AZ203",
    "unknown key for layer 'conv'",
    "did you mean 'channels'?",
    where=Where("specs/a.toml", 14, 1, 7, LINE),
)


def test_a_fault_is_its_place_what_is_wrong_its_line_and_a_caret_with_the_hint() -> None:
    assert list(human([FAULT], "a")) == [
        "specs/a.toml:14:1: error[AZ203]: encoder[1].chanels: unknown key for layer 'conv'",
        "   14 | chanels = 64",
        "      | ^^^^^^^ did you mean 'channels'?",
    ]


def test_a_fault_without_a_place_names_its_source_and_keeps_its_hint() -> None:
    assert list(human([FAULT._replace(where=None)], "a")) == [
        "a: error[AZ203]: encoder[1].chanels: unknown key for layer 'conv'",
        "      = did you mean 'channels'?",
    ]
    flag = FAULT._replace(where=Where("--set encoder.1.chanels=3"))
    assert next(human([flag], "a")).startswith("--set encoder.1.chanels=3: error[AZ203]: ")


@pytest.mark.parametrize("before", [0, 3, 200, 5000])
def test_the_caret_of_a_long_line_stands_under_what_is_meant(before: int) -> None:
    line = "\t" * (before % 7) + "x" * (before - before % 7) + "chanels = 64" + "y" * 5000
    at = Where("a", 1, before + 1, 7, line)
    _, shown, caret = human([FAULT._replace(where=at, hint="")], "a")
    assert len(shown) < 120
    start = caret.index("^")
    assert shown[start : start + caret.count("^")] == "chanels"


def test_control_characters_are_spelt_out_and_write_nothing_to_the_terminal() -> None:
    evil = "\x1b[31mred\x07\n\u202e"
    assert visible(evil) == "\\x1b[31mred\\x07\\n\\u202e"
    fault = Fault(("regularizers", evil), "AZ506", f"no {evil}", evil, where=Where(evil, 1, 1, 5, evil))
    assert all(line.isprintable() for line in human([fault], evil))
    assert all(line.isprintable() for line in github([fault], evil))


def test_of_many_faults_the_first_are_shown_and_the_others_counted() -> None:
    lines = list(human([FAULT] * 500, "a"))
    assert len(lines) <= 60
    assert lines[-1] == f"... and {500 - SHOWN} more"


def test_annotations_escape_what_the_workflow_language_means() -> None:
    fault = FAULT._replace(message="50% of: it, all", where=Where("a,b:c.toml", 3, 2, 4, ""))
    (line,) = github([fault], "a")
    assert line == (
        "::error file=a%2Cb%3Ac.toml,line=3,col=2,endColumn=6,title=AZ203::"
        "encoder[1].chanels: 50%25 of: it, all (did you mean 'channels'?)"
    )


def test_a_fault_for_machines_has_all_of_it() -> None:
    assert document(FAULT) == {
        "code": "AZ203",
        "level": "error",
        "path": "encoder[1].chanels",
        "message": "unknown key for layer 'conv'",
        "hint": "did you mean 'channels'?",
        "file": "specs/a.toml",
        "line": 14,
        "column": 1,
    }


FAULTY = """\
name = "t"
extends = "vanilla-digits"
latent.dmi = 3
regularizers.l1 = { on = "encodr.1" }
"""


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("faulty.toml").write_text(FAULTY)
    return Path("faulty.toml")


def test_check_prints_the_frames_on_stderr(aezoo: Run, faulty: Path) -> None:
    result = aezoo("check", faulty)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "faulty.toml:3:8: error[AZ203]: latent.dmi: unknown key for latent 'deterministic'\n"
        "    3 | latent.dmi = 3\n"
        "      |        ^^^ did you mean 'dim'?\n"
        "faulty.toml:4:26: error[AZ502]: regularizers.l1.on: no tap is called 'encodr.1'\n"
        '    4 | regularizers.l1 = { on = "encodr.1" }\n'
        "      |                          ^^^^^^^^^^ did you mean 'encoder.1'?\n"
    )


def test_check_prints_annotations_and_documents_on_stdout(aezoo: Run, faulty: Path) -> None:
    result = aezoo("check", faulty, "--format", "github")
    assert (result.code, result.err) == (1, "")
    assert result.out.startswith("::error file=faulty.toml,line=3,col=8,endColumn=11,title=AZ203::latent.dmi: unknown")
    for flags in (("--json",), ("--format", "json")):
        ((found),) = json.loads(aezoo("check", faulty, *flags).out)
        assert [(fault["line"], fault["column"]) for fault in found["faults"]] == [(3, 8), (4, 26)]


def test_every_command_that_reads_a_spec_prints_the_same_frames(aezoo: Run, faulty: Path) -> None:
    expected = aezoo("check", faulty).err
    for command in (["show", faulty], ["render", faulty], ["train", faulty, "--out", "run"]):
        result = aezoo(*command)
        assert (result.code, result.out, result.err) == (1, "", expected)


def test_strict_makes_a_warning_a_no(aezoo: Run, faulty: Path) -> None:
    faulty.write_text('name = "t"\nextends = "variational-digits"\nunset = ["regularizers.kl"]\n')
    assert aezoo("check", faulty).code == 0
    result = aezoo("check", faulty, "--strict")
    assert result.code == 1
    assert "warning[AZ511]" in result.err


def test_render_explains_where_each_value_came_from(aezoo: Run, faulty: Path) -> None:
    faulty.write_text('name = "t"\nextends = "vanilla-digits"\nvariants = ["denoising"]\nlatent.dim = 3\n')
    result = aezoo("render", faulty, "--explain", "--set", "training.epochs=2")
    origins = dict(line.split("  # ") for line in result.out.splitlines())
    origins = {key.split(" = ")[0]: who for key, who in origins.items()}
    assert origins["latent.dim"] == "faulty.toml:4"
    assert origins["corruption[0].std"] == "variant 'denoising'"
    assert origins["training.epochs"] == "--set training.epochs=2"
    assert origins["training.seed"] == "default"
    assert "vanilla-digits.toml:" in origins["latent.type"]
    rows = json.loads(aezoo("render", faulty, "--explain", "--json").out)
    assert {"path": "latent.dim", "value": 3, "from": "faulty.toml:4", "line": 4} in rows
