"""Processes: a run of a spec that several processes share must end as that of one.

    assert faults_of_processes({"mine": spec}) == {}

Each process trains the spec alone, and with the others: weights, running means and records have to be the same up to
rounding, and are compared in double precision, where nothing else is as small.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from aezoo.hardware.processes import LOCAL_RANK, RANK, SIZE
from aezoo.reading.reader import read
from aezoo.spec.document import Spec

#: Seconds after which processes that do not end have failed.
TIMEOUT = 900
#: Share of a number by which rounding may move it in the few steps of a run.
TOLERANCE = 1e-6


def faults_of_processes(
    specs: Mapping[str, Spec], *, processes: int = 2, overrides: Sequence[str] = (), shard: bool = False
) -> dict[str, list[str]]:
    """What differs between a run of one process and one of several, a line each, by the name of the spec.

    Args:
        specs: Of few steps each, and small: all run one after another.
        processes: How many share a run.
        overrides: Changes of all specs, as `read` takes them.
        shard: Whether each of several keeps a part of the weights.

    Raises:
        RuntimeError: A process did not end well.
    """
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job.json"
        documents = {name: spec.document() for name, spec in specs.items()}
        job.write_text(json.dumps({"specs": documents, "overrides": [*overrides], "shard": shard}))
        run_processes(["-m", "aezoo.testing.processes", str(job)], processes)
        return json.loads((Path(folder) / "faults.json").read_text())  # type: ignore[no-any-return]


def run_processes(arguments: Sequence[str], processes: int) -> None:
    """Run Python with these arguments in several processes, as torchrun would. Raises `RuntimeError`."""
    place = meeting_place()
    running = [
        subprocess.Popen([sys.executable, *arguments], env=environment(rank, processes, place))
        for rank in range(processes)
    ]
    try:
        codes = [process.wait(TIMEOUT) for process in running]
    finally:
        for process in running:
            process.kill()
    if any(codes):
        raise RuntimeError(f"processes ended with {codes}")


def meeting_place() -> Any:
    """Where processes find each other, as torchrun has one: a store of torch, to be kept until they have ended."""
    from torch import distributed

    store: Any = vars(distributed)["TCPStore"]  # which torch's types leave out
    return store("127.0.0.1", 0, is_master=True, wait_for_workers=False)


def environment(rank: int, processes: int, place: Any) -> dict[str, str]:
    """The variables by which a process of several knows its place."""
    numbers = {RANK: rank, LOCAL_RANK: rank, SIZE: processes, "MASTER_PORT": place.port, "OMP_NUM_THREADS": 1}
    words = {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_USE_AGENT_STORE": "True"}
    return {**os.environ, **words, **{name: str(value) for name, value in numbers.items()}}


def compare(job: Path) -> None:
    """The work of one of the processes: runs a job of `faults_of_processes`, and writes what it found beside it."""
    from aezoo.training.distributed.ranks import joined

    warnings.simplefilter("ignore")
    task = json.loads(job.read_text())
    with joined("cpu", shards=task["shard"]) as ranks:
        assert ranks is not None
        faults = {}
        for name, document in task["specs"].items():
            spec = read(document, overrides=[*task["overrides"], "training.precision='float64'"])
            found = ranks.everything(list(_faults(spec, ranks)))
            faults[name] = [*dict.fromkeys(fault for each in found for fault in each)]
        if ranks.is_first:
            (job.parent / "faults.json").write_text(json.dumps({name: each for name, each in faults.items() if each}))


def _faults(spec: Spec, ranks: Any) -> Iterator[str]:
    from aezoo.errors import AezooError
    from aezoo.training.distributed.agreement import Agreement
    from aezoo.training.distributed.parts import whole
    from aezoo.training.history import History
    from aezoo.training.nonfinite.rollback import Steps
    from aezoo.training.setup import assemble, set_up
    from aezoo.training.signals import Stop

    histories, outcomes, facts = (History(), History()), [], []
    for history in histories:
        stop = Stop()
        agreement = Agreement(ranks, stop, None) if history is histories[1] else None
        begin = partial(assemble, spec, setup := set_up(spec), history, None, stop, agreement=agreement)
        try:
            loop = begin()[1]
            steps = Steps(loop, lambda begin=begin: begin()[1], None, setup.samples, setup.rows["train"])  # type: ignore[misc]
            outcome = steps.after(loop.run())
        except AezooError as error:
            yield str(error)
            return
        outcomes.append(outcome)
        ended = outcome.stop_reason, outcome.step, outcome.epoch, outcome.best_step, _words(str(outcome.failure))
        facts.append((*ended, *(_words(str(event)) for event in (loop.recovery.events if loop.recovery else ()))))
    one, several = outcomes
    if facts[0] != facts[1]:
        yield f"it ended as {facts[1]}, not {facts[0]}"
    for known, shared in ((one.state, several.state), (one.auxiliary_state, several.auxiliary_state)):
        together = whole(shared)
        for name, value in known.items():
            if not _alike(value, together[name]):
                yield f"{name} is off by {_apart(value, together[name]):.1e}"
    if len(histories[0].records) != len(histories[1].records):
        yield "it has other records"
    for record, other in zip(histories[0].records, histories[1].records, strict=False):
        for name, value in record.items():
            if not _same_number(value, other.get(name)):
                yield f"{record['split']} {name} after step {record['step']} is {other.get(name)}, not {value}"


def _words(text: str) -> str:
    """What is said of a fault, without the numbers that a process has of its own samples."""
    return re.sub(r"(NaN|infinity)( and infinity)? in [\d,]+ of [\d,]+ values|, the largest [^;']*", "", text)


def _alike(value: Any, other: Any) -> bool:
    return value.shape == other.shape and _apart(value, other) <= TOLERANCE


def _apart(value: Any, other: Any) -> float:
    """The largest difference, as a share of the largest value or of 1e-3."""
    if not value.numel():
        return 0.0
    return float((value.double() - other.double()).abs().max() / value.double().abs().max().clamp_min(1e-3))


def _same_number(value: Any, other: Any) -> bool:
    if not isinstance(value, float) or not isinstance(other, (int, float)):
        return bool(value == other)
    return abs(value - other) <= TOLERANCE * max(abs(value), 1e-3)


if __name__ == "__main__":
    compare(Path(sys.argv[1]))
