"""A lock says where a folder came from, byte for byte, and what in it is no longer as it was."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from aezoo.errors import Refused
from aezoo.storage import lockfile
from aezoo.storage.layout import File
from aezoo.storage.lockfile import Lock


def file(name: str, text: str) -> File:
    return File(name, len(text), sha256(text.encode()).hexdigest())


LOCK = Lock(
    source="acme/tiny",
    revision="v1",
    commit="c" * 40,
    files=(file("config.json", "{}"), file("model.safetensors", "weights")),
    endpoint="https://hub.example",
    pulled="2026-01-02T03:04:05Z",
    aezoo="0.1.0",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_text("weights")
    lockfile.write(tmp_path, LOCK)
    return tmp_path


def test_a_lock_is_read_as_it_was_written_and_a_folder_as_pulled_has_no_faults(folder: Path) -> None:
    assert lockfile.read(folder) == LOCK
    assert lockfile.faults(folder, LOCK) == []
    assert lockfile.verify(folder) == lockfile.verify(folder, needed=True) == LOCK


def test_a_lock_has_one_text(folder: Path) -> None:
    text = (folder / "aezoo.lock.json").read_text()
    assert text.endswith("}\n")
    written = json.loads(text)
    assert written["lock"] == 1
    assert written["files"] == {
        "config.json": {"size": 2, "sha256": LOCK.files[0].sha256},
        "model.safetensors": {"size": 7, "sha256": LOCK.files[1].sha256},
    }
    assert len(written["digest"]) == 64


def test_the_commit_of_files_is_forty_digits_of_the_hash_of_their_names_and_hashes() -> None:
    text = json.dumps({one.name: one.sha256 for one in LOCK.files}, separators=(",", ":"))
    assert lockfile.content_id(LOCK.files) == sha256(text.encode()).hexdigest()[:40]
    assert len(lockfile.content_id(LOCK.files)) == 40
    assert lockfile.content_id(LOCK.files) == lockfile.content_id([one._replace(size=9) for one in LOCK.files])
    assert lockfile.content_id(LOCK.files) != lockfile.content_id(LOCK.files[:1])


def test_a_changed_byte_of_a_lock_is_found(folder: Path) -> None:
    path = folder / "aezoo.lock.json"
    right = path.read_bytes()
    for wrong in (
        right.replace(b"tiny", b"tidy"),
        right + b" ",
        right[:-1],
        right.replace(b'"lock": 1', b'"lock": 2'),
        b"[]",
    ):
        path.write_bytes(wrong)
        with pytest.raises(Refused, match=r"aezoo\.lock\.json is damaged") as caught:
            lockfile.read(folder)
        assert caught.value.hint == f"remove {folder} and pull the model again"


def test_a_lock_of_another_format_is_refused_though_its_digest_is_right(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(lockfile, "FORMAT", 2)
        lockfile.write(folder, LOCK)
    with pytest.raises(Refused, match="is damaged"):
        lockfile.read(folder)


def test_a_folder_without_a_lock_is_taken_unless_it_was_pulled(tmp_path: Path) -> None:
    assert lockfile.read(tmp_path) is None
    assert lockfile.verify(tmp_path) is None
    with pytest.raises(Refused, match=r"was changed since it was pulled: aezoo\.lock\.json is missing"):
        lockfile.verify(tmp_path, needed=True)


def test_a_link_or_a_folder_is_no_lock(folder: Path) -> None:
    path = folder / "aezoo.lock.json"
    path.rename(folder / "elsewhere")
    path.symlink_to(folder / "elsewhere")
    with pytest.raises(Refused, match="is no regular file"):
        lockfile.read(folder)
    path.unlink()
    path.mkdir()
    with pytest.raises(Refused, match="is no regular file"):
        lockfile.read(folder)


def test_each_fault_of_a_folder_has_its_words(folder: Path) -> None:
    (folder / "config.json").write_text("[]")
    (folder / "model.safetensors").write_text("weight")
    (folder / "README.md").write_text("new")
    (folder / "notes.txt").write_text("mine")
    assert lockfile.faults(folder, LOCK) == [
        "README.md is not in the lock",
        "the sha256 of config.json is another than the one noted",
        "model.safetensors has 6 bytes, not 7",
    ]
    with pytest.raises(Refused, match=r"was changed since it was pulled: README\.md is not in the lock, and 2 more$"):
        lockfile.verify(folder)
    (folder / "README.md").unlink()
    (folder / "config.json").write_text("{}")
    with pytest.raises(Refused, match=r"was changed since it was pulled: model\.safetensors has 6 bytes, not 7$"):
        lockfile.verify(folder)


def test_a_file_that_is_gone_a_link_or_none_of_a_models_is_missing(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert lockfile.faults(folder, LOCK) == ["model.safetensors is missing"]
    (folder / "weights").write_text("weights")
    (folder / "model.safetensors").symlink_to(folder / "weights")
    assert lockfile.faults(folder, LOCK) == ["model.safetensors is missing"]
    other = Lock("acme/tiny", "", "", (file("weights", "weights"),))
    assert "weights is missing" in lockfile.faults(folder, other)
