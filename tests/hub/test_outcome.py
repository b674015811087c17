"""From the commit on, every message of a push says what is published; an answer that is none says nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

import aezoo as zoo
from aezoo.errors import AezooError, HubError, Interrupted, NotFound
from aezoo.zoo.client import Hub as Client
from tests.hub.conftest import REPO, Run, commits, remote_files
from tests.hub.test_push import edited
from tests.hub_server import faults
from tests.hub_server.faults import Fault
from tests.hub_server.hub import Hub
from tests.hub_server.wire import Refusal, Reply, Request

#: What comes in place of an answer: of another form, or no JSON at all.
NO_ANSWERS: dict[str, Callable[[bytes], bytes]] = {
    "an object": lambda _: b"{}",
    "null": lambda _: b"null",
    "a list": lambda _: b"[1]",
    "a word": lambda _: b'"ok"',
    "a page": lambda _: b"<html>Sign in to the hotel's network</html>",
    "half of it": lambda data: data[: len(data) // 2],
    "nothing": lambda _: b"",
    "not UTF-8": lambda _: b"\xff\xfe{}",
}
COMMIT, INFO, TREE, REFS = ("POST", "/commit/"), ("GET", "/api/models/"), ("POST", "/paths-info/"), ("GET", "/refs")


def each_request(hub: Hub, call: Callable[[Request], None], count: int = 60) -> None:
    """Call at each of the next requests."""
    for number in range(1, count):
        hub.at_request(number, call)


def at(pattern: str, call: Callable[[], object]) -> Callable[[Request], None]:
    """Call when a request of this path arrives."""

    def arrived(request: Request) -> None:
        if pattern in request.path:
            call()

    return arrived


# --- answers that are none -------------------------------------------------------------------------------


@pytest.mark.parametrize("change", NO_ANSWERS.values(), ids=NO_ANSWERS)
@pytest.mark.parametrize(("method", "pattern"), [TREE, INFO], ids=["tree", "info"])
def test_a_pull_takes_no_such_answer_for_nothing_is_there(
    hub: Hub, published: str, change: Callable[[bytes], bytes], method: str, pattern: str
) -> None:
    hub.hook(method, pattern, faults.body(change), times=None)
    with pytest.raises(AezooError) as caught:
        zoo.pull(REPO)
    assert isinstance(caught.value, HubError), caught.value
    assert not isinstance(caught.value, NotFound)
    assert len(caught.value.message.splitlines()) == 1
    hub.hooks.clear()
    assert zoo.pull(REPO).name == published


@pytest.mark.parametrize("change", NO_ANSWERS.values(), ids=NO_ANSWERS)
@pytest.mark.parametrize(("method", "pattern"), [TREE, INFO, REFS], ids=["tree", "info", "refs"])
def test_a_push_takes_no_such_answer_for_nothing_is_there(
    hub: Hub, login: str, tiny: Path, other: Path, change: Callable[[bytes], bytes], method: str, pattern: str
) -> None:
    zoo.push(tiny, REPO, tag="v1")
    edited(hub, lambda card: card + "\n## Theirs\n")
    before = hub.repository(REPO).head.oid
    hub.hook(method, pattern, faults.body(change), times=None)
    with pytest.raises(HubError):
        zoo.push(other, REPO, tag="v1")
    assert hub.repository(REPO).head.oid == before
    hub.hooks.clear()
    zoo.push(other, REPO, tag="v2")
    assert "## Theirs" in remote_files(hub)["README.md"].decode()


@pytest.mark.parametrize(
    "refs", [{"tags": {}}, {"tags": None}, {"tags": "v1"}, {"tags": [{}]}, {"tags": [{"name": "v1"}]}, {"branches": []}]
)
def test_tags_of_another_form_are_not_no_tags(hub: Hub, login: str, tiny: Path, other: Path, refs: object) -> None:
    zoo.push(tiny, REPO, tag="v1")
    hub.hook(*REFS, faults.edited(lambda _: refs), times=None)
    with pytest.raises(HubError, match="no list of tags"):
        zoo.push(other, REPO, tag="v1")
    assert commits(hub) == 1


@pytest.mark.parametrize("info", [{}, {"id": REPO}, {"id": REPO, "private": None}, {"id": REPO, "private": "yes"}, []])
def test_a_hub_that_does_not_say_whether_a_repository_is_private_gets_no_private_model(
    hub: Hub, login: str, tiny: Path, info: object
) -> None:
    def vague(reply: Reply) -> None:
        if b'"private"' in reply.body:
            faults.edited(lambda _: info)(reply)

    hub.hook(*INFO, vague, times=None)
    with pytest.raises(HubError):
        zoo.push(tiny, REPO, private=True)
    assert commits(hub) == 0


@pytest.mark.parametrize("change", [NO_ANSWERS["an object"], NO_ANSWERS["a page"]])
def test_a_search_that_is_not_answered_finds_not_nothing(
    hub: Hub, published: str, aezoo: Run, change: Callable[[bytes], bytes]
) -> None:
    hub.hook("GET", "/api/models", faults.body(change), times=None)
    assert aezoo("list", "models", "--remote").code == 5


# --- the answer of the commit ----------------------------------------------------------------------------


LOST: dict[str, Fault] = {
    "dropped": faults.drop(),
    "500": faults.refuse(500),
    "504": faults.refuse(504),
    "408": faults.refuse(408),
    "no commit": faults.edited(lambda answer: {**answer, "commitOid": "none"}),
} | {name: faults.body(change) for name, change in NO_ANSWERS.items()}


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
@pytest.mark.parametrize("json_", [(), ("--json",)], ids=["text", "json"])
def test_a_commit_of_which_nothing_is_heard_may_be_public_and_one_is_told_where_to_look(
    hub: Hub, login: str, tiny: Path, aezoo: Run, fault: Fault, json_: tuple[str, ...]
) -> None:
    hub.hook(*COMMIT, fault, times=None)
    result = aezoo("push", tiny, REPO, "--tag", "v1", *json_)
    assert result.code in (5, 7)
    assert f"{REPO} may be published all the same, and may be public, without its tag 'v1'" in result.err
    assert f"look at {hub.url}/{REPO}, or `aezoo pull {REPO}`" in result.err
    assert "nothing was published" not in result.err
    assert commits(hub) == 1
    hub.hooks.clear()
    assert aezoo("pull", REPO).code == 0, "the command in the hint works"
    assert zoo.push(tiny, REPO, tag="v1").changed is False
    assert "refs/tags/v1" in hub.repository(REPO).refs


@pytest.mark.parametrize("status", [400, 403, 409, 412, 413])
def test_a_commit_that_is_refused_published_nothing(hub: Hub, login: str, tiny: Path, status: int) -> None:
    def refuse(request: Request) -> None:
        if "/commit/" in request.path:
            raise Refusal(status, "no")

    each_request(hub, refuse)
    with pytest.raises(HubError, match=r"; nothing was published$"):
        zoo.push(tiny, REPO)
    assert commits(hub) == 0


@pytest.mark.usefixtures("no_backoff")
def test_a_repository_that_is_called_commit_is_no_commit(hub: Hub, login: str, tiny: Path) -> None:
    hub.hook("POST", "/preupload/", faults.refuse(500), times=None)
    with pytest.raises(HubError, match=r"; nothing was published$"):
        zoo.push(tiny, "acme/commit")


def test_a_pull_request_that_is_lost_may_be_there(hub: Hub, login: str, tiny: Path) -> None:
    hub.hook(*COMMIT, faults.drop(), times=None)
    with pytest.raises(HubError, match=f"it may be proposed to {REPO}, and may be public") as caught:
        zoo.push(tiny, REPO, request=True)
    assert f"{hub.url}/{REPO}/discussions" in caught.value.hint


def test_ctrl_c_says_what_is_published(
    hub: Hub, login: str, tiny: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    commit = HfApi.create_commit

    def committed(*words: Any, **named: Any) -> None:
        commit(*words, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(HfApi, "create_commit", interrupted)
        with pytest.raises(Interrupted, match=r"^interrupted; nothing was published$"):
            zoo.push(tiny, REPO)
        patch.setattr(HfApi, "create_commit", committed)
        with pytest.raises(Interrupted, match=f"^interrupted; {REPO} may be published all the same, and may be public"):
            zoo.push(tiny, REPO)
    zoo.push(tiny, REPO)
    with monkeypatch.context() as patch:
        patch.setattr(Client, "tag", interrupted)
        with pytest.raises(Interrupted, match="is published, and may be public, without its tag 'v1'"):
            zoo.push(other, REPO, tag="v1")


# --- after the commit ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [faults.refuse(500), faults.drop(), faults.body(NO_ANSWERS["an object"])])
def test_a_commit_that_cannot_be_read_back_is_published(
    hub: Hub, login: str, tiny: Path, aezoo: Run, fault: Fault
) -> None:
    each_request(hub, at("/commit/", lambda: hub.hook(*TREE, fault, times=None)))
    result = aezoo("push", tiny, REPO)
    head = hub.repository(REPO).head.oid
    assert (result.code, commits(hub)) == (5, 1)
    assert f"{REPO}@{head} is published, and may be public" in result.err
    assert f"`aezoo pull {REPO}@{head}`" in result.err


def test_a_private_model_that_cannot_be_read_back_is_said_to_be_private(hub: Hub, login: str, tiny: Path) -> None:
    each_request(hub, at("/commit/", lambda: hub.hook(*TREE, faults.refuse(500), times=None)))
    with pytest.raises(HubError, match=r"is published, private$"):
        zoo.push(tiny, REPO, private=True)


# --- private ---------------------------------------------------------------------------------------------


def expose(hub: Hub) -> None:
    hub.repository(REPO).private = False


@pytest.mark.parametrize("pattern", ["/preupload/", "/batch", "/paths-info/"])
def test_a_repository_made_public_before_the_commit_gets_none(
    hub: Hub, login: str, tiny: Path, other: Path, aezoo: Run, pattern: str
) -> None:
    zoo.push(tiny, REPO, private=True)
    each_request(hub, at(pattern, lambda: expose(hub)))
    result = aezoo("push", other, REPO, "--private")
    assert result.code == 7
    assert f"{REPO} was made public meanwhile; nothing was published" in result.err
    assert commits(hub) == 1


def test_a_repository_made_public_with_the_commit_is_told_to_be_public(
    hub: Hub, login: str, tiny: Path, aezoo: Run
) -> None:
    each_request(hub, at("/commit/", lambda: expose(hub)))
    result = aezoo("push", tiny, REPO, "--private", "--tag", "v1")
    head = hub.repository(REPO).head.oid
    assert result.code == 7
    assert "was made public meanwhile: everybody can see the model" in result.err
    assert f"{REPO}@{head} is published, and may be public, without its tag 'v1'" in result.err
    assert f"{hub.url}/{REPO}/settings" in result.err


# --- tags ------------------------------------------------------------------------------------------------


def test_a_tag_that_is_taken_after_the_commit_is_refused(
    hub: Hub, login: str, tiny: Path, other: Path, aezoo: Run
) -> None:
    first = zoo.push(tiny, REPO)
    tags = hub.repository(REPO).refs
    each_request(hub, at("/tag/", lambda: tags.update({"refs/tags/v1": first.commit})))
    result = aezoo("push", other, REPO, "--tag", "v1")
    assert result.code == 7
    assert f"has a tag 'v1' already, at {first.commit[:12]}" in result.err
    assert "push again with the next version as its tag" in result.err
    hub.arrivals.clear()
    assert zoo.push(other, REPO, tag="v2").changed is False


@pytest.mark.parametrize("fault", [faults.drop(), faults.refuse(500)])
def test_a_tag_that_was_set_though_its_answer_is_lost_is_set(hub: Hub, login: str, tiny: Path, fault: Fault) -> None:
    hub.hook("POST", "/tag/", fault)
    assert zoo.push(tiny, REPO, tag="v1").tag == "v1"
    assert "refs/tags/v1" in hub.repository(REPO).refs


def test_a_tag_that_the_hub_takes_and_does_not_show_is_told(hub: Hub, login: str, tiny: Path, aezoo: Run) -> None:
    each_request(hub, at("/refs", lambda: hub.repository(REPO).refs.pop("refs/tags/v1", None)))
    result = aezoo("push", tiny, REPO, "--tag", "v1")
    assert result.code == 5
    assert "took the tag 'v1', and does not show it" in result.err
    assert "without its tag 'v1'" in result.err
    hub.arrivals.clear()
    assert aezoo("push", tiny, REPO, "--tag", "v1").code == 0


def test_of_several_models_those_before_the_one_that_failed_are_named(
    hub: Hub, login: str, box: str, aezoo: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import aezoo.zoo.embedded as embedded

    monkeypatch.setattr(embedded, "names", lambda: [box, box])
    sent: list[str] = []

    def second(request: Request) -> None:
        if request.path.endswith("/repos/create"):
            sent.append(request.path)
            if len(sent) > 1:
                raise Refusal(500, "no")

    each_request(hub, second)
    result = aezoo("zoo", "publish", "--all", "acme", "--json")
    document = json.loads(result.err)
    assert document["exit_code"] == 5
    assert f"published before it: acme/{box}@" in document["error"]
