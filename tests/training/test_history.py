"""A history is a list in memory and a line of JSON for each record; a file that breaks ends no run."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from aezoo.errors import RunFailed
from aezoo.training.history import History


def test_each_record_is_in_the_file_as_soon_as_it_is_added(tmp_path: Path) -> None:
    history = History(tmp_path / "h.jsonl")
    history.add({"step": 1, "loss": 0.5})
    assert (tmp_path / "h.jsonl").read_text() == '{"step": 1, "loss": 0.5}\n'
    history.add({"step": 2, "loss": math.inf})
    history.close()
    lines = (tmp_path / "h.jsonl").read_text().splitlines()
    assert (
        [json.loads(line) for line in lines]
        == history.records
        == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": math.inf}]
    )
    assert history.broken is False


def test_a_history_without_a_file_is_in_memory() -> None:
    history = History()
    history.add({"step": 1})
    history.close()
    assert history.records == [{"step": 1}]
    assert history.broken is False


def test_a_file_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"h\.jsonl cannot be written: No such file or directory$"):
        History(tmp_path / "missing" / "h.jsonl")


class Full:
    """A file on a disk that is full."""

    def __init__(self, fails: str) -> None:
        self.fails, self.calls = fails, list[str]()

    def __getattr__(self, name: str) -> object:
        def call(*_: object) -> None:
            self.calls.append(name)
            if name == self.fails:
                raise OSError(28, "No space left on device")

        return call


@pytest.mark.parametrize("fails", ["write", "flush"])
def test_a_file_that_breaks_is_left_alone_and_a_whole_one_can_be_written(tmp_path: Path, fails: str) -> None:
    history = History(tmp_path / "h.jsonl")
    history.close()
    history._file = full = Full(fails)  # type: ignore[assignment]
    history.add({"step": 1})
    assert history.broken is True
    tried = list(full.calls)
    history.add({"step": 2})
    assert full.calls == tried
    history.write(tmp_path / "whole.jsonl")
    assert (tmp_path / "whole.jsonl").read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_file_that_breaks_as_it_is_closed_lacks_something(tmp_path: Path) -> None:
    history = History(tmp_path / "h.jsonl")
    history.close()
    history._file = Full("close")  # type: ignore[assignment]
    history.close()
    assert history.broken is True
