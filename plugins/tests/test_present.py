"""A plugin that pip has installed from its wheel: discovered by metadata, complete, and not the source."""

from __future__ import annotations

import json
import sys
from importlib.metadata import Distribution
from pathlib import Path

from aezoo.registry.entry_points import installed
from aezoo.testing import Site


def distribution(namespace: str) -> Distribution:
    (entry,) = installed()[namespace]
    assert entry.dist is not None
    return entry.dist


def test_these_plugins_are_installed_and_no_others_and_all_are_good(here: list[str], site: Site) -> None:
    plugins = json.loads(site.aezoo("plugins", "list", "--load", "--json").out)
    assert {one["namespace"]: (one["state"], one["torch"]) for one in plugins} == dict.fromkeys(here, ("loaded", False))


def test_what_is_imported_is_what_is_installed(present: str, sources: dict[str, Path]) -> None:
    (entry,) = installed()[present]
    file = Path(entry.load().__file__).resolve()
    assert file.is_relative_to(Path(sys.prefix).resolve())
    assert not file.is_relative_to(sources[present])
    origin = json.loads(distribution(present).read_text("direct_url.json") or "{}")
    assert origin["url"].endswith(".whl")


def test_the_wheel_holds_every_file_of_the_package(present: str, sources: dict[str, Path]) -> None:
    package = sources[present] / f"aezoo_{present}"
    ours = {path.relative_to(package.parent).as_posix() for path in package.rglob("*") if path.is_file()}
    installed = {path.as_posix() for path in distribution(present).files or () if path.parts[0] == package.name}
    assert {name for name in ours | installed if "__pycache__" not in name and name not in ours & installed} == set()
    assert f"{package.name}/py.typed" in installed, "types are of use to others only with this marker"
