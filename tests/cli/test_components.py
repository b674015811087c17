"""`aezoo components`: the built-in parts and those of plugins, as a table, in words, as JSON and as a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aezoo.reference.page import whole
from aezoo.registry.registry import Registry

Run = Callable[..., Any]

PLUGIN = '''\
"""Splines."""

from typing import Literal

from aezoo.plugin import Field, LayerSpec, hookimpl


class Spline(LayerSpec):
    """A sum of splines.

    Example:
        [[encoder]]
        type = "kan:spline"
        knots = 4
    """

    type: Literal["spline"] = "spline"
    knots: int = Field(ge=2, description="of each edge")


@hookimpl
def aezoo_components():
    return [Spline]
'''


def install(folder: Path, *, name: str, version: str, module: str, text: str) -> None:
    """A distribution with one entry point, as a package manager would leave it."""
    (folder / f"{module}.py").write_text(text)
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[aezoo]\n{name} = {module}\n")


@pytest.fixture
def plugins(tmp_path: Path) -> dict[str, str]:
    """An environment with a plugin that works and one that does not."""
    install(tmp_path, name="kan", version="0.3.1", module="aezoo_kan", text=PLUGIN)
    install(tmp_path, name="broken", version="1.0", module="aezoo_broken", text="import nothing_of_this_name\n")
    return {"PYTHONPATH": str(tmp_path)}


def test_json_says_of_each_part_what_it_is_and_where_it_comes_from(aezoo: Run, registry: Registry) -> None:
    rows = json.loads(aezoo("components", "aezoo:", "--json").out)
    assert [(row["kind"], row["name"]) for row in rows] == [
        (part.kind, part.tag()) for part in registry.parts() if not part.namespace
    ]
    for row in rows:
        assert row["provider"] == "aezoo"
        assert row["version"]
        assert Path(row["file"]).read_text(encoding="utf-8").splitlines()[row["line"] - 1].startswith("class ")
        assert row["summary"]
        assert row["example"]


def test_json_says_what_each_field_takes(aezoo: Run) -> None:
    (row,) = json.loads(aezoo("components", "latent", "topk", "--json").out)
    fields = {field["name"]: field for field in row["fields"]}
    assert fields["k"] == {
        "name": "k",
        "takes": "integer >= 1",
        "required": True,
        "default": None,
        "description": "how many units may be active, of `dim`",
    }
    assert row["facts"] == ["Provides `pre`."]


def test_one_part_is_told_with_its_file_its_fields_and_its_example(aezoo: Run) -> None:
    out = aezoo("components", "latent", "gaussian").out
    assert out.startswith("latent gaussian (aezoo ")
    assert "latents.py:" in out.splitlines()[1]
    assert "Provides `logvar`, `mean`." in out
    assert '"standard_normal"' in out
    assert out.endswith('Example:\n\n[latent]\ntype = "gaussian"\ndim = 16\n\n')


def test_the_page_of_the_box_is_the_reference(aezoo: Run, registry: Registry) -> None:
    page = aezoo("components", "aezoo:", "--markdown").out
    assert page == whole([part for part in registry.parts() if not part.namespace])


def test_a_kind_has_a_page_of_its_own(aezoo: Run) -> None:
    page = aezoo("components", "prior", "--markdown").out
    assert [line for line in page.splitlines() if line.startswith("#")] == [
        "# Parts",
        "## Priors",
        "### prior `fitted_gaussian`",
        "### prior `mixture`",
        "### prior `standard_normal`",
    ]


def test_a_plugin_has_its_own_list_and_page_and_says_its_version(process: Run, plugins: dict[str, str]) -> None:
    page = process("components", "kan:", "--markdown", **plugins).out
    assert "### layer `kan:spline`" in page
    assert "layer `conv`" not in page
    (row,) = json.loads(process("components", "kan:", "--json", **plugins).out)
    assert (row["name"], row["provider"], row["version"]) == ("kan:spline", "kan", "0.3.1")
    assert Path(row["file"]).name == "aezoo_kan.py"


def test_a_broken_plugin_is_a_warning_beside_the_others_and_an_error_when_it_is_asked_for(
    process: Run, plugins: dict[str, str]
) -> None:
    listed = process("components", **plugins)
    assert listed.code == 0
    assert "kan:spline" in listed.out
    assert "warning: plugin 'broken'" in listed.err
    asked = process("components", "broken:", **plugins)
    assert asked.code == 4
    assert "nothing_of_this_name" in asked.err
    assert "Traceback" not in asked.err


def test_a_kind_that_a_plugin_has_none_of_is_not_found(process: Run, plugins: dict[str, str]) -> None:
    result = process("components", "latent", "kan:", **plugins)
    assert result.code == 3
    assert "no latent is called 'kan:'" in result.err


def test_two_forms_at_once_are_refused(aezoo: Run) -> None:
    result = aezoo("components", "--json", "--markdown")
    assert result.code == 2
    assert "--markdown" in result.err


def test_variants_are_listed_as_parts_are(aezoo: Run, registry: Registry) -> None:
    lines = aezoo("components", "variant").out.splitlines()
    names = [line.split()[1] for line in lines[1:]]
    assert names == [name for name in registry.variants() if ":" not in name]
    (row,) = json.loads(aezoo("components", "variant", "denoising", "--json").out)
    assert (row["kind"], row["provider"]) == ("variant", "aezoo")
    assert "corruption" in row["fragment"]
    missed = aezoo("components", "variant", "denosing")
    assert (missed.code, missed.err.splitlines()[-1]) == (3, "hint: did you mean 'denoising'?")


def test_a_misspelt_kind_is_answered_with_the_kind(aezoo: Run) -> None:
    missed = aezoo("components", "lyer")
    assert (missed.code, missed.err.splitlines()[-1]) == (3, "hint: did you mean 'layer'?")
