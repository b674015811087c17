"""Parquet and Arrow: columns, lists, labels, gaps, shards; held or a block at a time."""

from __future__ import annotations

import builtins
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import aezoo
from aezoo.builtins import parquet as parquet_module
from aezoo.builtins import parquet_files
from aezoo.builtins.parquet import ParquetSpec
from aezoo.builtins.parquet_files import BlockRows
from aezoo.data.batches import Batches
from aezoo.data.sources import open_samples
from aezoo.errors import DataError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=60), RNG.integers(0, 9, 60)
KIND = ["x" if value > 0 else "a" for value in A]


def table(**more):
    return pa.table({"a": A, "kind": KIND, "b": B, **more})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    pq.write_table(table(), tmp_path / "t.parquet", row_group_size=7)
    return tmp_path / "t.parquet"


def test_numeric_columns_are_samples_and_words_a_label(path) -> None:
    samples = ParquetSpec(path=str(path), label="kind").load()
    np.testing.assert_array_equal(samples.values, np.stack([A, B], axis=1))
    assert samples.fields["label"].tolist() == [int(word == "x") for word in KIND]
    assert samples.settings["columns"] == ("a", "b")


def test_rows_are_the_same_held_or_read_in_blocks(path) -> None:
    held = ParquetSpec(path=str(path), label="kind").load()
    lazy = ParquetSpec(path=str(path), label="kind", in_memory=False).load()
    assert isinstance(lazy.values, BlockRows)
    assert lazy.values.blocks.tolist() == list(range(0, 60, 7))
    rows = RNG.permutation(60)
    np.testing.assert_array_equal(lazy.values[rows], held.values[rows])
    np.testing.assert_array_equal(lazy.values[5:23], held.values[5:23])


def test_few_blocks_are_held(path, monkeypatch) -> None:
    monkeypatch.setattr(parquet_files, "HELD", 2 * 7 * 16)
    values = ParquetSpec(path=str(path), label="kind", in_memory=False).load().values
    np.testing.assert_array_equal(values[:], np.stack([A, B], axis=1))
    assert len(values._held) == 2


def spec(path, **settings):
    document = {"name": "p", "input": [2], "latent": {"type": "deterministic", "dim": 1}, "likelihood": "mse"}
    training = {"batch_size": 8, "steps": 9}
    data = {"type": "parquet", "path": str(path), "label": "kind", **settings}
    return aezoo.read({**document, "encoder": [{"type": "linear", "features": 4}], "training": training, "data": data})


def test_a_run_in_blocks_does_not_depend_on_workers(path) -> None:
    runs = [aezoo.train(spec(path, in_memory=False), workers=workers) for workers in (0, 2)]
    first, second = (run.model.network.state_dict() for run in runs)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_each_row_comes_once_in_an_epoch_of_blocks(path) -> None:
    of_blocks = spec(path, in_memory=False)
    batches = Batches(of_blocks.data.load(), of_blocks)
    seen = torch.cat([batch.x for batch in batches.epoch(0, 8, 0)])
    assert sorted(seen[:, 0].tolist()) == sorted(A.astype(np.float32).tolist())


def test_a_model_reads_columns_of_another_file_by_their_names(path, tmp_path) -> None:
    model = aezoo.train(spec(path)).model
    pq.write_table(pa.table({"b": B, "more": A, "a": A}), tmp_path / "other.parquet")
    np.testing.assert_array_equal(model.encode(tmp_path / "other.parquet"), model.encode(np.stack([A, B], axis=1)))


def test_words_of_a_label_keep_the_numbers_that_a_model_knows(path, tmp_path) -> None:
    known = ParquetSpec(path=str(path), label="kind").load()
    assert known.settings["categories"] == {"kind": ("a", "x")}
    alone = pq.read_table(path).filter(pa.array([kind == "x" for kind in KIND]))
    pq.write_table(alone, tmp_path / "alone.parquet")
    later = ParquetSpec(path=str(tmp_path / "alone.parquet"), label="kind", categories={"kind": ["a", "x"]}).load()
    assert set(later.fields["label"].tolist()) == {1}
    with pytest.raises(DataError, match="column 'kind' holds 'x', which the model does not know"):
        ParquetSpec(path=str(path), label="kind", categories={"kind": ["a", "b"]}).load()


@pytest.mark.parametrize("held", [True, False])
def test_files_of_other_types_are_refused_in_one_folder(tmp_path, held) -> None:
    for name, kind in (("a", pa.uint8()), ("b", pa.int64())):
        lists = pa.array([[1, 2], [3, 4]], pa.list_(kind))
        pq.write_table(pa.table({"x": lists}), tmp_path / f"{name}.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: column 'x' is list<.*int64>, in .*a\.parquet list<.*uint8>"):
        ParquetSpec(path=str(tmp_path), column="x", in_memory=held).load()


def test_shards_feather_and_streams_are_read(tmp_path) -> None:
    from pyarrow import feather

    folder = tmp_path / "parts"
    folder.mkdir()
    pq.write_table(table().slice(20), folder / "part-10.parquet")
    pq.write_table(table().slice(0, 20), folder / "part-9.parquet")
    feather.write_feather(table(), tmp_path / "t.feather", compression="uncompressed")
    saved = tmp_path / "saved"
    saved.mkdir()
    with pa.OSFile(str(saved / "data-0.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table().schema) as writer:
        writer.write_table(table(), max_chunksize=11)
    (saved / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-0.arrow"}]}))
    for source in (folder, tmp_path / "t.feather", saved):
        for in_memory in (True, False):
            samples = ParquetSpec(path=str(source), label="kind", in_memory=in_memory).load()
            np.testing.assert_array_equal(samples.values[:], np.stack([A, B], axis=1))


def test_lists_are_read_in_the_shape_of_the_input(tmp_path) -> None:
    values = RNG.integers(0, 255, (10, 4, 3), np.uint8)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 12)
    nested = pa.array(values.astype(float).tolist())
    pq.write_table(pa.table({"flat": flat, "nested": nested}), tmp_path / "t.parquet", row_group_size=4)
    for column in ("flat", "nested"):
        for in_memory in (True, False):
            dataset = ParquetSpec(path=str(tmp_path / "t.parquet"), column=column, in_memory=in_memory)
            np.testing.assert_array_equal(dataset.load(shape=(1, 4, 3)).values[:], values[:, None])
    assert dataset.load().values[:].shape == (10, 4, 3)
    with pytest.raises(DataError, match=r"holds 4x3, the input is 5"):
        dataset.load(shape=(5,))


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        ({"n": pa.array([None, *B[1:].tolist()])}, {}, r"t\.parquet: row 0, column 'n': the value is missing"),
        ({"n": pa.array([*A[:-1], np.nan])}, {}, r"row 59, column 'n': the value is missing"),
        ({}, {"label": None}, r"no numbers are in column 'kind' \(string\)"),
        ({}, {"columns": ["z"]}, r"has no column 'z'; it has: a, kind, b"),
        ({"v": [[1.0]] * 59 + [[1.0, 2.0]]}, {"column": "v"}, r"row 59, column 'v': 2 values, where others have 1"),
        ({"v": [[1.0]] * 60}, {}, r"no numbers are in column 'v'"),
        ({"c": ["x", *[None] * 59]}, {"label": "c", "exclude": ["kind"]}, r"row 1, column 'c': is missing"),
        ({"c": [[1, 2]] * 60}, {"group": "c"}, r"row 0, 'c': \[1, 2\] is no group"),
        ({"c": [{"a": 1}] * 60}, {"group": "c"}, r"row 0, 'c': \{'a': 1\} is no group"),
        ({"c": [1] * 60}, {"label": "c", "exclude": ["kind"], "categories": {"c": ["2"]}}, "'c' holds '1', which"),
    ],
)
def test_what_cannot_be_read_is_refused_with_file_row_and_column(tmp_path, columns, settings, message) -> None:
    pq.write_table(table(**columns), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=message):
        ParquetSpec(**{"path": str(tmp_path / "t.parquet"), "label": "kind", **settings}).load()


def test_gaps_are_read_where_the_spec_says_so(tmp_path) -> None:
    pq.write_table(pa.table({"a": [1.0, None], "n": pa.array([None, 3])}), tmp_path / "t.parquet")
    samples = ParquetSpec(path=str(tmp_path / "t.parquet"), missing="mask").load()
    assert samples.values.tolist() == [[1, 0], [0, 3]]
    assert samples.fields["observed"].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("content", [b"", b"PAR1 and not much more"])
def test_a_damaged_file_is_refused_by_name(tmp_path, content) -> None:
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"t\.parquet: cannot be read"):
        ParquetSpec(path=str(tmp_path / "t.parquet")).load()


def test_a_folder_of_splits_says_which_there_are(tmp_path) -> None:
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    with pytest.raises(DataError, match="holds several data sets: train, test"):
        ParquetSpec(path=str(tmp_path)).load()


def test_without_pyarrow_the_extra_is_named(path, monkeypatch) -> None:
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "pyarrow":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match="which is not installed") as caught:
        ParquetSpec(path=str(path)).load()
    assert caught.value.hint == "pip install 'aezoo[parquet]'"


def test_names_and_limits_go_along(path) -> None:
    samples = ParquetSpec(path=str(path), id="kind", limit=6).load()
    assert len(samples) == 6
    assert [*samples.names] == KIND[::10]
    assert parquet_module.IN_MEMORY == 1 << 30


# --- encoded images -------------------------------------------------------------------------------------------

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 3, 4, 5), dtype=np.uint8)


def encoded(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(out, "png")
    return out.getvalue()


@pytest.mark.parametrize("as_table", [True, False])
def test_a_column_of_encoded_images_is_read_as_hugging_face_saves_it(tmp_path, as_table):
    content = [encoded(image) for image in IMAGES]
    values = [{"bytes": one, "path": f"{row}.png"} for row, one in enumerate(content)] if as_table else content
    table = pa.table({"image": values, "label": [row % 2 for row in range(7)]})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=3)
    spec = aezoo.read({"name": "t", "input": [3, 4, 5], "latent": {"type": "deterministic", "dim": 1}})
    data = ParquetSpec(path=str(tmp_path / "t.parquet"), column="image", label="label")
    held = open_samples(data, spec)
    assert np.array_equal(held.values, IMAGES)
    assert held.fields["label"].tolist() == [row % 2 for row in range(7)]
    lazy = open_samples(data.model_copy(update={"in_memory": False}), spec)
    assert np.array_equal(lazy.values[[6, 0, 3]], IMAGES[[6, 0, 3]])
    assert data.load().shape == (3, 4, 5)  # as the first image is
    with pytest.raises(DataError, match=r"row 0, column 'image': is 5 wide and 4 high, not 2 wide"):
        data.load(shape=(3, 2, 2))
    assert data.model_copy(update={"resize": "crop"}).load(shape=(1, 2, 2)).values.shape == (7, 1, 2, 2)
    with pytest.raises(DataError, match="no numbers are in column 'image'") as refused:
        ParquetSpec(path=str(tmp_path / "t.parquet"), label="label").load()
    assert refused.value.hint == "--set data.column=image reads what it holds as samples"


def test_an_image_that_is_damaged_or_missing_is_refused_with_its_row(tmp_path):
    for bad, message in ((b"none", "row 5, column 'image': cannot be read"), (None, "row 5, column 'image': holds no")):
        content = [encoded(image) for image in IMAGES]
        content[5] = bad
        pq.write_table(pa.table({"image": content}), tmp_path / "t.parquet", row_group_size=3)
        with pytest.raises(DataError, match=message):
            ParquetSpec(path=str(tmp_path / "t.parquet"), column="image").load(shape=(3, 4, 5))


def test_an_image_of_several_frames_is_refused_with_its_row(tmp_path):
    out = io.BytesIO()
    still, moved = Image.new("RGB", (5, 4)), Image.new("RGB", (5, 4), "red")
    still.save(out, "gif", save_all=True, append_images=[moved])
    pq.write_table(pa.table({"image": [encoded(IMAGES[0]), out.getvalue()]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"row 1, column 'image': holds 2 frames; a sample is one image") as refused:
        ParquetSpec(path=str(tmp_path / "t.parquet"), column="image").load(shape=(3, 4, 5))
    assert "--set" not in refused.value.hint  # no setting of Parquet reads them


def test_numbers_in_the_place_of_known_words_are_these_words(tmp_path):
    pq.write_table(table(c=[1, 2] * 30), tmp_path / "t.parquet")
    spec = ParquetSpec(path=str(tmp_path / "t.parquet"), label="c", exclude=["kind"], categories={"c": ["2", "1"]})
    assert spec.load().fields["label"].tolist() == [1, 0] * 30


def test_dates_and_times_are_days_since_1970(tmp_path):
    moments = [datetime(1970, 1, 3, 12), datetime(1970, 1, 2), None]
    zoned = pa.array([datetime(1970, 1, 2, tzinfo=UTC)] * 3, pa.timestamp("ns", "Europe/Berlin"))
    columns = {
        "at": moments,
        "day": pa.array([date(1970, 1, 11)] * 3, pa.date32()),
        "zoned": zoned,
        "x": [1.0, 2.0, 3.0],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    data = ParquetSpec(path=str(tmp_path / "t.parquet"), dates=("at", "day", "zoned"), missing="mask")
    assert data.load().values.tolist() == [[2.5, 10, 1, 1], [1, 10, 1, 2], [0, 10, 1, 3]]
    with pytest.raises(DataError, match="column 'at', 'day', 'zoned' holds dates") as refused:
        ParquetSpec(path=str(tmp_path / "t.parquet")).load()
    assert refused.value.hint == """--set 'data.dates=["at", "day", "zoned"]' reads dates as days"""
    with pytest.raises(DataError, match="row 2, column 'at': the value is missing"):
        data.model_copy(update={"missing": None}).load()
