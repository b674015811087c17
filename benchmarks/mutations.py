"""Damage a published model's folder in every way, load it, and count who notices.

    python benchmarks/mutations.py                  # 5,000 mutations
    python benchmarks/mutations.py --count 500 --seed 1
    python benchmarks/mutations.py --unlocked       # the same for a folder that was never pulled

A model is built, saved and given a lock as a pull writes one; each of its files, the lock too, is cut, flipped,
swapped ... and `aezoo.load` is asked for it. It counts as

    refused     an AezooError
    harmless    no byte changed: a swap of two equal stretches
    equal       bytes changed, nobody noticed, and the model is the same in every bit, its spec too
    silent      bytes changed, nobody noticed, and the model is another
    traceback   anything else was raised

The exit code is 1 if anything was equal, silent or gave a traceback; of a folder without a lock, equal may be.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import aezoo
from aezoo.errors import AezooError
from aezoo.files import digest_of
from aezoo.model import Model
from aezoo.storage import layout, lockfile
from aezoo.storage.layout import File
from aezoo.storage.lockfile import Lock

OUTCOMES = ("refused", "harmless", "equal", "silent", "traceback")
SPECS = [
    {
        "name": name,
        "license": "apache-2.0",
        "input": [1, 8, 8],
        "encoder": [{"type": "flatten"}, {"type": "linear", "features": 16, "norm": "batch"}],
        "latent": {"type": "gaussian", "dim": 3},
        "likelihood": "bernoulli",
        "regularizers": {"kl": {}},
    }
    for name in ("first", "second")
]


def published(folder: Path, spec: dict[str, object], seed: int) -> Path:
    """A model's folder as a pull leaves it, with its lock."""
    import numpy as np

    from aezoo.training.results import Run

    model = aezoo.build(spec, seed=seed)
    data = np.random.default_rng(seed).random((40, 1, 8, 8), dtype=np.float32)
    scores = aezoo.evaluate(model, data)
    record = {"seed": seed, "device": "cpu", "steps": 5, "seconds": 1.0, "ended": "finished"}
    aezoo.save(model, folder, scores=scores, run=Run(model, record, scores, [{"step": 5, "loss": 1.5}]))
    there = [name for name in layout.NAMES if (folder / name).is_file()]
    files = tuple(File(name, (folder / name).stat().st_size, digest_of(folder / name)) for name in there)
    lockfile.write(
        folder, Lock("acme/tiny", "main", lockfile.content_id(files), files, "https://hub", "2026-01-01", "0.1.0")
    )
    return folder


# --- mutations: bytes -> other bytes ----------------------------------------------------------------------


def cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data))]


def cut_little(data: bytes, draw: random.Random) -> bytes:
    return data[: -draw.randint(1, min(4, len(data)))]


def flip(data: bytes, draw: random.Random) -> bytes:
    return flipped(data, draw, 0, len(data))


def flip_header(data: bytes, draw: random.Random) -> bytes:
    """A bit of the first part: of weights, that is the header or its length."""
    return flipped(data, draw, 0, min(len(data), 8 + int.from_bytes(data[:8], "little") % (1 << 16)))


def flipped(data: bytes, draw: random.Random, start: int, stop: int) -> bytes:
    spoilt = bytearray(data)
    spoilt[draw.randrange(start, stop)] ^= 1 << draw.randrange(8)
    return bytes(spoilt)


def append(data: bytes, draw: random.Random) -> bytes:
    return data + draw.choice((b"\n", b" ", b"\0", b"x", draw.randbytes(64)))


def insert(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data) + 1)
    return data[:at] + draw.choice((b" ", b"\n", b"\0", draw.randbytes(3))) + data[at:]


def delete(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + data[at + draw.randint(1, 8) :]


def zero(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + bytes(len(data[at : at + 16])) + data[at + 16 :]


def shuffle(data: bytes, draw: random.Random) -> bytes:
    """Two stretches change places: all bytes are still there."""
    a, b = sorted(draw.randrange(len(data)) for _ in range(2))
    n = min(16, b - a, len(data) - b)
    return data[:a] + data[b : b + n] + data[a + n : b] + data[a : a + n] + data[b + n :]


CHANGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "truncation": cut,
    "truncation by a little": cut_little,
    "bit flip": flip,
    "bit flip in the header": flip_header,
    "append": append,
    "insert": insert,
    "delete": delete,
    "zeros": zero,
    "shuffle": shuffle,
}
MOVES = ("files of one swapped", "file of another model", "file removed")
KINDS = (*CHANGES, *MOVES)


class Folder:
    """A model's folder, to be damaged and mended."""

    def __init__(self, folder: Path, other: Path) -> None:
        self.folder = folder
        self.names = [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*")) if p.is_file()]
        self.right = {name: (folder / name).read_bytes() for name in self.names}
        self.others = {name: (other / name).read_bytes() for name in self.names}
        self.model = aezoo.load(folder, device="cpu")

    def spoil(self, kind: str, draw: random.Random) -> bool:
        """Damage it in one way; returns whether any file is another now."""
        name = draw.choice(self.names)
        new: dict[str, bytes | None]
        if kind in CHANGES:
            new = {name: CHANGES[kind](self.right[name], draw)}
        elif kind == "files of one swapped":
            other = draw.choice([one for one in self.names if one != name])
            new = {name: self.right[other], other: self.right[name]}
        elif kind == "file of another model":
            new = {name: self.others[name]}
        else:  # without its lock it is a folder like any other: that is another experiment
            name = draw.choice([one for one in self.names if one != lockfile.NAME])
            new = {name: None}
        for name, data in new.items():
            (self.folder / name).unlink() if data is None else (self.folder / name).write_bytes(data)
        return any(data != self.right[name] for name, data in new.items())

    def mend(self) -> None:
        for name, data in self.right.items():
            path = self.folder / name
            if not path.is_file() or path.read_bytes() != data:
                path.write_bytes(data)

    def outcome(self, changed: bool) -> str:
        """What a load makes of it."""
        try:
            model = aezoo.load(self.folder, device="cpu")
        except AezooError:
            return "refused" if changed else "traceback"
        except BaseException as error:
            print(f"{type(error).__name__}: {error}"[:200], file=sys.stderr)
            return "traceback"
        return "harmless" if not changed else "equal" if self.same(model) else "silent"

    def same(self, model: Model) -> bool:
        state, other = self.model.network.state_dict(), model.network.state_dict()
        equal = state.keys() == other.keys() and all(torch.equal(state[name], other[name]) for name in state)
        return equal and model.spec == self.model.spec


def experiment(count: int, seed: int, *, unlocked: bool = False) -> dict[str, Counter[str]]:
    """The outcomes by kind of mutation: as many of each kind, up to one."""
    draw = random.Random(seed)
    found: dict[str, Counter[str]] = defaultdict(Counter)
    with tempfile.TemporaryDirectory() as place:
        one, two = (published(Path(place) / spec["name"], spec, i) for i, spec in enumerate(SPECS))
        if unlocked:
            for folder in (one, two):
                (folder / lockfile.NAME).unlink()
                shutil.rmtree(folder / "samples")
                for name in (layout.CARD, layout.METRICS, layout.TRAINING):  # a load of the weights needs none of them
                    (folder / name).unlink()
        folder = Folder(one, two)
        for i in range(count):
            kind = KINDS[i % len(KINDS)]
            changed = folder.spoil(kind, draw)
            found[kind][folder.outcome(changed)] += 1
            folder.mend()
        aezoo.load(one, device="cpu")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unlocked", action="store_true", help="config.json and weights alone, never pulled")
    chosen = parser.parse_args()
    start = time.monotonic()
    outcomes = experiment(chosen.count, chosen.seed, unlocked=chosen.unlocked)
    width = max(map(len, KINDS))
    print(f"{'mutation':{width}}  " + "  ".join(f"{name:>9}" for name in OUTCOMES))
    for kind in KINDS:
        print(f"{kind:{width}}  " + "  ".join(f"{outcomes[kind][name]:9,}" for name in OUTCOMES))
    total = sum(outcomes.values(), Counter())
    print(f"{'all':{width}}  " + "  ".join(f"{total[name]:9,}" for name in OUTCOMES))
    print(f"seed {chosen.seed}, {sum(total.values()):,} mutations, {time.monotonic() - start:.0f} s")
    return int(bool(total["silent"] or total["traceback"] or (total["equal"] and not chosen.unlocked)))


if __name__ == "__main__":
    sys.exit(main())
