"""A spec of an official plugin that is not installed here: refused with the command, and shown as it is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aezoo.testing import Site


@pytest.fixture
def spec(absent: str, sources: dict[str, Path]) -> Path:
    """The first of those that the plugin ships."""
    return min((sources[absent] / f"aezoo_{absent}" / "specs").glob("*.toml"))


@pytest.mark.parametrize("words", [("check",), ("train", "--out", "never")], ids=lambda words: words[0])
def test_its_spec_is_refused_with_the_command_that_installs_it(
    absent: str, spec: Path, site: Site, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = site.aezoo(words[0], spec, *words[1:], cwd=tmp_path)
    output = done.out + done.err
    assert done.code == 4, output
    assert f"no installed plugin provides the namespace '{absent}'" in output
    assert f"pip install aezoo-{absent}" in output
    assert not list(tmp_path.iterdir())


def test_its_spec_is_shown_as_it_is_written(absent: str, spec: Path, site: Site) -> None:
    shown = site.aezoo("show", spec, "--json")
    assert shown.code == 4
    assert f'"{absent}:' in json.dumps(json.loads(shown.out)["spec"])
    assert site.aezoo("diff", spec, spec).code == 4
