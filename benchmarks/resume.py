"""Runs of bundled specs that are killed at random moments and go on, and what it costs to keep their states.

    python benchmarks/resume.py                 50 kills over ten specs, a table
    python benchmarks/resume.py --kills 2 --steps 30 --only vanilla-digits

Each spec is trained once in one go, and once more in processes that are killed by SIGKILL at random moments after they
kept a state, until so many were; weights, records and scores have to be equal byte by byte. The cost of a state is in
CPU seconds of one thread, median of five; its share is of the 30 seconds that lie at least between two states.
Needs `fork`.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import torch

import aezoo
from aezoo.errors import AezooError
from aezoo.spec.document import Spec
from aezoo.storage.checkpoints import NAME, Checkpoints, Position
from aezoo.training.history import History
from aezoo.training.setup import assemble, set_up
from aezoo.training.signals import Stop
from aezoo.training.states.checkpointing import INTERVAL
from aezoo.training.states.state import flattened

SPECS = (
    *("vanilla-digits", "denoising-digits", "variational-digits", "conditional-digits", "convolutional-digits"),
    *("sparse-digits", "topk-digits", "contractive-digits", "vdc-digits", "hierarchical-digits"),
)
FILES = ("model.safetensors", "config.json", "metrics.jsonl", "metrics.json")


class Cost(NamedTuple):
    """What a state takes."""

    size: int  # bytes
    seconds: float  # of the CPU


def cost_of(spec: Spec, folder: Path) -> Cost:
    """Of keeping the state of a run after its first step."""
    setup = set_up(spec)
    loop = assemble(spec, setup, History(), None, Stop())[1]
    loop.steps = 1
    loop.run()
    store, seconds = Checkpoints(folder), []
    for number in range(5):
        started = time.process_time()
        document, tensors = flattened(loop.state())
        store.write(Position(number + 1, 0), document, tensors, {})
        seconds.append(time.process_time() - started)
    size = sum(path.stat().st_size for path in (store.folder / "5.0").iterdir())
    return Cost(size, statistics.median(seconds))


def files(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES if (out / name).exists()}


def started(spec: Spec, out: Path) -> int:
    """A process that begins a run in a folder, or goes on there; its number."""
    child = os.fork()
    if child == 0:
        try:
            aezoo.train(spec, out=out, device="cpu", resume="auto", checkpoint_every=0.0)
        except AezooError as error:
            print(error)
            os._exit(9)
        os._exit(0)
    return child


def killed(spec: Spec, out: Path, draw: random.Random) -> bool:
    """Whether a process was killed before its run was done."""
    before = Checkpoints(out).positions()[:1]
    child = started(spec, out)
    while Checkpoints(out).positions()[:1] == before:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            break
        time.sleep(0.001)
    time.sleep(draw.uniform(0, 0.5))
    os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise SystemExit(f"{spec.name}: exit code {code}")
    return code != 0 and (out / NAME).exists()


def times_killed(spec: Spec, out: Path, draw: random.Random, most: int) -> int:
    """How often a run was killed, at most so often; then it is done."""
    kills = 0
    while kills < most and killed(spec, out, draw):
        kills += 1
    if not Checkpoints(out).finished():
        os.waitpid(started(spec, out), 0)
    return kills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5, help="of each spec, at least")
    parser.add_argument("--steps", type=int, default=60, help="of a run")
    parser.add_argument("--only", action="append", help="a bundled spec; repeatable")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    torch.set_num_threads(1)
    draw = random.Random(options.seed)
    print("| spec | weights | kills | runs equal | a state | CPU | share |")
    print("|---|---|---|---|---|---|---|")
    total = unequal = 0
    for name in options.only or SPECS:
        spec = aezoo.read(name, overrides=[f"training.steps={options.steps}", "training.log_every=5"])
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            cost = cost_of(spec, folder)
            aezoo.train(spec, out=folder / "whole", device="cpu", threads=1)
            kills = runs = equal = 0
            while kills < options.kills:
                out, runs = folder / f"run{runs}", runs + 1
                kills += times_killed(spec, out, draw, options.kills - kills)
                equal += files(out) == files(folder / "whole")
        total, unequal = total + kills, unequal + runs - equal
        share = f"{100 * cost.seconds / INTERVAL:.2f} %"
        figures = f"{cost.size / 1e6:.1f} MB | {1e3 * cost.seconds:.0f} ms | {share}"
        print(f"| `{name}` | {spec.parameters:,} | {kills} | {equal} of {runs} | {figures} |", flush=True)
    print(f"\n{total} kills, {unequal} runs that were not equal")
    raise SystemExit(bool(unequal))


if __name__ == "__main__":
    main()
