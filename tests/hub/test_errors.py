"""What goes wrong with a Hub: an exit code, one line and a hint, soon, and the token nowhere."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import aezoo as zoo
from aezoo.errors import RunFailed
from aezoo.zoo.cache import public, shelf
from tests.hub.conftest import REPO, kept, publish, store
from tests.hub.forks import Forks, Left
from tests.hub_server import faults
from tests.hub_server.fixtures import TOKEN
from tests.hub_server.hub import Hub

BAD = "hf_" + "nobody" * 6
PULL, PUSH, LIST, SHOW = ("pull", REPO), ("push", "DIR", REPO), ("list", "models", "--remote"), ("show", REPO)
Case = tuple[tuple[str, ...], dict[str, str], Callable[[Hub], object], int, str, str]


def gate(hub: Hub) -> None:
    hub.repository(REPO).gated = "auto"


def close(hub: Hub) -> None:
    hub.repository(REPO).private = True


def answer(status: int, method: str = "GET", pattern: str = "/api/models", **more: float) -> Callable[[Hub], object]:
    return lambda hub: hub.hook(method, pattern, faults.refuse(status, **more), times=None)


def nothing(hub: Hub) -> None:
    pass


MINE, NOBODY = {"HF_TOKEN": TOKEN}, {"HF_TOKEN": BAD}
#: Name -> words, environment, what happens, exit code, a part of the line, a part of the hint.
CASES: dict[str, Case] = {
    "no such model": (("pull", "acme/none"), {}, nothing, 3, "the Hub has no such model", "hf auth login"),
    "no such model, with a token": (("pull", "acme/none"), MINE, nothing, 3, "has no such model", "check the name"),
    "no such revision": (("pull", f"{REPO}@v2"), {}, nothing, 3, "has no revision 'v2'", "it has v1, main"),
    "no such commit": (("pull", f"{REPO}@{'0' * 40}"), {}, nothing, 3, "has no revision", "v1"),
    "private": (PULL, {}, close, 3, "does not show it", "no token was used"),
    "gated": (PULL, {}, gate, 5, "is gated", "ask for access at http"),
    "gated, with a token": (PULL, MINE | {"HF_TOKEN": "hf_" + "carol" * 7}, gate, 5, "is gated", "ask for access"),
    "bad token": (PULL, NOBODY, nothing, 5, "refuses (401): Invalid credentials", "hf auth whoami"),
    "401": (PULL, {}, answer(401), 5, "refuses (401)", "no token was used"),
    "403": (PULL, MINE, answer(403), 5, "refuses (403)", "the token in use may not see it"),
    "404 of nothing": (PULL, {}, answer(404), 5, "answers 404", "try again later"),
    "429": (PULL, {}, answer(429, retry_after=1), 5, "too many requests (429)", "wait"),
    "500": (PULL, {}, answer(500), 5, "answers 500", "try again later"),
    "503": (PULL, {}, answer(503), 5, "answers 503", "try again later"),
    "500 of a file": (PULL, {}, answer(500, "GET", "/resolve/"), 5, "answers 500", "try again later"),
    "403 of a file": (PULL, MINE, answer(403, "HEAD", "/resolve/"), 5, "refuses (403)", "may not see it"),
    "refused": (
        PULL,
        {"HF_ENDPOINT": "http://127.0.0.1:1"},
        nothing,
        5,
        "Connection refused",
        "is http://127.0.0.1:1 reach",
    ),
    "no such host": (
        PULL,
        {"HF_ENDPOINT": "https://nowhere.invalid"},
        nothing,
        5,
        "ConnectError",
        "is https://nowhere.invalid reachable",
    ),
    "hung up": (
        PULL,
        {},
        lambda hub: hub.hook("GET", "/api/", faults.drop(), times=None),
        5,
        "disconnected",
        "reachable",
    ),
    "no JSON": (PULL, {}, lambda hub: hub.hook("GET", "/api/", faults.body(lambda _: b"<html>")), 5, REPO, "try again"),
    "a list that fails": (LIST, MINE, answer(403), 5, "refuses (403)", "token in use"),
    "a look that fails": (SHOW, {}, answer(500), 5, "answers 500", "try again"),
    "a push without a token": (PUSH, {}, nothing, 5, "refuses (401)", "no token was used: log in"),
    "a push with a bad token": (PUSH, NOBODY, nothing, 5, "refuses (401)", "hf auth whoami"),
    "a push to others": (("push", "DIR", "bob/tiny"), MINE, nothing, 5, "refuses (403)", "may not write there"),
    "a push with a token that reads": (
        PUSH,
        {"HF_TOKEN": "hf_" + "reader" * 6},
        nothing,
        5,
        "refuses (403)",
        "may not write",
    ),
    "a push that is refused": (PUSH, MINE, answer(403, "POST", "/commit/"), 5, "refuses (403)", "may not write"),
    "a push to nowhere": (
        PUSH,
        MINE | {"HF_ENDPOINT": "http://127.0.0.1:1"},
        nothing,
        5,
        "Connection refused",
        "reachable",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_error_is_a_code_a_line_and_a_hint_after_few_tries(
    name: str, hub: Hub, published: str, tiny: Path, forks: Forks, homes: Path
) -> None:
    words, environment, happen, code, line, hint = CASES[name]
    hub.add_user("carol", token="hf_" + "carol" * 7)
    hub.add_user("alice", role="read", orgs=["acme"], token="hf_" + "reader" * 6)
    happen(hub)
    result = forks.run(*(str(tiny) if word == "DIR" else word for word in words), **environment)
    assert len(hub.log) < 40, "it was tried again and again"
    assert (result.code, result.out) == (code, ""), result.err
    first, second = result.err.splitlines()
    assert first.startswith("error: ")
    assert line in first
    assert second.startswith("hint: ")
    assert hint in second
    keep_quiet(result, homes)
    assert kept(homes) == []
    assert not [entry for entry in store(homes) if ".stage" in entry]


def keep_quiet(result: Left, homes: Path) -> None:
    """No token is shown, and none is written."""
    written = "".join(path.read_bytes().decode("latin-1") for path in homes.rglob("*") if path.is_file())
    for secret in (TOKEN, BAD, "reader" * 6, "carol" * 7):
        assert secret not in result.out + result.err + written


@pytest.mark.parametrize("pattern", ["cdn /", "hub /acme/tiny/resolve"])
def test_two_cuts_are_borne_in_silence(pattern: str, hub: Hub, published: str, forks: Forks) -> None:
    hub.hook("GET", pattern, faults.cut(100), times=2)
    result = forks.run("pull", REPO)
    assert (result.code, result.err) == (0, "")
    assert zoo.load(REPO, device="cpu")


def test_a_hub_that_is_busy_is_waited_for_as_it_asks(hub: Hub, published: str, forks: Forks) -> None:
    hub.hook("HEAD", "/resolve/", faults.refuse(429, retry_after=0))
    result = forks.run("pull", REPO)
    assert (result.code, result.err) == (0, "")


def test_bytes_that_came_wrong_once_are_fetched_again_and_twice_are_refused(
    hub: Hub, published: str, forks: Forks, homes: Path
) -> None:
    hub.hook("GET", "cdn /", faults.flip())
    assert forks.run("pull", REPO).code == 0
    hub.hook("GET", "cdn /", faults.flip(), times=None)
    result = forks.run("pull", REPO, AEZOO_HOME=str(homes / "other"))
    assert result.code == 7
    assert "model.safetensors of acme/tiny@" in result.err
    assert "came damaged, twice" in result.err
    assert not [*(homes / "other").rglob("config.json")]


def test_a_bad_token_is_told_of_where_an_older_answer_is_kept(hub: Hub, published: str, forks: Forks) -> None:
    assert forks.run("pull", REPO).code == 0
    hint = forks.run("pull", REPO, HF_TOKEN=BAD).err.splitlines()[1]
    assert "hf auth whoami" in hint
    assert "--offline" in hint


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EDQUOT, errno.ENOSPC])
def test_a_place_that_takes_no_files_is_no_fault_of_the_hubs(
    hub: Hub, published: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    from huggingface_hub import HfApi

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/there/x")

    monkeypatch.setattr(HfApi, "hf_hub_download", fail)
    with pytest.raises(RunFailed, match=f"{os.strerror(number)}: /there/x") as caught:
        zoo.pull(REPO)
    assert caught.value.exit_code == 6
    assert "AEZOO_HOME names another folder" in caught.value.hint


def test_an_error_as_json_is_one_document(hub: Hub, published: str, forks: Forks) -> None:
    import json

    hub.hook("GET", "/resolve/", faults.refuse(500), times=None)
    document = json.loads(forks.run("pull", REPO, "--json").err)
    assert (document["exit_code"], bool(document["hint"])) == (5, True)


def test_a_traceback_shows_no_token(hub: Hub, published: str, forks: Forks, homes: Path) -> None:
    hub.hook("GET", "/api/", faults.refuse(500), times=None)
    result = forks.run("pull", REPO, "--debug", HF_TOKEN=TOKEN)
    assert "Traceback" in result.err
    keep_quiet(result, homes)


def test_a_password_in_the_address_of_a_hub_is_not_written_down() -> None:
    address = "https://me:swordfish@hub.example:8443/api/ml"
    assert public(address) == "https://hub.example:8443/api/ml"
    assert "swordfish" not in str(shelf(REPO, endpoint=public(address)).folder)


def test_a_repository_that_is_no_model_is_not_found(hub: Hub, forks: Forks, built: Path) -> None:
    hub.publish("acme/words", {"README.md": b"# words"})
    result = forks.run("pull", "acme/words")
    assert result.code == 3
    assert "holds no config.json: it is no model of aezoo" in result.err
    publish(hub, built / "vanilla", "acme/half")
    del hub.repository("acme/half").head.tree["model.safetensors"]
    result = forks.run("pull", "acme/half")
    assert result.code == 3
    assert "holds no model.safetensors" in result.err
