"""`aezoo migrate`: printed, checked or written; TOML stays TOML with its comments, JSON stays JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from aezoo.reading.rewriting import Rewritten
from tests.cli.conftest import Run

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "format0"
NEW = 'aezoo=1\nname = "t"   # mine\ninput = [3]\nlatent = { type = "deterministic", dim = 1 }\n'
LOST = 'aezoo = 0\nname = "t"\nlatent = { type = "topk", pre_bias = true }\n'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with copies of the old files, a new one and one that cannot be carried over."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    Path("new.toml").write_text(NEW)
    Path("lost.toml").write_text(LOST)


def text(name: str) -> str:
    return Path(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["vanilla.toml", "convolutional.json"])
def test_an_old_file_is_printed_in_the_present_format_and_stays_as_it_is(aezoo: Run, name: str) -> None:
    before = text(name)
    told = aezoo("migrate", name)
    assert (told.code, told.out, told.err) == (0, text(f"golden/{name}"), "")
    assert text(name) == before


@pytest.mark.parametrize("name", ["vanilla.toml", "convolutional.json"])
def test_an_old_file_is_written_once(aezoo: Run, name: str) -> None:
    told = aezoo("migrate", name, "--write")
    assert (told.code, told.out) == (0, f"{name}: format 0 -> 1\n")
    assert text(name) == text(f"golden/{name}")
    again = aezoo("migrate", name, "--write")
    assert (again.code, again.out) == (0, f"{name}: is of format 1, the present one\n")
    assert aezoo("check", "--strict", name).code == 0


def test_a_file_of_the_present_format_is_untouched_and_said_to_be(aezoo: Run) -> None:
    before = Path("new.toml").stat()
    for words in ([], ["--write"], ["--check"]):
        told = aezoo("migrate", "new.toml", *words)
        assert told.code == 0
        assert "new.toml: is of format 1, the present one\n" in told.out + told.err
    assert aezoo("migrate", "new.toml").out == NEW
    assert Path("new.toml").stat() == before


def test_a_check_names_the_old_files_and_says_no(aezoo: Run) -> None:
    told = aezoo("migrate", "--check", "new.toml", "vanilla.toml", "blocks.toml")
    assert (told.code, told.out) == (1, "vanilla.toml\nblocks.toml\n")
    assert aezoo("migrate", "--check", "vanilla-digits").code == 0


def test_nothing_is_written_if_one_file_cannot_be_carried_over(aezoo: Run) -> None:
    before = text("vanilla.toml")
    Path("broken.toml").write_text("aezoo = 0\nname = \n")
    told = aezoo("migrate", "--write", "vanilla.toml", "lost.toml", "broken.toml")
    assert told.code == 1
    assert "lost.toml:3:27: error[AZ211]: latent.pre_bias: " in told.err
    assert "broken.toml:2:" in told.err
    assert text("vanilla.toml") == before


def test_a_link_is_followed_not_replaced(aezoo: Run) -> None:
    Path("link.toml").symlink_to("vanilla.toml")
    assert aezoo("migrate", "--write", "link.toml").code == 0
    assert Path("link.toml").is_symlink()
    assert text("vanilla.toml") == text("golden/vanilla.toml")


def test_a_file_whose_layout_cannot_be_followed_is_printed_without_comments_and_never_written(
    aezoo: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aezoo.reading.rewriting.rewritten", lambda *_: Rewritten(0, "aezoo = 1\n", kept=False))
    told = aezoo("migrate", "vanilla.toml")
    assert (told.code, told.out) == (0, "aezoo = 1\n")
    assert told.err == "warning: vanilla.toml: its comments are lost\n"
    before = text("vanilla.toml")
    assert aezoo("migrate", "--write", "vanilla.toml").code == 7
    assert text("vanilla.toml") == before


def test_machines_get_one_document_for_all_files(aezoo: Run) -> None:
    told = json.loads(aezoo("migrate", "--json", "new.toml", "warmed.toml").out)
    assert [(one["source"], one["format"], one["due"], one["written"]) for one in told] == [
        ("new.toml", 1, False, False),
        ("warmed.toml", 0, True, False),
    ]
    assert told[1]["text"] == text("golden/warmed.toml")


def test_what_excludes_each_other_is_a_wrong_call(aezoo: Run) -> None:
    assert aezoo("migrate", "--write", "--check", "new.toml").code == 2
    assert aezoo("migrate", "new.toml", "vanilla.toml").code == 2
    assert aezoo("migrate").code == 2
    assert aezoo("migrate", "absent.toml").code == 3
