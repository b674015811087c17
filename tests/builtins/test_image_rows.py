"""Images that are decoded as they are needed are those that are held; the index knows what changed."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import aezoo
from aezoo.builtins import image_files, image_index
from aezoo.builtins.image_files import ImagesSpec
from aezoo.builtins.image_rows import ImageRows
from aezoo.data.fingerprint import fingerprint
from aezoo.errors import DataError, DataWarning


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("AEZOO_HOME", str(folder))
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder, rng = tmp_path / "photos", np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(0, 256, (6, 8, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def test_images_are_the_same_held_or_decoded_when_needed(photos) -> None:
    held = ImagesSpec(path=str(photos)).load()
    lazy = ImagesSpec(path=str(photos), in_memory=False).load()
    assert isinstance(held.values, np.ndarray)
    assert isinstance(lazy.values, ImageRows)
    np.testing.assert_array_equal(lazy.values[:], held.values)
    assert [*lazy.names] == [*held.names]
    assert lazy.labels.tolist() == held.labels.tolist() == [0] * 10 + [1] * 10


def test_a_folder_of_more_than_the_limit_is_not_held(photos, monkeypatch) -> None:
    monkeypatch.setattr(image_files, "IN_MEMORY", 100)
    assert isinstance(ImagesSpec(path=str(photos)).load(shape=(3, 6, 8)).values, ImageRows)
    assert isinstance(ImagesSpec(path=str(photos)).load().values, ImageRows)
    assert isinstance(ImagesSpec(path=str(photos), in_memory=True).load().values, np.ndarray)


def spec(photos, **settings):
    document = {"name": "photos", "input": [3, 6, 8], "latent": {"type": "deterministic", "dim": 2}}
    layers = [{"type": "flatten"}, {"type": "linear", "features": 4}]
    training = {"batch_size": 4, "steps": 7}
    data = {"type": "images", "path": str(photos), **settings}
    return aezoo.read({**document, "encoder": layers, "likelihood": "mse", "training": training, "data": data})


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_run_has_the_weights_and_scores_of_held_images_with_any_number_of_workers(photos, workers) -> None:
    held = aezoo.train(spec(photos))
    lazy = aezoo.train(spec(photos, in_memory=False), workers=workers)
    expected = held.model.network.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in lazy.model.network.state_dict().items())
    assert lazy.scores.metrics == held.scores.metrics
    codes = lazy.model.encode(photos, batch_size=3)
    np.testing.assert_array_equal(codes, held.model.encode(photos, batch_size=3))


def test_headers_are_read_once_and_again_where_a_file_changed(photos, monkeypatch) -> None:
    looked = []
    header = image_files._header
    monkeypatch.setattr(image_files, "_header", lambda path: looked.append(path) or header(path))
    dataset = ImagesSpec(path=str(photos), in_memory=False)
    dataset.load()
    assert len(looked) == 20
    dataset.load()
    assert len(looked) == 20
    Image.new("RGB", (8, 6), (1, 2, 3)).save(photos / "b" / "3.png")
    dataset.load()
    assert looked[20:] == [photos / "b" / "3.png"]


def test_a_damaged_index_is_made_anew(photos, cache) -> None:
    dataset = ImagesSpec(path=str(photos), in_memory=False)
    dataset.load()
    (file,) = (cache / "indexes").iterdir()
    file.write_bytes(b"nonsense")
    assert len(dataset.load()) == 20
    assert file.stat().st_size > 100


def test_without_a_folder_to_keep_it_in_there_is_an_index_nonetheless(photos, monkeypatch) -> None:
    monkeypatch.setenv("AEZOO_HOME", "/dev/null/nowhere")
    assert len(ImagesSpec(path=str(photos), in_memory=False).load()) == 20


def test_an_image_of_another_size_is_refused_before_anything_is_decoded(photos, monkeypatch) -> None:
    Image.new("RGB", (9, 6)).save(photos / "a" / "x.png")
    Image.new("RGB", (9, 7)).save(photos / "a" / "y.png")
    monkeypatch.setattr(ImagesSpec, "_pixels", None)
    message = r"x\.png: is 9 wide and 6 high, not 8 wide and 6 high, as are 1 more of another size"
    with pytest.raises(DataError, match=message):
        ImagesSpec(path=str(photos), in_memory=False).load(shape=(3, 6, 8))


def test_an_image_that_changes_after_it_was_indexed_is_refused_by_name(photos) -> None:
    values = ImagesSpec(path=str(photos), in_memory=False).load().values
    os.utime(photos / "a" / "1.png", ns=(1, 1))
    with pytest.raises(DataError, match=r"1\.png: was changed since the folder was read"):
        values[:3]
    (photos / "a" / "2.png").unlink()
    with pytest.raises(DataError, match=r"2\.png: cannot be read any more"):
        values[2]


def test_the_fingerprint_follows_names_sizes_times_and_settings(photos) -> None:
    dataset = ImagesSpec(path=str(photos), in_memory=False)
    first = fingerprint(dataset.load())
    assert fingerprint(dataset.load()) == first
    assert fingerprint(dataset.model_copy(update={"resize": "fit"}).load()) != first
    os.utime(photos / "a" / "1.png", ns=(1, 1))
    assert fingerprint(dataset.load()) != first


@pytest.mark.parametrize("in_memory", [True, False])
def test_damaged_images_are_refused_by_name_or_left_out_and_counted(photos, in_memory) -> None:
    damage(photos / "a" / "1.png")
    damage(photos / "b" / "2.png")
    dataset = ImagesSpec(path=str(photos), in_memory=in_memory)
    with pytest.raises(DataError, match=r"1\.png"):
        dataset.load().values[:]
    skipping = dataset.model_copy(update={"on_bad_sample": "skip"})
    with pytest.warns(DataWarning, match=r"2 of 20 images cannot be decoded and are left out, the first: .*1\.png"):
        samples = skipping.load()
    assert len(samples) == len(samples.names) == len(samples.labels) == len(samples.values[:]) == 18
    assert samples.labels.sum() == 9
    for path in photos.rglob("*.png"):
        damage(path) if path.stat().st_size > 60 else None
    with pytest.raises(DataError, match="none of 20 images can be decoded"):
        skipping.load()


def test_an_image_of_another_size_is_no_damaged_one(photos) -> None:
    Image.new("RGB", (9, 6)).save(photos / "a" / "x.png")
    with pytest.raises(DataError, match="is 9 wide"):
        ImagesSpec(path=str(photos), on_bad_sample="skip").load(shape=(3, 6, 8))


def test_a_grey_folder_is_grey(tmp_path) -> None:
    for number in range(3):
        Image.new("L", (5, 4), number).save(tmp_path / f"{number}.png")
    with warnings.catch_warnings():
        samples = ImagesSpec(path=str(tmp_path), in_memory=False).load()
    assert samples.shape == (1, 4, 5)
    assert samples.values[:, 0, 0, 0].tolist() == [0, 1, 2]


def test_the_index_holds_what_the_system_says_of_a_file(photos) -> None:
    stat = (photos / "a" / "0.png").stat()
    assert image_index.stat_of(photos / "a" / "0.png") == (stat.st_size, stat.st_mtime_ns)
