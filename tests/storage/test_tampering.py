"""A folder that somebody else had a hand in: locks that are gone, halves of characters, paths that lead outside."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aezoo
from aezoo.cli import spec_source
from aezoo.data import pulled_paths
from aezoo.errors import AezooError, NotFound, Refused
from aezoo.files import cache_folder, digest_of, expanded
from aezoo.spec.limits import DEFAULT_LIMITS
from aezoo.storage import lockfile
from aezoo.zoo import cache, embedded, pushing

BOXED = embedded.names()[0]
HALF = "\ud800"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AEZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def shown(folder: Path) -> object:
    return spec_source.read_spec(str(folder), limits=DEFAULT_LIMITS)


def published(folder: Path) -> object:
    return pushing.plan(folder, "acme/tiny", keep_paths=True)


READERS = {"load": aezoo.load, "show": shown, "push": published}


# --- locks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", READERS)
def test_a_folder_of_the_store_that_lost_its_lock_is_refused_by_every_reader(reader: str) -> None:
    folder = aezoo.pull(BOXED)
    (folder / lockfile.NAME).unlink()
    with pytest.raises(Refused, match=r"aezoo\.lock\.json is missing") as caught:
        READERS[reader](folder)
    assert caught.value.hint == f"remove {folder} and pull the model again"
    shutil.rmtree(folder)
    assert READERS["load"](aezoo.pull(BOXED))


def folder_there(path: Path) -> None:
    path.mkdir()


def link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def link_to_itself(path: Path) -> None:
    path.with_name("other.json").write_bytes(lock_text)
    path.symlink_to("other.json")


lock_text = (embedded.folder(BOXED) / lockfile.NAME).read_bytes()
KINDS: list[Callable[[Path], Any]] = [folder_there, link_to_nowhere, link_to_itself]
KINDS += [os.mkfifo] if hasattr(os, "mkfifo") else []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_lock_that_is_no_file_is_refused_by_every_reader_and_none_waits_for_it(
    tmp_path: Path, kind: Callable[[Path], Any]
) -> None:
    folder = aezoo.pull(BOXED, to=tmp_path / "copy")
    (folder / lockfile.NAME).unlink()
    kind(folder / lockfile.NAME)
    for read in (aezoo.load, lockfile.read, lockfile.verify):
        with pytest.raises(Refused, match="is no regular file"):
            read(folder)
    with pytest.raises(Refused):
        published(folder)


def test_a_model_of_the_store_that_lost_its_lock_is_fetched_again_by_its_name() -> None:
    folder = aezoo.pull(BOXED)
    (folder / lockfile.NAME).unlink()
    assert lockfile.verify(aezoo.pull(BOXED)) is not None


# --- halves of characters ----------------------------------------------------------------------------------


def saved(tmp_path: Path) -> Path:
    spec = {"name": "s", "input": [6], "latent": {"type": "deterministic", "dim": 2}, "license": "mit"}
    model = aezoo.build(spec)
    return aezoo.save(model, tmp_path / "m", scores=aezoo.evaluate(model, np.random.default_rng(0).random((50, 6))))


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def rewrite_header(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "model.safetensors"
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    change(header)
    packed = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + raw[8 + length :])
    rewrite(folder / "config.json", lambda document: document["weights"].update(sha256=digest_of(path)))


EMPTY = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
HALVES: dict[str, Callable[[Path], object]] = {
    "the header's spec": lambda m: rewrite_header(m, lambda d: d["__metadata__"].update(aezoo=HALF)),
    "the header's keys": lambda m: rewrite_header(m, lambda d: d["__metadata__"].update({HALF: ""})),
    "a tensor's name": lambda m: rewrite_header(m, lambda d: d.update({HALF: EMPTY})),
    "the spec": lambda m: rewrite(m / "config.json", lambda d: d["spec"].update(description=HALF)),
    "a key of the spec": lambda m: rewrite(m / "config.json", lambda d: d["spec"].update({HALF: 1})),
    "a part's name": lambda m: rewrite(m / "config.json", lambda d: d["spec"]["latent"].update(type=f"{HALF}:x")),
    "a fingerprint": lambda m: rewrite(m / "config.json", lambda d: d["fingerprints"].update(arch=HALF)),
    "the noted hash": lambda m: rewrite(m / "config.json", lambda d: d["weights"].update(sha256=HALF)),
    "a metric": lambda m: rewrite(m / "metrics.json", lambda d: d["metrics"].update({HALF: 1.0})),
    "a data set": lambda m: rewrite(m / "metrics.json", lambda d: d.update(dataset=HALF)),
    "the record": lambda m: (m / "training.json").write_text(json.dumps({"device": HALF})),
    "the lock": lambda m: (m / lockfile.NAME).write_text(json.dumps({"lock": 1, "digest": "", "source": HALF})),
}


@pytest.mark.parametrize("place", HALVES)
def test_half_of_a_character_is_refused_in_words_wherever_it_stands(tmp_path: Path, place: str) -> None:
    folder = saved(tmp_path)
    HALVES[place](folder)
    with pytest.raises(AezooError) as caught:
        published(folder)
    assert str(caught.value).isprintable()
    if place not in ("a metric", "a data set", "the record"):
        with pytest.raises(AezooError):
            aezoo.load(folder)


# --- paths that lead outside -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("/etc/x.npy", True),
        ("../x.npy", True),
        ("a/../../x.npy", True),
        ("~/x.npy", True),
        ("~root/x.npy", True),
        ("C:\\x.npy", True),
        ("\\\\host\\x.npy", True),
        ("..\\x.npy", True),
        ("x.npy", False),
        ("data/x.npy", False),
        ("a..b/x.npy", False),
        ("./x.npy", False),
    ],
)
def test_a_path_leads_out_of_the_working_folder_or_does_not(path: str, out: bool) -> None:
    assert pulled_paths.leads_out(path) == out


def stranger(tmp_path: Path, path: str, *, pulled: bool) -> Path:
    spec = {
        "name": "s",
        "input": [6],
        "latent": {"type": "deterministic", "dim": 2},
        "data": {"type": "arrays", "path": path},
    }
    folder = aezoo.save(aezoo.build(spec), tmp_path / "m")
    if pulled:
        files = tuple(
            lockfile.File(name, (folder / name).stat().st_size, digest_of(folder / name))
            for name in ("config.json", "README.md", "model.safetensors")
        )
        lockfile.write(folder, lockfile.Lock("acme/s", "main", "0" * 40, files))
    return folder


def test_the_data_of_a_pulled_model_are_asked_for_where_they_lie_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.random.default_rng(0).normal(size=(60, 6)).astype("f4"))
    model = aezoo.load(stranger(tmp_path, str(tmp_path / "x.npy"), pulled=True))
    with pytest.raises(Refused, match="not opened, since its author wrote that") as caught:
        aezoo.evaluate(model)
    assert "--data FILE" in caught.value.hint
    assert aezoo.evaluate(model, "x.npy", split="all").n == 60
    from aezoo.cli import model_io

    with pytest.raises(Refused, match="not opened"):
        model_io.samples_for(model, None, "test")
    assert len(model_io.samples_for(model, Path("x.npy"), "test")) == 60


@pytest.mark.parametrize(("path", "pulled"), [("x.npy", True), ("x.npy", False), ("{here}/x.npy", False)])
def test_other_data_are_opened_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, pulled: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.random.default_rng(0).normal(size=(60, 6)).astype("f4"))
    model = aezoo.load(stranger(tmp_path, path.format(here=tmp_path), pulled=pulled))
    assert aezoo.evaluate(model).n == 6


# --- no home -----------------------------------------------------------------------------------------------


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "USERPROFILE", "HOMEPATH", "AEZOO_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it answers where nobody knows


@pytest.mark.usefixtures("homeless")
def test_where_nobody_says_which_folder_is_home_that_is_said(tmp_path: Path) -> None:
    for ask in (cache_folder, lambda: expanded(Path("~/x"))):
        with pytest.raises(NotFound, match="nobody says which folder ~ is") as caught:
            ask()
        assert caught.value.hint == "set HOME; AEZOO_HOME names the folder for models"
    assert cache.shelves() == []
    with pytest.raises(NotFound):
        aezoo.pull(BOXED)
    assert aezoo.load(BOXED)
    assert aezoo.load(saved(tmp_path))


@pytest.mark.skipif(not hasattr(os, "setuid") or os.getuid() != 0, reason="takes another user's number")
def test_a_user_without_a_home_or_a_name_gets_no_internal_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    code = (
        "import os, sys\nos.setgroups([]); os.setgid(54321); os.setuid(54321)\n"
        "from click.testing import CliRunner\nfrom aezoo.cli.failure import describe\nfrom aezoo.cli import group\n"
        "for words in (['list'], ['doctor'], ['show', sys.argv[1]], ['cache', 'ls'], ['pull', sys.argv[1]]):\n"
        "    done = CliRunner().invoke(group, words, standalone_mode=False)\n"
        "    print(words[0], describe(done.exception)[:2] if done.exception else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, BOXED], env={"PATH": os.environ["PATH"]}, cwd="/", capture_output=True, text=True
    )
    if "ModuleNotFoundError" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("this user may not read the interpreter's own folder")
    lines = done.stdout.splitlines()
    assert len(lines) == 5, done.stderr
    assert lines[:3] == ["list 0", "doctor 0", "show 0"]
    assert all("(3, " in line or line.endswith(" 0") for line in lines[3:]), lines
