"""Splits by group and by time: which samples are in which, known by hand, and what has no such split."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aezoo
from aezoo.builtins.arrays import ArraysSpec
from aezoo.builtins.grouping import groups_of, times_of
from aezoo.builtins.parquet import ParquetSpec
from aezoo.builtins.tables import TableSpec
from aezoo.data.fingerprint import fingerprint
from aezoo.data.splits import split
from aezoo.errors import DataError, SpecError
from aezoo.randomness import permutation
from aezoo.spec.samples import Samples


def place(row):
    return f"row {row}"


@given(
    groups=st.lists(st.integers(0, 9), min_size=3, max_size=60).filter(lambda groups: len({*groups}) > 2),
    shares=st.sampled_from([(0.1, 0.1), (0.0, 0.5), (0.4, 0.4), (0.3, 0.0)]),
    seed=st.integers(0, 5),
)
def test_no_group_is_in_two_splits_and_no_row_is_lost(groups, shares, seed):
    dataset = ArraysSpec(path="x", validation=shares[0], test=shares[1])
    samples = Samples(np.zeros((len(groups), 2)), "x", groups=np.array(groups))
    rows = split(samples, dataset, seed)
    assert sorted(np.concatenate([*rows.values()]).tolist()) == [*range(len(groups))]
    of = {name: {groups[row] for row in part} for name, part in rows.items()}
    assert not any(of[one] & of[other] for one, other in combinations(of, 2))
    count = len({*groups})
    assert len(of["test"]) == max(math.floor(shares[1] * count + 1e-9), shares[1] > 0)


def test_the_groups_of_a_split_follow_from_the_seed_as_rows_do():
    groups = np.repeat(np.arange(10), 3)
    rows = split(Samples(np.zeros((30, 2)), "x", groups=groups), None, 7)
    order = permutation(10, 7, "split")
    assert {*groups[rows["test"]]} == {order[0]}
    assert {*groups[rows["validation"]]} == {order[1]}


def test_too_few_groups_for_the_splits_are_refused():
    samples = Samples(np.zeros((6, 2)), "x.npy", groups=np.array([0, 0, 0, 1, 1, 1]))
    with pytest.raises(DataError, match=r"x\.npy: 2 groups cannot be in 3 splits") as refused:
        split(samples, None)
    assert "data.validation = 0.0" in refused.value.hint
    rows = split(samples, ArraysSpec(path="x", validation=0.0))
    assert {len(rows["train"]), len(rows["test"])} == {3}


@given(times=st.lists(st.integers(0, 50), min_size=5, max_size=40), seed=st.integers(0, 3))
def test_no_sample_of_a_later_split_is_before_one_of_an_earlier(times, seed):
    samples = Samples(np.zeros((len(times), 2)), "x", times=np.array(times))
    rows = split(samples, ArraysSpec(path="x", validation=0.3, test=0.2), seed)
    assert [len(rows[name]) for name in ("validation", "test")] == [int(len(times) * 0.3), int(len(times) * 0.2)]
    of = {name: [times[row] for row in part] for name, part in rows.items()}
    assert max(of["train"]) <= min(of["validation"])
    assert max(of["validation"]) <= min(of["test"])


def test_dates_and_numbers_are_times():
    assert times_of(["2026-05-31", "2025-12-01"], place).argsort().tolist() == [1, 0]
    assert times_of([date(2026, 1, 2), datetime(2026, 1, 1, 5)], place).argsort().tolist() == [1, 0]
    assert times_of(["2026-01-01T00:00+02:00", "2025-12-31T23:00+00:00"], place).argsort().tolist() == [0, 1]
    assert times_of(["10", "9.5"], place).tolist() == [10, 9.5]
    nanoseconds = 1_700_000_000_000_000_001
    assert times_of([nanoseconds, nanoseconds - 1], place).tolist() == [nanoseconds, nanoseconds - 1]
    assert times_of(np.array(["2026-01-02", "2026-01-01"], "datetime64[D]"), place).argsort().tolist() == [1, 0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2026-01-01", "yesterday"], "row 1: 'yesterday' is no time"),
        (["2026-01-01", 5], "row 1: 5 is a number, the first one is a time without a zone"),
        (
            [datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01"],
            "is a time without a zone, the first one is a time in a zone",
        ),
        ([1.0, math.nan], "row 1: nan is no time"),
        (["1_0"], "is no time"),
        ([""], "'' is no time"),
        ([True], "True is no time"),
    ],
)
def test_what_is_no_time_is_refused_with_its_row(values, message):
    with pytest.raises(DataError, match=message):
        times_of(values, place)


def test_a_missing_group_is_refused_with_its_row():
    assert groups_of(["b", "a", "b "], place).tolist() == [1, 0, 1]
    assert groups_of(np.array([7, 3, 7]), place).tolist() == [1, 0, 1]
    for missing in ("", None, math.nan):
        with pytest.raises(DataError, match="row 1: no group"):
            groups_of(["a", missing], place)


def write_table(path, sep=","):
    rows = [(f"{row}.5", f"2026-01-{28 - row:02}", f"p{row // 4}") for row in range(20)]
    path.write_text("\n".join(sep.join(row) for row in [("x", "day", "patient"), *rows]) + "\n")


def test_columns_of_groups_and_times_are_no_features(tmp_path):
    write_table(tmp_path / "t.csv")
    by_group = TableSpec(path=str(tmp_path / "t.csv"), group="patient", exclude=("day",)).load()
    assert by_group.shape == (1,)
    assert by_group.groups.tolist() == [row // 4 for row in range(20)]
    by_time = TableSpec(path=str(tmp_path / "t.csv"), time="day", exclude=("patient",))
    assert split(by_time.load(), by_time)["test"].tolist() == [0, 1]  # the latest days come first in the file
    in_order = TableSpec(path=str(tmp_path / "t.csv"), split="chronological", exclude=("day", "patient"))
    rows = {name: part.tolist() for name, part in split(in_order.load(), in_order).items()}
    assert rows == {"train": [*range(16)], "validation": [16, 17], "test": [18, 19]}
    write_table(tmp_path / "t.csv")
    text = (tmp_path / "t.csv").read_text().replace("p2\n", "\n", 1)
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=r"t\.csv: line 10, column 'patient': no group"):
        TableSpec(path=str(tmp_path / "t.csv"), group="patient", exclude=("day",)).load()
    # Another file need not have them.
    (tmp_path / "new.csv").write_text("x\n1.0\n")
    assert TableSpec(path=str(tmp_path / "t.csv"), group="patient").at(tmp_path / "new.csv").group is None


def test_arrays_of_groups_and_times_stand_in_the_same_file(tmp_path):
    x, patient = np.random.default_rng(0).normal(size=(12, 2)), np.repeat(["a", "b", "c"], 4)
    np.savez(tmp_path / "a.npz", x=x, patient=patient, hour=np.arange(12)[::-1], pairs=np.zeros((12, 2)))
    data = {"path": str(tmp_path / "a.npz"), "key": "x"}
    assert ArraysSpec(**data, group="patient").load().groups.tolist() == np.repeat([0, 1, 2], 4).tolist()
    by_time = ArraysSpec(**data, time="hour", validation=0.0, test=0.25)
    assert split(by_time.load(), by_time)["test"].tolist() == [0, 1, 2]
    with pytest.raises(DataError, match=r"'pairs' is \(12, 2\), not one value for each of 12 samples"):
        ArraysSpec(**data, group="pairs").load()
    with pytest.raises(DataError, match="holds no array 'patients'"):
        ArraysSpec(**data, group="patients").load()
    few = ArraysSpec(**data, group="patient", limit=6).load()
    assert few.groups.tolist() == [0, 0, 1, 1, 2, 2]


def test_columns_of_parquet_are_groups_and_times(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    days = [date(2026, 1, 28 - row) for row in range(20)]
    table = pa.table({"x": np.arange(20.0), "day": days, "patient": [f"p{row // 4}" for row in range(20)]})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=6)
    samples = ParquetSpec(path=str(tmp_path / "t.parquet"), group="patient", exclude=("day",)).load()
    assert samples.groups.tolist() == [row // 4 for row in range(20)]
    by_time = ParquetSpec(path=str(tmp_path / "t.parquet"), time="day", exclude=("patient",))
    assert split(by_time.load(), by_time)["test"].tolist() == [0, 1]


def test_the_fingerprint_knows_the_groups():
    values = np.zeros((4, 2))
    prints = {
        fingerprint(Samples(values, "x", groups=groups)) for groups in (None, np.arange(4), np.array([0, 0, 1, 1]))
    }
    assert len(prints) == 3


@pytest.mark.parametrize(
    "by", [{"group": "a", "time": "b"}, {"group": "a", "split": "chronological"}, {"time": "a", "split": "random"}]
)
def test_two_ways_to_split_are_refused(by):
    latent = {"type": "deterministic", "dim": 1}
    with pytest.raises(SpecError, match="leave"):
        aezoo.read({"name": "t", "input": [3], "latent": latent, "data": {"type": "table", "path": "t.csv", **by}})


def test_groups_and_a_source_of_the_test_go_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_table(Path("t.csv"))
    write_table(Path("test.csv"))
    data = {"type": "table", "path": "t.csv", "group": "patient", "exclude": ["day"], "test": {"path": "test.csv"}}
    spec = aezoo.read({"name": "t", "input": [1], "latent": {"type": "deterministic", "dim": 1}, "data": data})
    from aezoo.data.sources import open_samples

    samples = open_samples(None, spec)
    rows = split(samples, spec.data, 0)
    assert rows["test"].tolist() == [*range(20, 40)]
    assert [len(rows[name]) for name in ("train", "validation")] == [16, 4]
