"""Descriptions of tables: how they are written, and that they are read so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aezoo.builtins.tables import TableSpec
from aezoo.plugin import Description

ROWS = [(1.5 + i % 7, i % 3, 10 * (i % 5)) for i in range(30)]


def described(path: Path, text: str, encoding: str = "utf-8", **named: Any) -> Description:
    path.write_bytes(text.encode(encoding))
    return TableSpec(path=str(path)).describe(**named)


@pytest.mark.parametrize(
    ("name", "sign", "decimal", "header", "settings"),
    [
        ("t.csv", ",", ".", "a,b,c", {}),
        ("t.csv", ";", ".", "a,b,c", {"delimiter": ";"}),
        ("t.csv", ";", ",", "a,b,c", {"delimiter": ";", "decimal": ","}),
        ("t.csv", "\t", ".", "a,b,c", {"delimiter": "\t"}),
        ("t.tsv", "\t", ",", "a,b,c", {"decimal": ","}),
        ("t.csv", "|", ".", "a,b,c", {"delimiter": "|"}),
        ("t.csv", ",", ".", "", {"header": False}),
    ],
)
def test_a_table_is_read_however_it_is_written(
    tmp_path: Path, name: str, sign: str, decimal: str, header: str, settings: dict[str, Any]
) -> None:
    lines = [header.replace(",", sign)] if header else []
    lines += [sign.join(str(value).replace(".", decimal) for value in row) for row in ROWS]
    found = described(tmp_path / name, "\n".join(lines))
    assert found.settings == settings
    assert set(found.reasons) == set(settings)
    assert [column.holds for column in found.columns] == ["number", "count", "count"]
    loaded = TableSpec(path=str(tmp_path / name)).model_copy(update=dict(found.settings)).load()
    assert loaded.values.tolist() == [list(map(float, row)) for row in ROWS]


def test_an_encoding_is_found(tmp_path: Path) -> None:
    text = "größe,b\n" + "".join(f"{i}.5,{i % 4}\n" for i in range(30))
    assert described(tmp_path / "a.csv", text, "cp1252").settings == {"encoding": "cp1252"}
    assert described(tmp_path / "b.csv", text, "utf-8-sig").settings == {}
    assert described(tmp_path / "c.csv", text, "utf-16").settings == {}


def column(tmp_path: Path, cells: list[str], name: str = "x") -> Description:
    lines = [f"{name},y", *(f"{cell},{i % 4}.5" for i, cell in enumerate(cells))]
    return described(tmp_path / "t.csv", "\n".join(lines))


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("x", [str(i) for i in range(40)], "counts the rows"),
        ("x", [str(1000 + 3 * i) for i in range(40)], "rises from row to row, as a count of them does"),
        ("x", ["7"] * 40, "never changes"),
        ("x", [""] * 25 + ["1", "2", "3"] * 5, "is missing in 25 of 40 rows"),
        ("x", [f"w{i // 2}" for i in range(40)], "holds text: 20 different words"),
        ("x", ["1.5", "red"] * 20, "holds numbers and words, such as 'red'"),
        ("", [str(i * 7 % 11) for i in range(40)], "has no name"),
    ],
)
def test_what_is_no_feature_is_left_out_with_the_reason(tmp_path: Path, name: str, cells: list[str], why: str) -> None:
    found = column(tmp_path, cells, name)
    assert found.settings["exclude"] == (name,)
    assert found.reasons["exclude"] == f"{name} {why}"


@pytest.mark.parametrize(
    ("name", "cells"),
    [("x", [f"sample {i}" for i in range(40)]), ("patient_id", [str(8000 + i * 37 % 41) for i in range(40)])],
)
def test_what_names_the_rows_is_their_name(tmp_path: Path, name: str, cells: list[str]) -> None:
    found = column(tmp_path, cells, name)
    assert found.settings == {"id": name}
    loaded = TableSpec(path=str(tmp_path / "t.csv"), id=name).load()
    assert list(loaded.names) == cells


@pytest.mark.parametrize(
    ("cells", "holds", "gaps"),
    [
        (["0", "1"] * 20, "bits", 0),
        (["3", "0", "NA", "5"] * 10, "count", 10),
        (["3.5", "-1", "", "5"] * 10, "number", 10),
        (["3.5", "-1", "-", "5"] * 10, "number", 10),
        (["red", "-", "blue", "red"] * 10, "words", 0),
        (["red", "?", "blue", "red"] * 10, "words", 10),
        ([str(i * 7919 % 40) for i in range(40)], "count", 0),  # no two are equal, and nothing says that they are names
    ],
)
def test_columns_hold_what_their_cells_do(tmp_path: Path, cells: list[str], holds: str, gaps: int) -> None:
    found = column(tmp_path, cells)
    assert (found.columns[0].holds, found.columns[0].gaps) == (holds, gaps)
    assert ("missing" in found.settings) == bool(gaps)
    loaded = TableSpec(path=str(tmp_path / "t.csv")).model_copy(update=dict(found.settings)).load()
    assert loaded.values.shape == (40, 2)
