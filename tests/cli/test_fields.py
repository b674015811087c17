"""Fields on the command line: given, read from the data, and kept in results."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aezoo.cli import main

Run = Callable[..., Any]

SPEC = """\
name = "gaps"
input = { shape = [4], observed = "fields.seen" }
mask = "fields.seen"
latent = { type = "gaussian", dim = 2 }
regularizers.kl = { weight = 1.0 }
data = { type = "arrays", path = "x.npz", key = "x" }
fields.seen = { shape = [4] }
training = { epochs = 1, batch_size = 16 }
"""
X = np.random.default_rng(0).random((40, 4), np.float32)
SEEN = (np.arange(160).reshape(40, 4) % 3 > 0).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("fields")
    np.savez(path / "x.npz", x=X, seen=SEEN, label=np.arange(40) % 3)
    np.save(path / "bare.npy", X)
    (path / "gaps.toml").write_text(SPEC)
    before = Path.cwd()
    os.chdir(path)
    try:
        with pytest.raises(SystemExit) as leave:
            main(["train", "gaps.toml"])
        assert not leave.value.code
        yield path
    finally:
        os.chdir(before)


def test_results_keep_names_labels_and_fields(aezoo: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "codes.npz"
    assert aezoo("encode", "runs/gaps", "--split", "test", "--out", out).code == 0
    with np.load(out) as file:
        stored = dict(file)
    rows = [int(name.removeprefix("sample ")) for name in stored["names"]]
    assert stored["label"].tolist() == [row % 3 for row in rows]
    assert stored["seen"].tolist() == SEEN[rows].tolist()
    assert stored["values"].shape == (4, 2)
    assert aezoo("decode", "runs/gaps", out, "--out", tmp_path / "again.npy").code == 0
    assert np.load(tmp_path / "again.npy").shape == (4, 4)
    scored = aezoo("score", "runs/gaps", "--out", tmp_path / "scores.csv")
    assert scored.code == 0, scored.err
    table = list(csv.reader((tmp_path / "scores.csv").read_text().splitlines()))
    assert table[0] == ["name", "score", "label"]
    assert [int(row[2]) for row in table[1:]] == [row % 3 for row in rows]
    assert all("label" in one for one in json.loads(aezoo("score", "runs/gaps", "--json").out))


def test_a_field_is_given_for_all_samples(aezoo: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "codes.npy"
    missing = aezoo("encode", "runs/gaps", "bare.npy", "--out", out)
    assert missing.code != 0
    assert "holds no field 'seen'" in missing.err
    assert "--field seen=..." in missing.err
    assert aezoo("encode", "runs/gaps", "bare.npy", "--out", out, "--field", "seen=[1,1,1,0]").code == 0
    assert np.load(out).shape == (40, 2)
    assert aezoo("score", "runs/gaps", "bare.npy", "--field", "seen=[1,1,1,1]").code == 0
    wrong = aezoo("score", "runs/gaps", "bare.npy", "--field", "sen=1")
    assert "has no field 'sen'" in wrong.err
    assert "did you mean 'seen'?" in wrong.err
    assert "takes NAME=NUMBER" in aezoo("score", "runs/gaps", "bare.npy", "--field", "seen=yes").err


def test_show_and_the_card_say_what_goes_along(aezoo: Run, folder: Path) -> None:
    assert "field seen: numbers 4; to encode, the mask" in aezoo("show", "gaps.toml").out
    assert json.loads(aezoo("show", "gaps.toml", "--json").out)["fields"] == [
        {"name": "seen", "holds": "numbers 4", "role": "to encode, the mask"}
    ]
    assert "- `seen`: numbers 4; to encode, the mask" in (folder / "runs/gaps/README.md").read_text()


def test_evaluate_takes_fields_too(aezoo: Run, folder: Path) -> None:
    assert "holds no field 'seen'" in aezoo("evaluate", "runs/gaps", "--data", "bare.npy").err
    given = aezoo("evaluate", "runs/gaps", "--data", "bare.npy", "--field", "seen=[1,1,1,1]", "--json")
    assert given.code == 0, given.err
    np.savez("whole.npz", x=X, seen=np.ones_like(SEEN))
    held = aezoo("evaluate", "runs/gaps", "--data", "whole.npz", "--json")
    assert json.loads(given.out)["metrics"] == json.loads(held.out)["metrics"]


def test_words_of_classes_stand_in_results(aezoo: Run, folder: Path, tmp_path: Path) -> None:
    lines = "".join(f"{a},{b},{'dog' if row % 3 else 'cat'}\n" for row, (a, b, *_) in enumerate(X))
    (folder / "animals.csv").write_text(f"a,b,kind\n{lines}")
    (folder / "animals.toml").write_text(
        'name = "animals"\ninput = [2]\nlatent = { type = "deterministic", dim = 1 }\ntraining = { epochs = 1 }\n'
        'data = { type = "table", path = "animals.csv", label = "kind", split = "chronological" }\n'
    )
    assert aezoo("train", "animals.toml").code == 0
    wanted = ["dog" if row % 3 else "cat" for row in range(36, 40)]
    assert [one["label"] for one in json.loads(aezoo("score", "runs/animals", "--json").out)] == wanted
    assert aezoo("score", "runs/animals", "--out", tmp_path / "scores.csv").code == 0
    table = list(csv.reader((tmp_path / "scores.csv").read_text().splitlines()))
    assert [(row[0], row[2]) for row in table[1:]] == [
        (f"sample {36 + place}", word) for place, word in enumerate(wanted)
    ]
    assert aezoo("encode", "runs/animals", "--out", tmp_path / "codes.npz").code == 0
    with np.load(tmp_path / "codes.npz") as stored:
        assert stored["label"].tolist() == [int(word == "dog") for word in wanted]
        assert stored["label_names"].tolist() == wanted
    assert aezoo("decode", "runs/animals", tmp_path / "codes.npz", "--out", tmp_path / "again.npy").code == 0
