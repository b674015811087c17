"""A model is read once: config.json and the weights are opened, checked and hashed a single time for a load."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import aezoo
from aezoo.errors import Refused
from aezoo.spec.limits import DEFAULT_LIMITS
from aezoo.storage import config_json as manifest
from aezoo.storage import lockfile, model_files, verification
from aezoo.zoo import embedded, pulling, pushing


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEZOO_HOME", str(tmp_path / "home"))


FILES = ("config.json", "model.safetensors")
OTHERS = ("metrics.json", "training.json", "README.md")
opened: Counter[str] | None = None


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    # What is written, or opened to be synced, is not read.
    if opened is not None and event == "open" and arguments[1] in ("r", "rb"):
        opened[Path(str(arguments[0])).name] += 1


sys.addaudithook(_listen)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often files were opened to be read, specs were checked, and how many bytes were hashed."""
    global opened
    counts: Counter[str] = Counter()
    check, digest = manifest.check, model_files.sha256

    def checked(*arguments: Any, **options: Any) -> Any:
        counts["specs checked"] += 1
        return check(*arguments, **options)

    def hashed(data: Any) -> Any:
        counts["bytes hashed"] += len(data)
        return digest(data)

    with monkeypatch.context() as patch:
        patch.setattr(manifest, "check", checked)
        patch.setattr(model_files, "sha256", hashed)
        patch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("a file is hashed beside what was read"))
        opened = counts
        try:
            yield counts
        finally:
            opened = None


def tiny(folder: Path) -> Path:
    spec = {"name": "tiny", "input": [6], "latent": {"type": "deterministic", "dim": 2}}
    return aezoo.save(aezoo.build(spec), folder)


def size(folder: Path, *names: str) -> int:
    return sum((folder / name).stat().st_size for name in names)


def assert_once(counts: Counter[str], hashed: int) -> None:
    assert {name: counts[name] for name in FILES} == dict.fromkeys(FILES, 1)
    assert max(counts[name] for name in OTHERS) <= 1
    assert counts["specs checked"] == 1
    assert counts["bytes hashed"] == hashed


def test_a_model_in_the_wheel_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = embedded.folder("vae-mnist")
    lock = lockfile.read(folder)
    assert lock is not None
    with counted(monkeypatch) as counts:
        aezoo.load("vae-mnist", device="cpu")
    assert_once(counts, sum(file.size for file in lock.files))


def test_a_folder_that_was_saved_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny(tmp_path / "m")
    with counted(monkeypatch) as counts:
        aezoo.load(folder, device="cpu")
    assert_once(counts, size(folder, "model.safetensors"))


def test_a_weight_file_alone_is_read_once_and_has_no_hash_to_be_held_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiny(tmp_path / "m") / "model.safetensors"
    with counted(monkeypatch) as counts:
        aezoo.load(path, device="cpu")
    names = ("config.json", "model.safetensors", "specs checked", "bytes hashed")
    assert [counts[name] for name in names] == [0, 1, 1, 0]


def test_a_folder_is_read_once_before_a_push_sends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny(tmp_path / "tiny")
    with counted(monkeypatch) as counts, pushing._prepared(folder, "owner/tiny", "mit", False, DEFAULT_LIMITS):
        pass
    assert {name: counts[name] for name in FILES} == dict.fromkeys(FILES, 1)
    assert counts["specs checked"] == 1


def test_weights_are_read_back_once_when_they_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with counted(monkeypatch) as counts:
        folder = tiny(tmp_path / "m")
    assert (counts["config.json"], counts["model.safetensors"]) == (1, 1)
    assert counts["bytes hashed"] == size(folder, "model.safetensors")


def test_a_header_of_other_words_than_config_json_is_checked_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny(tmp_path / "m")
    document = json.loads((folder / "config.json").read_text())
    document["spec"]["name"] = "renamed"  # on which no fingerprint depends
    (folder / "config.json").write_text(json.dumps(document))
    with counted(monkeypatch) as counts:
        assert aezoo.load(folder, device="cpu").spec.name == "renamed"
    assert counts["specs checked"] == 2


def test_what_was_checked_is_used_whatever_takes_its_place_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file is overwritten right after it passed; the model is the one that was checked."""
    folder = aezoo.pull("vae-mnist", to=tmp_path / "copy")
    state = aezoo.load("vae-mnist", device="cpu").network.state_dict()
    verify = pulling.verify

    def overwritten(*arguments: Any, **options: Any) -> verification.Verified:
        verified = verify(*arguments, **options)
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            path.write_bytes(b"other")
        return verified

    monkeypatch.setattr(pulling, "verify", overwritten)
    model = aezoo.load(folder, device="cpu")
    assert model.pulled
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.network.state_dict().items())
    monkeypatch.undo()
    with pytest.raises(Refused):
        aezoo.load(folder)
