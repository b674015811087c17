"""Arrays in idx and HDF5 files: read as they were written, mapped where they lie in one piece."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

import aezoo
from aezoo.builtins import array_files, hdf5_files
from aezoo.builtins.arrays import ArraysSpec
from aezoo.data.batches import Batches
from aezoo.data.fingerprint import fingerprint
from aezoo.data.sources import open_samples
from aezoo.errors import DataError
from aezoo.spec.lazy import LazyArray

CODES = {8: "u1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
PIXELS = np.random.default_rng(0).integers(0, 256, (7, 4, 4), dtype=np.uint8)


def idx(array):
    """The bytes of an idx file, from its description: two zeros, type, axes, sizes, values, largest byte first."""
    code = next(code for code, kind in CODES.items() if np.dtype(kind) == array.dtype.newbyteorder(">"))
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(CODES[code]).tobytes()


@pytest.mark.parametrize(
    "name", ["train-images-idx3-ubyte", "train-images.idx3-ubyte", "x.idx", "x-idx3-ubyte.gz", "x.idx.gz"]
)
def test_idx_files_are_read_by_every_name_that_they_have(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(idx(PIXELS)) if name.endswith(".gz") else idx(PIXELS))
    spec = aezoo.read({"name": "t", "input": [1, 4, 4], "latent": {"type": "deterministic", "dim": 1}})
    samples = open_samples(path, spec)  # as --data names it
    assert samples.values.dtype == np.uint8
    assert np.array_equal(samples.values[:, 0], PIXELS)


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_idx_numbers_have_their_largest_byte_first(tmp_path, kind):
    values = np.random.default_rng(1).normal(size=(3, 2)).astype(kind)
    (tmp_path / "x.idx").write_bytes(idx(values))
    assert np.array_equal(ArraysSpec(path=str(tmp_path / "x.idx")).load().values, values)


def test_labels_stand_in_a_file_beside(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(PIXELS))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(PIXELS[:2]))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.arange(7, dtype=np.uint8))))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(np.array([4, 5], np.uint8)))
    data = {"type": "arrays", "path": str(tmp_path / "train-images-idx3-ubyte"), "labels": "train-labels-idx1-ubyte.gz"}
    test = {"path": str(tmp_path / "t10k-images-idx3-ubyte"), "labels": "t10k-labels-idx1-ubyte"}
    latent = {"type": "deterministic", "dim": 1}
    spec = aezoo.read({"name": "t", "input": [1, 4, 4], "latent": latent, "data": {**data, "test": test}})
    assert open_samples(None, spec).fields["label"].tolist() == [*range(7), 4, 5]
    with pytest.raises(DataError, match=r"labels 'train-labels-idx1-ubyte\.gz' are uint8 .*not 2 integers"):
        ArraysSpec(path=test["path"], labels="train-labels-idx1-ubyte.gz").load()
    with pytest.raises(DataError, match=r"holds no array 'nothing\.idx'"):
        ArraysSpec(path=test["path"], labels="nothing.idx").load()
    # The labels beside are those of the training set: new samples, in whichever folder, come without.
    assert open_samples(test["path"], spec).fields.keys() == set()
    assert (
        "label"
        not in open_samples(
            None, spec_without := aezoo.read({**spec.document(), "data": {**data, "test": {"path": test["path"]}}})
        ).fields
    )
    assert spec_without.data.at(tmp_path / "t10k-images-idx3-ubyte").labels is None
    other = tmp_path / "test"
    other.mkdir()
    (other / "images.idx").write_bytes(idx(PIXELS[:2]))
    (other / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.array([6, 5], np.uint8))))
    in_folder = aezoo.read({**spec.document(), "data": {**data, "test": {"path": str(other / "images.idx")}}})
    assert open_samples(None, in_folder).fields["label"].tolist() == [*range(7), 6, 5]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda raw: raw[:-1], "its header announces 112 bytes, 111 follow"),
        (lambda raw: raw + b"x", "its header announces 112 bytes, (113|more) follow"),
        (lambda raw: b"\1" + raw[1:], "is no idx file"),
        (lambda raw: raw[:2] + b"\7" + raw[3:], "is no idx file"),
        (lambda raw: raw[:3], "cannot be read"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_damaged_idx_file_is_refused(tmp_path, spoil, message, suffix):
    raw = spoil(idx(PIXELS))
    (tmp_path / f"x.idx{suffix}").write_bytes(gzip.compress(raw) if suffix else raw)
    with pytest.raises(DataError, match=message):
        ArraysSpec(path=str(tmp_path / f"x.idx{suffix}")).load()


# --- HDF5 ---------------------------------------------------------------------------------------------------


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


def test_a_dataset_in_one_piece_is_mapped_and_the_others_are_fields(tmp_path, h5py):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["set/images"] = PIXELS
        file["set/labels"] = np.arange(7)
        file["weight"] = np.linspace(0, 1, 7)
    data = ArraysSpec(path=str(tmp_path / "a.h5"), key="set/images", labels="set/labels")
    samples = data.load()
    assert isinstance(samples.values, np.memmap)
    assert np.array_equal(samples.values, PIXELS)
    assert samples.labels.tolist() == [*range(7)]
    assert samples.fields["weight"].tolist() == np.linspace(0, 1, 7).tolist()
    with pytest.raises(DataError, match="holds 3 arrays: set/images, set/labels, weight"):
        ArraysSpec(path=str(tmp_path / "a.h5")).load()


@pytest.mark.parametrize("options", [{}, {"userblock_size": 512}, {"libver": "latest"}])
def test_where_a_file_begins_does_not_matter(tmp_path, h5py, options):
    with h5py.File(tmp_path / "a.h5", "w", **options) as file:
        file["x"] = np.arange(12, dtype=">f4").reshape(6, 2)
    assert (
        np.asarray(ArraysSpec(path=str(tmp_path / "a.h5")).load().values).tolist()
        == np.arange(12).reshape(6, 2).tolist()
    )


def test_chunks_are_held_or_read_block_by_block_with_the_same_batches(tmp_path, h5py, monkeypatch):
    values = np.random.default_rng(0).normal(size=(50, 3)).astype("f4")
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.create_dataset("x", data=values, chunks=(4, 3), compression="gzip")
    spec = aezoo.read({"name": "t", "input": [3], "latent": {"type": "deterministic", "dim": 1}})
    held = open_samples(tmp_path / "a.hdf5", spec)
    assert isinstance(held.values, np.ndarray)
    monkeypatch.setattr(hdf5_files, "IN_MEMORY", 0)
    monkeypatch.setattr(hdf5_files, "BLOCK", 100)
    lazy = open_samples(tmp_path / "a.hdf5", spec)
    assert isinstance(lazy.values, LazyArray)
    assert lazy.values.blocks.tolist() == [*range(0, 50, 8)]
    assert np.array_equal(lazy.values[:], values)
    for samples in (held, lazy):
        batches = Batches(samples, spec, workers=2)
        assert np.array_equal(np.concatenate([batch.x.numpy() for batch in batches.sequential(7)]), values)
        order = np.concatenate([batch.x.numpy() for batch in batches.epoch(0, 7, 0)])
        assert sorted(order[:, 0]) == sorted(values[:, 0])
    assert fingerprint(lazy) == fingerprint(open_samples(tmp_path / "a.hdf5", spec))


def test_a_damaged_hdf5_file_and_types_of_no_numbers_are_refused(tmp_path, h5py, monkeypatch):
    (tmp_path / "a.h5").write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"a\.h5: cannot be read"):
        ArraysSpec(path=str(tmp_path / "a.h5")).load()
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"] = ["a", "b"]
    with pytest.raises(DataError, match=r"b\.h5: values are object"):
        ArraysSpec(path=str(tmp_path / "b.h5")).load()
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(DataError, match="is read by h5py, which is not installed") as missing:
        ArraysSpec(path=str(tmp_path / "b.h5")).load()
    assert missing.value.hint == "pip install 'aezoo[hdf5]'"


def test_every_ending_that_is_read_is_known():
    assert {*ArraysSpec.suffixes} == {*array_files.SUFFIXES}
