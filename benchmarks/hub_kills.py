"""Kills pulls and pushes at random moments, many times, and counts what is left: a torn model would end it.

python benchmarks/hub_kills.py              200 pulls and 200 pushes in each of the two ways that the client sends
python benchmarks/hub_kills.py --rounds 20  fewer
python benchmarks/hub_kills.py --seed 1     other moments

Each command is a process of its own against the Hub of the tests. It is killed with SIGKILL after a time drawn between
none and a little more than it takes in peace. Then the store holds no model or a whole one, and the repository the
old model or the new; then the same command, in peace, has to leave all in order and nothing behind.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import aezoo
from aezoo.storage import layout, lockfile
from tests.hub.forks import Forks
from tests.hub_server.fixtures import MODES, TOKEN
from tests.hub_server.hub import Hub

SPEC = {
    "aezoo": 1,
    "name": "small",
    "input": [1, 16, 16],
    "encoder": [{"type": "flatten"}, {"type": "linear", "features": 256}],
    "latent": {"type": "gaussian", "dim": 8},
    "regularizers": {"kl": {"weight": 1.0}},
    "likelihood": "mse",
    "license": "mit",
}
COMMIT_LENGTH = 40
#: Commands in peace, by which the time that one takes is known; the first are slower.
TIMED = 7


def models(place: Path) -> tuple[Path, Path]:
    """Two models of one architecture."""
    model = aezoo.build(aezoo.read(SPEC))
    old = aezoo.save(model, place / "old")
    for parameter in model.network.parameters():
        parameter.data.add_(0.125)
    return old, aezoo.save(model, place / "new")


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: (folder / file.name).read_bytes() for file in layout.survey(folder).files}


def kept(home: Path) -> list[Path]:
    """The folders of the store that have the name of a model."""
    return [path for path in home.glob("models/*/*/*") if len(path.name) == COMMIT_LENGTH]


class Rounds:
    """Commands that are killed, against one hub.

    Args:
        hub: It.
        forks: What makes processes.
        place: A folder for stores.
        draw: What moments are drawn from.
    """

    def __init__(self, hub: Hub, forks: Forks, place: Path, draw: random.Random) -> None:
        self.hub, self.forks, self.place, self.draw = hub, forks, place, draw

    def variables(self, home: Path) -> dict[str, str]:
        return {**self.hub.environment(TOKEN), "AEZOO_HOME": str(home), "HF_HOME": str(self.place / "hf")}

    def killed(self, seconds: float, home: Path, *words: object) -> bool:
        """Whether a command was killed before it ended."""
        child = self.forks.start(*words, **self.variables(home))
        if not child.gone.wait(self.draw.uniform(0, 1.2 * seconds)):
            with suppress(ProcessLookupError):  # it ended in this very moment
                os.kill(child.pid, signal.SIGKILL)
        left = child.wait()
        assert left.code in (0, -signal.SIGKILL), left
        self.settle()
        return left.code != 0

    def settle(self) -> None:
        """Wait until the hub has done what was asked of it."""
        until = time.monotonic() + 30
        while any(request.status is None for request in list(self.hub.log)):
            assert time.monotonic() < until
            time.sleep(0.005)

    def peace(self, home: Path, *words: object) -> float:
        """Seconds that a command takes in peace."""
        began = time.monotonic()
        left = self.forks.run(*words, **self.variables(home))
        assert left.code == 0, left
        return time.monotonic() - began

    def pulls(self, rounds: int, folder: Path) -> Counter[str]:
        found: Counter[str] = Counter()
        commit = self.hub.publish("acme/pulled", files(folder)).oid
        usual = median(self.peace(self.place / f"count-{i}", "pull", "acme/pulled") for i in range(TIMED))
        for number in range(rounds):
            home = self.place / f"pull-{number}"
            found["killed"] += self.killed(usual, home, "pull", "acme/pulled")
            there = kept(home)
            assert all(lockfile.verify(one) and files(one).items() >= files(folder).items() for one in there), "torn"
            found["whole" if there else "none"] += 1
            found["with a stage left"] += any(home.rglob(".stage-*"))
            self.peace(home, "pull", "acme/pulled")
            (one,) = kept(home)
            assert (one.name, files(one).items() >= files(folder).items()) == (commit, True)
            assert not [*home.rglob(".stage-*"), *home.rglob(".*.tmp")], "something is left behind"
            shutil.rmtree(home)
        return found

    def pushes(self, rounds: int, old: Path, new: Path) -> Counter[str]:
        found: Counter[str] = Counter()
        home = self.place / "pushing"
        times = []
        for i in range(TIMED):
            self.hub.publish(f"acme/count-{i}", files(old))
            self.forget(new)
            times.append(self.peace(home, "push", new, f"acme/count-{i}"))
        usual = median(times)
        for number in range(rounds):
            name = f"acme/pushed-{number}"
            self.hub.publish(name, files(old))
            self.forget(new)
            found["killed"] += self.killed(usual, home, "push", new, name)
            state = self.state(name, old, new)
            found[state] += 1
            self.peace(home, "push", new, name)
            assert self.state(name, old, new) == "new"
            assert len(self.hub.repository(name).commits) == 3, "the first of all, the old one and one new one"
            del self.hub.repositories["model", name]
        return found

    def forget(self, folder: Path) -> None:
        """Let the hub ask for large files that an earlier round has sent."""
        for file in layout.survey(folder).files:
            self.hub.objects.path(file.sha256).unlink(missing_ok=True)

    def state(self, name: str, old: Path, new: Path) -> str:
        there = {path: self.hub.read(entry) for path, entry in self.hub.repository(name).head.tree.items()}
        words = [
            word
            for word, folder in (("old", old), ("new", new))
            if all(there.get(path) == data for path, data in files(folder).items() if path != layout.CARD)
        ]
        assert len(words) == 1, f"torn: {words}"
        return words[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="of each kind, in each mode")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    draw = random.Random(asked.seed)
    with Forks() as forks, tempfile.TemporaryDirectory(prefix="kills-") as folder:
        old, new = models(Path(folder))
        for mode in MODES:
            with Hub(xet=mode == "xet") as hub:
                hub.add_user("alice", orgs=["acme"], token=TOKEN)
                cache = Path(folder) / mode
                rounds = Rounds(hub, forks, cache, draw)
                for name, count in (
                    ("pull", lambda rounds=rounds: rounds.pulls(asked.rounds, new)),
                    ("push", lambda rounds=rounds: rounds.pushes(asked.rounds, old, new)),
                ):
                    began = time.monotonic()
                    outcomes = ", ".join(f"{number} {word}" for word, number in sorted(count().items()))
                    print(
                        f"{mode} {name}: {asked.rounds} rounds, {outcomes}; {time.monotonic() - began:.0f} s",
                        flush=True,
                    )
    print("nothing was torn, and nothing was left behind")
    return 0


if __name__ == "__main__":
    sys.exit(main())
