"""A model to spoil, a place to be attacked in, and what must hold after each attack."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aezoo
from aezoo.errors import AezooError
from aezoo.training.results import Run

REPO = "acme/tiny"
SPEC: dict[str, Any] = {
    "name": "tiny",
    "license": "apache-2.0",
    "input": [1, 8, 8],
    "encoder": [{"type": "flatten"}, {"type": "linear", "features": 16, "norm": "batch"}],
    "latent": {"type": "gaussian", "dim": 3},
    "likelihood": {"type": "gaussian", "variance": "optimal"},
    "regularizers": {"kl": {}},
}
Files = Mapping[str, bytes]


@cache
def files() -> Files:
    """A published model, all eight files of it; nobody may change them."""
    model = aezoo.build(SPEC, seed=0)
    scores = aezoo.evaluate(model, np.random.default_rng(0).random((60, 1, 8, 8), dtype=np.float32))
    run = Run(
        model, {"seed": 0, "device": "cpu", "steps": 5, "seconds": 1.0, "ended": "finished"}, scores, [{"step": 5}]
    )
    with tempfile.TemporaryDirectory() as folder:
        aezoo.save(model, Path(folder) / "m", scores=scores, run=run)
        paths = sorted(path for path in Path(folder, "m").rglob("*") if path.is_file())
        return {path.relative_to(Path(folder, "m")).as_posix(): path.read_bytes() for path in paths}


def written(folder: Path, content: Files | None = None) -> Path:
    """The files in a folder."""
    for name, data in (files() if content is None else content).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


# --- files that an attacker wrote, with hashes that fit ---------------------------------------------------


def with_config(change: Callable[[dict[str, Any]], Any]) -> Files:
    """The model with what `change` makes of its config.json."""
    document = json.loads(files()["config.json"])
    document = change(document) or document
    return {**files(), "config.json": json.dumps(document).encode()}


def with_spec(**changes: Any) -> Files:
    """The model with other entries in its spec."""

    def change(document: dict[str, Any]) -> None:
        document["spec"].update(changes)

    return with_config(change)


def with_weights(data: bytes) -> Files:
    """The model with other weights, whose hash stands in its config.json."""

    def change(document: dict[str, Any]) -> None:
        document["weights"] = {"sha256": sha256(data).hexdigest(), "size": len(data)}

    return {**with_config(change), "model.safetensors": data}


def with_header(change: Callable[[dict[str, Any]], Any] | None = None, *, raw: bytes | None = None) -> Files:
    """The model with another header of its weights."""
    weights = files()["model.safetensors"]
    length = struct.unpack("<Q", weights[:8])[0]
    if raw is None:
        table = json.loads(weights[8 : 8 + length])
        assert change is not None
        raw = json.dumps(change(table) or table).encode()
    return with_weights(struct.pack("<Q", len(raw)) + raw + weights[8 + length :])


# --- the place --------------------------------------------------------------------------------------------


class Box:
    """A folder that holds everything a pull could write to: the homes, what is temporary, where one stands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def there(self) -> dict[str, int]:
        """Every file and its size. An empty lock of the store is no more than a sign that somebody was there."""
        paths = {path.relative_to(self.folder).as_posix(): path for path in self.folder.rglob("*")}
        return {
            name: path.lstat().st_size
            for name, path in paths.items()
            if not path.is_dir() and not (path.name == ".lock" and "homes/aezoo" in name and not path.lstat().st_size)
        }

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Nothing is written, and nothing stays behind."""
        before = self.there()
        yield
        assert self.there() == before
        assert not [*self.folder.rglob(".stage-*")]


@pytest.fixture
def box(tmp_path: Path, homes: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    for name in ("home", "here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "here")
    files()
    return Box(tmp_path)


@contextmanager
def refused(box: Box, error: type[AezooError], code: int, match: str = "") -> Iterator[None]:
    """An attack fails with this error: a line, a hint, and nothing new anywhere."""
    with box.unchanged(), pytest.raises(error, match=match or None) as caught:
        yield
    assert caught.value.exit_code == code
    assert caught.value.hint or getattr(caught.value, "faults", None)
    for text in (caught.value.hint, *caught.value.message.split("\n" if hasattr(caught.value, "faults") else "\0")):
        assert text.isprintable(), repr(text)
        assert len(text) < 1500
