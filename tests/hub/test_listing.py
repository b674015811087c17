"""What is there: in the box, in the store, on the Hub; and what can be said of a model without fetching it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import aezoo as zoo
from tests.hub.conftest import REPO, Run, publish
from tests.hub_server.hub import Hub


def rows(aezoo: Run, *words: str) -> dict[str, dict[str, Any]]:
    result = aezoo("list", "models", "--json", *words)
    assert result.code == 0, result.err
    return {row["name"]: row for row in json.loads(result.out)["models"]}


def test_a_list_tells_of_the_box_the_store_and_if_asked_of_the_hub(
    hub: Hub, login: str, built: Path, box: str, aezoo: Run
) -> None:
    zoo.push(built / "variational", REPO)
    zoo.push(built / "convolutional", "acme/conv")
    zoo.pull(REPO)
    requests = len(hub.log)
    here = rows(aezoo)
    assert {name: row["where"] for name, row in here.items()} == {box: "embedded", REPO: "cached"}
    assert len(hub.log) == requests
    assert here[REPO]["parameters"] == here[box]["parameters"] > 0
    result = aezoo("list", "models", "--remote", "--json")
    remote = {row["name"]: row for row in json.loads(result.out)["models"] if row["where"] == "hub"}
    assert remote.keys() == {REPO, "acme/conv"}
    assert (remote["acme/conv"]["family"], remote["acme/conv"]["license"]) == ("convolutional", "mit")
    assert remote["acme/conv"]["input"] == [1, 8, 8]
    assert remote[REPO]["parameters"] == here[REPO]["parameters"]
    assert not hub.requests("GET", "/resolve/.*/conv")
    table = aezoo("list", "models", "--remote")
    assert table.code == 0
    assert "acme/conv" in table.out


def test_a_list_can_be_searched(hub: Hub, login: str, built: Path, box: str, aezoo: Run) -> None:
    zoo.push(built / "variational", REPO)
    zoo.push(built / "convolutional", "acme/conv")
    assert rows(aezoo, "--search", "box").keys() == {box}
    assert rows(aezoo, "--remote", "--search", "conv").keys() == {"acme/conv"}
    assert rows(aezoo, "--search", "nothing of the kind") == {}


def test_a_list_of_the_hub_takes_models_of_aezoo_alone(hub: Hub, aezoo: Run) -> None:
    hub.publish("acme/gpt", {"README.md": b"---\nlibrary_name: transformers\n---\n"})
    assert not [row for row in rows(aezoo, "--remote").values() if row["where"] == "hub"]


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"license": ["a", "b"], "aezoo": [], "model-index": {}},
        {"license": {"a": 1}, "aezoo": "x", "model-index": "x"},
        {"aezoo": {"input": "x", "parameters": "x"}, "model-index": [None]},
        {"aezoo": {"input": [1, "x", None, True], "parameters": True}, "model-index": [{"results": None}]},
        {"aezoo": {"input": [10**400], "parameters": 10**400}, "model-index": [{"results": [{"metrics": 7}]}]},
        {"aezoo": {"parameters": -1}, "model-index": [{"results": [{"metrics": [{"type": [], "value": {}}]}]}]},
        {"model-index": [{"results": [{"metrics": [{"type": "\x1b[2Jfvu\n", "value": 1e400}]}]}]},
        {"license": "\x1b]0;owned\x07mit\r\n\u202e", "tags": ["aezoo", "\x1b[31m", {"a": 1}, None]},
        {"license": "x" * 10_000},
    ],
)
def test_a_strangers_card_is_shown_as_far_as_it_makes_sense(card: dict[str, Any], hub: Hub, aezoo: Run) -> None:
    front_matter = yaml.safe_dump({"library_name": "aezoo", **card})
    hub.publish("acme/odd", {"README.md": f"---\n{front_matter}---\n".encode()})
    row = rows(aezoo, "--remote")["acme/odd"]
    assert all(type(side) is int for side in row["input"])
    for value in row.values():
        assert not isinstance(value, str) or (value.isprintable() and len(value) <= 100)
    table = aezoo("list", "models", "--remote")
    assert table.code == 0, table.err
    assert all(line.isprintable() for line in table.out.splitlines())


def test_a_model_that_cannot_be_read_is_listed_all_the_same(hub: Hub, published: str, aezoo: Run) -> None:
    folder = zoo.pull(REPO)
    (folder / "config.json").write_text("{")
    row = rows(aezoo)[REPO]
    assert (row["family"], row["where"], row["parameters"]) == ("", "cached", None)


# --- show ---------------------------------------------------------------------------------------------------


def test_a_look_at_a_model_fetches_no_weights_and_keeps_nothing(
    hub: Hub, published: str, homes: Path, aezoo: Run
) -> None:
    result = aezoo("show", REPO)
    assert result.code == 0, result.err
    assert "licence: mit" in result.out
    fetched = {request.path.rsplit("/", 1)[1] for request in hub.requests("", "/resolve/")}
    assert fetched == {"config.json", "README.md"}
    assert not hub.requests("", "", origin="cdn")
    assert not [*(homes / "aezoo").rglob("*")]
    assert json.loads(aezoo("show", REPO, "--json").out)["model"]["license"] == "mit"


def test_a_look_at_what_is_in_the_store_fetches_nothing(hub: Hub, published: str, aezoo: Run) -> None:
    zoo.pull(REPO)
    files, requests = len(hub.requests("", "/resolve/")), len(hub.log)
    result = aezoo("show", REPO)
    assert f"from {REPO}@main, commit {published[:12]}" in result.out
    assert (len(hub.requests("", "/resolve/")), len(hub.log)) == (files, requests + 1)
    assert aezoo("show", f"{REPO}@{published}").code == 0
    assert len(hub.log) == requests + 1


def test_the_revision_told_is_the_one_asked_for(hub: Hub, published: str, aezoo: Run) -> None:
    for revision in ("main", "v1", published):
        name = f"{REPO}@{revision}"
        assert json.loads(aezoo("pull", name, "--json").out)["revision"] == revision
        assert json.loads(aezoo("show", name, "--json").out)["model"]["source"]["revision"] == revision


def test_a_seed_of_nought_is_shown(hub: Hub, published: str, tiny: Path, aezoo: Run) -> None:
    (tiny / "training.json").write_text(json.dumps({"seed": 0, "steps": 5}))
    assert "steps 5, seed 0" in aezoo("show", tiny).out


def test_the_card_of_a_model_is_printed_without_what_moves_a_cursor(hub: Hub, published: str, aezoo: Run) -> None:
    card = hub.read(hub.repository(REPO).head.tree["README.md"]).decode()
    hub.publish(REPO, {"README.md": (card + "\n\x1b[2J\x1b]0;owned\x07end\u202e\n").encode()})
    result = aezoo("show", REPO, "--card")
    assert result.code == 0
    assert "# variational" in result.out
    assert "[2J]0;ownedend" in result.out
    assert all(line.isprintable() for line in result.out.splitlines())
    assert not hub.requests("", "", origin="cdn")


def test_what_has_no_card_says_so(hub: Hub, published: str, tiny: Path, aezoo: Run) -> None:
    del hub.repository(REPO).head.tree["README.md"]
    assert aezoo("show", REPO, "--card").code == 3
    (tiny / "README.md").unlink()
    assert aezoo("show", tiny, "--card").code == 3
    result = aezoo("show", "vanilla-digits", "--card")
    assert (result.code, "is a spec" in result.err) == (2, True)


def test_a_look_offline_takes_what_is_here(
    hub: Hub, published: str, other: Path, aezoo: Run, no_sockets_later: list[str]
) -> None:
    zoo.pull(REPO)
    publish(hub, other)
    no_sockets_later.append("off")
    assert f"commit {published[:12]}" in aezoo("show", REPO, "--offline").out


def test_a_pulled_models_words_move_no_cursor(hub: Hub, published: str, built: Path, aezoo: Run) -> None:
    folder = zoo.pull(REPO)
    document = json.loads((folder / "config.json").read_text())
    document["spec"]["license"] = "mit\x1b]0;owned\x07"
    (folder / "config.json").write_text(json.dumps(document))
    (folder / "metrics.json").write_text(json.dumps({"metrics": {"\x1b[2Jfvu\n": 0.5}}))
    result = aezoo("list", "models")
    assert REPO in result.out
    assert "[2Jfvu 0.5" in result.out
    assert all(line.isprintable() for line in result.out.splitlines())
