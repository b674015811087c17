"""Whoever is killed, the store and the repository are as before or as after; benchmarks/hub_kills.py does it often."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

import aezoo as zoo
from aezoo.files import digest_of
from aezoo.storage import layout, lockfile
from tests.hub.conftest import REPO, commits, kept, publish, remote_files, store
from tests.hub.forks import Forks, Left
from tests.hub_server import faults
from tests.hub_server.fixtures import MODES, TOKEN, HubOf
from tests.hub_server.hub import Hub
from tests.hub_server.wire import Request


def killed(hub: Hub, forks: Forks, number: int, *words: object, **environment: str) -> Left:
    """A command that is killed as its `number`-th request arrives; the Hub does what that asks for."""
    before = len(hub.log)

    def kill(request: Request) -> None:
        assert forks.children[-1].born.wait(600)
        os.kill(forks.children[-1].pid, signal.SIGKILL)

    hub.at_request(number, kill)
    left = forks.start(*words, **environment).wait()
    hub.arrivals.clear()
    for _ in range(60_000):  # a Hub that never answers is a fault of its own
        if all(request.status is not None for request in hub.log[before:]):
            return left
        time.sleep(0.01)
    raise AssertionError("the Hub answers no more")


@pytest.mark.parametrize("mode", MODES)
def test_a_pull_that_is_killed_at_any_request_leaves_no_torn_model(
    mode: str, hub_of: HubOf, built: Path, forks: Forks, homes: Path, tmp_path: Path
) -> None:
    hub = hub_of(mode)
    commit = publish(hub, built / "vanilla")
    assert forks.run("pull", REPO, AEZOO_HOME=str(tmp_path / "count")).code == 0
    requests = len(hub.log)
    assert requests >= 2 + 2 * len(layout.NEEDED)
    for number in range(1, requests + 1):
        left = killed(hub, forks, number, "pull", REPO)
        assert left.code == -signal.SIGKILL
        assert kept(homes) == []
        assert not [name for name in store(homes) if "refs/" in name]
    folder = zoo.pull(REPO)
    assert (folder.name, lockfile.verify(folder) is not None) == (commit, True)
    assert sorted(name.split("/", 2)[2] for name in store(homes) if name.count("/") == 2) == [commit, "refs"]


def test_a_pull_that_is_killed_while_another_commit_is_there_leaves_that_alone(
    hub: Hub, published: str, other: Path, forks: Forks, homes: Path
) -> None:
    folder = zoo.pull(REPO)
    newer = publish(hub, other)
    for number in (1, 2, 5, 9):
        assert killed(hub, forks, number, "pull", REPO).code == -signal.SIGKILL
        assert kept(homes) == [published]
        assert zoo.load(folder, device="cpu")
        assert forks.run("pull", REPO, "--offline").out == f"{folder}\n"
    assert zoo.pull(REPO).name == newer


def ours(hub: Hub, name: str) -> dict[str, bytes]:
    there = remote_files(hub, name)
    return {path: data for path, data in there.items() if path in layout.NAMES}


def sent(folder: Path) -> dict[str, bytes]:
    """The files of a folder, but for the card, which is written on the way."""
    names = [file.name for file in layout.survey(folder).files if file.name != layout.CARD]
    return {name: (folder / name).read_bytes() for name in names}


def forget(hub: Hub, folder: Path) -> None:
    """Let the Hub ask for large files that another push has sent before."""
    for name in sent(folder):
        hub.objects.path(digest_of(folder / name)).unlink(missing_ok=True)


@pytest.mark.parametrize("mode", MODES)
def test_a_push_that_is_killed_at_any_request_leaves_the_old_or_the_new_repository(
    mode: str, hub_of: HubOf, built: Path, other: Path, forks: Forks
) -> None:
    hub = hub_of(mode)
    publish(hub, built / "variational", "acme/count", tag="")
    assert forks.run("push", other, "acme/count", HF_TOKEN=TOKEN).code == 0
    requests = len(hub.log)
    states = set()
    for number in range(1, requests + 1):
        name = f"acme/tiny-{number}"
        publish(hub, built / "variational", name, tag="")
        old = ours(hub, name)
        forget(hub, other)
        assert killed(hub, forks, number, "push", other, name, HF_TOKEN=TOKEN).code == -signal.SIGKILL
        now = ours(hub, name)
        new = sent(other).items() <= now.items()
        assert new != (now == old)
        assert commits(hub, name) == 1 + new
        states.add(new)
    assert states == {False, True}, "some came before the commit and some after"
    again = forks.run("push", other, name, HF_TOKEN=TOKEN)
    assert again.code == 0, again.err
    assert "nothing is new" in again.err
    first = forks.run("push", other, "acme/tiny-1", HF_TOKEN=TOKEN)
    assert first.code == 0, first.err
    assert sent(other).items() <= ours(hub, "acme/tiny-1").items()


def test_a_first_push_that_is_killed_leaves_no_half_of_a_model(hub: Hub, built: Path, forks: Forks) -> None:
    folder = built / "vanilla"
    assert forks.run("push", folder, "acme/count", "--tag", "v1", HF_TOKEN=TOKEN).code == 0
    for number in range(1, len(hub.log) + 1):
        name = f"acme/new-{number}"
        forget(hub, folder)
        assert killed(hub, forks, number, "push", folder, name, "--tag", "v1", HF_TOKEN=TOKEN).code == -signal.SIGKILL
        now = ours(hub, name) if ("model", name) in hub.repositories else {}
        assert not now or sent(folder).items() <= now.items()
    assert zoo.pull(f"{name}@v1"), "the last request is after all is said"


# --- at once ---------------------------------------------------------------------------------------------


def test_eight_pulls_at_once_fetch_the_weights_once_and_all_get_them(
    hub: Hub, published: str, forks: Forks, homes: Path
) -> None:
    hub.hook("GET", "/resolve/", faults.wait(0.3))
    left = [child.wait() for child in [forks.start("pull", REPO) for _ in range(8)]]
    assert {(one.code, one.err) for one in left} == {(0, "")}
    assert {Path(one.out.strip()).name for one in left} == {published}
    assert len(hub.requests("GET", origin="cdn")) == 1
    folder = Path(left[0].out.strip())
    assert lockfile.verify(folder)
    assert not [name for name in store(homes) if ".stage" in name]


def test_a_model_is_removed_while_another_commit_of_it_is_fetched(
    hub: Hub, published: str, other: Path, forks: Forks, homes: Path
) -> None:
    zoo.pull(f"{REPO}@v1")
    newer = publish(hub, other)
    at_work = threading.Event()
    hub.hook("GET", "cdn /", faults.wait(0.5))
    hub.hook("HEAD", "/resolve/.*safetensors", lambda reply: at_work.set())
    pulling = forks.start("pull", REPO)
    assert at_work.wait(30)
    removed = forks.run("cache", "rm", f"{REPO}@v1")
    assert (removed.code, removed.out) == (0, f"removed: {REPO}@{published[:12]}\n")
    assert pulling.wait().code == 0
    assert kept(homes) == [newer]


def test_eight_copies_to_one_folder_make_one_whole_one(hub: Hub, published: str, forks: Forks, tmp_path: Path) -> None:
    zoo.pull(REPO)
    target = tmp_path / "copies" / "model"
    children = [forks.start("pull", f"{REPO}@{published}", "--to", target) for _ in range(8)]
    codes = {child.wait().code for child in children}
    assert 0 in codes
    assert codes <= {0, 6, 7}
    assert lockfile.verify(target)
    assert [path.name for path in target.parent.iterdir()] == ["model"]
