"""Tables, numbers and JSON, as commands print them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aezoo.cli import output
from aezoo.cli.output import emit, number, plain, table

HEADER = ("name", "what it is", "n")
ROWS = [("vanilla", "the plain autoencoder of a textbook", "7"), ("vae", "a variational one", "11")]


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_table_aligns_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    table(HEADER, ROWS, right="llr", yields=1)
    assert printed(capsys) == [
        "name     what it is                            n",
        "vanilla  the plain autoencoder of a textbook   7",
        "vae      a variational one                    11",
    ]


@pytest.mark.parametrize("width", [20, 25, 40, 48, 80])
def test_a_table_never_is_wider_than_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(output, "columns", lambda: width)
    table(HEADER, ROWS, right="llr", yields=1)
    assert max(map(len, printed(capsys))) <= width


def test_a_column_gives_way_before_the_table_becomes_paragraphs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "columns", lambda: 30)
    table(HEADER, ROWS, right="llr", yields=1)
    assert printed(capsys)[1] == "vanilla  the plain autoen…   7"
    monkeypatch.setattr(output, "columns", lambda: 20)
    table(HEADER, ROWS, right="llr", yields=1)
    assert printed(capsys)[:2] == ["vanilla", "  what it is: the"]


def test_a_column_that_folds_goes_on_below_and_loses_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "columns", lambda: 30)
    table(HEADER, ROWS, right="llr", yields=1, folds=True)
    assert printed(capsys) == [
        "name     what it is          n",
        "vanilla  the plain           7",
        "         autoencoder of a",
        "         textbook",
        "vae      a variational one  11",
    ]
    monkeypatch.setattr(output, "columns", lambda: 20)  # narrower than its longest word
    table(HEADER, ROWS, right="llr", yields=1, folds=True)
    assert printed(capsys)[:2] == ["vanilla", "  what it is: the"]


def test_json_has_null_for_what_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"a": float("nan"), "b": [float("inf"), 1.5], "c": Path("x"), "d": (1,)})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5], "c": "x", "d": [1]}
    assert plain({1: None}) == {"1": None}


def test_numbers_have_four_digits() -> None:
    assert [number(value) for value in (1234567, 0.123456, 1e-9, None)] == ["1,234,567", "0.1235", "1e-09", "-"]
