"""A new plugin, of every kind: written, really installed, and tested by the tests that come with it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from aezoo.cli.scaffold import KINDS, LONGEST, scaffold
from aezoo.errors import NotFound, Refused, UsageError
from aezoo.testing import Site, installed

LONG = "a" * LONGEST


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A distribution of each kind, as it is written."""
    folder = tmp_path_factory.mktemp("new")
    return {kind: scaffold(f"my_{kind}", kind, folder / f"aezoo-my-{kind}")[0] for kind in KINDS}


@pytest.fixture(scope="module")
def site(roots: dict[str, Path]) -> Iterator[Site]:
    with installed(*roots.values()) as site:
        yield site


@pytest.fixture(scope="module")
def results(roots: dict[str, Path], site: Site) -> ElementTree.Element:
    """What pytest found when it ran the tests of all of them, as JUnit's XML."""
    report = site.folder.parent / "report.xml"
    # One process for all of them, since each would import torch; hence no pyproject.toml of any one.
    options = ("-W", "error", "--import-mode=importlib", "-p", "no:cacheprovider", f"--junitxml={report}")
    root_options = ("-c", os.devnull, "--rootdir", roots["layer"].parent)
    site.python("-m", "pytest", "-q", *options, *root_options, *roots.values())
    return ElementTree.parse(report).getroot()


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_its_own_tests_at_once(results: ElementTree.Element, kind: str) -> None:
    mine = [case for case in results.iter("testcase") if f"aezoo-my-{kind}." in case.get("classname", "")]
    wrong = {case.get("name"): child.get("message") for case in mine for child in case}
    assert wrong == {}
    names = {str(case.get("name")).partition("[")[0] for case in mine}
    assert "test_laws" in names
    assert "test_a_spec_trains_for_an_epoch_and_is_loaded_as_it_was_saved" in names
    assert len(names) >= 4, "two tests of its own, at least"


@pytest.mark.parametrize("kind", KINDS)
def test_the_spec_of_a_new_plugin_is_sound_and_names_the_plugin(roots: dict[str, Path], site: Site, kind: str) -> None:
    path = roots[kind] / "specs" / "example.toml"
    done = site.aezoo("check", "--strict", path)
    assert (done.code, done.err) == (0, ""), done.out
    assert f"my_{kind}:" in path.read_text(encoding="utf-8")


def test_the_specs_of_new_plugins_work_with_the_others_disabled(roots: dict[str, Path], site: Site) -> None:
    others = ",".join(f"my_{kind}" for kind in KINDS if kind != "layer")
    assert site.aezoo("check", roots["layer"] / "specs" / "example.toml", AEZOO_DISABLE_PLUGINS=others).code == 0


def test_a_new_plugin_is_typed_as_its_own_settings_want_it(roots: dict[str, Path]) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", *map(str, roots.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_satisfies_mypy_at_its_strictest(roots: dict[str, Path], kind: str) -> None:
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=roots[kind], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["shuffle", "two_words", LONG])
def test_no_trace_of_the_template_is_left_and_the_lines_stay_within_bounds(tmp_path: Path, name: str) -> None:
    for kind in KINDS:
        folder, written = scaffold(name, kind, tmp_path / kind)
        assert {"pyproject.toml", "README.md", ".github/workflows/tests.yml"} <= {*written}
        assert {f"src/aezoo_{name}/py.typed", f"src/aezoo_{name}/__init__.py"} <= {*written}
        for path in written:
            text = (folder / path).read_text(encoding="utf-8")
            assert "newborn" not in (path + text).lower()
            assert path == "README.md" or max(map(len, text.splitlines()), default=0) <= 120, path
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert project["name"] == f"aezoo-{name.replace('_', '-')}"
        assert project["entry-points"]["aezoo"] == {name: f"aezoo_{name}"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Shuffle", "'shuffle'"),
        ("my-parts", "'my_parts'"),
        ("aezoo-kan", "'kan'"),
        ("two__words", "'two_words'"),
        ("9lives", "'lives'"),
        ("über", "'ber'"),
        ("../evil", "'evil'"),
        ("", "'my_parts'"),
        ("a:b", "'a_b'"),
        (f"{LONG}a", LONG),
    ],
)
def test_a_name_that_no_package_can_have_is_refused_with_one_that_can(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a plugin") as caught:
        scaffold(name, "layer", tmp_path / "new")
    assert hint in caught.value.hint
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["aezoo", "layer", "variant", "lambda", "match", "newborn", "tests"])
def test_a_reserved_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is reserved"):
        scaffold(name, "layer", tmp_path / "new")


def test_an_unknown_kind_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--kind layr: there is no template for it") as caught:
        scaffold("kan", "layr", tmp_path / "new")
    assert caught.value.hint == "did you mean 'layer'?"


def test_a_folder_with_something_in_it_is_left_alone_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(Refused, match="exists and is not empty"):
        scaffold("kan", "layer", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    scaffold("kan", "layer", tmp_path, force=True)
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "pyproject.toml").is_file()


def test_a_folder_that_would_lie_nowhere_or_is_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such folder"):
        scaffold("kan", "layer", tmp_path / "no" / "where")
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="is a file"):
        scaffold("kan", "layer", tmp_path / "file")
