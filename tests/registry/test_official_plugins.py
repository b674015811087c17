"""A plugin that was here and is gone: its specs and models say so, are still shown, and nothing is fetched for them."""

from __future__ import annotations

import json
import re
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aezoo.cli.plugin_probe import probe
from aezoo.cli.scaffold import scaffold
from aezoo.registry.loader import IN_THE_BOX, load
from aezoo.registry.registry import Registry
from aezoo.testing import Site, installed

#: Says of every process and socket that is opened, and of every module that is looked for, what it is.
WATCH = """
import sys

def watch(event, details):
    if event in ("subprocess.Popen", "os.system", "socket.connect", "socket.getaddrinfo"):
        print("OPENED", event, details, file=sys.stderr)

sys.addaudithook(watch)
from aezoo.cli import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spec of a new plugin `kan`, in a folder of its own."""
    return scaffold("kan", "layer", tmp_path_factory.mktemp("new") / "aezoo-kan")[0] / "specs" / "example.toml"


@pytest.fixture(scope="module")
def there(spec: Path) -> Iterator[Site]:
    """With the plugin."""
    with installed(spec.parent.parent) as site:
        yield site


@pytest.fixture(scope="module")
def gone() -> Iterator[Site]:
    """Without it."""
    with installed() as site:
        yield site


@pytest.fixture(scope="module")
def model(there: Site, spec: Path) -> Path:
    """A model that was trained while the plugin was there."""
    out = there.folder.parent / "model"
    done = there.aezoo("train", spec, "--out", out, "--epochs", 1, "--device", "cpu")
    assert done.code == 0, done.err
    return out


def test_a_model_notes_the_distribution_behind_every_part(model: Path) -> None:
    document = json.loads((model / "config.json").read_text(encoding="utf-8"))
    assert document["plugins"] == {"kan": "aezoo-kan>=0.1.0"}
    record = json.loads((model / "training.json").read_text(encoding="utf-8"))
    assert record["plugins"] == {"aezoo-kan": "0.1.0"}
    assert re.search(r"Versions: .*, aezoo-kan 0\.1\.0\.", (model / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "words",
    [("check",), ("render",), ("train", "--out", "never")],
)
def test_a_spec_of_an_absent_plugin_names_the_distribution_and_the_command(
    gone: Site, spec: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = gone.aezoo(words[0], spec, *words[1:], cwd=tmp_path)
    assert done.code == 4
    said = done.out + done.err
    assert "no installed plugin provides the namespace 'kan'" in said
    assert "pip install 'aezoo-kan'; nothing was installed" in said
    assert not list(tmp_path.iterdir())


def test_a_model_of_an_absent_plugin_names_the_version_it_was_made_with(gone: Site, model: Path) -> None:
    done = gone.aezoo("evaluate", model)
    assert done.code == 4
    assert "pip install 'aezoo-kan>=0.1.0'" in done.err


@pytest.mark.parametrize("value", ["aezoo-kan @ https://evil.test/x.whl", "kan; rm -rf ~", "kan>=1'\n", 7, ["a"]])
def test_a_model_that_notes_something_else_than_a_distribution_is_not_believed(
    gone: Site, model: Path, tmp_path: Path, value: Any
) -> None:
    document = json.loads((model / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps({**document, "plugins": {"kan": value}}), encoding="utf-8")
    done = gone.aezoo("show", tmp_path)
    assert done.code == 4
    assert "pip install aezoo-kan`" in done.err
    assert "evil" not in done.err
    assert "rm -rf" not in done.err


@pytest.mark.parametrize("command", ["show", "check", "diff"])
def test_nothing_is_started_or_connected_to_for_an_absent_plugin(gone: Site, spec: Path, command: str) -> None:
    sources = (spec, spec) if command == "diff" else (spec,)
    done = gone.python("-P", "-c", WATCH, command, *sources)
    assert done.code == 4
    assert "OPENED" not in done.err


def test_a_spec_of_an_absent_plugin_is_shown_as_it_is_written(gone: Site, spec: Path) -> None:
    done = gone.aezoo("show", spec, "--set", "encoder.0.pieces=4")
    assert done.code == 4
    assert "error[AZ302]" in done.err
    document = tomllib.loads(done.out)
    assert document["encoder"][0] == {"type": "kan:maxout", "features": 32, "pieces": 4}
    assert json.loads(gone.aezoo("show", spec, "--json").out)["spec"]["encoder"][0]["pieces"] == 3


def test_a_model_of_an_absent_plugin_is_shown_with_the_fingerprints_that_were_noted(
    there: Site, gone: Site, model: Path
) -> None:
    saved, noted = (json.loads(site.aezoo("show", model, "--json").out) for site in (there, gone))
    assert (noted["arch"], noted["run"]) == (saved["arch"], saved["run"])
    assert noted["spec"]["encoder"][0]["type"] == "kan:maxout"
    done = gone.aezoo("show", model)
    assert done.code == 4
    assert f"# arch {saved['arch']}, as noted when the model was saved\n" in done.out
    assert tomllib.loads(done.out) == noted["spec"]


def test_specs_of_an_absent_plugin_are_not_compared(gone: Site, spec: Path) -> None:
    done = gone.aezoo("diff", spec, spec)
    assert (done.code, done.out) == (4, "")
    assert "pip install 'aezoo-kan'" in done.err


def test_a_spec_that_has_other_faults_is_not_shown_in_part(gone: Site, spec: Path) -> None:
    done = gone.aezoo("show", spec, "--set", "latent.dim=0")
    assert (done.code, done.out) == (4, "")
    assert re.search(r"error\[AZ2\d\d\]: latent\.dim", done.err)


# --- trials -----------------------------------------------------------------------------------------------------


def write(folder: Path, name: str, source: str) -> None:
    """A module that claims a namespace of its name, as pip would leave it."""
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    facts = folder / f"{name}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text(f"[aezoo]\n{name} = {name}\n", encoding="utf-8")


def test_a_plugin_that_is_never_done_importing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "endless", "import time\ntime.sleep(6000)")
    monkeypatch.syspath_prepend(tmp_path)
    found = probe("endless", patience=2)
    assert (found.state, found.reason) == ("broken", "plugin 'endless' is not imported after 2 s")


def test_what_a_plugin_leaves_running_keeps_no_trial_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "lingering", "import threading, time\nthreading.Thread(target=time.sleep, args=(6000,)).start()")
    monkeypatch.syspath_prepend(tmp_path)
    assert probe("lingering", patience=600).state == "loaded"


def test_a_trial_leaves_this_process_as_it_was() -> None:
    before = set(sys.modules)
    found = probe(IN_THE_BOX)
    assert found.state == "loaded"
    assert {part["kind"] for part in found.parts} >= {"layer", "latent", "metric"}
    assert set(sys.modules) == before


def test_threads_that_name_one_plugin_at_once_register_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = "@hookimpl\ndef aezoo_variants():\n    time.sleep(0.05)\n    return {'loud': {}}"
    write(tmp_path, "shared_plugin", f"import time\nfrom aezoo.plugin import hookimpl\n{hook}")
    monkeypatch.syspath_prepend(tmp_path)
    registry, errors = Registry(load), []

    def ask() -> None:
        try:
            assert registry.variant("shared_plugin:loud") == {}
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
