"""The options that mean the same in every command."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from aezoo.cli import options
from aezoo.spec.limits import DEFAULT_LIMITS, Limits


@click.command()
@options.limits
def raised(limits: Limits) -> None:
    """Print the limits in force."""
    click.echo(str(limits))


def test_limits_are_raised_by_name_each_on_its_own() -> None:
    assert CliRunner().invoke(raised, []).output.strip() == str(DEFAULT_LIMITS)
    output = CliRunner().invoke(raised, ["--limit", "parameters=5e9", "--limit", " depth = 64"]).output
    assert output.strip() == str(DEFAULT_LIMITS._replace(parameters=5_000_000_000, depth=64))


@pytest.mark.parametrize(
    "value",
    ["parameters", "parameters=", "=5", "weights=5", "parameters=x", "depth=0", "depth=-1", "depth=inf", "depth=nan"],
)
def test_a_limit_that_is_none_is_refused_with_the_names_there_are(value: str) -> None:
    result = CliRunner().invoke(raised, ["--limit", value])
    assert result.exit_code == 2
    names = "modules, parameters, activations, depth, repeats, in_use"
    assert f"takes NAME=NUMBER ({names})" in " ".join(result.output.split())
