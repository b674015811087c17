"""Trials in processes of their own: each is `aezoo train`, as one would type it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from aezoo.errors import Interrupted, Resumable, UsageError
from aezoo.files import atomic_write
from aezoo.spec.canonical import to_json
from aezoo.spec.limits import DEFAULT_LIMITS, Limits
from aezoo.sweeps.requests import Settings
from aezoo.sweeps.trials import Trial
from aezoo.training.signals import stoppable

#: Of the folder of specs that processes are given, inside that of the sweep.
SPECS = ".specs"


def train_in_processes(
    trials: Sequence[Trial], settings: Settings, jobs: int, done: Callable[[Trial], None]
) -> dict[str, str]:
    """Train trials, so many at once; gives for each why it did not end well, or an empty text.

    Args:
        trials: In the order in which they are begun.
        settings: Data have to be in a file.
        jobs: Processes at once.
        done: Called after each.

    Raises:
        UsageError: The data are not in a file.
        Interrupted: A process was, or this one; each trial can go on.
    """
    if settings.fields or not (settings.data is None or isinstance(settings.data, (str, Path))):
        raise UsageError("data and fields from Python stay in this process", hint="jobs=1, or name a file")
    running: list[subprocess.Popen[str]] = []
    pool = ThreadPoolExecutor(jobs)
    with stoppable():
        try:
            waiting = {pool.submit(_train, trial, settings, jobs, running): trial for trial in trials}
            failures = {}
            for future in as_completed(waiting):
                failures[waiting[future].name] = future.result()
                done(waiting[future])
            return failures
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)  # first: none begins in the place of one that ends
            for process in [*running]:
                process.terminate()  # it saves its state and says how it goes on
            if isinstance(error, KeyboardInterrupt):
                raise Resumable("interrupted", hint="the same command goes on") from None
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _train(trial: Trial, settings: Settings, jobs: int, running: list[subprocess.Popen[str]]) -> str:
    path = trial.folder.parent / SPECS / f"{trial.name}.json"
    path.parent.mkdir(exist_ok=True)
    atomic_write(path, to_json(trial.spec.document()))
    threads = settings.threads or max(1, (os.cpu_count() or 1) // jobs)
    words = [sys.executable, "-m", "aezoo", "train", str(path), "--out", str(trial.folder), "--resume", "auto"]
    words += ["--device", settings.device, "--threads", str(threads)]
    words += ["--data", str(settings.data)] if settings.data is not None else []
    words += ["--force"] if settings.force else []
    words += ["--no-state", *_changed(settings.limits)]
    environment = {**os.environ, "AEZOO_PROGRESS": "0"}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    running.append(process)
    _, said = process.communicate()
    running.remove(process)
    if process.returncode == Resumable.exit_code or process.returncode == Interrupted.exit_code:
        raise Resumable(f"{trial.name} was interrupted", hint="the same command goes on")
    return "" if process.returncode == 0 else _last_line(said) or f"exit code {process.returncode}"


def _changed(limits: Limits) -> list[str]:
    """The options that set these limits."""
    named = zip(Limits._fields, limits, DEFAULT_LIMITS, strict=True)
    return [word for name, value, default in named if value != default for word in ("--limit", f"{name}={value}")]


def _last_line(text: str) -> str:
    """What a command said last that is an error."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("warning:", "hint:"))]
    return lines[-1].removeprefix("error: ").strip() if lines else ""
