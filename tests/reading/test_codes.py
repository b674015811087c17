"""Codes: every example provokes its fault, every cure reads, and no code is listed that nothing raises."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aezoo.diagnosis.diagnosis import SIGNS
from aezoo.errors import Fault, SpecError
from aezoo.reading.codes import FAMILIES, Code, codes
from aezoo.reading.reader import check
from aezoo.reference.faults import page
from aezoo.registry import loader
from aezoo.registry.registry import Registry

ROOT = Path(__file__).resolve().parent.parent.parent
CODES = codes().values()


def registry_of(code: Code) -> Registry:
    """What is installed, and the plugin of the example."""
    registry = Registry(loader.load)
    loader.load(registry, loader.IN_THE_BOX)
    if code.plugin:
        module = ModuleType("toy")
        exec(compile(code.plugin, "toy", "exec", dont_inherit=True), vars(module))
        registry.add(module.aezoo_components(), namespace="toy")
        registry.loaded.add("toy")
    return registry


def faults(data: bytes, code: Code, folder: Path, **more: Any) -> Sequence[Fault]:
    """What is said of a file with these bytes, where the example of the code would stand."""
    inner = folder / "inner"
    inner.mkdir()
    for name, text in code.files.items():
        (inner / name).write_text(text, encoding="utf-8")
    path = inner / f"spec.{code.form}"
    path.write_bytes(data)
    try:
        return check(path, registry=registry_of(code), trusted=not code.untrusted, **more)[1]
    except SpecError as error:
        return error.faults


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("AEZOO_DISABLE_PLUGINS", raising=False)
    return monkeypatch


@pytest.mark.parametrize("code", CODES, ids=codes())
def test_each_example_provokes_its_fault_and_no_other(code: Code, tmp_path: Path, shell: pytest.MonkeyPatch) -> None:
    for name, value in code.environment.items():
        shell.setenv(name, value)
    found = faults(code.data(), code, tmp_path, overrides=code.overrides)
    assert {(fault.code, fault.level) for fault in found} == {(code.code, code.level)}
    assert all(fault.message for fault in found)


@pytest.mark.parametrize("code", [code for code in CODES if code.fixed], ids=lambda code: code.code)
def test_each_cure_reads_without_a_fault(code: Code, tmp_path: Path, shell: pytest.MonkeyPatch) -> None:
    assert faults(code.fixed.encode(), code, tmp_path) == []


@pytest.mark.parametrize("code", CODES, ids=codes())
def test_each_code_is_told_in_full(code: Code) -> None:
    assert re.fullmatch(r"AZ[1-7]\d\d", code.code)
    assert code.family in FAMILIES
    assert code.level in ("error", "warning")
    assert code.form in ("toml", "json")
    assert code.title[-1] not in ".:"
    assert code.cause.endswith(".")
    assert code.cure.endswith(".")
    assert code.example.strip()
    assert code.fixed.encode() != code.data()


def test_codes_stand_in_order_and_once_under_each_title() -> None:
    assert list(codes()) == sorted(codes())
    assert len({code.title for code in CODES}) == len(codes())


def mentioned() -> Mapping[str, set[str]]:
    """The codes that stand in the package's own sources, and where."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "aezoo").rglob("*.py"):
        for code in re.findall(r"[\"'](AZ\d{3})[\"']", path.read_text(encoding="utf-8")):
            found.setdefault(code, set()).add(path.name)
    return found


def test_every_code_that_is_raised_is_told_and_every_one_that_is_told_is_raised() -> None:
    known = {*codes(), *SIGNS}
    assert {code: places for code, places in mentioned().items() if code not in known} == {}
    assert set(codes()) - set(mentioned()) == set()


def test_the_page_of_faults_is_made_from_the_table(golden: bool) -> None:
    there = ROOT / "docs" / "faults.md"
    if golden:
        there.write_text(page(CODES), encoding="utf-8")
    assert there.read_text(encoding="utf-8") == page(CODES)
