"""`aezoo fmt`: files rewritten in place, `--check`, stdin, and what it refuses."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

UGLY = "# a spec\nname='x' # its name\ninput=[1,\n28]\n"
LAID = "# a spec\nname = 'x'  # its name\ninput = [1, 28]\n"


@pytest.fixture
def ugly(tmp_path: Path) -> Path:
    path = tmp_path / "ugly.toml"
    path.write_text(UGLY)
    return path


@pytest.fixture
def laid(tmp_path: Path) -> Path:
    path = tmp_path / "laid.toml"
    path.write_text(LAID)
    return path


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_fmt_rewrites_what_is_not_laid_out_and_names_it(aezoo: Run, ugly: Path, laid: Path) -> None:
    before = laid.stat()
    assert aezoo("fmt", ugly, laid) == (0, f"{ugly}\n", "")
    assert ugly.read_text() == LAID
    assert laid.stat() == before  # not even written


def test_fmt_check_changes_nothing_names_the_files_and_exits_1(aezoo: Run, ugly: Path, laid: Path) -> None:
    assert aezoo("fmt", "--check", laid, ugly) == (1, f"{ugly}\n", "")
    assert ugly.read_text() == UGLY
    assert aezoo("fmt", "--check", laid) == (0, "", "")


def test_fmt_keeps_the_line_ends_of_the_file(aezoo: Run, ugly: Path) -> None:
    ugly.write_bytes(UGLY.replace("\n", "\r\n").encode())
    assert aezoo("fmt", ugly).code == 0
    assert ugly.read_bytes() == LAID.replace("\n", "\r\n").encode()


def test_fmt_follows_a_link_to_the_file(aezoo: Run, ugly: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(ugly)
    assert aezoo("fmt", link).code == 0
    assert link.is_symlink()
    assert ugly.read_text() == LAID


def test_fmt_of_a_dash_is_stdin_to_stdout(aezoo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, UGLY.encode())
    assert aezoo("fmt", "-") == (0, LAID, "")
    stdin(monkeypatch, b'{"a": [1]}')
    assert aezoo("fmt", "-") == (0, '{\n  "a": [\n    1\n  ]\n}\n', "")


def test_fmt_check_of_stdin_says_yes_or_no(aezoo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, UGLY.encode())
    assert aezoo("fmt", "--check", "-") == (1, "-\n", "")
    stdin(monkeypatch, LAID.encode())
    assert aezoo("fmt", "--check", "-") == (0, "", "")


def test_fmt_says_what_cannot_be_read_and_lays_out_the_rest(aezoo: Run, ugly: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("a = 1\nb = foo\n")
    result = aezoo("fmt", broken, ugly)
    assert (result.code, result.out) == (1, f"{ugly}\n")
    assert f"{broken}:2:5: error[AZ103]: foo is no value" in result.err
    assert broken.read_text() == "a = 1\nb = foo\n"
    assert ugly.read_text() == LAID


def test_fmt_refuses_the_name_of_a_bundled_spec_and_touches_nothing(aezoo: Run, ugly: Path) -> None:
    result = aezoo("fmt", ugly, "vanilla-digits")
    assert (result.code, result.out) == (2, "")
    assert "vanilla-digits: a bundled spec; fmt rewrites files" in result.err
    assert ugly.read_text() == UGLY


@pytest.mark.parametrize("name", ["none.toml", ".", "x" * 5000, ""])
def test_fmt_of_what_is_no_file_exits_3(aezoo: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert aezoo("fmt", name).code == 3


def test_fmt_as_json_is_one_document(aezoo: Run, ugly: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, b"a = ")
    result = aezoo("fmt", "--json", ugly, "-")
    first, second = json.loads(result.out)
    assert first == {"source": str(ugly), "ok": True, "changed": True, "faults": []}
    assert (second["ok"], second["text"], second["faults"][0]["code"]) == (False, "", "AZ103")
    assert result.code == 1


def test_fmt_never_wakes_torch(process: Run, laid: Path) -> None:
    assert process("fmt", "--check", laid, PYTHONPROFILEIMPORTTIME="1").err.count("torch") == 0
