"""The models in the box: whole, true to their specs and their figures, and there without a network."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aezoo
from aezoo.cli import main
from aezoo.errors import NotFound, UsageError
from aezoo.reading.bundled import bundled_specs
from aezoo.storage import layout, lockfile
from aezoo.storage.front_matter import FAMILIES
from aezoo.storage.model_files import ModelFiles
from aezoo.storage.verification import examine
from aezoo.zoo import embedded
from aezoo.zoo.listing import described, listed
from aezoo.zoo.pushing import written_card

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = embedded.names()
MOST = 8_000_000


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of the test's own, and no network."""
    monkeypatch.setenv("AEZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AEZOO_OFFLINE", "1")
    return tmp_path / "home"


def printed(*words: str) -> Any:
    """What the command line prints, as JSON."""
    done = subprocess.run([sys.executable, "-m", "aezoo", *words, "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


# --- what is in the box ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_model_passes_every_check_and_is_of_the_bundled_spec_of_its_name(name: str) -> None:
    folder = embedded.folder(name)
    lock = lockfile.verify(folder)
    assert lock is not None
    assert (lock.source, lock.commit) == (name, lockfile.content_id(lock.files))
    spec = examine(ModelFiles(folder)).spec
    assert spec == aezoo.read(name)
    assert spec.license


@pytest.mark.parametrize("name", NAMES)
def test_its_metrics_are_what_an_evaluation_finds(name: str) -> None:
    noted = json.loads((embedded.folder(name) / layout.METRICS).read_text())
    scores = aezoo.evaluate(aezoo.load(name, device="cpu"))
    assert (scores.dataset, scores.split, scores.n) == (noted["dataset"], noted["split"], noted["n"])
    assert scores.metrics.keys() == noted["metrics"].keys()
    for metric, value in noted["metrics"].items():
        # Another processor sums in another order: float32 over a thousand samples keeps five digits or so.
        assert math.isclose(scores.metrics[metric], value, rel_tol=1e-3, abs_tol=1e-3), metric


@pytest.mark.parametrize("name", NAMES)
def test_its_card_and_its_row_are_made_from_what_stands_in_its_folder(name: str) -> None:
    folder, spec = embedded.folder(name), aezoo.read(name)
    assert (folder / layout.CARD).read_text(encoding="utf-8") == written_card(folder, spec, name)
    assert embedded.index()[name] == {**described(folder, spec), "command": f"aezoo train {name}"}


#: Families that have a spec and no model in the package.
WITHOUT_MODEL = {"conditional", "hierarchical"}


def test_every_other_family_has_a_model_and_so_has_a_mixture() -> None:
    families = [row["family"].split() for row in embedded.index().values()]
    assert {family for row in families for family in row} == {*FAMILIES} - WITHOUT_MODEL
    assert any(len(row) > 2 for row in families)
    folders = {path.parent.name for name, path in bundled_specs().items() if name in NAMES}
    assert folders == {path.name for path in (ROOT / "specs").iterdir()} - WITHOUT_MODEL


def test_the_wheel_holds_them_all_and_they_are_small(tmp_path: Path) -> None:
    command = ["wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    subprocess.run([sys.executable, "-m", "pip", *command], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        sizes = {one.filename: one.file_size for one in opened.infolist() if "zoo/models/" in one.filename}
    here = {path.relative_to(ROOT).as_posix() for path in embedded.FOLDER.rglob("*") if path.is_file()}
    assert sizes.keys() == here
    assert sum(sizes.values()) < MOST


# --- without a network -----------------------------------------------------------------------------------


def test_they_are_pulled_without_a_network_a_client_or_torch(home: Path) -> None:
    code = (
        "import sys, aezoo\nprint(aezoo.pull('vae-mnist'))\n"
        "print(*(m for m in ('torch', 'huggingface_hub', 'numpy') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    folder, woken = done.stdout.splitlines()
    assert woken == ""
    assert Path(folder).is_relative_to(home)
    assert lockfile.verify(Path(folder)) == lockfile.read(embedded.folder("vae-mnist"))


def test_what_is_pulled_is_the_same_folder_each_time_and_loads_to_the_same_bits() -> None:
    folder = aezoo.pull("ae-mnist")
    assert aezoo.pull("ae-mnist") == folder
    x = np.random.default_rng(0).random((3, 1, 28, 28), dtype=np.float32)
    kept, pulled = aezoo.load("ae-mnist", device="cpu"), aezoo.load(folder, device="cpu")
    np.testing.assert_array_equal(kept.encode(x), pulled.encode(x))


def test_a_copy_is_made_where_it_is_wanted(tmp_path: Path) -> None:
    copy = aezoo.pull("ae-mnist", to=tmp_path / "mine")
    assert copy == tmp_path / "mine"
    assert lockfile.verify(copy) is not None
    assert {path.name for path in copy.iterdir()} >= {"config.json", "model.safetensors", "README.md", lockfile.NAME}


def test_a_name_misspelt_is_answered_with_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        aezoo.load("vae-mnits")
    assert caught.value.hint == "did you mean 'vae-mnist'?"
    with pytest.raises(UsageError, match="has no revisions"):
        aezoo.load("vae-mnist@v1")


def test_a_folder_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    aezoo.pull("ae-mnist", to=tmp_path / "vae-mnist")
    assert aezoo.load("vae-mnist", device="cpu").spec.name == "ae-mnist"


# --- the command line ------------------------------------------------------------------------------------


def test_list_tells_all_that_is_asked_of_it() -> None:
    rows = {row["name"]: row for row in printed("list", "models")["models"]}
    assert [*rows] == NAMES
    row = rows["vae-mnist"]
    assert row["input"] == [1, 28, 28]
    assert row["parameters"] == aezoo.read("vae-mnist").parameters
    assert (row["license"], row["where"], row["metric"]) == ("apache-2.0", "embedded", "fvu")
    assert row["family"] == "convolutional variational"
    assert 0 < row["value"] < 1


def test_a_pulled_one_is_not_listed_twice() -> None:
    aezoo.pull("ae-mnist")
    assert [row.name for row in listed()].count("ae-mnist") == 1


def test_show_tells_layers_and_what_the_model_reaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leave:
        main(["show", "vae-mnist"])
    out = capsys.readouterr().out
    assert not leave.value.code
    assert "encoder.0" in out
    assert "digits, test split, 1000 samples" in out
    assert "licence: apache-2.0" in out
    with pytest.raises(SystemExit):
        main(["show", "vae-mnist", "--card"])
    assert 'aezoo.load("vae-mnist")' in capsys.readouterr().out


def test_with_something_to_set_the_spec_of_that_name_is_meant() -> None:
    assert printed("show", "vae-mnist", "--set", "latent.dim=3")["code"] == [3]
    assert "model" in printed("show", "vae-mnist")


def test_models_in_the_box_are_put_to_use_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leave:
        main(["sample", "vae-mnist", "--count", "4", "--out", str(tmp_path / "digits.npy")])
    assert not leave.value.code, capsys.readouterr().err
    assert np.load(tmp_path / "digits.npy").shape == (4, 1, 28, 28)


@pytest.mark.parametrize("name", NAMES)
def test_the_docs_tell_of_it_what_its_folder_does(name: str) -> None:
    page = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |") and line.count("|") == 7]
    metrics = json.loads((embedded.folder(name) / layout.METRICS).read_text())["metrics"]
    error = metrics.get("denoising_squared_error", metrics["squared_error"])
    index = embedded.index()[name]
    assert f"| {index['parameters']:,} | {index['size']:,} | {error:.2f} |" in row
