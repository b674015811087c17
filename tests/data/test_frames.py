"""Data frames as data: read by the names of their columns, as a table in a file is."""

from __future__ import annotations

import math
import tomllib

import numpy as np
import pytest

import aezoo
from aezoo.builtins.table_columns import table_of
from aezoo.builtins.tables import TableSpec
from aezoo.data.sources import open_samples
from aezoo.errors import DataError, UsageError

COLUMNS = {"a": [0.1, 2.5, 1e-300], "b": [1, 2**53 + 1, -3], "kind": ["x", "y", "x"], "who": ["p", "q", "r"]}
SPEC = """
name = "small"
input = [2]
encoder = [{ type = "linear", features = 4 }]
latent = { type = "deterministic", dim = 1 }
decoder = "mirror"
likelihood = { type = "mse" }
training = { steps = 3, batch_size = 8 }
data = { type = "table", path = "none.csv", label = "kind", id = "who" }
"""
RANDOM = np.random.default_rng(0).normal(size=(30, 2))


def parse(text):
    return aezoo.read(tomllib.loads(text))


def spec(**settings):
    return TableSpec(path="frame", **settings)


def frame_of(library, columns):
    return pytest.importorskip(library).DataFrame(columns)


def table(order=("b", "a")):
    named = {"a": RANDOM[:, 0], "b": RANDOM[:, 1]}
    rest = {"kind": ["x", "y"] * 15, "who": [f"n{row}" for row in range(30)]}
    return {name: named[name] for name in order} | rest


def test_columns_of_values_are_read_exactly():
    samples = spec(label="kind", id="who").load_columns(COLUMNS, "frame")
    expected = np.array([COLUMNS["a"], COLUMNS["b"]], dtype=np.float64).T
    assert np.array_equal(samples.values, expected)
    assert samples.labels.tolist() == [0, 1, 0]
    assert samples.names == ("p", "q", "r")
    assert samples.settings["columns"] == ("a", "b")


def test_missing_values_are_gaps_and_truth_is_a_number():
    columns = {"a": [1.0, None, math.nan], "b": [True, False, np.float32(0.5)]}
    samples = spec(missing="mask").load_columns(columns, "frame")
    assert samples.values.tolist() == [[1, 1], [0, 0], [0, 0.5]]
    assert samples.fields["observed"].tolist() == [[1, 1], [0, 1], [0, 1]]
    with pytest.raises(DataError, match=r"frame: row 1, column 'a':.*also row 2"):
        spec().load_columns(columns, "frame")


def test_rows_and_cells_that_are_none_are_refused():
    with pytest.raises(DataError, match="frame: holds no rows"):
        table_of({"a": []}, "frame")
    with pytest.raises(DataError, match="row 1, column 'a': holds a list, not one value"):
        table_of({"a": [1, [2, 3]]}, "frame")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_equals_the_file_it_would_be_written_to(library, tmp_path):
    frame = frame_of(library, table())
    path = tmp_path / "frame.csv"
    frame.to_csv(path, index=False) if library == "pandas" else frame.write_csv(path)
    read = parse(SPEC)
    ours, file = open_samples(frame, read), open_samples(path, read)
    assert np.array_equal(ours.values, file.values)
    assert np.array_equal(ours.labels, file.labels)
    assert ours.names == file.names
    assert ours.source == f"{library}.DataFrame"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_model_trained_on_a_frame_reads_others_by_name(library, tmp_path):
    model = aezoo.train(parse(SPEC), frame_of(library, table()), out=tmp_path / "run", device="cpu").model
    assert model.spec.data.columns == ("b", "a")
    assert model.spec.data.path == f"{library}.DataFrame"
    model = aezoo.load(tmp_path / "run")
    codes = model.encode(frame_of(library, table()))
    other = table(("a", "b"))
    del other["kind"], other["who"]
    assert np.array_equal(model.encode(frame_of(library, other)), codes)
    assert np.array_equal(model.encode(RANDOM[:, ::-1].copy()), codes)
    with pytest.raises(DataError, match=r"DataFrame: has no column 'a'; it has: c, b"):
        model.encode(frame_of(library, {"c": [1.0], "b": [2.0]}))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_settings_of_parquet_go_over_to_a_frame(library):
    read = parse(SPEC.replace('"table"', '"parquet"').replace("none.csv", "none.parquet"))
    samples = open_samples(frame_of(library, table()), read)
    assert np.array_equal(samples.values, RANDOM[:, ::-1])
    assert samples.names[:2] == ("n0", "n1")


def test_what_is_no_frame_is_refused_with_the_way_to_one():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(UsageError, match=r"pandas\.Series") as caught:
        open_samples(pandas.Series([1.0]), parse(SPEC))
    assert "to_frame" in caught.value.hint
    twice = pandas.DataFrame([[1.0, 2.0]], columns=["a", "a"])
    with pytest.raises(DataError, match="more than one column is called 'a'"):
        open_samples(twice, parse(SPEC.replace(', label = "kind", id = "who"', "")))
