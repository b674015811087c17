"""What is shown of a run goes to stderr as it is when the run begins."""

from __future__ import annotations

import io
import sys

import pytest

from aezoo.training.progress import Terminal


def test_a_run_is_shown_on_the_stderr_of_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []
    for _ in range(2):  # the one of an earlier run is closed by then
        with io.StringIO() as stream:
            monkeypatch.setattr(sys, "stderr", stream)
            shown = Terminal()
            shown.start(1)
            shown.show(1, {"loss": 0.5})
            shown.close()
            texts.append(stream.getvalue())
    assert all("0.5" in text for text in texts)
