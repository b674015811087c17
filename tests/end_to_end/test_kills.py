"""Runs that are killed, by SIGKILL at random moments and at a system call: they go on to the bits of one in one go."""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import aezoo
from aezoo.storage.checkpoints import NAME, Checkpoints

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

NOISY: dict[str, Any] = {
    "corruption": [{"type": "gaussian_noise", "std": 0.3}],
    "encoder": [{"type": "linear", "features": 8}, {"type": "dropout", "p": 0.1}],
    "latent": {"type": "gaussian", "dim": 2},
    "regularizers": {"kl": {"weight": {"type": "linear", "start": 0.0, "end": 1.0, "steps": 50}}},
    "training": {"optimizer": {"type": "adam", "lr": {"type": "cosine", "start": 0.01}}, "ema": 0.9},
}
PATIENT: dict[str, Any] = {
    "input": {"shape": [6], "normalize": "standardize"},
    "encoder": [{"type": "linear", "features": 8, "norm": "batch"}],
    "training": {
        "optimizer": {"type": "sgd", "lr": 0.02, "momentum": 0.9},
        **{"patience": 6, "best_by": "total", "batch_size": 23},
    },
}
SEARCHING: dict[str, Any] = {"training": {"optimizer": {"type": "lbfgs", "max_iter": 3}, "batch_size": 80}}
RUNS = {"noisy": NOISY, "patient": PATIENT, "searching": SEARCHING}


def spec(name: str) -> dict[str, Any]:
    training = {"epochs": 8, "batch_size": 32, "log_every": 3, "best_by": "last", **RUNS[name]["training"]}
    return {
        "name": "small",
        "input": [6],
        "encoder": [{"type": "linear", "features": 8}],
        "latent": {"type": "deterministic", "dim": 2},
        "likelihood": {"type": "gaussian"},
        "data": {"type": "gaussian", "n": 200, "eigenvalues": [4.0, 2.0, 1.0, 0.5, 0.2, 0.1]},
        **RUNS[name],
        "training": training,
    }


def files(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in ("model.safetensors", "metrics.jsonl", "metrics.json")}


def started(name: str, out: Path, wait: Callable[[], object] = lambda: None) -> int:
    """A process that trains in a folder, or goes on there; its number."""
    child = os.fork()
    if child == 0:
        try:
            warnings.simplefilter("ignore")
            wait()
            aezoo.train(spec(name), out=out, resume="auto", checkpoint_every=0)
        except BaseException:
            (out.parent / f"{out.name}.txt").write_text(traceback.format_exc())
            os._exit(9)
        os._exit(0)
    return child


def ended(child: int) -> int:
    """The exit code of a process; of one that was killed, the signal's number below zero."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def newest(out: Path) -> object:
    return Checkpoints(out).positions()[:1]


def killed_at_random(name: str, out: Path, draw: random.Random) -> bool:
    """Whether a process was killed at some moment after it had kept another state, and before it was done."""
    before = newest(out)
    child = started(name, out)
    while newest(out) == before and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.001)
    time.sleep(draw.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)  # of one that has ended, but was not waited for, it changes nothing
    code = ended(child)
    assert code in (0, -signal.SIGKILL), out.with_name(f"{out.name}.txt").read_text()
    return code != 0 and (out / NAME).exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, bytes]]:
    """The files of a run that nobody has stopped."""
    known: dict[str, dict[str, bytes]] = {}

    def of(name: str) -> dict[str, bytes]:
        if name not in known:
            out = tmp_path_factory.mktemp(name) / "out"
            aezoo.train(spec(name), out=out)
            known[name] = files(out)
        return known[name]

    return of


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_is_killed_at_random_moments_ends_in_the_same_files(
    tmp_path: Path, whole: Callable[[str], dict[str, bytes]], name: str
) -> None:
    expected = whole(name)  # first: what a run imports is then in each process that is made of this one
    draw = random.Random(name)
    kills = number = 0
    while kills < 5:
        out, number = tmp_path / str(number), number + 1
        while killed_at_random(name, out, draw):
            kills += 1
        assert files(out) == expected
        assert Checkpoints(out).finished()
    assert kills >= 5


# --- at a system call --------------------------------------------------------------------------------------


def traced(name: str, out: Path, inject: str) -> int:
    """How a process ends in which strace spoils a system call; `pytest.skip` where it may not trace."""
    ready, go = os.pipe()
    child = started(name, out, lambda: os.read(ready, 1))
    call = inject.partition(":")[0]
    command = ["strace", "-f", "-p", str(child), "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={inject}"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        assert tracer.stderr is not None
        select.select([tracer.stderr], [], [])
        told = tracer.stderr.readline().decode()
        if "attached" not in told:
            os.kill(child, signal.SIGKILL)
            ended(child)
            pytest.skip(f"strace may not trace here: {told.strip()}")
        os.write(go, b"x")
        return ended(child)
    finally:
        tracer.kill()
        tracer.communicate()
        os.close(ready)
        os.close(go)


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@needs_strace
@pytest.mark.parametrize(
    ("call", "which"),
    [
        *(("fsync", 2), ("fsync", 3), ("fsync", 17), ("fsync", 40), ("rename", 1), ("rename", 3), ("rename", 21)),
        *(("unlink", 1), ("unlink", 9), ("rmdir", 2), ("mkdir", 4), ("write", 5), ("write", 60)),
    ],
)
def test_a_run_that_dies_at_a_system_call_ends_in_the_same_files(
    tmp_path: Path, whole: Callable[[str], dict[str, bytes]], call: str, which: int
) -> None:
    expected, out = whole("noisy"), tmp_path / "out"
    code = traced("noisy", out, f"{call}:signal=SIGKILL:when={which}")
    assert code == -signal.SIGKILL
    assert ended(started("noisy", out)) == 0
    assert files(out) == expected
    assert Checkpoints(out).finished()


@needs_strace
@pytest.mark.parametrize(
    "fault", ["fsync:error=EIO:when=30", "rename:error=ENOSPC:when=20", "mkdir:error=ENOSPC:when=9"]
)
def test_a_state_that_a_disk_refuses_ends_no_run(
    tmp_path: Path, whole: Callable[[str], dict[str, bytes]], fault: str
) -> None:
    expected, out = whole("noisy"), tmp_path / "out"
    assert traced("noisy", out, fault) == 0
    assert files(out) == expected


# --- in a process of its own -------------------------------------------------------------------------------


def test_the_command_line_goes_on_after_a_kill_in_another_process(
    tmp_path: Path, whole: Callable[[str], dict[str, bytes]]
) -> None:
    (tmp_path / "s.json").write_text(json.dumps(spec("noisy")))
    words = [sys.executable, "-m", "aezoo", "train", "s.json", "--out", "m", "--checkpoint-every", "0", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    out = tmp_path / "m"
    with subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as run:
        while run.poll() is None and not newest(out):
            time.sleep(0.01)
        run.kill()
    assert run.returncode == -signal.SIGKILL
    again = [sys.executable, "-m", "aezoo", "resume", "m", "--json"]
    done = subprocess.run(again, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["record"]["exact"] is True
    assert files(out) == whole("noisy")


@pytest.mark.skipif(shutil.which("sh") is None, reason="a shell script")
def test_the_script_for_slurm_is_queued_again_and_goes_on(
    tmp_path: Path, whole: Callable[[str], dict[str, bytes]]
) -> None:
    page = Path(__file__).parents[2] / "docs" / "reliability.md"
    script = page.read_text(encoding="utf-8").split("```sh\n#!/bin/sh")[1].split("```")[0]
    script = script.replace("SPEC", "s.json --checkpoint-every 0").replace("runs/a", "m")
    tools = {"aezoo": f'exec {sys.executable} -m aezoo "$@"', "scontrol": 'echo "$@" >> queued'}
    for name, line in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "s.json").write_text(json.dumps(spec("noisy")))
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": path, "SLURM_JOB_ID": "17", "AEZOO_PROGRESS": "0"}
    codes = []
    for signalled in (True, False):
        with subprocess.Popen(["sh", "-c", script], cwd=tmp_path, env=environment, stderr=subprocess.PIPE) as job:
            while signalled and job.poll() is None and not newest(tmp_path / "m"):
                time.sleep(0.01)
            if signalled:
                job.send_signal(signal.SIGUSR1)
            job.communicate()
        codes.append(job.returncode)
    assert codes == [75, 0]
    assert (tmp_path / "queued").read_text() == "requeue 17\n"
    assert files(tmp_path / "m") == whole("noisy")
