"""Migration: steps lead from one format to the next; a format that no step leads on from is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aezoo.errors import SpecError
from aezoo.reading.migration import CURRENT, STEPS, migrate
from aezoo.reading.reader import read

TINY: dict[str, Any] = {"name": "tiny", "input": [8], "latent": {"type": "deterministic", "dim": 2}}


def renamed(table: dict[str, Any]) -> dict[str, Any]:
    """A step that was made up: what format 1 calls `code` is `latent` in format 2."""
    return {"latent" if key == "code" else key: value for key, value in table.items()}


def widened(table: dict[str, Any]) -> dict[str, Any]:
    """Another one: format 2 counts a code's width in pairs, format 3 in values."""
    return {**table, "latent": {**table["latent"], "dim": 2 * table["latent"]["dim"]}}


def refused(table: dict[str, Any], **steps: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(SpecError) as caught:
        migrate(table, **steps)
    return [(fault.code, fault.message, fault.hint) for fault in caught.value.faults]


def test_the_steps_in_use_lead_from_the_first_format_to_the_current_one() -> None:
    assert list(STEPS) == list(range(1, CURRENT))


def test_a_table_goes_through_every_step_from_its_format_on_and_is_not_changed_itself() -> None:
    steps = {1: renamed, 2: widened}
    old = {"aezoo": 1, "code": {"dim": 3}}
    assert migrate(old, steps=steps, current=3) == {"aezoo": 3, "latent": {"dim": 6}}
    assert old == {"aezoo": 1, "code": {"dim": 3}}
    assert migrate({"aezoo": 2, "latent": {"dim": 3}}, steps=steps, current=3) == {"aezoo": 3, "latent": {"dim": 6}}


@pytest.mark.parametrize("table", [{"name": "t"}, {"aezoo": CURRENT}, {"aezoo": True}, {"aezoo": "0"}, {"aezoo": 0.0}])
def test_a_table_of_the_current_format_or_without_a_number_of_one_is_left_alone(table: dict[str, Any]) -> None:
    assert migrate(table) is table


def test_a_newer_format_is_refused_with_the_advice_to_upgrade() -> None:
    message = f"is of format {CURRENT + 1}; this aezoo reads {CURRENT}"
    assert refused({"aezoo": CURRENT + 1}) == [("AZ209", message, "pip install -U aezoo")]


def test_a_format_that_no_step_leads_on_from_is_refused() -> None:
    message = "is of format 0, which cannot be read; this aezoo reads 3"
    assert refused({"aezoo": 0}, steps={1: renamed, 2: widened}, current=3) == [("AZ210", message, "aezoo = 3")]


@pytest.mark.parametrize(("version", "code"), [(0, "AZ210"), (-1, "AZ210"), (2, "AZ209")])
def test_a_file_or_a_mapping_or_a_base_of_another_format_is_refused_at_its_number(
    tmp_path: Path, version: int, code: str
) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(
        f'name = "tiny"\naezoo = {version}\ninput = [8]\nlatent = {{ type = "deterministic", dim = 2 }}\n', "utf-8"
    )
    above = tmp_path / "above.toml"
    above.write_text('name = "above"\nextends = "tiny.toml"\n', "utf-8")
    for source in (path, above):
        with pytest.raises(SpecError, match=rf"tiny\.toml:2:9: error\[{code}\]: aezoo: is of format {version}"):
            read(source)
    with pytest.raises(SpecError, match=rf"error\[{code}\]: aezoo: is of format {version}"):
        read({"aezoo": version, **TINY})
