"""Text from others: plugins that a spec names, cards, facts and tags; and secrets that nobody else may see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import aezoo as zoo
from aezoo.errors import AezooError, HubError, PluginError, PluginMissing, Refused
from tests.cli.conftest import Result, Run, aezoo
from tests.hub.sandbox import REPO, SPEC, Box, box, files, refused, with_config, written
from tests.hub_server import faults
from tests.hub_server.fixtures import MODES, TOKEN, HubOf
from tests.hub_server.hub import Hub
from tests.hub_server.wire import Reply

__all__ = ["aezoo", "box"]

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\u202e\u2028\x00"


@pytest.fixture
def hub(hub_of: HubOf, box: Box, monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = hub_of("lfs")
    hub.publish(REPO, files())
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return hub


def inert(result: Result) -> bool:
    """Nothing of what was printed moves a cursor."""
    lines = (result.out + result.err).replace("\t", "").split("\n")
    return all(line.isprintable() for line in lines)


# --- plugins ----------------------------------------------------------------------------------------------

CANARY = """
import pathlib
pathlib.Path({mark!r}).write_text("sang")
from typing import Literal
from aezoo.plugin import LayerSpec, hookimpl

class SameSpec(LayerSpec):
    '''Nothing.'''
    type: Literal["same"] = "same"

    def output_shape(self, shape):
        return shape

    def mirror(self, shape, *, target, style):
        return [self]

    def build(self, shape):
        from torch import nn
        return nn.Identity()

@hookimpl
def aezoo_components():
    return [SameSpec]
"""

#: A process with a plugin that is installed, whose import leaves a mark; it loads a model.
LOADING = """
import aezoo
from aezoo.errors import AezooError
try:
    model = aezoo.load("acme/tiny")
    print("loaded", [layer.tag() for layer in model.spec.encoder])
except AezooError as error:
    print("refused", error.exit_code, error)
"""


@pytest.fixture
def canary(box: Box) -> tuple[Path, Callable[[], str]]:
    """The mark of a plugin `bird` that is installed, and what a process says that loads the model beside it."""
    place, mark = box.folder / "here" / "site", box.folder / "here" / "mark"
    (place / "aezoo_bird-1.0.dist-info").mkdir(parents=True)
    (place / "aezoo_bird.py").write_text(CANARY.format(mark=str(mark)))
    (place / "aezoo_bird-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: aezoo-bird\nVersion: 1.0\n"
    )
    (place / "aezoo_bird-1.0.dist-info" / "entry_points.txt").write_text("[aezoo]\nbird = aezoo_bird\n")

    def load() -> str:
        paths = os.pathsep.join((str(Path(__file__).resolve().parents[2]), str(place)))
        environment = {**os.environ, "PYTHONPATH": paths}
        done = subprocess.run(
            [sys.executable, "-c", LOADING], env=environment, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout.strip()

    return mark, load


def with_part(part: str, **more: Any) -> dict[str, bytes]:
    def change(document: dict[str, Any]) -> None:
        document["spec"]["encoder"].insert(1, {"type": part})
        document.update(more)

    return dict(with_config(change))


def test_a_plugin_that_is_installed_and_not_named_is_not_imported(
    hub: Hub, canary: tuple[Path, Callable[[], str]]
) -> None:
    mark, load = canary
    assert load() == "loaded ['flatten', 'linear']"
    assert not mark.exists()


def test_a_plugin_that_is_installed_and_named_is_used(
    hub: Hub, canary: tuple[Path, Callable[[], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, load = canary
    hub.publish(REPO, with_part("bird:same"))
    said = load()
    assert "not the one that was written" in said, "the part was looked up, and it is another spec then"
    assert mark.exists()


def test_a_plugin_that_is_absent_is_named_and_neither_imported_nor_installed(hub: Hub, box: Box) -> None:
    hub.publish(REPO, with_part("kan:spline", plugins={"kan": "aezoo-kan>=0.3"}))
    before = set(sys.modules)
    with box.unchanged(), pytest.raises(PluginError) as caught:
        zoo.pull(REPO)
    assert caught.value.exit_code == 4
    assert "pip install 'aezoo-kan>=0.3'" in str(caught.value)
    assert not {name for name in set(sys.modules) - before if "kan" in name}
    assert not hub.requests("GET", "model.safetensors")


@pytest.mark.parametrize(
    "named",
    ["aezoo-kan>=0.3; rm -rf ~", "--index-url=http://evil x>=1", "git+https://evil/x", "x>=1\n\x1b[2J", ["x"], "x"],
)
def test_a_distribution_that_is_more_than_a_name_and_a_version_is_not_repeated(hub: Hub, box: Box, named: Any) -> None:
    hub.publish(REPO, with_part("kan:spline", plugins={"kan": named}))
    with box.unchanged(), pytest.raises(PluginError) as caught:
        zoo.pull(REPO)
    assert "evil" not in str(caught.value)
    assert "rm -rf" not in str(caught.value)
    assert str(caught.value).replace("\n", "").isprintable()


def test_the_command_exits_with_4_and_a_hint(hub: Hub, box: Box, aezoo: Run) -> None:
    hub.publish(REPO, with_part("kan:spline", plugins={"kan": "aezoo-kan>=0.3"}))
    result = aezoo("pull", REPO)
    assert (result.code, result.out) == (4, "")
    assert "aezoo-kan>=0.3" in result.err
    assert "Traceback" not in result.err
    assert f"{REPO}: config.json" in result.err
    assert ".stage-" not in result.err


def test_a_distribution_that_is_missing_is_told_of_once_and_by_the_repository(hub: Hub, box: Box, aezoo: Run) -> None:
    content = dict(with_part("kan:spline", plugins={"kan": "aezoo-kan>=0.3"}))
    document = json.loads(content["config.json"])
    document["spec"]["requires"] = ["Aezoo_Kan>=0.1", "aezoo-other>=1"]
    hub.publish(REPO, {**content, "config.json": json.dumps(document).encode()})
    for words in (("pull", REPO), ("show", REPO)):
        result = aezoo(*words)
        assert result.code == 4
        assert result.err.count("pip install") == 2
        assert "aezoo-kan>=0.1" not in result.err.lower().replace("_", "-")
        assert str(box.folder) not in result.err


def test_a_file_that_is_refused_is_told_by_the_repository(hub: Hub, box: Box) -> None:
    hub.publish(REPO, {"metrics.json": b"{"})
    with refused(box, Refused, 7, rf"^{REPO}: metrics\.json is damaged"):
        zoo.pull(REPO)


# --- cards and facts --------------------------------------------------------------------------------------

BOMB = (
    "---\na: &a [x,x,x,x,x,x,x,x,x]\n"
    + "\n".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]" for n in range(24))
    + "\n---\n"
)
CARDS = {
    "escapes": f"---\ntags: [aezoo]\nlicense: mit\n---\n# {ESCAPES}\n{ESCAPES}",
    "bomb": BOMB,
    "an object of python": "---\nx: !!python/object/apply:os.system ['touch owned']\n---\n",
    "a megabyte of brackets": "---\n" + "[" * 900_000 + "\n---\n",
    "markers": "<!-- aezoo: what follows is kept --><!-- aezoo: what follows is written anew at each push -->" * 1000,
    "no text": "\udcff\udcfe",
}


def card(name: str) -> dict[str, bytes]:
    return {"README.md": CARDS[name].encode("utf-8", "surrogateescape")}


@pytest.mark.parametrize("name", CARDS)
def test_a_card_moves_no_cursor_and_takes_no_time(hub: Hub, box: Box, aezoo: Run, name: str) -> None:
    hub.publish(REPO, card(name))
    start = time.process_time()
    for words in (("show", REPO, "--card"), ("show", REPO), ("pull", REPO)):
        result = aezoo(*words)
        assert result.code == 0, result.err
        assert inert(result)
    assert time.process_time() - start < 10
    assert not [*box.folder.rglob("owned")]


@pytest.mark.parametrize("name", CARDS)
def test_what_a_card_on_the_hub_says_around_ours_is_kept_as_text(hub: Hub, box: Box, name: str) -> None:
    hub.publish("acme/other", card(name))
    start = time.process_time()
    zoo.push(written(box.folder / "here" / "m"), "acme/other")
    assert time.process_time() - start < 10
    readme = hub.read(hub.repository("acme/other").head.tree["README.md"]).decode()
    head = readme.split("\n---\n")[0]
    assert head.startswith("---\nlibrary_name: aezoo")
    assert "python/object" not in head
    assert not [*box.folder.rglob("owned")]


def test_a_card_on_the_hub_that_is_too_large_is_not_fetched_for_a_push(hub: Hub, box: Box) -> None:
    hub.publish("acme/other", card("escapes"))
    folder = written(box.folder / "here" / "m")
    grow = faults.edited(lambda rows: [faults.sized(row, 10**12) for row in rows])
    hub.hook("POST", "acme/other/paths-info", grow, times=None)
    with refused(box, Refused, 7, r"README\.md has"):
        zoo.push(folder, "acme/other")
    assert not hub.requests("GET", "README.md")


HOSTILE: list[Any] = [
    {"self": 1, "ignore_metadata_errors": 2, "eval_results": 3},
    {"model-index": "x"},
    {"model-index": [{"results": [{"metrics": [{"type": ESCAPES, "value": 10**4000}]}]}]},
    {"model-index": [{"results": [{"metrics": [{"type": "fvu", "value": "x"}]}]}]},
    {"license": ESCAPES * 10_000, "aezoo": {"input": [10**4000, -1, True], "parameters": 10**4000}},
    {"license": {"a": [[[[]]]]}, "aezoo": "x"},
    {"aezoo": {"input": "abc", "parameters": "many"}},
    "a text",
    None,
    [],
]


def test_one_hostile_card_does_not_spoil_the_list(hub: Hub, box: Box, aezoo: Run) -> None:
    rows = [
        {"id": f"evil/{n}", "sha": ESCAPES, "tags": [ESCAPES, 7, "aezoo"], "cardData": c} for n, c in enumerate(HOSTILE)
    ]
    rows += [{"id": ESCAPES}, {}, {"id": None, "tags": "x"}]
    hub.hook("GET", "hub /api/models$", faults.edited(lambda found: [7, None, *rows, *found]), times=None)
    for words in (("list", "models", "--remote"), ("list", "models", "--remote", "--json")):
        result = aezoo(*words)
        assert result.code == 0, result.err
        assert inert(result)
        assert REPO in result.out
        assert "evil/0" in result.out
        assert len(result.out) < 30_000


@pytest.mark.parametrize("reply", [b"{}", b"null", b"7", b"[" * 100_000, b"[]"])
def test_a_list_that_is_none_is_an_error_or_empty(hub: Hub, box: Box, aezoo: Run, reply: bytes) -> None:
    hub.hook("GET", "hub /api/models$", faults.body(lambda _: reply), times=None)
    result = aezoo("list", "models", "--remote")
    assert result.code in (0, 5)
    assert "Traceback" not in result.err


def test_a_list_without_an_end_is_cut(hub: Hub, box: Box, aezoo: Run) -> None:
    hub.hook("GET", "hub /api/models$", faults.endless(), times=None)
    result = aezoo("list", "models", "--remote")
    assert result.code == 7
    assert len(result.err.splitlines()) == 2


def test_a_page_that_names_another_origin_for_the_next_gets_no_token(hub: Hub, box: Box, aezoo: Run) -> None:
    third = hub.open("third")
    hub.hook("GET", "hub /api/models$", faults.header("Link", f'<{third}/next>; rel="next"'), times=None)
    assert aezoo("list", "models", "--remote").code == 0
    assert not hub.requests(origin="third")


FACTS: list[Any] = [
    {"metrics": [1, 2], "baseline": "x"},
    {"metrics": {ESCAPES: ESCAPES, "a": 10**4000, "b": None, "c": {"d": 1}}, "baseline": {ESCAPES: [1]}},
    {"metrics": {f"m{n}": 1.0 for n in range(10_000)}, "baseline": {f"b{n}": {"m0": 1} for n in range(1000)}},
    {
        "metrics": {"a": 1},
        "baseline": {"pca": {"a": ESCAPES}},
        "n": ESCAPES,
        "dataset": ESCAPES * 99,
        "split": [ESCAPES],
    },
    {"steps": ESCAPES, "device": {"a": ESCAPES}, "seed": 10**4000, "torch": ["x"] * 10_000},
]


@pytest.mark.parametrize("n", range(len(FACTS)))
@pytest.mark.parametrize("name", ["metrics.json", "training.json"])
def test_facts_of_any_kind_are_shown_without_harm(hub: Hub, box: Box, aezoo: Run, name: str, n: int) -> None:
    hub.publish(REPO, {name: json.dumps(FACTS[n]).encode()})
    for words in (("show", REPO), ("show", REPO, "--json"), ("pull", REPO), ("list", "models"), ("cache", "ls")):
        result = aezoo(*words)
        assert result.code == 0, result.err
        assert inert(result)
        assert len(result.out) < (400_000 if "--json" in words else 40_000)


def test_tags_of_a_stranger_are_told_only_if_they_are_tags(hub: Hub, box: Box, aezoo: Run) -> None:
    tags = [{"name": name, "ref": "x", "targetCommit": "x"} for name in (ESCAPES, "v1", "../x", "v" * 5000)]
    hub.hook("GET", "/refs$", faults.edited(lambda refs: {**refs, "tags": tags}), times=None)
    result = aezoo("pull", f"{REPO}@v2")
    assert result.code == 3
    assert inert(result)
    assert "v1" in result.err
    assert "vvvv" not in result.err
    assert len(result.err.splitlines()) == 2


def test_an_error_of_a_stranger_is_one_line_and_a_hint(hub: Hub, box: Box, aezoo: Run) -> None:
    hub.hook(
        "GET", "hub /api/models/", faults.together(faults.refuse(500), faults.body(lambda _: ESCAPES.encode() * 9999))
    )
    result = aezoo("pull", REPO)
    assert result.code == 5
    assert inert(result)
    assert [line.split(":")[0] for line in result.err.splitlines()] == ["error", "hint"]
    assert len(result.err) < 1000


# --- tokens -----------------------------------------------------------------------------------------------


def nowhere(box: Box, *texts: str) -> bool:
    """The token is in no file and in no text."""
    paths = [path for path in box.folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    return not paths and not any(TOKEN in text for text in texts)


@pytest.mark.parametrize("mode", MODES)
def test_the_token_is_in_no_file_no_card_and_no_output(hub_of: HubOf, box: Box, aezoo: Run, mode: str) -> None:
    hub = hub_of(mode)
    os.environ["HF_TOKEN"] = TOKEN
    folder = written(box.folder / "here" / "m")
    results = [
        aezoo("push", folder, REPO, "--tag", "v1", "--debug"),
        aezoo("push", folder, REPO, "--dry-run", "--debug"),
        aezoo("pull", REPO, "--debug"),
        aezoo("pull", f"{REPO}@v9", "--debug"),
        aezoo("pull", "acme/none", "--debug", "--json"),
        aezoo("show", REPO, "--card", "--debug"),
        aezoo("cache", "ls", "--json"),
        aezoo("list", "models", "--remote", "--json"),
        aezoo("doctor", "--json"),
    ]
    os.environ.pop("HF_TOKEN")
    assert nowhere(box, *(result.out + result.err for result in results))
    assert TOKEN in str(hub.requests()[0].headers), "it was used"
    assert not any(TOKEN.encode() in hub.read(e) for e in hub.repository(REPO).head.tree.values())


ECHO = f"invalid token {TOKEN}"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_hub_that_says_the_token_back_is_not_repeated(
    hub: Hub, box: Box, aezoo: Run, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    def echo(reply: Reply) -> None:
        faults.refuse(status)(reply)
        reply.body = json.dumps({"error": ECHO}).encode()
        reply.headers = {"X-Error-Message": ECHO, "X-HF-Warning": f"a; {ECHO}"}

    hub.hook("*", "hub /api/models/acme/tiny", echo, times=None)
    result = aezoo("pull", REPO, "--debug")
    assert result.code in (3, 5)
    assert nowhere(box, result.out + result.err, caplog.text)
    with pytest.raises(AezooError) as caught:
        zoo.pull(REPO)
    assert nowhere(box, str(caught.getrepr(chain=True, showlocals=False)))


@pytest.mark.usefixtures("no_backoff")
def test_a_redirect_that_says_the_token_back_is_not_repeated(hub: Hub, box: Box, aezoo: Run) -> None:
    hub.hook("*", "resolve", faults.redirect(f"http://127.0.0.1:1/{TOKEN}?sig=secret"), times=None)
    result = aezoo("pull", REPO, "--debug")
    assert result.code == 5
    assert nowhere(box, result.out + result.err)


def test_an_address_that_was_signed_is_not_told(hub: Hub, box: Box) -> None:
    hub.hook("GET", "cdn /", faults.refuse(403), times=None)
    with refused(box, HubError, 5) as caught:
        zoo.pull(REPO)
    assert "sig=" not in str(caught)


def test_a_missing_plugin_is_an_error_of_its_own_kind() -> None:
    assert issubclass(PluginMissing, PluginError)
    assert SPEC["encoder"][0]["type"] == "flatten"
