"""Commented specs: the text says what the document says, whatever stands in it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from aezoo.fitting.commented import commented, inline

DOCUMENT: dict[str, Any] = {
    "aezoo": 1,
    "name": "a",
    "encoder": [{"type": "linear", "features": 3}, {"type": "residual", "body": [{"type": "linear", "features": 2}]}],
    "fields": {},
    "data": {"type": "table", "path": 'we"ird\\\n.csv', "categories": {"größe in m²": ["a#b", "'"], "plain": ["x"]}},
    "training": {"steps": 3, "optimizer": {"type": "adam", "lr": 1e-05}},
}


@pytest.mark.parametrize("comment", ["why\nnot = 1", "\x1b[2J", "ends in \\", "# = [", "word " * 400])
def test_the_text_reads_back_whatever_comments_hold(comment: str) -> None:
    paths = ["name", "encoder", "data", "data.path", "data.categories", "training", "training.steps"]
    text = commented(DOCUMENT, dict.fromkeys(paths, comment), ["for people"])
    assert tomllib.loads(text) == DOCUMENT
    assert text.startswith("# for people\naezoo = 1\n")
    assert text.isascii() or "\x1b" not in text


def test_a_comment_stands_above_its_statement() -> None:
    lines = commented({"name": "a", "data": {"type": "t", "x": 1}}, {"name": "Why.", "data.x": "So."}).splitlines()
    assert lines == ["# Why.", 'name = "a"', "", "[data]", 'type = "t"', "# So.", "x = 1"]


def test_values_stand_in_one_line() -> None:
    assert inline({"a": [1, 2.5, True], "b c": {"d": "e"}}) == '{ a = [1, 2.5, true], "b c" = { d = "e" } }'
    assert tomllib.loads(f"v = {inline(chr(127))}") == {"v": "\x7f"}
