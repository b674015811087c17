"""Training on samples that are not held in memory: what it costs beside samples that are, and what it holds.

    OMP_NUM_THREADS=1 python benchmarks/large_data.py FOLDER           4 GB of images: one .npy, shards, floats
    OMP_NUM_THREADS=1 python benchmarks/large_data.py FOLDER mapped --gigabytes 1

FOLDER takes the files, which are made once. Rates: one process, one thread, CPU seconds with a warm page cache,
fresh loops of both sides interleaved in short chunks; the median of the ratios is the figure, above 1 the lazy side is
faster. Memory: a process of its own runs `aezoo.train` with validation, evaluation and baselines while a thread reads
/proc/self/status: RssAnon is what the process has allocated, VmRSS counts the pages of mapped files that it holds, too.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from aezoo.building.builder import build, objective_of
from aezoo.data.batches import Batches
from aezoo.data.sources import open_samples
from aezoo.training.loop import Loop

SHAPE = (3, 64, 64)
PAIRS, STEPS = int(os.environ.get("PAIRS", "7")), int(os.environ.get("STEPS", "24"))


def spec(kind: str) -> dict[str, Any]:
    conv = [{"type": "conv", "kernel": 4, "stride": 2, "padding": 1, "each": {"channels": [32, 64, 128]}}]
    features = [128, 64] if kind == "small" else [512, 256]
    mlp = [{"type": "flatten"}, {"type": "linear", "each": {"features": features}}]
    return {
        "name": kind,
        "input": {"shape": list(SHAPE), "range": [0.0, 1.0]},
        "encoder": conv if kind == "conv" else mlp,
        "latent": {"type": "deterministic", "dim": 64},
        "likelihood": "mse",
        "training": {"batch_size": 128, "steps": 400},
    }


def make(folder: Path, gigabytes: float) -> dict[str, Path]:
    """The files, each of so many bytes."""
    rows = int(gigabytes * 1e9 / np.prod(SHAPE))
    paths = {"mapped": folder / "images.npy", "shards": folder / "shards", "floats": folder / "floats.npy"}
    rng = np.random.default_rng(0)
    if not paths["mapped"].exists():
        values = np.lib.format.open_memmap(paths["mapped"], "w+", np.uint8, (rows, *SHAPE))
        for start in range(0, rows, 4096):
            values[start : start + 4096] = rng.integers(0, 256, values[start : start + 4096].shape, np.uint8)
        values.flush()
    if not paths["shards"].exists():
        paths["shards"].mkdir()
        values = np.load(paths["mapped"], mmap_mode="r")
        for shard, part in enumerate(np.array_split(np.arange(rows), 16)):
            np.save(paths["shards"] / f"{shard}.npy", values[part[0] : part[-1] + 1])
    if not paths["floats"].exists():
        values = np.load(paths["mapped"], mmap_mode="r")
        floats = np.lib.format.open_memmap(paths["floats"], "w+", np.float32, (rows // 4, *SHAPE))
        for start in range(0, rows // 4, 4096):
            floats[start : start + 4096] = values[start : min(start + 4096, rows // 4)] / np.float32(255)
        floats.flush()
    return paths


def loop_of(document: dict[str, Any], samples: Any) -> Loop:
    torch.manual_seed(0)
    model = build(document)
    objective = objective_of(model, steps=10**9).train()
    return Loop(objective, model.spec.training, Batches(samples, model.spec), steps=10**9)


def dataset(path: Path) -> dict[str, str]:
    return {"type": "arrays", "path": str(path)}


def ratios(document: dict[str, Any], path: Path) -> list[float]:
    """Rates of training from the file over that of the same samples in memory, one for each pair."""
    model = build({**document, "data": dataset(path)})
    lazy = open_samples(None, model.spec)
    held = open_samples(np.array(lazy.values[: len(lazy)]), model.spec)  # the page cache is warm now
    found = []
    for pair in range(PAIRS):
        loops = [loop_of(document, samples) for samples in (lazy, held)]
        epochs = [loop.batches.epoch(pair, 128, 0) for loop in loops]
        spent = [0.0, 0.0]
        for turn in range(10):
            for side in (0, 1) if turn % 2 else (1, 0):
                seconds = chunk(loops[side], epochs[side])
                spent[side] += seconds if turn else 0.0
        found.append(spent[1] / spent[0])
    return found


def chunk(loop: Loop, batches: Any) -> float:
    """CPU seconds of some steps."""
    gc.disable()
    start = time.process_time()
    for _ in range(STEPS):
        batch = next(batches)
        for player in loop.players:
            player.step(loop.objective, batch, loop.step, loop.streams)
        loop.step += 1
    spent = time.process_time() - start
    gc.enable()
    return spent


RUN = r"""
import json, re, threading, time, warnings
warnings.simplefilter("ignore")
import aezoo
peak = {{"RssAnon": 0, "VmRSS": 0, "RssFile": 0}}
def watch():
    while True:
        for name, kib in re.findall(r"(RssAnon|VmRSS|RssFile):\s+(\d+)", open("/proc/self/status").read()):
            peak[name] = max(peak[name], int(kib) // 1024)
        time.sleep(0.02)
threading.Thread(target=watch, daemon=True).start()
run = aezoo.train(aezoo.read({document!r}))
print(json.dumps({{**peak, "test samples": run.scores.n, "fvu": round(run.scores.metrics["fvu"], 3)}}))
"""


def resident(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """Peaks in MiB of a whole run, evaluation included."""
    code = RUN.format(document={**document, "data": dataset(path)})
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("which", nargs="*", default=["mapped", "shards", "floats"])
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--steps", type=int, default=400, help="of the run whose memory is measured")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    paths = make(options.folder, options.gigabytes)
    for name in options.which:
        document = spec("small")  # 3.2 million weights: what is held are the samples, not the model
        document["training"]["steps"] = options.steps
        print(name, "peaks in MiB:", resident(document, paths[name]), flush=True)
        for kind in ("mlp", "conv"):
            found = ratios(spec(kind), paths[name])
            middle, low, high = statistics.median(found), min(found), max(found)
            print(f"{name} {kind}: lazy / in memory {middle:.3f} [{low:.3f} to {high:.3f}]", flush=True)


if __name__ == "__main__":
    main()
