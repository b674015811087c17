"""Pushing and pulling, against a Hub on the loopback; tests.hub_server.fixtures says how to use it."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import aezoo as zoo
from aezoo.model import Model
from aezoo.storage import layout, lockfile
from aezoo.storage.config_json import read_manifest
from aezoo.zoo import embedded
from aezoo.zoo.listing import described
from aezoo.zoo.pushing import written_card
from tests.cli.conftest import Result, Run, aezoo, process
from tests.hub.forks import Forks
from tests.hub_server.fixtures import TOKEN, homes, hub, hub_of, quiet, token
from tests.hub_server.hub import Hub

__all__ = ["Result", "Run", "aezoo", "homes", "hub", "hub_of", "process", "quiet", "token"]

REPO = "acme/tiny"
VECTOR: dict[str, Any] = {
    "aezoo": 1,
    "input": [6],
    "latent": {"type": "deterministic", "dim": 2},
    "likelihood": "mse",
    "license": "mit",
}
IMAGE: dict[str, Any] = {
    **VECTOR,
    "input": [1, 8, 8],
    "encoder": [{"type": "conv", "kernel": 4, "stride": 2, "padding": 1, "channels": 3}, {"type": "flatten"}],
}
GAUSSIAN: dict[str, Any] = {"latent": {"type": "gaussian", "dim": 2}, "regularizers": {"kl": {"weight": 1.0}}}
NOISE: dict[str, Any] = {"corruption": [{"type": "gaussian_noise", "std": 0.5}]}
SPECS: dict[str, dict[str, Any]] = {
    "vanilla": VECTOR,
    "denoising": {**VECTOR, **NOISE},
    "sparse": {
        **VECTOR,
        "regularizers": {"sparsity": {"type": "l1", "weight": 0.1}},
        "constraints": {"decoder": {"type": "unit_norm", "on": "decoder.0"}},
    },
    "contractive": {
        **VECTOR,
        "decoder": {"tied": True},
        "regularizers": {"contraction": {"type": "contractive", "weight": 0.1}},
    },
    "convolutional": IMAGE,
    "variational": {**VECTOR, **GAUSSIAN},
    "variational-deep-convolutional": {**IMAGE, **GAUSSIAN},
    "mixture": {**IMAGE, **NOISE, "latent": {"type": "topk", "dim": 8, "k": 3}},
}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model of every family, by its name. Not to be changed."""
    folder = tmp_path_factory.mktemp("models")
    for name, spec in SPECS.items():
        zoo.save(zoo.build(zoo.read({**spec, "name": name})), folder / name)
    return folder


@pytest.fixture
def models(built: Path, tmp_path: Path) -> Callable[[str], Path]:
    """`models("vanilla")`: the folder of a tiny model, of the test's own."""

    def copied(name: str = "vanilla") -> Path:
        return Path(shutil.copytree(built / name, tmp_path / name))

    return copied


@pytest.fixture
def tiny(models: Callable[[str], Path]) -> Path:
    """A variational model of vectors, with a card and a picture."""
    return models("variational")


@pytest.fixture
def other(tiny: Path, tmp_path: Path) -> Path:
    """The same architecture with other weights."""
    model = zoo.load(tiny, device="cpu")
    for parameter in model.network.parameters():
        parameter.data.add_(0.125)
    return zoo.save(model, tmp_path / "other")


@pytest.fixture
def login(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whoever asks is alice of acme."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return TOKEN


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--offline` sets a variable of the process: it goes with the test that said it."""
    for name in ("AEZOO_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "")


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client tries as often as it would, and does not wait between two tries."""
    from huggingface_hub import file_download
    from huggingface_hub.utils import _http

    without_sleep = SimpleNamespace(**{**vars(time), "sleep": lambda seconds: None})
    for module in (_http, file_download):
        monkeypatch.setattr(module, "time", without_sleep)


@pytest.fixture
def published(hub: Hub, built: Path) -> str:
    """The variational model as `acme/tiny`, tagged v1; its commit. Nobody pushed: no request was made."""
    return publish(hub, built / "variational")


def publish(hub: Hub, folder: Path, name: str = REPO, tag: str = "v1") -> str:
    """Put a folder on the Hub without a client."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    commit = hub.publish(name, files).oid
    if tag:
        hub.repository(name).refs[f"refs/tags/{tag}"] = commit
    return commit


def remote_files(hub: Hub, name: str = REPO, commit: str = "") -> dict[str, bytes]:
    """What the Hub holds."""
    repository = hub.repository(name)
    tree = (repository.commits[commit] if commit else repository.head).tree
    return {path: hub.read(entry) for path, entry in tree.items()}


def commits(hub: Hub, name: str = REPO) -> int:
    """How many commits a repository has, its first one not counted."""
    return len(hub.repository(name).commits) - 1


def store(homes: Path) -> list[str]:
    """All files and folders of the store, but for locks of files, which hold nothing."""
    root = homes / "aezoo" / "models"
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.name != ".lock")


def kept(homes: Path) -> list[str]:
    """The commits in the store."""
    return [path.name for path in (homes / "aezoo" / "models").glob("*/*/*") if len(path.name) == 40]


def outputs(model: Model) -> list[np.ndarray[Any, Any]]:
    """All that a model gives, of fixed inputs."""
    shape = model.spec.input.shape
    data = np.random.default_rng(0).random((5, *shape), dtype="float32")
    codes = model.encode(data)
    values = [np.asarray(codes), np.asarray(model.decode(codes)), np.asarray(model.reconstruct(data))]
    return [*values, np.asarray(model.sample(4, seed=1))] if model.network.prior is not None else values


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Processes of their own, at the price of a fork: torch is imported once."""
    with Forks() as forks:
        yield forks


# --- without a network -----------------------------------------------------------------------------------

_GUARDED: list[str] = []
_WATCHED = ("socket.__new__", "socket.connect", "socket.getaddrinfo", "socket.bind")


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if _GUARDED and event in _WATCHED:
        raise AssertionError(f"{event} while the network is off")


@pytest.fixture
def no_sockets_later() -> Iterator[list[str]]:
    """Once something is in this list, to open a socket in this process is an error."""
    if _watch not in _HOOKED:
        sys.addaudithook(_watch)
        _HOOKED.append(_watch)
    yield _GUARDED
    _GUARDED.clear()


@pytest.fixture
def no_sockets(no_sockets_later: list[str]) -> None:
    """To open a socket in this process is an error."""
    no_sockets_later.append("off")


_HOOKED: list[Any] = []


@pytest.fixture
def box(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of the one model in a box of the test's own, which lies in the wheel as any there."""
    place = tmp_path / "box"
    folder = Path(shutil.copytree(built / "variational", place / "tiny-box"))
    spec = read_manifest(folder)
    (folder / layout.CARD).write_text(written_card(folder, spec, "tiny-box"))
    files = tuple(layout.survey(folder).files)
    lockfile.write(folder, lockfile.Lock("tiny-box", "", lockfile.content_id(files), files))
    (place / "index.json").write_text(json.dumps({"tiny-box": described(folder, spec)}))
    monkeypatch.setattr(embedded, "FOLDER", place)
    monkeypatch.setattr(embedded, "INDEX", place / "index.json")
    embedded.index.cache_clear()
    yield "tiny-box"
    embedded.index.cache_clear()
