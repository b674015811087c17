"""What is there is not sent and not fetched again."""

from __future__ import annotations

from pathlib import Path

import aezoo as zoo
from tests.hub.conftest import REPO, commits, kept, publish, store
from tests.hub_server.hub import Hub


def test_a_second_push_of_the_same_folder_makes_no_commit(hub: Hub, login: str, tiny: Path) -> None:
    first = zoo.push(tiny, REPO)
    sent = len(hub.requests("PUT"))
    again = zoo.push(tiny, REPO)
    assert (again.changed, again.commit, commits(hub)) == (False, first.commit, 1)
    assert len(hub.requests("PUT")) == sent
    assert len(hub.requests("POST", "/commit/")) == 1


def test_a_second_pull_of_a_branch_or_a_tag_asks_once_and_of_a_commit_never(hub: Hub, published: str) -> None:
    folder = zoo.pull(REPO)
    for source, requests in ((REPO, 1), (f"{REPO}@main", 1), (f"{REPO}@v1", 1), (f"{REPO}@{published}", 0)):
        before = len(hub.log)
        assert zoo.pull(source) == folder
        assert len(hub.log) - before == requests, source
        before = len(hub.log)
        zoo.load(source, device="cpu")
        assert len(hub.log) - before == requests, source


def test_a_pull_asks_for_the_commit_the_rows_and_each_file_once(hub: Hub, published: str) -> None:
    folder = zoo.pull(REPO)
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "aezoo.lock.json"]
    assert len(hub.requests("GET", "/api/models/")) == 1
    assert len(hub.requests("POST", "/paths-info/")) == 1
    assert len(hub.requests("HEAD", "/resolve/")) == len(files)


def test_a_pull_by_tag_gets_what_the_tag_names_whatever_main_is_now(
    hub: Hub, published: str, other: Path, homes: Path
) -> None:
    newer = publish(hub, other, tag="")
    assert zoo.pull(f"{REPO}@v1").name == published
    assert zoo.pull(REPO).name == newer
    assert sorted(kept(homes)) == sorted([published, newer])


def test_a_revision_that_moved_is_fetched_and_the_older_one_stays(
    hub: Hub, published: str, other: Path, homes: Path
) -> None:
    zoo.pull(REPO)
    newer = publish(hub, other)
    assert zoo.pull(REPO).name == newer
    assert sorted(kept(homes)) == sorted([published, newer])


def test_a_pinned_pull_of_what_is_not_here_needs_no_request_for_the_commit(hub: Hub, published: str) -> None:
    assert zoo.pull(f"{REPO}@{published}").name == published
    assert not hub.requests("GET", "/api/models/")


def test_a_copy_is_made_of_what_is_in_the_store(hub: Hub, published: str, tmp_path: Path, homes: Path) -> None:
    folder, before = zoo.pull(REPO), len(hub.log)
    copy = zoo.pull(f"{REPO}@{published}", to=tmp_path / "a" / "copy")
    assert len(hub.log) == before
    names = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    assert sorted(path.relative_to(copy) for path in copy.rglob("*")) == names
    assert (copy / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    assert zoo.load(copy, device="cpu").spec == zoo.load(folder, device="cpu").spec
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["copy"]
    assert not [name for name in store(homes) if ".stage" in name]
