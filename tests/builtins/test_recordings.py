"""Recordings as windows: values, hops, names, splits that do not leak, and what is refused."""

from __future__ import annotations

import os
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

import aezoo
from aezoo.builtins import recordings as module
from aezoo.builtins.recordings import RecordingsSpec, _splits
from aezoo.data.fingerprint import fingerprint
from aezoo.data.sources import open_samples, restated, source_of
from aezoo.data.splits import split
from aezoo.errors import DataError, DataWarning


def write(path: Path, values: np.ndarray, *, rate: int = 8000, width: int = 2) -> Path:
    """Whole numbers [frames, channels] as a WAV file."""
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((values.shape[1], width, rate, 0, "NONE", ""))
        flat = values.ravel().tolist()
        if width == 3:
            file.writeframes(b"".join(struct.pack("<i", value)[:3] for value in flat))
        else:
            file.writeframes(values.astype({1: "u1", 2: "<i2", 4: "<i4"}[width]).tobytes())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(5):
        write(tmp_path / "rec" / f"{number}.wav", rng.integers(-(2**15), 2**15, (100 + number, 2)))
    return tmp_path / "rec"


def frames(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(10**6), "<i2").reshape(-1, file.getnchannels()).T / 2.0**15


def test_windows_are_frames_of_their_files_and_named_after_them(folder) -> None:
    samples = RecordingsSpec(path=str(folder), hop=10).load(shape=(2, 32))
    assert len(samples) == sum((100 + number - 32) // 10 + 1 for number in range(5))
    for row in (0, 3, len(samples) - 1):
        name, start = samples.names[row].split(":")
        assert (int(samples.fields["file"][row]), int(samples.fields["start"][row])) == (int(name[0]), int(start))
        np.testing.assert_array_equal(samples.values[row], frames(folder / name)[:, int(start) : int(start) + 32])


def test_windows_are_the_same_held_or_read_from_their_files(folder, monkeypatch) -> None:
    held = RecordingsSpec(path=str(folder), hop=10).load(shape=(2, 32))
    monkeypatch.setattr(module, "IN_MEMORY", 100)
    lazy = RecordingsSpec(path=str(folder), hop=10).load(shape=(2, 32))
    assert (held.values.decodes, lazy.values.decodes) == (False, True)
    np.testing.assert_array_equal(held.values[:], lazy.values[:])
    before = fingerprint(lazy)
    os.utime(folder / "1.wav", ns=(1, 1))
    with pytest.raises(DataError, match=r"1\.wav: was changed since it was opened"):
        lazy.values[:]
    assert fingerprint(RecordingsSpec(path=str(folder), hop=10).load(shape=(2, 32))) != before


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_whole_numbers_of_each_width_span_minus_one_to_one(tmp_path, width) -> None:
    top = 2 ** (8 * width - 1)
    levels = np.array([0, top // 2, -top // 2, -top])
    write(tmp_path / "a.wav", (levels + (top if width == 1 else 0))[:, None], width=width)
    samples = RecordingsSpec(path=str(tmp_path / "a.wav")).load(shape=(1, 4))
    assert samples.values[0].tolist() == [[0, 0.5, -0.5, -1]]


@pytest.mark.parametrize(("suffix", "kind"), [(".flac", {}), (".wav", {"subtype": "FLOAT"})])
def test_other_formats_are_read_by_soundfile(tmp_path, folder, suffix, kind) -> None:
    soundfile = pytest.importorskip("soundfile")
    values = frames(folder / "0.wav")
    soundfile.write(tmp_path / f"a{suffix}", values.T, 8000, **kind)
    samples = RecordingsSpec(path=str(tmp_path / f"a{suffix}"), hop=7).load(shape=(2, 16))
    np.testing.assert_array_equal(samples.values[2], values[:, 14:30].astype(np.float32))


def test_splits_are_of_whole_files(folder) -> None:
    samples = RecordingsSpec(path=str(folder), hop=4).load(shape=(2, 32), seed=3)
    files = {name: {*samples.fields["file"][rows].tolist()} for name, rows in samples.splits.items()}
    assert [len(files[name]) for name in ("train", "validation", "test")] == [3, 1, 1]
    assert set.union(*files.values()) == {0, 1, 2, 3, 4}


def test_one_file_is_cut_in_time_and_no_window_reaches_over_a_border() -> None:
    starts = np.arange(0, 901, 5)
    rows = _splits(np.zeros(181, np.int64), starts, 100, 1, (0.2, 0.2), 0)
    last = {name: (starts[part].min(), starts[part].max() + 100) for name, part in rows.items()}
    assert last == {"train": (0, 600), "validation": (600, 800), "test": (800, 1000)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: write(folder / "x.wav", np.zeros((90, 2)), rate=16000), "x.wav: has 16000 frames a second"),
        (lambda folder: write(folder / "x.wav", np.zeros((90, 1))), "x.wav: has 1 channels, the input 2"),
        (lambda folder: write(folder / "x.wav", np.zeros((9, 2))), "x.wav: has 9 frames, fewer than a window of 32"),
        (lambda folder: (folder / "x.wav").write_bytes(b""), "x.wav: cannot be read"),
        (lambda folder: os.truncate(folder / "3.wav", 200), "3.wav: damaged: its header announces 103 frames"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_or_left_out_and_counted(folder, change, message) -> None:
    change(folder)
    with pytest.raises(DataError, match=message):
        RecordingsSpec(path=str(folder)).load(shape=(2, 32))
    with pytest.warns(DataWarning, match=f"1 of . files are left out, the first: .*{message}"):
        samples = RecordingsSpec(path=str(folder), on_bad_sample="skip").load(shape=(2, 32))
    assert len(samples) >= 12


def test_a_window_needs_a_length(folder) -> None:
    with pytest.raises(DataError, match="windows take their length from a spec"):
        RecordingsSpec(path=str(folder)).load()


def test_a_model_is_trained_on_windows_and_reads_another_recording(folder, tmp_path) -> None:
    document = {"name": "sound", "input": [2, 32], "latent": {"type": "deterministic", "dim": 2}, "likelihood": "mse"}
    layers = [{"type": "flatten"}, {"type": "linear", "features": 4}]
    training = {"batch_size": 8, "steps": 4}
    data = {"type": "recordings", "path": str(folder), "hop": 16}
    run = aezoo.train({**document, "encoder": layers, "training": training, "data": data})
    assert run.scores.n == 5  # the windows of one file
    codes = run.model.encode(folder / "0.wav")
    again = run.model.encode(torch.from_numpy(frames(folder / "0.wav")[:, :32].astype(np.float32))[None])
    np.testing.assert_allclose(codes[0], again[0].numpy(), rtol=1e-5)  # a batch of one rounds otherwise
    assert len(codes) == (100 - 32) // 16 + 1


def test_a_window_opens_its_file_once(folder, monkeypatch) -> None:
    monkeypatch.setattr(module, "IN_MEMORY", 0)
    samples = RecordingsSpec(path=str(folder)).load(shape=(2, 64))
    opened, real = [], wave.open
    monkeypatch.setattr(wave, "open", lambda path: opened.append(path) or real(path))
    samples.values.read(np.array([0]))
    assert len(opened) == 1


def test_recordings_of_one_folder_stay_together(tmp_path) -> None:
    values = np.arange(400).reshape(-1, 1)
    for number in range(12):
        speaker = tmp_path / "rec" / f"s{number % 4}"
        speaker.mkdir(parents=True, exist_ok=True)
        write(speaker / f"{number}.wav", values)
    dataset = RecordingsSpec(path=str(tmp_path / "rec"), group="folder", validation=0.25, test=0.25)
    samples = dataset.load(shape=(1, 100))
    rows = split(samples, dataset, 0)
    of = {name: {samples.names[row].partition("/")[0] for row in part} for name, part in rows.items()}
    assert sorted(len(speakers) for speakers in of.values()) == [1, 1, 2]
    assert len(set.union(*of.values())) == 4
    assert sum(len(part) for part in rows.values()) == 48
    # Other recordings that are trained on are split by their sub-folders, too, if they have some.
    spec = aezoo.read(
        {
            "name": "t",
            "input": [1, 100],
            "latent": {"type": "deterministic", "dim": 1},
            "data": {**dataset.model_dump(exclude_none=True), "path": "elsewhere"},
        }
    )
    for trained, source in ((True, tmp_path / "rec"), (False, tmp_path / "rec")):
        assert (open_samples(source, spec, trained=trained).groups is not None) == trained
    assert restated(spec, tmp_path / "rec").data.group == "folder"
    (tmp_path / "images" / "a").mkdir(parents=True)
    assert not RecordingsSpec.knows(tmp_path / "images")
    named = source_of(tmp_path / "rec", spec, ["data.hop=50"], trained=True)
    assert (named.group, named.hop) == ("folder", 50)
    with pytest.warns(DataWarning, match=r"data\.group of the spec, 'folder', is not used"):
        assert restated(spec, tmp_path / "rec" / "s0").data.group is None
    write(tmp_path / "rec" / "alone.wav", values)
    assert len(dataset.at(tmp_path / "rec" / "alone.wav").load(shape=(1, 100))) == 4
    with pytest.raises(DataError, match=r"alone\.wav: lies in no sub-folder"):
        dataset.load(shape=(1, 100))
