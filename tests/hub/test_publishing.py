"""`aezoo zoo publish`: the models in the box, put on the Hub as they are."""

from __future__ import annotations

import json

import pytest

import aezoo as zoo
from aezoo.storage import lockfile
from aezoo.zoo import embedded
from tests.hub.conftest import Run, commits, remote_files
from tests.hub_server.hub import Hub


@pytest.mark.parametrize("words", [("tiny-box", "acme"), ("--all", "acme")])
def test_the_copies_on_the_hub_have_the_hashes_of_those_in_the_box(
    words: tuple[str, ...], hub: Hub, login: str, box: str, aezoo: Run
) -> None:
    result = aezoo("zoo", "publish", *words, "--tag", "v1")
    assert result.code == 0, result.err
    assert result.out == f"acme/{box}@{hub.repository(f'acme/{box}').head.oid}\n"
    here, there = lockfile.read(embedded.folder(box)), lockfile.read(zoo.pull(f"acme/{box}@v1"))
    assert here is not None
    assert there is not None
    assert here.files == there.files
    assert f'aezoo.load("{box}")' in remote_files(hub, f"acme/{box}")["README.md"].decode()
    assert aezoo("zoo", "publish", *words, "--tag", "v1").code == 0
    assert commits(hub, f"acme/{box}") == 1


def test_a_dry_run_of_the_box_asks_nobody(hub: Hub, box: str, aezoo: Run, no_sockets: None) -> None:
    result = aezoo("zoo", "publish", "--all", "acme", "--dry-run")
    assert result.code == 0
    noted = lockfile.read(embedded.folder(box))
    assert noted is not None
    for file in noted.files:
        assert file.sha256 in result.out
    listed = json.loads(aezoo("zoo", "publish", box, "acme", "--dry-run", "--json").out)
    assert {(row["name"], row["sha256"]) for row in listed} == {(file.name, file.sha256) for file in noted.files}


def test_what_was_published_is_one_document(hub: Hub, login: str, box: str, aezoo: Run) -> None:
    (done,) = json.loads(aezoo("zoo", "publish", "--all", "acme", "--json").out)
    assert (done["repo"], done["changed"]) == (f"acme/{box}", True)


def test_nothing_is_published_that_nobody_named(hub: Hub, login: str, box: str, aezoo: Run) -> None:
    for words, code in ((("acme",), 2), ((box, "acme", "--all"), 2), (("vae-mmist", "acme"), 3), ((box, "ac me"), 2)):
        assert aezoo("zoo", "publish", *words).code == code
    assert not hub.log
