"""Attacks on a pull: nothing is written outside, nothing runs, nothing stays behind, and its user reads why."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import os
import pickle
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

import aezoo
from aezoo.errors import AezooError, HubError, NotFound, PluginMissing, Refused, SpecError, UsageError
from aezoo.storage import layout
from aezoo.storage.weights import MAX_HEADER, MAX_TENSORS
from aezoo.zoo import http_limits
from aezoo.zoo.client import Hub as Client
from aezoo.zoo.http_limits import Conversation
from tests.hub.sandbox import (
    REPO,
    Box,
    Files,
    box,
    files,
    refused,
    with_config,
    with_header,
    with_spec,
    with_weights,
    written,
)
from tests.hub_server import faults
from tests.hub_server.fixtures import TOKEN, HubOf
from tests.hub_server.hub import Hub
from tests.hub_server.wire import Reply

__all__ = ["box"]

CONFIG, WEIGHTS = "config.json", "model.safetensors"
API = f"hub /api/models/{REPO}/revision"
ROWS = f"hub /api/models/{REPO}/paths-info"


@pytest.fixture
def hub(hub_of: HubOf, box: Box, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub with the model, asked by somebody with a token."""
    hub = hub_of("lfs")
    hub.publish(REPO, files())
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return hub


@contextmanager
def soon(seconds: float = 20) -> Iterator[None]:
    """Little work, however crowded the machine is; that what never ends is given up is what `refused` sees."""
    start = time.process_time()
    yield
    assert time.process_time() - start < seconds


@contextmanager
def small(megabytes: float = 40) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()


def publish(hub: Hub, content: Files) -> None:
    hub.repositories.pop(("model", REPO))
    hub.publish(REPO, content)


def fetched(hub: Hub, name: str = "") -> list[str]:
    """The names of files that were asked for."""
    paths = [request.path for request in hub.requests("GET", "/resolve/") + hub.requests("HEAD", "/resolve/")]
    return [path for path in paths if path.endswith(name)]


# --- names ------------------------------------------------------------------------------------------------


STRANGERS = {
    "modeling.py": b"raise SystemExit('ran')",
    "pytorch_model.bin": pickle.dumps(print),
    "training.safetensors": b"x",
    "aezoo.lock.json": b"{}",
    ".env": b"x",
    "samples/evil.png": b"\x89PNG\r\n\x1a\n",
    "samples/../x": b"x",
}


def test_only_the_listed_names_are_ever_fetched(hub: Hub, box: Box) -> None:
    hub.publish(REPO, STRANGERS)
    folder = aezoo.pull(REPO)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {*layout.NAMES, "aezoo.lock.json"}
    assert {path.rpartition(f"/{hub.repository(REPO).head.oid}/")[2] for path in fetched(hub)} == {*layout.NAMES}
    assert json.loads((folder / "aezoo.lock.json").read_bytes())["source"] == REPO, "its own, not the one that was sent"


def test_only_the_listed_names_are_ever_pushed(hub: Hub, box: Box) -> None:
    folder = aezoo.pull(REPO, to=box.folder / "here" / "m")
    (folder / "notes.txt").write_text("x")
    (folder / "modeling.py").write_text("x")
    aezoo.push(folder, "acme/other")
    assert {*hub.repository("acme/other").head.tree} - {".gitattributes"} == {*layout.NAMES}


@pytest.mark.parametrize("name", ["weights.pkl", "a.bin", ".env", ".git/config", "link"])
def test_a_folder_that_holds_what_must_not_be_published_is_not(hub: Hub, box: Box, name: str) -> None:
    folder = aezoo.pull(REPO, to=box.folder / "here" / "m")
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(box.folder / "home") if name == "link" else path.write_bytes(b"x")
    before = len(hub.log)
    with refused(box, Refused, 7, "symbolic link|hidden|pickled"):
        aezoo.push(folder, "acme/other")
    assert len(hub.log) == before


def test_a_repository_of_ten_thousand_files_is_pulled_like_any_other(hub: Hub, box: Box) -> None:
    more = {f"extra/{n}.py": b"" for n in range(10_000)}
    hub.publish(REPO, more)
    with soon():
        folder = aezoo.pull(REPO)
    assert len([path for path in folder.rglob("*") if path.is_file()]) == len(layout.NAMES) + 1
    assert len(hub.requests(origin="hub")) <= 2 + 3 * len(layout.NAMES)


@pytest.mark.parametrize(
    "path", ["../config.json", "/etc/config.json", "samples/../config.json", "config.json\n", "C:\\x"]
)
def test_a_row_with_another_path_is_no_file_of_ours(hub: Hub, box: Box, path: str) -> None:
    hub.hook("POST", ROWS, faults.rename(CONFIG, path), times=None)
    with refused(box, NotFound, 3, "no model of aezoo"):
        aezoo.pull(REPO)
    assert not fetched(hub)


# --- what a Hub sends -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sha", ["../../../x", "a" * 39, "A" * 40, "a" * 41, f"{'a' * 40}\n", None, 7, ["a" * 40], {}])
def test_a_commit_that_is_none_is_refused(hub: Hub, box: Box, sha: Any) -> None:
    hub.hook("GET", API, faults.edited(lambda answer: {**answer, "sha": sha}))
    with refused(box, Refused, 7, "what the Hub sends as a commit is none"):
        aezoo.pull(REPO)
    assert not fetched(hub)


@pytest.mark.parametrize("change", [{"size": -1}, {"size": "7"}, {"size": None}, {"oid": "../x"}, {"oid": "\x1b[2J"}])
def test_a_size_or_a_hash_that_is_none_is_refused(hub: Hub, box: Box, change: dict[str, Any]) -> None:
    hub.hook("POST", ROWS, faults.edited(lambda rows: [{**row, **change} for row in rows]))
    with refused(box, Refused, 7, "without a size and a hash"):
        aezoo.pull(REPO)
    assert not fetched(hub)


@pytest.mark.parametrize(
    "reply", [b"[", b"[1]", b'{"a": 1}', b"[" * 100_000, b"\xff", b"", b"null", b'[{"type": "file"}]']
)
@pytest.mark.parametrize("request_", [("GET", API), ("POST", ROWS)])
def test_a_reply_that_is_none_of_a_hub_is_an_error_of_the_hub(
    hub: Hub, box: Box, request_: tuple[str, str], reply: bytes
) -> None:
    hub.hook(*request_, faults.body(lambda _: reply))
    with box.unchanged(), pytest.raises(AezooError) as caught:
        aezoo.pull(REPO)
    assert caught.value.exit_code in (3, 5, 7)
    assert caught.value.message.isprintable()


OUTSIDE = ["../../../../x", "..\\..\\x", "/etc/x", "a/b", "a:b", 'x"y', "a" * 39 + "/"]


@pytest.mark.parametrize("tag", OUTSIDE)
@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag"])
@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_an_etag_that_names_a_place_is_refused(hub: Hub, box: Box, name: str, header: str, tag: str) -> None:
    hub.hook("HEAD", f"resolve.*{name}", faults.header(header, f'"{tag}"'), times=None)
    with refused(box, Refused, 7, "a hash that is none"):
        aezoo.pull(REPO)


@pytest.mark.parametrize("commit", ["../../../../../home", "f" * 40, ""])
def test_a_head_that_tells_another_commit_changes_nothing(hub: Hub, box: Box, commit: str) -> None:
    (box.folder / "home" / CONFIG).write_bytes(b"{}")
    hub.hook("HEAD", "resolve", faults.header("X-Repo-Commit", commit), times=None)
    folder = aezoo.pull(REPO)
    assert folder.name == hub.repository(REPO).head.oid
    assert {name: (folder / name).read_bytes() for name in files()} == files()


@pytest.mark.parametrize("value", ["\x9b2J", "a\xa0b"])
def test_a_header_that_moves_a_cursor_is_refused(hub: Hub, box: Box, value: str) -> None:
    hub.hook("GET", API, faults.header("X-HF-Warning", value))
    with refused(box, Refused, 7, "headers that no Hub sends"):
        aezoo.pull(REPO)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_terabyte_that_is_declared_in_a_row_is_refused_before_a_file_is_asked_for(
    hub: Hub, box: Box, name: str
) -> None:
    grow = faults.edited(lambda rows: [faults.sized(row, 10**12) if row["path"] == name else row for row in rows])
    hub.hook("POST", ROWS, grow, times=None)
    with refused(box, AezooError, 7 if name == CONFIG else 6, "at most|room"):
        aezoo.pull(REPO)
    assert not fetched(hub)


def test_weights_larger_than_their_spec_allows_are_refused_before_they_are_asked_for(
    hub: Hub, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aezoo.zoo.pulling.shutil.disk_usage", lambda _: SimpleNamespace(free=10**15))
    hub.hook("POST", ROWS, faults.edited(lambda rows: [faults.sized(r, 10**12) if "lfs" in r else r for r in rows]))
    with refused(box, Refused, 7, r"parameters takes 256 MiB at most, not"):
        aezoo.pull(REPO)
    assert not fetched(hub, WEIGHTS)


def test_a_terabyte_that_is_declared_with_the_file_itself_is_refused(hub: Hub, box: Box) -> None:
    hub.hook("HEAD", "resolve", faults.header("X-Linked-Size", str(10**12)), times=None)
    with refused(box, AezooError, 5), soon():
        aezoo.pull(REPO)


# --- bodies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", [None, 10**12], ids=["undeclared", "declared"])
@pytest.mark.parametrize("piece", [b"x" * 65536, b"x" * 40], ids=["large", "small"])
@pytest.mark.parametrize(
    "request_", [("GET", f"resolve.*{CONFIG}"), ("GET", "cdn /"), ("GET", API), ("POST", ROWS)], ids=str
)
def test_a_body_without_an_end_is_cut(
    hub: Hub, box: Box, request_: tuple[str, str], piece: bytes, declared: int | None
) -> None:
    hub.hook(*request_, faults.endless(declared=declared, piece=piece), times=None)
    with refused(box, Refused, 7, "more"), soon(), small(60):
        aezoo.pull(REPO)


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_body_without_an_end_is_cut_in_redirects_and_errors_too(hub: Hub, box: Box, status: int) -> None:
    hub.hook("GET", API, faults.together(faults.redirect("/x", status), endless_as(status)), times=None)
    with refused(box, Refused, 7, "more"), soon(), small(60):
        aezoo.pull(REPO)


def endless_as(status: int) -> faults.Fault:
    def edit(reply: Reply) -> None:
        reply.status, reply.stream = status, itertools.repeat(bytes(65536))

    return edit


def packed(kind: str = "gzip", size: int = 200_000_000) -> faults.Fault:
    """A body that unpacks to a thousand times its bytes."""
    data = gzip.compress(bytes(size))
    data = gzip.compress(data) if "," in kind else data

    def edit(reply: Reply) -> None:
        reply.body = data
        reply.headers["Content-Encoding"] = kind

    return edit


@pytest.mark.parametrize("kind", ["gzip", "deflate", "GZIP"])
@pytest.mark.parametrize(
    "request_", [("GET", f"resolve.*{CONFIG}"), ("GET", "cdn /"), ("GET", API), ("POST", ROWS)], ids=str
)
def test_a_bomb_of_packed_bytes_is_defused(hub: Hub, box: Box, request_: tuple[str, str], kind: str) -> None:
    hub.hook(*request_, packed(kind), times=None)
    with refused(box, Refused, 7, "more"), soon(), small(60):
        aezoo.pull(REPO)


@pytest.mark.parametrize("kind", ["gzip, gzip", "br", "zstd", "gzip, identity, gzip", "compress"])
def test_a_body_that_is_packed_in_another_way_is_refused(hub: Hub, box: Box, kind: str) -> None:
    hub.hook("GET", "resolve", packed(kind, 1000), times=None)
    with refused(box, Refused, 7, "packed in a way"):
        aezoo.pull(REPO)


def test_a_body_that_is_packed_honestly_is_unpacked(hub: Hub, box: Box) -> None:
    def edit(reply: Reply) -> None:
        reply.body = gzip.compress(reply.body)
        reply.headers["Content-Encoding"] = "gzip"

    hub.hook("GET", "resolve|api/models", edit, times=None)
    folder = aezoo.pull(REPO)
    assert (folder / CONFIG).read_bytes() == files()[CONFIG]


def test_packed_bytes_that_are_damaged_are_refused(hub: Hub, box: Box) -> None:
    hub.hook("GET", "resolve", faults.header("Content-Encoding", "gzip"), times=None)
    with refused(box, Refused, 7, "cannot be unpacked"):
        aezoo.pull(REPO)


# --- time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [("GET", f"resolve.*{CONFIG}"), ("GET", "cdn /"), ("GET", API)], ids=str)
def test_a_body_that_drips_is_given_up(
    hub: Hub, box: Box, request_: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_limits, "SECONDS", 1)
    monkeypatch.setattr(http_limits, "SLOWEST", 1 << 40)
    hub.hook(*request_, faults.drip(1, 0.05), times=None)
    with refused(box, HubError, 5, "too slow"), soon(5):
        aezoo.pull(REPO)


def test_a_file_gets_the_time_that_a_slow_line_takes_and_no_days() -> None:
    seconds = Conversation("https://hub.example", 6 * (100 << 20), size=100 << 20).seconds
    assert 3600 < seconds < 2 * 3600
    assert Conversation("https://hub.example", 8 << 20).seconds == http_limits.SECONDS


@pytest.mark.parametrize("request_", [("GET", API), ("POST", ROWS)], ids=str)
def test_a_hub_that_says_nothing_is_given_up(
    hub: Hub, box: Box, request_: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_limits, "SILENCE", 0.3)
    hub.hook(*request_, faults.wait(60), times=None)
    with refused(box, HubError, 5, "Timeout"), soon(5):
        aezoo.pull(REPO)


def test_a_hub_cannot_put_the_client_to_sleep_for_years(hub: Hub, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_limits, "PATIENCE", 0)
    hub.hook("GET", "cdn /", faults.refuse(429, retry_after=10**9))
    reset = faults.together(faults.refuse(429), faults.header("ratelimit", '"api";r=0;t=999999999'))
    hub.hook("GET", f"resolve.*{CONFIG}", reset)
    with soon():
        aezoo.pull(REPO)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_redirects_in_a_circle_lead_to_an_error(hub: Hub, box: Box, method: str) -> None:
    pattern = {"GET": API, "POST": ROWS, "HEAD": "resolve"}[method]
    hub.hook("*", f"{pattern}|/around", around_and_around(), times=None)
    with refused(box, HubError, 5), soon():
        aezoo.pull(REPO)
    assert len(hub.log) < 100


def around_and_around() -> faults.Fault:
    count = itertools.count()

    def edit(reply: Reply) -> None:
        faults.redirect(f"/around?{next(count)}", 307)(reply)

    return edit


def test_a_circle_of_redirects_and_failures_ends(hub: Hub, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_limits, "MOST_REQUESTS", 5)
    monkeypatch.setattr(http_limits, "PATIENCE", 0)
    hub.hook("GET", "cdn /", faults.redirect("/again", 302), times=None)
    hub.hook("GET", "cdn /again", faults.redirect("/again?more", 302), times=None)
    with refused(box, HubError, 5, "sends us around"), soon():
        aezoo.pull(REPO)


# --- elsewhere --------------------------------------------------------------------------------------------


def no_token(hub: Hub, origin: str = "third") -> bool:
    requests = hub.requests(origin=origin)
    return bool(requests) and not any(TOKEN in str(request.headers) + request.target for request in requests)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("request_", [("GET", API), ("POST", ROWS)], ids=str)
def test_a_redirect_of_the_api_takes_no_token_elsewhere(
    hub: Hub, box: Box, request_: tuple[str, str], status: int
) -> None:
    third = hub.open("third")
    hub.hook(*request_, faults.redirect(f"{third}/api", status), times=None)
    with box.unchanged(), pytest.raises(AezooError):
        aezoo.pull(REPO)
    assert no_token(hub)
    assert "authorization" in hub.requests(origin="hub")[0].headers


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_redirect_of_a_file_takes_no_token_elsewhere_and_its_bytes_are_checked(hub: Hub, box: Box, name: str) -> None:
    third = hub.open("third", lambda request: Reply(200, b"{}", {"ETag": '"0"', "X-Repo-Commit": "a" * 40}))
    hub.hook("*", f"resolve.*{name}", faults.redirect(f"{third}/x"), times=None)
    with refused(box, Refused, 7, "came damaged, twice"):
        aezoo.pull(REPO)
    assert no_token(hub)


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/x", "//", "http://[", "http://127.0.0.1:1/x"])
def test_a_redirect_to_what_is_no_origin_is_an_error(hub: Hub, box: Box, where: str) -> None:
    hub.hook("*", f"resolve.*{WEIGHTS}", faults.redirect(where), times=None)
    with refused(box, HubError, 5), soon(30):
        aezoo.pull(REPO)


def test_xet_names_no_origin_that_gets_the_token_and_no_folder_that_is_written_to(
    hub_of: HubOf, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = hub_of("xet")
    hub.publish(REPO, files())
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    third, outside = hub.open("third"), box.folder / "outside"
    headers = {"X-Xet-Hash": "a" * 64, "Link": f'<{third}/token>; rel="xet-auth"'}
    hub.hook("HEAD", "resolve", lambda reply: reply.headers.update(headers), times=None)
    hub.hook("GET", "xet-read-token", faults.header("X-Xet-Cas-Url", f"local://{outside}"), times=None)
    aezoo.pull(REPO)
    assert not hub.requests(origin="third")
    assert not hub.requests("GET", "xet-read-token")
    assert not outside.exists()
    assert not [*(box.folder / "homes" / "hf").rglob("*")]


def test_a_storage_that_is_no_https_address_is_refused_of_a_hub_elsewhere() -> None:
    for endpoint, storage in (("https://hub.example", "local:///home"), ("https://hub.example", "http://cas.example")):
        with pytest.raises(Refused, match="no https address"):
            Conversation(endpoint, 1).answers(answered({"x-xet-cas-url": storage}))
    Conversation("https://hub.example", 1).answers(answered({"x-xet-cas-url": "https://cas.example"}))


def answered(headers: dict[str, str], method: str = "GET") -> Any:
    return SimpleNamespace(
        status_code=200, headers=headers, request=asked("https://hub.example/x", method), stream=SimpleNamespace()
    )


def asked(url: str, method: str = "GET") -> Any:
    return SimpleNamespace(url=url, method=method, headers={"authorization": TOKEN}, extensions={})


def test_a_hub_with_https_cannot_send_us_to_an_address_without() -> None:
    talk = Conversation("https://hub.example", 1)
    with pytest.raises(Refused, match="not encrypted"):
        talk.asks(asked("http://cdn.example/x"))
    with pytest.raises(Refused, match="not encrypted"):
        talk.asks(asked("http://hub.example/x"))
    request = asked("https://cdn.example/x")
    talk.asks(request)
    assert request.headers == {}
    request = asked("https://hub.example/x")
    talk.asks(request)
    assert request.headers == {"authorization": TOKEN}


@pytest.mark.parametrize(
    "address", ["https://me:secret@hub.example", "file:///x", "hub.example", "https://", "ftp://a"]
)
def test_an_address_of_a_hub_with_a_password_is_refused_before_it_is_written_down(
    box: Box, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    with refused(box, UsageError, 2, "no address of a Hub") as caught:
        aezoo.pull(REPO)
    assert "secret" not in str(caught)


# --- configs ----------------------------------------------------------------------------------------------

DEEP = b'{"spec": ' + b"[" * 1000 + b"]" * 1000 + b"}"
WIDE = [{"type": "linear", "features": 1_000_000}] * 3


def dotted(name: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document["spec"]["encoder"][0] = {"type": name}

    return change


CONFIGS: dict[str, tuple[Files, type[AezooError], int, str]] = {
    "depth 1000": ({**files(), CONFIG: DEEP}, SpecError, 1, "nested more than 64 deep"),
    "depth 100000": ({**files(), CONFIG: b"[" * 100_000}, SpecError, 1, "nested more than 64 deep"),
    "duplicate keys": ({**files(), CONFIG: b'{"aezoo": 1, "aezoo": 1}'}, SpecError, 1, "stands in this table before"),
    "two mebibytes": ({**files(), CONFIG: b" " * (2 << 20)}, Refused, 7, "at most"),
    "not utf-8": ({**files(), CONFIG: b'{"a": "\xff"}'}, SpecError, 1, "not UTF-8"),
    "a byte-order mark": ({**files(), CONFIG: b"\xef\xbb\xbf{}"}, SpecError, 1, "byte-order mark"),
    "not finite": ({**files(), CONFIG: b'{"aezoo": NaN}'}, SpecError, 1, ""),
    "a pickle": ({**files(), CONFIG: pickle.dumps(os.system)}, SpecError, 1, ""),
    "a list": ({**files(), CONFIG: b"[]"}, SpecError, 1, "a spec is a table"),
    "another document": ({**files(), CONFIG: b"{}"}, Refused, 7, "no manifest of a model"),
    "a format with a cursor": (with_config(lambda d: {**d, "aezoo": "\x1b[2J" * 10_000}), Refused, 7, "format"),
    "a print with a cursor": (
        with_config(lambda d: {**d, "fingerprints": {"arch": "\x1b[2J\x07"}}),
        Refused,
        7,
        "is not the one that was written",
    ),
    "a dotted path": (with_config(dotted("os.system")), SpecError, 1, "no layer is called"),
    "a torch module": (with_config(dotted("torch.nn.Linear")), SpecError, 1, "no layer is called"),
    "a path": (with_config(dotted("../../evil.py")), SpecError, 1, "no layer is called"),
    "a module of a namespace": (with_config(dotted("os:system")), PluginMissing, 4, "provides the namespace 'os'"),
    "a hydra target": (with_spec(**{"_target_": "os.system"}), SpecError, 1, "_target_"),
    "extends": (with_spec(extends="../../../etc/passwd"), SpecError, 1, ""),
    "10^12 parameters": (with_spec(encoder=[{"type": "flatten"}, *WIDE]), SpecError, 1, "weights; the limit is"),
    "10^30 parameters": (with_spec(latent={"type": "gaussian", "dim": 10**30}), SpecError, 1, ""),
    "a million layers": (with_spec(encoder=[{"type": "flatten"}] * 9000), SpecError, 1, ""),
    "an input of a petabyte": (with_spec(input=[1, 2**25, 2**25]), SpecError, 1, "for one sample"),
    "a name with a cursor": (with_spec(name="\x1b[2J"), SpecError, 1, ""),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_config_is_refused_before_weights_are_asked_for(hub: Hub, box: Box, case: str) -> None:
    content, error, code, match = CONFIGS[case]
    publish(hub, content)
    with box.unchanged(), soon(), pytest.raises(AezooError, match=match or None) as caught:
        aezoo.pull(REPO)
    assert (caught.value.exit_code, isinstance(caught.value, error) or code == 4) == (code, True)
    assert len(caught.value.message) < 10_000
    assert caught.value.message.replace("\n", "").isprintable()
    assert not fetched(hub, WEIGHTS)


# --- weights ----------------------------------------------------------------------------------------------


def table(entries: int) -> dict[str, Any]:
    return {f"t{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(entries)}


def bomb(raw: bytes) -> Files:
    return with_weights(struct.pack("<Q", len(raw)) + raw)


EMPTY = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
HEADERS: dict[str, Callable[[], Files]] = {
    "a pickle": lambda: with_weights(pickle.dumps(os.system) + bytes(100)),
    "nothing": lambda: with_weights(b""),
    "8 bytes": lambda: with_weights(bytes(8)),
    "a length of 2^64": lambda: with_weights(b"\xff" * 8 + bytes(100)),
    "100,000 tensors": lambda: bomb(json.dumps(table(100_000)).encode()),
    "more tensors than are read": lambda: bomb(json.dumps(table(MAX_TENSORS + 1), separators=(",", ":")).encode()),
    "50 MB of metadata": lambda: bomb(json.dumps({"__metadata__": {"a": "x" * 50_000_000}}).encode()),
    "much metadata": lambda: with_header(lambda t: t["__metadata__"].update({str(n): "" for n in range(100)})),
    "metadata that is no text": lambda: with_header(lambda t: t["__metadata__"].update(a={"b": 1})),
    "metadata that is another spec's": lambda: with_header(lambda t: t["__metadata__"].update(aezoo='{"aezoo": 1}')),
    "metadata that is deep": lambda: with_header(lambda t: t["__metadata__"].update(aezoo="[" * 100_000)),
    "depth": lambda: bomb(b"[" * (MAX_HEADER - 8)),
    "a long number": lambda: bomb(b'{"a": ' + b"9" * 100_000 + b"}"),
    "no text": lambda: bomb(b"\xff\xfe{}"),
    "a duplicate name": lambda: with_header(raw=b'{"a":%s,"a":%s}' % ((json.dumps(EMPTY).encode(),) * 2)),
    "a duplicate key": lambda: with_header(raw=b'{"a":{"dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
    "a gap": lambda: with_header(lambda t: t.update(x={**EMPTY, "data_offsets": [4, 4]})),
    "an overlap": lambda: with_header(lambda t: t.update(x={**EMPTY, "shape": [1], "data_offsets": [0, 4]})),
    "a product that overflows": lambda: with_header(lambda t: t.update(x={**EMPTY, "shape": [2**61, 8]})),
    "sixty axes": lambda: with_header(lambda t: t.update(x={**EMPTY, "shape": [0] * 60})),
    "an axis of a million": lambda: with_header(lambda t: t.update(x={**EMPTY, "shape": [0] * 500_000})),
    "a negative axis": lambda: with_header(lambda t: t.update(x={**EMPTY, "shape": [-1]})),
    "a true axis": lambda: with_header(lambda t: t.update(x={**EMPTY, "shape": [False]})),
    "a text for a shape": lambda: with_header(lambda t: t.update(x={**EMPTY, "shape": ""})),
    "a list for a type": lambda: with_header(lambda t: t.update(x={**EMPTY, "dtype": ["F32"]})),
    "an unknown type": lambda: with_header(lambda t: t.update(x={**EMPTY, "dtype": "O"})),
    "more keys": lambda: with_header(lambda t: t.update(x={**EMPTY, "code": "x"})),
    "no weights at all": lambda: with_header(raw=b"{}"),
    "trailing bytes": lambda: with_weights(files()[WEIGHTS] + b"x"),
    "cut short": lambda: with_weights(files()[WEIGHTS][:-1]),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_is_refused_before_a_tensor_is_touched(hub: Hub, box: Box, case: str) -> None:
    publish(hub, HEADERS[case]())
    with box.unchanged(), soon(), pytest.raises(AezooError) as caught:
        aezoo.pull(REPO)
    assert caught.value.exit_code in ((1, 7) if case == "metadata that is deep" else (7,))
    assert caught.value.message.replace("\n", "").isprintable()
    assert len(caught.value.message) < 2000


def renamed(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(t: dict[str, Any]) -> None:
        t[new] = t.pop(next(name for name in t if name.endswith(old)))

    return change


def retyped(dtype: str) -> Callable[[dict[str, Any]], None]:
    def change(t: dict[str, Any]) -> None:
        next(entry for entry in t.values() if entry.get("dtype") == "F32")["dtype"] = dtype

    return change


def reshaped(t: dict[str, Any]) -> None:
    entry = next(entry for entry in t.values() if len(entry.get("shape", ())) == 2 and len(set(entry["shape"])) == 2)
    entry["shape"] = entry["shape"][::-1]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (renamed("weight", "../../x"), "missing: .*unexpected: ../../x"),
        (renamed("weight", "\x1b[2J"), "unexpected: '.x1b"),
        (renamed("weight", "\ud800"), "unexpected|damaged|refused"),
        (retyped("I32"), "different: .* is I32"),
        (reshaped, "different: "),
        (lambda t: t.update(x=EMPTY), "unexpected: x"),
        (lambda t: t.update(x={**EMPTY, "shape": [2**61, 8, 0]}), "unexpected: x"),
    ],
)
def test_names_types_and_shapes_are_exactly_those_of_the_spec(
    hub: Hub, box: Box, change: Callable[[dict[str, Any]], None], match: str
) -> None:
    publish(hub, with_header(change))
    with pytest.raises(Refused, match=match) as caught:
        aezoo.load(REPO)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_not_kept(hub: Hub, box: Box, value: float) -> None:
    weights = files()[WEIGHTS]
    publish(hub, with_weights(weights[:-4] + struct.pack("<f", value)))
    with refused(box, Refused, 7, "holds NaN or infinity"):
        aezoo.pull(REPO)


# --- facts and pictures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["metrics.json", "training.json"])
@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"[" * 100_000,
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b"\xff",
        b"9" * 5000,
        b'{"a": [' + b"[]," * 999_999 + b"[]]}",
    ],
    ids=["list", "deep", "nan", "infinity", "bytes", "digits", "bomb"],
)
def test_facts_that_are_none_are_not_kept(hub: Hub, box: Box, name: str, data: bytes) -> None:
    publish(hub, {**files(), name: data})
    with refused(box, Refused, 7, "damaged|refused|at most"), soon():
        aezoo.pull(REPO)


def test_a_picture_that_is_none_is_not_kept(hub: Hub, box: Box) -> None:
    publish(hub, {**files(), "samples/samples.png": b"<svg onload=alert(1)>"})
    with refused(box, Refused, 7, "no PNG picture"):
        aezoo.pull(REPO)


# --- pushing to a hub that is hostile ---------------------------------------------------------------------


@pytest.mark.parametrize("part_size", [None, 10_000], ids=["whole", "parts"])
def test_a_hub_that_has_uploads_confirmed_elsewhere_sends_no_token_there(
    hub_of: HubOf, box: Box, monkeypatch: pytest.MonkeyPatch, part_size: int | None
) -> None:
    hub = hub_of("lfs", part_size=part_size)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    third = hub.open("third", lambda request: Reply(200, b"{}"))

    def elsewhere(batch: dict[str, Any]) -> dict[str, Any]:
        for row in batch["objects"]:
            row.setdefault("actions", {})["verify"] = {"href": f"{third}/verify"}
        return batch

    hub.hook("POST", "info/lfs/objects/batch", faults.edited(elsewhere), times=None)
    with contextlib.suppress(AezooError):
        aezoo.push(written(box.folder / "here" / "m"), REPO)
    assert no_token(hub)


def test_a_push_in_hundreds_of_parts_goes_through(hub_of: HubOf, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = hub_of("lfs", part_size=50)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    aezoo.push(written(box.folder / "here" / "m"), REPO)
    assert len(hub.requests("PUT")) > 200
    assert aezoo.pull(REPO).is_dir()


def test_a_session_that_was_opened_anew_is_held_to_the_limits_too(hub: Hub, box: Box) -> None:
    from huggingface_hub import close_session

    aezoo.pull(REPO)
    close_session()  # as the client does when a connection breaks
    hub.publish(REPO, {"README.md": b"x"})
    hub.hook("GET", API, faults.endless(), times=None)
    with refused(box, Refused, 7, "more"), soon():
        aezoo.pull(REPO)


def test_a_session_that_the_client_opens_in_the_middle_of_a_call_is_hooked(hub: Hub, box: Box) -> None:
    from huggingface_hub import close_session, get_session

    with Client()._conversation(None):
        close_session()  # as the client does when a connection breaks
        assert http_limits._asks in get_session().event_hooks["request"]
        assert http_limits._answers in get_session().event_hooks["response"]


def test_what_a_program_set_to_open_sessions_stays_and_is_held_to_the_limits(hub: Hub, box: Box) -> None:
    from huggingface_hub import get_session, set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    sessions: list[object] = []

    def own() -> Any:
        sessions.append(default_client_factory())
        return sessions[-1]

    set_client_factory(own)
    try:
        hub.hook("GET", API, faults.endless(), times=None)
        with refused(box, Refused, 7, "more"), soon():
            aezoo.pull(REPO)
        assert get_session() is sessions[-1]
    finally:
        set_client_factory(default_client_factory)


def test_the_limits_are_those_of_our_conversations_alone(hub: Hub, box: Box) -> None:
    from huggingface_hub import HfApi

    aezoo.pull(REPO)
    more = {f"extra/{n}.py": b"" for n in range(1000)}
    hub.publish(REPO, more)
    hub.hook("GET", "hub /api/models", faults.header("X-HF-Warning", "a; b"), times=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http_limits, "MOST_REQUESTS", 0)
        assert len(HfApi(endpoint=hub.url).list_repo_files(REPO)) > 1000
