"""`aezoo schema`: what it prints, what it writes over, and what a broken plugin does to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from aezoo.schema.schema import METASCHEMA

Run = Callable[..., Any]

PLUGIN = '''\
"""Splines."""

from typing import Literal

from aezoo.plugin import Field, LayerSpec, Room, hookimpl


class Spline(LayerSpec):
    """A sum of splines."""

    type: Literal["spline"] = "spline"
    knots: int = Field(ge=2, description="of each edge")


@hookimpl
def aezoo_components():
    return [Spline, Room("aezoo_kan_missing", layer="wavelet")]


@hookimpl
def aezoo_variants():
    return {"smooth": {}}
'''


def install(folder: Path, *, name: str, text: str) -> None:
    """A distribution with one entry point, as a package manager would leave it."""
    (folder / f"aezoo_{name}.py").write_text(text)
    info = folder / f"aezoo_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: aezoo_{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[aezoo]\n{name} = aezoo_{name}\n")


def test_one_document_is_printed_and_nothing_else(aezoo: Run) -> None:
    result = aezoo("schema")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out)["$schema"] == METASCHEMA


def test_what_render_prints_as_json_is_valid(aezoo: Run) -> None:
    schema = json.loads(aezoo("schema").out)
    spec = json.loads(aezoo("render", "vdc-digits", "--to", "json").out)
    jsonschema.Draft7Validator(schema).validate(spec)


def test_a_spec_that_names_its_schema_reads(aezoo: Run, tmp_path: Path) -> None:
    spec = {"$schema": "./aezoo.schema.json", "name": "a", "input": [3], "latent": {"type": "gaussian", "dim": 1}}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(spec))
    assert aezoo("check", path).code == 0


def test_the_file_is_written_and_written_anew(aezoo: Run, tmp_path: Path) -> None:
    path = tmp_path / "aezoo.schema.json"
    path.write_text('{"title": "aezoo spec", "$schema": "http://json-schema.org/draft-04/schema#"}')
    first = aezoo("schema", "--out", path)
    assert (first.code, first.out) == (0, "")
    assert str(path) in first.err
    assert aezoo("schema", "--out", path).code == 0
    assert path.read_text(encoding="utf-8") == aezoo("schema").out


@pytest.mark.parametrize("held", ['name = "a"\n', '{"title": "mine"}', '{"title": "aezoo spec"}', "[]", "\x00"])
def test_what_is_no_schema_is_not_written_over_unless_it_is_said(aezoo: Run, tmp_path: Path, held: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(held)
    refused = aezoo("schema", "--out", path)
    assert refused.code == 7
    assert "--force" in refused.err
    assert path.read_text() == held
    assert aezoo("schema", "--out", path, "--force").code == 0
    assert "definitions" in json.loads(path.read_text(encoding="utf-8"))


def test_a_folder_that_is_not_there_is_not_found(aezoo: Run, tmp_path: Path) -> None:
    result = aezoo("schema", "--out", tmp_path / "no" / "a.json")
    assert result.code == 3
    assert "no such folder" in result.err


def test_plugins_are_in_it_and_a_broken_one_is_a_warning(process: Run, tmp_path: Path) -> None:
    install(tmp_path, name="kan", text=PLUGIN)
    install(tmp_path, name="broken", text="import nothing_of_this_name\n")
    result = process("schema", PYTHONPATH=str(tmp_path))
    schema = json.loads(result.out)
    assert result.code == 0
    assert schema["definitions"]["layer.kan:spline"]["x-provider"] == "kan"
    assert "layer.conv" in schema["definitions"]
    assert "kan:smooth" in json.dumps(schema["properties"]["variants"])
    assert "layer.kan:wavelet" not in schema["definitions"]
    warnings = result.err.splitlines()
    assert [line for line in warnings if line.startswith("warning: ") and "'broken'" in line]
    assert [line for line in warnings if line.startswith("warning: ") and "aezoo_kan_missing" in line]
    assert len(warnings) == 2


def test_a_disabled_plugin_is_not_in_it(process: Run, tmp_path: Path) -> None:
    install(tmp_path, name="kan", text=PLUGIN)
    result = process("schema", PYTHONPATH=str(tmp_path), AEZOO_DISABLE_PLUGINS="*")
    assert "kan:" not in result.out
    assert result.err == ""


def test_it_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys\nfrom aezoo.cli import main\n"
        "try:\n    main(['schema'])\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    modules = set(done.stderr.splitlines()[-1].split())
    assert "aezoo.schema.schema" in modules
    assert not modules & {"torch", "numpy"}
