"""`aezoo plugins`, with plugins really installed: good ones, and every way of being a bad one, together."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aezoo.errors import AezooError
from aezoo.testing import Site, installed
from aezoo.testing.law.definition import Breach

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.0"
requires-python = ">=3.11"
dependencies = {needs}

[project.entry-points.aezoo]
"{namespace}" = "{package}"
"""
GOOD = """
from typing import Literal
from aezoo.plugin import LayerSpec, hookimpl

print("good morning")

class DoubleSpec(LayerSpec):
    '''Twice the value.'''
    type: Literal["double"] = "double"
    carries = True

    def output_shape(self, shape):
        return shape

    def mirror(self, shape, *, target, style):
        return [self]

    def build(self, shape):
        from torch import nn

        return nn.Identity()

@hookimpl
def aezoo_components():
    return [DoubleSpec]

@hookimpl
def aezoo_variants():
    return {"loud": {"encoder": ["NAMESPACE:double"]}}
"""
#: Namespace -> the source of its module. Of each, its tests say what is wrong with it.
BAD = {
    "broken": "import no_such_module_at_all",
    "garbled": "def )",
    "leaving": "import sys; sys.exit(3)",
    "crashing": "import os; os._exit(5)",
    "later": "AEZOO_API = 2\nfrom aezoo.plugin import Something_of_the_future",
    "misspelt": "from aezoo.plugin import hookimpl\n@hookimpl\ndef aezoo_componets():\n    return []",
    "unmarked": "def aezoo_components():\n    return []",
    "raising": "from aezoo.plugin import hookimpl\n@hookimpl\ndef aezoo_components():\n    return 1 // 0",
    "halfway": GOOD.replace('{"encoder": ["NAMESPACE:double"]}', '{"name": object()}'),
    "slow": f"import time\nwhile time.process_time() < 1:\n    pass\n{GOOD}",
    "heavy": f"import torch\n{GOOD}",
    "demanding": GOOD,
    "my.ns": GOOD,
    "aezoo": GOOD,
}
SPEC = """\
name = "tiny"
input = [4]
encoder = [{{ type = "{layer}" }}]
latent = {{ type = "deterministic", dim = 2 }}
"""


def distribution(folder: Path, namespace: str, source: str, *, name: str = "", needs: str = "[]") -> Path:
    """A plugin as its author would have it on disk."""
    name = name or f"aezoo-{namespace.replace('.', '-')}"
    package = name.replace("-", "_")
    root = folder / name
    (root / package).mkdir(parents=True)
    (root / package / "__init__.py").write_text(source.replace("NAMESPACE", namespace), encoding="utf-8")
    text = PYPROJECT.format(name=name, package=package, namespace=namespace, needs=needs)
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two good plugins among all the bad ones."""
    folder = tmp_path_factory.mktemp("plugins")
    roots = [distribution(folder, "good", GOOD), distribution(folder, "canary", f"{GOOD}\nopen('sung', 'w')")]
    for namespace, source in BAD.items():
        name = "aezoo-usurper" if namespace == "aezoo" else ""
        needs = '["aezoo>=99"]' if namespace == "demanding" else '["aezoo"]'
        roots.append(distribution(folder, namespace, source, name=name, needs=needs))
    roots += [distribution(folder, "twice", GOOD, name=name) for name in ("aezoo-one", "aezoo-two")]
    with installed(*roots) as site:
        yield site


@pytest.fixture(scope="module")
def listed(site: Site) -> dict[str, Any]:
    """What `plugins list` tells without importing anything."""
    return {one["namespace"]: one for one in json.loads(site.aezoo("plugins", "list", "--json").out)}


@pytest.fixture(scope="module")
def loaded(site: Site) -> dict[str, Any]:
    """What `plugins list --load` tells."""
    return {one["namespace"]: one for one in json.loads(site.aezoo("plugins", "list", "--load", "--json").out)}


@pytest.fixture
def spec(tmp_path: Path) -> Any:
    """Writes a spec with one layer; returns its path."""

    def write(layer: str) -> Path:
        path = tmp_path / "tiny.toml"
        path.write_text(SPEC.format(layer=layer), encoding="utf-8")
        return path

    return write


# --- list ------------------------------------------------------------------------------------------------------


def test_the_list_tells_what_metadata_tell(listed: dict[str, Any]) -> None:
    states = {name: one["state"] for name, one in listed.items() if name in {*BAD, "good", "canary", "twice"}}
    assert {name for name, state in states.items() if state != "installed"} == {"demanding", "my.ns", "aezoo", "twice"}
    assert listed["good"]["distributions"] == [{"name": "aezoo-good", "version": "1.0", "module": "aezoo_good"}]
    assert "milliseconds" not in listed["good"]


@pytest.mark.parametrize(
    ("namespace", "state", "reason"),
    [
        ("twice", "conflict", "'twice' is claimed by aezoo-one, aezoo-two; neither is loaded"),
        ("demanding", "incompatible", r"'demanding' \(aezoo-demanding\) wants aezoo>=99, [\d.]+ is installed"),
        ("my.ns", "invalid", "'my.ns' of aezoo-my-ns cannot be written in a spec"),
        ("aezoo", "invalid", "'aezoo' is reserved for the built-in parts"),
    ],
)
def test_what_is_wrong_with_metadata_is_known_without_an_import(
    listed: dict[str, Any], namespace: str, state: str, reason: str
) -> None:
    assert (listed[namespace]["state"], bool(listed[namespace]["hint"])) == (state, True)
    assert re.search(reason, listed[namespace]["reason"])


@pytest.mark.parametrize(
    ("namespace", "state", "reason"),
    [
        ("good", "loaded", "^$"),
        ("slow", "loaded", "^$"),
        ("heavy", "loaded", "^$"),
        ("broken", "broken", "No module named 'no_such_module_at_all'"),
        ("garbled", "broken", "SyntaxError"),
        ("leaving", "broken", r"SystemExit\(3\)"),
        ("crashing", "broken", "ended the process that imported it, with exit code 5"),
        ("later", "incompatible", "was written for plugin API 2; this is 1"),
        ("misspelt", "broken", "unknown hook 'aezoo_componets'"),
        ("unmarked", "broken", "aezoo_components is not marked with @hookimpl"),
        ("raising", "broken", "its aezoo_components failed: ZeroDivisionError"),
        ("halfway", "broken", "variant 'halfway:loud': name: a object is no value of a spec"),
        ("twice", "conflict", "neither is loaded"),
    ],
)
def test_loading_tells_each_ones_state_and_reason(
    loaded: dict[str, Any], namespace: str, state: str, reason: str
) -> None:
    assert loaded[namespace]["state"] == state
    assert re.search(reason, loaded[namespace]["reason"])


def test_loading_tells_what_each_brings_and_how_long_it_took(loaded: dict[str, Any]) -> None:
    good = loaded["good"]
    assert [part["name"] for part in good["parts"]] == ["good:double"]
    assert good["variants"] == {"good:loud": "fills encoder"}
    assert 0 < good["milliseconds"] < loaded["slow"]["milliseconds"]
    assert (good["torch"], loaded["heavy"]["torch"]) == (False, True)


def test_a_plugin_that_is_slow_or_imports_torch_is_warned_about(loaded: dict[str, Any]) -> None:
    assert re.search(r"^plugin 'slow' takes [\d,]+ ms to import: ", loaded["slow"]["warnings"][0])
    assert loaded["heavy"]["warnings"] == ["plugin 'heavy' imports torch: import it inside build()"]


def test_the_table_says_the_same_and_survives_a_narrow_pipe(site: Site) -> None:
    done = site.aezoo("plugins", "list")
    assert done.code == 0
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert lines["good"].split() == ["good", "installed", "aezoo-good", "1.0"]
    assert lines["twice"].split()[1:6] == ["conflict", "aezoo-one", "1.0,", "aezoo-two", "1.0"]


def test_a_disabled_plugin_is_told_as_such_and_not_imported(site: Site) -> None:
    done = site.aezoo("plugins", "list", "--load", "--json", AEZOO_DISABLE_PLUGINS="*")
    assert {one["state"] for one in json.loads(done.out)} <= {"disabled", "invalid"}


# --- info ------------------------------------------------------------------------------------------------------


def test_info_shows_distribution_file_parts_and_variants(site: Site) -> None:
    done = site.aezoo("plugins", "info", "good")
    # On a crowded machine even this one may take long to import, which draws a warning.
    assert (done.code, re.sub(r"warning: .* ms to import: .*\n", "", done.err)) == (0, "")
    assert "distribution: aezoo-good 1.0" in done.out
    assert str(site.folder / "aezoo_good" / "__init__.py") in done.out
    assert re.search(r"layer +good:double +Twice the value\.", done.out)
    assert re.search(r"good:loud +fills encoder", done.out)


def test_info_on_a_broken_plugin_tells_what_is_known_and_then_the_reason(site: Site) -> None:
    done = site.aezoo("plugins", "info", "broken", "--json")
    assert done.code == 4
    assert json.loads(done.out)["distributions"][0]["name"] == "aezoo-broken"
    assert "no_such_module_at_all" in json.loads(done.err)["error"]


def test_info_on_an_absent_plugin_suggests_the_nearest(site: Site) -> None:
    done = site.aezoo("plugins", "info", "goood")
    assert (done.code, done.out) == (4, "")
    assert done.err == "error: no plugin is called 'goood'\nhint: did you mean 'good'?\n"


# --- check -----------------------------------------------------------------------------------------------------


def test_check_prints_each_breach_with_its_law_and_a_hint_and_exits_1(site: Site) -> None:
    done = site.aezoo("plugins", "check", "good")
    assert done.code == 1
    assert re.search(r"^L03 layer good:double: .*\n  law: .*\n  hint: .", done.out, flags=re.MULTILINE)
    assert re.search(r"^error: good breaks 1 law$", done.err, flags=re.MULTILINE)


def test_check_tells_an_exception_once_with_the_laws_that_it_stopped(
    aezoo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = [
        Breach(f"L0{i}", "layer", "aezoo:x", "A law.", f"KeyError at x.py:1: {i}", "do", "KeyError at x.py:1")
        for i in (3, 4)
    ]
    other = Breach("L05", "layer", "aezoo:x", "The law.", "Something else.", "what to do")
    monkeypatch.setattr("aezoo.testing.examine", lambda name, begin: [*raised, other])
    done = aezoo("plugins", "check", "aezoo")
    assert done.out.splitlines() == [
        "L03, L04 layer aezoo:x: KeyError at x.py:1: 3",
        "  hint: all these laws stopped at it: mend it first",
        "L05 layer aezoo:x: Something else.",
        "  law: The law.",
        "  hint: what to do",
    ]
    assert done.err == "error: aezoo breaks 3 laws\n"


def test_check_tells_machines_the_same(aezoo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    breach = Breach("L03", "layer", "aezoo:x", "The law.", "What was seen.", "what to do")
    monkeypatch.setattr("aezoo.testing.examine", lambda name, begin: [breach])
    done = aezoo("plugins", "check", "aezoo", "--json")
    assert (done.code, json.loads(done.out)) == (1, [breach._asdict()])


@pytest.mark.parametrize(
    ("terminal", "words", "shown"),
    [
        (True, (), "\r\x1b[K3 of 7: aezoo:x\r\x1b[K"),
        (True, ("--json",), ""),
        (False, (), ""),
    ],
    ids=["a terminal", "for machines", "a file"],
)
def test_check_shows_on_a_terminal_which_part_it_is_at(
    aezoo: Any, monkeypatch: pytest.MonkeyPatch, terminal: bool, words: tuple[str, ...], shown: str
) -> None:
    def examine(name: str, begin: Callable[[int, int, str], None] | None) -> list[Breach]:
        if begin is not None:
            begin(3, 7, "aezoo:x")
        return []

    monkeypatch.setattr("aezoo.testing.examine", examine)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    done = aezoo("plugins", "check", "aezoo", *words)
    assert (done.code, done.err) == (0, shown)


def test_check_of_a_plugin_that_cannot_be_used_says_why(site: Site) -> None:
    for namespace, said in (("twice", "claimed by aezoo-one, aezoo-two"), ("broken", "no_such_module_at_all")):
        done = site.aezoo("plugins", "check", namespace)
        assert (done.code, done.out) == (4, "")
        assert said in done.err


def test_check_says_of_a_plugin_that_ends_the_process_that_it_does(site: Site) -> None:
    done = site.aezoo("plugins", "check", "crashing")
    assert (done.code, done.out) == (4, "")
    assert "plugin 'crashing' ended the process that imported it, with exit code 5" in done.err


def test_check_by_the_name_of_the_distribution_says_the_namespace(site: Site) -> None:
    done = site.aezoo("plugins", "check", "aezoo_good")
    assert (done.code, done.out) == (4, "")
    assert "hint: the distribution aezoo_good has the namespace 'good'" in done.err


# --- new -------------------------------------------------------------------------------------------------------


def test_new_prints_the_folder_and_says_what_comes_next(aezoo: Any, tmp_path: Path) -> None:
    done = aezoo("plugins", "new", "kan", "--kind", "layer", "--out", tmp_path / "mine")
    assert (done.code, done.out) == (0, f"{tmp_path / 'mine'}\n")
    assert f"pip install -e '{tmp_path / 'mine'}[dev]'" in done.err
    assert "python -m pytest" in done.err
    assert "aezoo plugins check kan" in done.err
    assert (tmp_path / "mine" / "src" / "aezoo_kan" / "__init__.py").is_file()


def test_new_refuses_what_is_there_and_tells_machines_what_it_wrote(aezoo: Any, tmp_path: Path) -> None:
    words = ("plugins", "new", "kan", "--kind", "metric", "--out", tmp_path / "mine", "--json")
    written = json.loads(aezoo(*words).out)
    assert (written["namespace"], written["kind"]) == ("kan", "metric")
    assert all((tmp_path / "mine" / name).is_file() for name in written["files"])
    refused = aezoo(*words)
    assert refused.code == 7
    assert json.loads(refused.err)["hint"].endswith("--force replaces its files")
    assert aezoo(*words, "--force").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("new", "Kan", "--kind", "layer"), "cannot be the name of a plugin"),
        (("new", "kan", "--kind", "layr"), "did you mean 'layer'?"),
        (("new", "kan"), "--kind"),
        (("nwe",), "nwe"),
    ],
)
def test_a_wrong_call_is_a_usage_error(aezoo: Any, words: tuple[str, ...], said: str) -> None:
    done = aezoo("plugins", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


# --- isolation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("check", "vanilla-digits"), ("show", "variational-digits"), ("list",)])
def test_what_names_no_plugin_works_beside_all_of_them(site: Site, words: tuple[str, ...]) -> None:
    done = site.aezoo(*words)
    assert (done.code, done.err) == (0, "")


def test_what_tells_of_all_plugins_tells_of_the_good_ones_and_warns_of_the_others(site: Site) -> None:
    # One that ends the process that imports it can be reported only by another process, as `plugins list` does.
    done = site.aezoo("components", "layer", "--json", AEZOO_DISABLE_PLUGINS="crashing,slow,heavy")
    names = {part["name"] for part in json.loads(done.out)}
    assert (done.code, {"conv", "good:double"} <= names) == (0, True)
    for namespace in ("broken", "leaving", "twice", "misspelt"):
        assert f"'{namespace}'" in done.err


def test_the_doctor_survives_them_all_and_names_the_broken(site: Site) -> None:
    done = site.aezoo("doctor", "--json", AEZOO_DISABLE_PLUGINS="canary")
    states = json.loads(done.out)["plugins"]
    assert (done.code, states["good"], states["canary"]) == (1, "loaded, 1 parts", "disabled")
    assert {"crashing", "broken", "twice"} <= set(states["broken"].split(", "))
    assert not {"good", "canary", "slow"} & set(states["broken"].split(", "))


def test_a_good_plugin_works_beside_the_bad_ones_and_its_chatter_is_no_result(site: Site, spec: Any) -> None:
    done = site.aezoo("render", spec("good:double"), "--to", "json")
    assert done.code == 0
    assert json.loads(done.out)["encoder"] == [{"type": "good:double"}]
    assert "good morning" in done.err


def test_a_plugin_that_is_installed_but_not_named_is_never_imported(site: Site, spec: Any, tmp_path: Path) -> None:
    path = spec("good:double")
    for words in (("check", path), ("show", path), ("render", path), ("plugins", "list"), ("list",)):
        assert site.aezoo(*words, cwd=tmp_path).code == 0
    assert not (tmp_path / "sung").exists()
    path = spec("canary:double")
    assert site.aezoo("check", path, cwd=tmp_path).code == 0
    assert (tmp_path / "sung").exists()


@pytest.mark.parametrize("namespace", [name for name in BAD if name not in ("slow", "heavy", "crashing", "aezoo")])
def test_a_spec_that_names_a_bad_plugin_says_why_at_the_place(site: Site, spec: Any, namespace: str) -> None:
    done = site.aezoo("check", spec(f"{namespace}:double"))
    assert done.code == 4
    assert re.search(r"tiny\.toml:3:\d+: error\[AZ303\]: encoder\[0\]", done.err + done.out)


def test_a_distribution_with_damaged_metadata_does_no_harm_to_others(site: Site, tmp_path: Path, spec: Any) -> None:
    facts = tmp_path / "site" / "damaged-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: damaged\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text("[console_scripts]\nno equals sign\n", encoding="utf-8")
    both = f"{tmp_path / 'site'}:{site.folder}"
    done = site.python("-P", "-m", "aezoo", "check", spec("good:double"), PYTHONPATH=both)
    assert done.code == 0, done.out
    assert "aezoo-good" in site.python("-P", "-m", "aezoo", "plugins", "list", PYTHONPATH=both).out


# --- installing ---------------------------------------------------------------------------------------------------


def test_a_distribution_that_cannot_be_built_says_so(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[build-system]\nrequires = []\nbuild-backend = 'nowhere'\n")
    with pytest.raises(AezooError, match="pip could not install"), installed(tmp_path):
        pass


def test_installing_leaves_the_source_as_it_was(tmp_path: Path) -> None:
    root = distribution(tmp_path, "good", GOOD)
    before = sorted(root.rglob("*"))
    with installed(root) as site:
        assert site.python("-c", "import aezoo_good").code == 0
    assert sorted(root.rglob("*")) == before
    assert not site.folder.exists()
