"""Samples of every kind that a spec is proposed for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

N = 60


def _arrays(values: Callable[[np.random.Generator], np.ndarray]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / "samples.npy"
        np.save(path, values(np.random.default_rng(0)))
        return path

    return write


def _table(line: Callable[[np.random.Generator, int], str], head: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        rng = np.random.default_rng(0)
        path = folder / "samples.csv"
        path.write_text("\n".join([head, *(line(rng, i) for i in range(N))]))
        return path

    return write


def _recording(folder: Path) -> Path:
    import wave

    path = folder / "hum.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        t = np.arange(20_000) / 8000
        file.writeframes((8000 * np.sin(1500 * t) * np.cos(7 * t)).astype("<i2").tobytes())
    return path


def _numbers(rng: np.random.Generator, i: int) -> str:
    a, b = rng.normal(size=2)
    return f"{a:.4f},{1000 * b:.2f},{a + b:.4f},{rng.normal():.3f},{a * b:.4f},{rng.normal():.3f}"


#: By what they are: writes them into a folder, and gives the path.
SAMPLES: dict[str, Callable[[Path], Path]] = {
    "table": _table(_numbers, "a,b,c,d,e,f"),
    "table with gaps": _table(
        lambda rng, i: f"{'' if i % 5 == 0 else rng.poisson(9) + 0.5},{_numbers(rng, i)}", "g,a,b,c,d,e,f"
    ),
    "table with words": _table(lambda rng, i: f"{['red', 'blue'][i % 2]},{_numbers(rng, i)}", "w,a,b,c,d,e,f"),
    "table of counts": _table(lambda rng, i: ",".join(map(str, rng.poisson(3.0, 6))), "a,b,c,d,e,f"),
    "vectors": _arrays(lambda rng: rng.normal(size=(N, 3)) @ np.linalg.qr(rng.normal(size=(12, 3)))[0].T + 9),
    "vectors of bytes": _arrays(lambda rng: rng.integers(0, 256, (N, 12), np.uint8)),
    "bits": _arrays(lambda rng: (rng.random((N, 12)) > 0.5).astype(np.float32)),
    "images of bytes": _arrays(lambda rng: rng.integers(0, 256, (N, 12, 12), np.uint8)),
    "colour images": _arrays(lambda rng: rng.random((N, 3, 16, 16), np.float32)),
    "images of another range": _arrays(lambda rng: 300 * rng.normal(size=(N, 1, 10, 14))),
    "binary images": _arrays(lambda rng: (rng.random((N, 1, 12, 12)) > 0.5).astype(np.float32)),
    "signals": _arrays(lambda rng: rng.normal(size=(N, 2, 40)).cumsum(axis=2)),
    "volumes": _arrays(lambda rng: rng.random((N, 1, 8, 8, 8), np.float32)),
    "recording": _recording,
}  # fmt: skip
