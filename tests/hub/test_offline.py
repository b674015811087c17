"""Without a network: no socket is opened, what was pulled is there, and what was not is an error that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

import aezoo as zoo
from aezoo.errors import HubError, Refused
from tests.hub.conftest import REPO, Run, outputs, publish
from tests.hub.forks import Forks
from tests.hub_server.hub import Hub

VARIABLES = ("AEZOO_OFFLINE", "HF_HUB_OFFLINE")


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("revision", ["", "@main", "@v1", "@commit"])
def test_what_was_pulled_loads_offline_by_commit_and_by_the_revisions_last_known(
    variable: str,
    revision: str,
    hub: Hub,
    published: str,
    other: Path,
    built: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_sockets_later: list[str],
) -> None:
    for source in (REPO, f"{REPO}@v1"):
        zoo.pull(source)
    publish(hub, other)  # main and v1 move, and nobody here knows
    requests = len(hub.log)
    monkeypatch.setenv(variable, "1")
    no_sockets_later.append("off")
    name = REPO + revision.replace("commit", published)
    assert zoo.pull(name).name == published
    for had, has in zip(
        outputs(zoo.load(built / "variational", device="cpu")), outputs(zoo.load(name, device="cpu")), strict=True
    ):
        assert had.tobytes() == has.tobytes()
    assert len(hub.log) == requests


def test_what_is_not_here_is_an_error_that_says_what_is(
    hub: Hub, published: str, aezoo: Run, no_sockets_later: list[str]
) -> None:
    zoo.pull(f"{REPO}@v1")
    requests = len(hub.log)
    no_sockets_later.append("off")
    for source, has in ((REPO, True), (f"{REPO}@{'0' * 40}", True), ("acme/none", False)):
        for command in ("pull", "show"):
            result = aezoo(command, source, "--offline")
            name = source if "@" in source else f"{source}@main"
            hint = f"the store has {REPO}@v1; " if has else ""
            assert (result.code, result.out) == (5, "")
            assert result.err.splitlines() == [
                f"error: {name} is not in the store, and the network is switched off",
                f"hint: {hint}leave out --offline, or unset AEZOO_OFFLINE and HF_HUB_OFFLINE, to fetch it",
            ]
    assert len(hub.log) == requests


def test_a_damaged_model_is_refused_offline_and_not_called_missing(
    hub: Hub, published: str, aezoo: Run, no_sockets_later: list[str]
) -> None:
    (zoo.pull(REPO) / "config.json").write_text("{}")
    no_sockets_later.append("off")
    result = aezoo("pull", REPO, "--offline")
    assert result.code == 7
    assert "was changed since it was pulled: config.json has 2 bytes" in result.err


def test_a_push_and_a_search_refuse_to_go_offline(
    hub: Hub, login: str, tiny: Path, aezoo: Run, monkeypatch: pytest.MonkeyPatch, no_sockets: None
) -> None:
    monkeypatch.setenv("AEZOO_OFFLINE", "1")
    for words in (("push", tiny, REPO), ("list", "--remote")):
        result = aezoo(*words)
        assert result.code == 5
        assert result.err.splitlines()[0] == "error: the network is switched off"
    assert aezoo("push", tiny, REPO, "--dry-run").code == 0
    assert not hub.log


def test_a_list_needs_no_network(hub: Hub, published: str, aezoo: Run, no_sockets_later: list[str]) -> None:
    zoo.pull(REPO)
    no_sockets_later.append("off")
    result = aezoo("list", "models", "--offline")
    assert result.code == 0
    assert REPO in result.out


def test_a_model_in_the_box_needs_no_network(box: str, hub: Hub, aezoo: Run, no_sockets: None) -> None:
    assert aezoo("pull", box, "--offline").code == 0
    assert zoo.load(box, device="cpu").spec.name == "variational"
    assert aezoo("show", box).code == 0
    assert not hub.log


def test_a_process_offline_opens_no_socket_either(hub: Hub, published: str, forks: Forks) -> None:
    folder = zoo.pull(REPO)
    requests = len(hub.log)
    result = forks.run("pull", REPO, HF_HUB_OFFLINE="1", HF_ENDPOINT=hub.url)
    assert (result.code, result.out) == (0, f"{folder}\n")
    assert len(hub.log) == requests


def test_off_means_off(hub: Hub, published: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for word in ("0", "", "no", "false"):
        monkeypatch.setenv("AEZOO_OFFLINE", word)
        assert zoo.pull(REPO).name == published
    monkeypatch.setenv("AEZOO_OFFLINE", "TRUE")
    with pytest.raises(HubError):
        zoo.pull("acme/none")


def test_what_is_here_is_named_where_the_hub_cannot_be_reached(
    hub: Hub, published: str, aezoo: Run, tmp_path: Path
) -> None:
    folder = zoo.pull(REPO)
    hub.close()
    result = aezoo("pull", REPO)
    assert result.code == 5
    hint = "reachable? then try again; --offline, or AEZOO_OFFLINE=1, takes the commit that it was at the last request"
    assert result.err.splitlines()[1].endswith(hint)
    assert aezoo("pull", REPO, "--offline").out == f"{folder}\n"


def test_a_damaged_model_in_the_box_is_refused(box: str, tmp_path: Path, homes: Path) -> None:
    from aezoo.zoo import embedded

    (embedded.folder(box) / "config.json").write_text("{}")
    with pytest.raises(Refused):
        zoo.pull(box)


def test_a_damaged_copy_of_a_model_in_the_box_is_healed_offline(
    box: str, homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aezoo.zoo.pulling import PullWarning

    folder = zoo.pull(box)
    (folder / "config.json").write_text("{}")
    monkeypatch.setenv("AEZOO_OFFLINE", "1")
    with pytest.warns(PullWarning, match="it is fetched again"):
        assert zoo.pull(box) == folder
    assert zoo.load(folder, device="cpu")
