"""Shards of WebDataset: which members are a sample, what is read of them, and what is refused."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

import aezoo
from aezoo.builtins import tar_files, webdataset
from aezoo.builtins.tar_files import index_of
from aezoo.builtins.webdataset import WebDatasetSpec
from aezoo.data.batches import Batches
from aezoo.data.fingerprint import fingerprint
from aezoo.data.sources import open_samples
from aezoo.data.splits import split
from aezoo.errors import DataError, DataWarning
from aezoo.spec.lazy import LazyArray

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 4, 6), dtype=np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AEZOO_HOME", str(tmp_path / "home"))


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "png")
    return out.getvalue()


def gif():
    out = io.BytesIO()
    Image.new("L", (6, 4)).save(out, "gif", save_all=True, append_images=[Image.new("L", (6, 4), 255)])
    return out.getvalue()


def tar(path, members, mode="w"):
    with tarfile.open(path, mode) as file:
        for name, content in members:
            content = content if isinstance(content, bytes) else str(content).encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return str(path)


def numbered(rows, label=lambda row: row % 3):
    for row in rows:
        yield f"{row:03}.png", png(PIXELS[row])
        yield f"{row:03}.cls", label(row)


def test_members_of_one_name_are_a_sample(tmp_path):
    path = tar(tmp_path / "a.tar", [("readme", "no sample"), *numbered(range(9))])
    samples = WebDatasetSpec(path=path).load()
    assert np.array_equal(samples.values[:, 0], PIXELS)
    assert samples.labels.tolist() == [row % 3 for row in range(9)]
    assert samples.names[4] == "004"
    few = WebDatasetSpec(path=path, limit=3).load()
    assert (list(few.names), few.labels.tolist()) == (["000", "003", "006"], [0, 0, 0])


def test_shards_are_joined_in_the_order_of_their_numbers(tmp_path):
    (tmp_path / "s").mkdir()
    tar(tmp_path / "s" / "10.tar", numbered(range(6, 9)))
    tar(tmp_path / "s" / "2.tar", numbered(range(6)))
    spec = aezoo.read({"name": "t", "input": [1, 4, 6], "latent": {"type": "deterministic", "dim": 1}})
    samples = open_samples(tmp_path / "s", spec)  # as --data names the folder
    assert np.array_equal(samples.values[:, 0], PIXELS)
    assert [samples.names[row] for row in (0, 8)] == ["2.tar/000", "10.tar/008"]


def test_words_are_classes_that_a_model_keeps(tmp_path):
    path = tar(tmp_path / "a.tar", numbered(range(3), lambda row: ["dog", "cat", "dog"][row]))
    samples = WebDatasetSpec(path=path).load()
    assert samples.labels.tolist() == [1, 0, 1]
    assert samples.settings == {"classes": ("cat", "dog")}
    assert WebDatasetSpec(path=path, classes=("dog", "cow")).load().labels.tolist() == [0, 2, 0]


def test_a_key_of_json_is_a_label_a_group_or_a_time(tmp_path):
    members = [
        member
        for row in range(9)
        for member in (
            (f"x/{row}.jpg.png", png(PIXELS[row])),
            (f"x/{row}.json", json.dumps({"label": row // 2, "who": f"p{row // 3}", "at": f"2026-01-{20 - row}"})),
        )
    ]
    path = tar(tmp_path / "a.tar", members)
    data = WebDatasetSpec(path=path, label="label", group="who", image="jpg.png")
    samples = data.load()
    assert samples.labels.tolist() == [row // 2 for row in range(9)]
    assert samples.groups.tolist() == [row // 3 for row in range(9)]
    assert samples.names[0] == "x/0"
    by_time = WebDatasetSpec(path=path, time="at", image="jpg.png", validation=0.0, test=0.34)
    assert split(by_time.load(), by_time)["test"].tolist() == [0, 1, 2]
    with pytest.raises(DataError, match=r"x/0\.json: has no key 'kind'"):
        data.model_copy(update={"label": "kind"}).load()
    none = tar(tmp_path / "none.tar", [("0.png", png(PIXELS[0])), ("0.json", '{"who": null, "label": null}')])
    for key, name in (("group", "who"), ("label", "label")):
        with pytest.raises(DataError, match=rf"0\.json: '{name}' is null"):
            WebDatasetSpec(path=none, **{key: name}).load()
    plain = tar(tmp_path / "plain.tar", [("0.png", png(PIXELS[0]))])
    other = data.model_copy(update={"image": "png"}).at(tmp_path / "plain.tar")
    assert (other.label, other.group, other.path) == (None, None, plain)


def test_large_shards_are_decoded_as_they_are_needed_with_the_same_batches(tmp_path, monkeypatch):
    path = tar(tmp_path / "a.tar", numbered(range(9)))
    spec = aezoo.read({"name": "t", "input": [1, 4, 6], "latent": {"type": "deterministic", "dim": 1}})
    held = open_samples(path, spec)
    monkeypatch.setattr(webdataset, "IN_MEMORY", 0)
    lazy = open_samples(path, spec)
    assert isinstance(held.values, np.ndarray)
    assert isinstance(lazy.values, LazyArray)
    batches = [Batches(samples, spec, np.arange(8), workers=2).epoch(0, 3, 0) for samples in (held, lazy)]
    assert all(bool((one.x == other.x).all()) for one, other in zip(*batches, strict=True))
    before = fingerprint(lazy)
    assert fingerprint(open_samples(path, spec)) == before
    tar(tmp_path / "a.tar", numbered(range(9), lambda row: 1))
    with pytest.raises(DataError, match=r"a\.tar: was changed since it was indexed"):
        lazy.values[0]
    assert fingerprint(open_samples(path, spec)) != before


def test_the_members_are_looked_up_once(tmp_path, monkeypatch):
    path = tmp_path / "a.tar"
    tar(path, numbered(range(9)))
    first = index_of(path)
    monkeypatch.setattr(tar_files, "_members", lambda path: pytest.fail("the members are known"))
    again = index_of(path)
    assert again._replace(members=None) == first._replace(members=None)
    assert np.array_equal(again.members, first.members)
    monkeypatch.undo()
    for kept in (tmp_path / "home").rglob("*.npz"):
        kept.write_bytes(b"damaged")
    monkeypatch.setenv("AEZOO_HOME", str(tmp_path / "home"))
    assert index_of(path).keys == first.keys


def test_damaged_images_are_refused_by_name_or_left_out_and_counted(tmp_path):
    path = tar(tmp_path / "a.tar", [("0.png", b"none"), ("0.cls", 1), *numbered(range(1, 4))])
    with pytest.raises(DataError, match=r"a\.tar/0\.png: cannot be read"):
        WebDatasetSpec(path=path).load(shape=(1, 4, 6))
    with pytest.warns(
        DataWarning, match=r"1 of 4 images cannot be decoded and are left out, the first: .*a\.tar/0\.png"
    ):
        samples = WebDatasetSpec(path=path, on_bad_sample="skip").load()
    assert np.array_equal(samples.values[:, 0], PIXELS[1:4])
    assert samples.labels.tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("a.txt", "x")], r"which members are the images is not said; their endings: txt"),
        (
            [("a.png", png(PIXELS[0])), ("a.jpg", b"")],
            r"which members are the images is not said; their endings: png, jpg",
        ),
        (
            [("a.png", png(PIXELS[0])), ("b.cls", 1), ("c.cls", 1)],
            r"b\.png: the sample has no such member, nor have 1 more",
        ),
        ([("a.png", png(PIXELS[0])), ("b.png", png(PIXELS[0])), ("b.cls", 1)], r"a\.cls: is not there, as for other"),
        ([("a.png", png(PIXELS[0])), ("a.png", png(PIXELS[0]))], r"holds a\.png more than once"),
        ([("a.png", png(PIXELS[0])), ("a.cls", b"\xff")], r"a\.cls: is no text of UTF-8"),
        ([("a.png", png(PIXELS[0])), ("a.cls", "")], r"sample 0, column 'cls': no label"),
        ([("a.gif", gif())], r"a\.gif: holds 2 frames; a sample is one image"),
        ([], r"which members are the images is not said; their endings: none"),
    ],
)
def test_what_is_no_set_of_samples_is_refused(tmp_path, members, message):
    path = tar(tmp_path / "a.tar", members)
    with pytest.raises(DataError, match=message):
        WebDatasetSpec(path=path).load()


def test_compressed_and_cut_shards_are_refused(tmp_path):
    path = tar(tmp_path / "a.tar", numbered(range(9)), mode="w:gz")
    with pytest.raises(DataError, match=r"a\.tar: is no plain tar file") as refused:
        WebDatasetSpec(path=path).load()
    assert "decompress it first" in refused.value.hint


@pytest.mark.parametrize("left", [100, 512, 600, 1100, 1600])
def test_a_shard_that_was_cut_is_never_read_as_a_smaller_one(tmp_path, left):
    tar(tmp_path / "a.tar", numbered(range(3)))
    whole = (tmp_path / "a.tar").read_bytes()
    start = int(index_of(tmp_path / "a.tar").members[-2, 2])  # of the last image
    (tmp_path / "b.tar").write_bytes(whole[: start - 512 + left])
    with pytest.raises(DataError, match=r"b\.tar"):
        WebDatasetSpec(path=str(tmp_path / "b.tar")).load()


def test_a_shard_without_an_end_is_told(tmp_path):
    path = tar(tmp_path / "a.tar", numbered(range(2)))
    whole, index = (tmp_path / "a.tar").read_bytes(), index_of(tmp_path / "a.tar")
    (tmp_path / "a.tar").write_bytes(whole[: int(index.members[-1, 2]) + 512])
    with pytest.warns(DataWarning, match="has no empty block at its end"):
        assert len(WebDatasetSpec(path=path).load()) == 2
