"""File names for samples: one each, valid on every file system."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from aezoo.names import utf8

#: Bytes of a name: with a number and an ending it stays below the 255 that file systems take.
LONGEST = 200
#: Names of devices on Windows, which no file may have.
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}


def file_stems(names: Sequence[str]) -> list[str]:
    """A file name without suffix for each sample, all different where case and accents do not count.

    `cats/a.jpg` and `sample 3` become `cats_a` and `sample_3`. Where two would be one, the ending is kept (`a_png`
    and `a_jpg`), and where that is not enough, they are numbered in order: `a_png`, `a_png_2`.
    """
    paths = [PurePosixPath(name) for name in names]
    short = [_safe(str(path.with_suffix("")) if path.name else "") for path in paths]
    whole = [_safe(f"{path.parent / path.stem}_{path.suffix[1:]}" if path.suffix else str(path)) for path in paths]
    count = Counter(map(_key, short))
    taken = {key for key, times in count.items() if times == 1}
    pairs = zip(short, whole, strict=True)
    return [stem if count[_key(stem)] == 1 else _free(longer, taken) for stem, longer in pairs]


def _free(stem: str, taken: set[str]) -> str:
    """The stem, or the stem with the first number that makes it one of its own; it is taken then."""
    number, candidate = 1, stem
    while _key(candidate) in taken:
        number += 1
        candidate = f"{stem}_{number}"
    taken.add(_key(candidate))
    return candidate


def _safe(name: str) -> str:
    """The name without what a file system does not take, or a shell trips over."""
    kept = "".join(char if char.isalnum() or char in "-_.+=,@()" else "_" for char in utf8(name))
    stem = kept.encode()[:LONGEST].decode(errors="ignore").strip("_.") or "sample"
    return f"{stem}_" if stem.split(".")[0].lower() in DEVICES else stem


def _key(stem: str) -> str:
    """What two names share that are one file where case and the spelling of accents do not count."""
    return unicodedata.normalize("NFD", stem.casefold())
