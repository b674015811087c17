"""Recordings: WAV by the standard library, all else by soundfile; frames of one as floats in [-1, 1]."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aezoo.plugin import DataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg")


class Recording(NamedTuple):
    """What the header of a recording says.

    Attributes:
        path: Of the file.
        rate: Frames a second.
        channels: Values of a frame.
        frames: How many.
    """

    path: Path
    rate: int
    channels: int
    frames: int


def header(path: Path) -> Recording:
    """What a recording is. Raises `DataError`, and whatever a damaged file makes a reader raise."""
    with _plain(path) as file:
        if file is not None:
            found = Recording(path, file.getframerate(), file.getnchannels(), file.getnframes())
            there = path.stat().st_size
            if there < found.frames * found.channels * file.getsampwidth():
                raise DataError(f"{path}: damaged: its header announces {found.frames:,} frames, the file is shorter")
            return found
    with _soundfile(path).SoundFile(path) as file:
        return Recording(path, file.samplerate, file.channels, file.frames)


def read(path: Path, start: int, count: int) -> Floats:
    """Some frames of a recording: [channels, count]. Raises `DataError` where it ends before."""
    import numpy as np

    with _plain(path) as file:
        if file is not None:
            file.setpos(start)
            values = _floats(file.readframes(count), file.getsampwidth()).reshape(-1, file.getnchannels())
    if file is None:
        with _soundfile(path).SoundFile(path) as other:
            other.seek(start)
            values = other.read(count, dtype="float32", always_2d=True)
    if len(values) != count:
        raise DataError(f"{path}: ends at frame {start + len(values):,}, before its header says", hint="it was cut")
    return np.ascontiguousarray(values.T)


def _floats(raw: bytes, width: int) -> Floats:
    """Whole numbers of 1 to 4 bytes as floats in [-1, 1); those of one byte have no sign."""
    import numpy as np

    if width == 1:
        return np.asarray((np.frombuffer(raw, np.uint8).astype(np.float32) - 128) / 128, np.float32)
    if width == 3:  # as the upper bytes of numbers of four
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        return (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
    values = np.frombuffer(raw, f"<i{width}")
    return (values / 2.0 ** (8 * width - 1)).astype(np.float32)


@contextmanager
def _plain(path: Path) -> Iterator[wave.Wave_read | None]:
    """A WAV of whole numbers, which the standard library reads, opened; None of another recording."""
    with ExitStack() as stack:
        file = None
        if path.suffix.lower() == ".wav":
            try:
                file = stack.enter_context(wave.open(str(path)))
            except wave.Error as error:
                if "unknown format" not in str(error):  # floats, or compressed
                    raise
        yield file


def _soundfile(path: Path) -> Any:
    try:
        import soundfile
    except ImportError:
        hint = "pip install 'aezoo[audio]', or save it as a WAV of 16 or 24 bits"
        raise DataError(f"{path}: is read by soundfile, which is not installed", hint=hint) from None
    return soundfile
