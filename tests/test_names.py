"""Names as they are shown and written."""

from __future__ import annotations

import json
import os

import pytest

from aezoo.names import utf8, visible
from aezoo.spec.samples import Samples


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        (b"a.png", "a.png"), (b"caf\xc3\xa9.png", "café.png"), (b"caf\xe9.png", r"caf\xe9.png"),
        (b"\xff\xfe", r"\xff\xfe"), ("\u3042 \U0001f600".encode(), "\u3042 \U0001f600"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_utf8_are_spelt_out_and_all_else_stays(raw: bytes, written: str) -> None:
    name = raw.decode("utf-8", "surrogateescape")
    assert os.fsencode(name) == raw
    assert utf8(name) == written == visible(name)
    assert json.loads(json.dumps(utf8(name)).encode()) == written
    utf8(name).encode()


def test_other_lone_surrogates_and_control_characters_are_spelt_out() -> None:
    assert utf8("\ud800") == r"\ud800"
    assert visible("a\n\x1b[2J\tb") == r"a\n\x1b[2J\tb"


def test_samples_are_called_by_names_that_can_be_written() -> None:
    samples = Samples(None, "/data/caf\udce9", names=("a\udce9.png",))  # type: ignore[arg-type]
    assert (samples.name(0), samples.title) == (r"a\xe9.png", r"caf\xe9")
