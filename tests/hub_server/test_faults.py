"""Each way to fail and to attack does what it says, to a client that knows nothing of it."""

from __future__ import annotations

import contextlib
import threading
import time
from email.message import Message
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

import pytest
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.hf_api import RepoFile

from tests.hub_server import faults
from tests.hub_server.fixtures import TOKEN, HubOf
from tests.hub_server.hub import Hub
from tests.hub_server.wire import Refusal, Reply, Request

REPO = "acme/small"
FILE = f"/{REPO}/resolve/main/config.json"


@pytest.fixture
def hub(hub_of: HubOf) -> Hub:
    """One that holds a small model and takes objects by LFS: faults of HTTP are the same for both kinds."""
    hub = hub_of("lfs", page_size=20_000)
    hub.publish(REPO, {"config.json": b'{"a": 1}', "model.safetensors": bytes(1000)})
    return hub


class Got(NamedTuple):
    """A reply, as a client without tolerance reads it."""

    status: int
    headers: Message
    body: bytes


def get(url: str, path: str = FILE, method: str = "GET") -> Got:
    with contextlib.closing(HTTPConnection(url.removeprefix("http://"))) as connection:
        connection.request(method, path)
        reply = connection.getresponse()
        return Got(reply.status, reply.headers, reply.read())


def test_headers_are_replaced_in_any_case_and_left_out(hub: Hub) -> None:
    hub.hook(
        "HEAD", "resolve", faults.together(faults.header("etag", '"../../x"'), faults.header("X-Repo-Commit", None))
    )
    reply = get(hub.url, method="HEAD")
    assert reply.headers.get_all("ETag") == ['"../../x"']
    assert "X-Repo-Commit" not in reply.headers


def test_a_refusal_says_when_to_come_back_and_the_client_does(hub: Hub) -> None:
    hub.hook("GET", "resolve", faults.refuse(429, retry_after=7))
    reply = get(hub.url)
    assert (reply.status, reply.headers["Retry-After"], reply.body) == (429, "7", b"")
    hub.hook("HEAD", "resolve", faults.refuse(503, retry_after=0))
    assert Path(hf_hub_download(REPO, "config.json")).read_bytes() == b'{"a": 1}'


def test_a_hook_meets_as_many_requests_as_it_is_told_and_no_others(hub: Hub) -> None:
    hook = hub.hook("*", "hub .*config", faults.refuse(500), times=2)
    assert [get(hub.url, method=method).status for method in ("GET", "HEAD", "GET")] == [500, 500, 200]
    assert hook.times == 0
    always = hub.hook("GET", "config", faults.refuse(500), times=None)
    assert {get(hub.url).status for _ in range(3)} == {500}
    hub.hooks.remove(always)
    assert get(hub.url).status == 200


def test_a_client_that_is_sent_to_a_third_origin_takes_its_bytes_there_but_no_token(hub: Hub) -> None:
    third = hub.open("third", lambda request: Reply(200, b"evil", {"ETag": '"0"'}))
    hub.hook("*", "resolve/main/config", faults.redirect(f"{third}/config.json"), times=None)
    assert Path(hf_hub_download(REPO, "config.json", token=TOKEN)).read_bytes() == b"evil"
    assert hub.requests(origin="third")
    assert [request for request in hub.requests(origin="third") if "authorization" in request.headers] == []
    assert "authorization" in hub.requests("HEAD", "config", origin="hub")[0].headers


def test_an_origin_without_an_answer_says_404(hub: Hub) -> None:
    assert get(hub.open("third")).status == 404


def test_a_cut_and_a_drop_are_errors_of_the_protocol(hub: Hub) -> None:
    for fault in (faults.cut(3), faults.cut(), faults.drop()):
        hub.hook("GET", "resolve", fault)
        with pytest.raises(HTTPException):
            get(hub.url)
    assert get(hub.url).status == 200


def test_what_is_dropped_is_done_all_the_same(hub: Hub) -> None:
    hub.hook("POST", "/tag/", faults.drop(), times=None)
    with pytest.raises(Exception, match="without sending a response"):
        HfApi(endpoint=hub.url, token=TOKEN).create_tag(REPO, tag="v1")
    assert hub.repository(REPO).named("tags") == {"v1": hub.repository(REPO).head.oid}


def test_a_late_answer_is_late_and_a_dripping_one_comes_in_pieces(hub: Hub) -> None:
    for fault in (faults.wait(0.2), faults.drip(2, 0.05)):
        hub.hook("GET", "resolve", fault)
        start = time.monotonic()
        assert get(hub.url).body == b'{"a": 1}'
        assert time.monotonic() - start > 0.15


@pytest.mark.parametrize("declared", [None, faults.TERABYTE])
def test_an_endless_body_ends_when_the_client_hangs_up(hub: Hub, declared: int | None) -> None:
    hub.hook("GET", "resolve", faults.endless(declared=declared))
    with contextlib.closing(HTTPConnection(hub.url.removeprefix("http://"))) as connection:
        connection.request("GET", FILE)
        reply = connection.getresponse()
        assert reply.headers.get("Content-Length") == (None if declared is None else str(declared))
        assert len(reply.read(5_000_000)) == 5_000_000
    assert get(hub.url).body == b'{"a": 1}'


def test_bytes_are_flipped_and_changed(hub: Hub) -> None:
    for fault, body in (
        (faults.flip(0), b'z"a": 1}'),
        (faults.flip(bit=1), b'{"a": 1\x7f'),
        (faults.body(lambda data: data[:3]), b'{"a'),
    ):
        hub.hook("GET", "resolve", fault)
        assert get(hub.url).body == body


def test_sizes_are_declared_in_trees_and_in_headers(hub: Hub) -> None:
    hub.hook("GET", "/tree/", faults.declare())
    files = [row for row in HfApi(endpoint=hub.url).list_repo_tree(REPO) if isinstance(row, RepoFile)]
    assert {file.size for file in files} == {faults.TERABYTE}
    assert [file.lfs.size for file in files if file.lfs] == [faults.TERABYTE]
    hub.hook("HEAD", "resolve", faults.declare())
    reply = get(hub.url, f"/{REPO}/resolve/main/model.safetensors", "HEAD")
    assert reply.headers["X-Linked-Size"] == str(faults.TERABYTE)


def test_a_tree_of_ten_thousand_rows_and_a_file_that_is_called_otherwise(hub: Hub) -> None:
    hub.hook("GET", "/tree/", faults.together(faults.rename("config.json", "../x"), faults.rows(10_000)))
    paths = [row.path for row in HfApi(endpoint=hub.url).list_repo_tree(REPO)]
    assert len(paths) == len(set(paths)) == 10_003
    assert "../x" in paths
    assert "config.json" not in paths


def test_a_request_is_told_of_when_it_arrives_before_anything_is_done(hub: Hub) -> None:
    seen: list[tuple[Request, int]] = []
    get(hub.url)
    hub.at_request(2, lambda request: seen.append((request, hub.repository(REPO).downloads)))
    get(hub.url)
    assert seen == []
    get(hub.url)
    ((request, downloads),) = seen
    assert (request.number, request.path, downloads) == (3, FILE, 2)
    assert hub.repository(REPO).downloads == 3


def test_requests_are_numbered_by_arrival_when_many_come_at_once(hub: Hub) -> None:
    threads = [threading.Thread(target=get, args=[hub.url]) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [request.number for request in hub.log] == list(range(1, 21))
    assert {request.status for request in hub.log} == {200}


def test_a_bug_in_the_hub_is_an_answer(hub: Hub) -> None:
    url = hub.open("broken", lambda request: Reply(200, bytes([1 // 0])))
    reply = get(url)
    assert (reply.status, "ZeroDivisionError" in reply.headers["X-Error-Message"]) == (500, True)


def test_closing_does_not_wait_for_slow_answers() -> None:
    outcome: list[object] = []

    def ask() -> None:
        try:
            outcome.append(get(hub.url))
        except HTTPException as error:
            outcome.append(type(error).__name__)

    with Hub() as hub:
        hub.publish(REPO, {"config.json": b"{}"})
        arrived, late = threading.Event(), faults.wait(600)
        hub.hook("GET", "resolve", lambda reply: (arrived.set(), late(reply))[1])
        asking = threading.Thread(target=ask)
        asking.start()
        assert arrived.wait(600)
    asking.join()
    # Whoever waits for the answer would have had it.
    assert outcome == ["RemoteDisconnected"]


def test_who_waits_for_a_request_may_refuse_it(hub: Hub) -> None:
    def refuse(request: Request) -> None:
        raise Refusal(503, "closed for today")

    hub.at_request(1, refuse)
    assert [get(hub.url).status, get(hub.url).status] == [503, 200]
