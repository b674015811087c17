"""Which files a model's folder may hold, how large each may be, and what must never be published."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from aezoo.errors import Refused
from aezoo.storage import layout
from aezoo.storage.layout import File, survey

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("config.json", 1 * MIB),
        ("metrics.json", 1 * MIB),
        ("training.json", 64 * MIB),
        ("README.md", 1 * MIB),
        ("samples/reconstructions.png", 8 * MIB),
        ("samples/samples.png", 8 * MIB),
        ("samples/interpolations.png", 8 * MIB),
    ],
)
def test_each_file_has_a_largest_size(name: str, most: int) -> None:
    layout.refuse_size("m", name, most)
    with pytest.raises(Refused, match=rf"^m has .*, {name} has .* at most"):
        layout.refuse_size("m", name, most + 1)


def test_the_size_of_weights_is_for_the_spec_to_say() -> None:
    layout.refuse_size("m", "model.safetensors", 1 << 40)
    largest = 16 * 1000 + 256 * MIB
    layout.refuse_bulk("m", largest, 1000)
    with pytest.raises(Refused, match="m is refused: a model of 1,000 parameters takes"):
        layout.refuse_bulk("m", largest + 1, 1000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of a model, one in a folder and one after a writer's leftovers, and two of somebody else."""
    for name in ("config.json", "samples/samples.png", "notes.txt", "samples/a.txt", ".staging-1/x.pkl", ".aezoo-2"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_a_survey_finds_the_files_of_a_model_and_names_the_others(folder: Path) -> None:
    def file(name: str) -> File:
        return File(name, len(name), sha256(name.encode()).hexdigest())

    (folder / "README.md").write_text("README.md")
    found = survey(folder)
    assert found.files == [file("config.json"), file("README.md"), file("samples/samples.png")]
    assert found.left == ["notes.txt", "samples/a.txt"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (".env", "is hidden"),
        ("samples/.env", "is hidden"),
        (".git/config", "is hidden"),
        ("model.PT", "may hold pickled code"),
        ("samples/a.ckpt", "may hold pickled code"),
    ],
)
def test_what_may_hold_secrets_or_code_is_refused_by_its_path(folder: Path, name: str, why: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("x")
    with pytest.raises(Refused, match=why) as caught:
        survey(folder)
    assert caught.value.message.startswith(f"{folder}/")
    assert caught.value.hint == "take it out of the folder; nothing was published"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_links_and_pipes_are_refused(folder: Path) -> None:
    (folder / "README.md").symlink_to(folder / "notes.txt")
    with pytest.raises(Refused, match=r"README\.md is a symbolic link"):
        survey(folder)
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")
    with pytest.raises(Refused, match=r"README\.md is no regular file"):
        survey(folder)


def test_a_file_that_is_too_large_is_refused_by_its_path(folder: Path) -> None:
    with (folder / "README.md").open("wb") as file:
        file.truncate(MIB + 1)
    with pytest.raises(Refused, match=r"has .*, README\.md has .* at most") as caught:
        survey(folder)
    assert caught.value.message.startswith(f"{folder / 'README.md'} has")
