"""`aezoo diff`: in what two specs or models differ, and whether weights of one fit the other."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import options, output
from aezoo.cli.formatting import format_value
from aezoo.cli.spec_source import read_spec

if TYPE_CHECKING:
    from aezoo.errors import KeyPath
    from aezoo.reading.diff import Change
    from aezoo.spec.document import Spec
    from aezoo.spec.limits import Limits

MARKS = {"changed": "~", "added": "+", "removed": "-"}
COLOURS = {"changed": "yellow", "added": "green", "removed": "red"}


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@options.overrides
@options.limits_in_use
@options.as_json
@click.pass_context
def diff(
    ctx: click.Context, first: str, second: str, overrides: tuple[str, ...], limits: Limits, as_json: bool
) -> None:
    """Say in what B differs from A, each a SPEC or a MODEL; exit 1 if it does in more than names.

    Specs are compared as they are resolved, so another spelling is no difference. --set changes B.
    """
    from aezoo.reading.diff import differences

    a, b = read_spec(first, limits=limits), read_spec(second, overrides, limits=limits)
    changes = differences(a, b)
    if as_json:
        output.emit({"a": _facts(first, a), "b": _facts(second, b), **_verdict(a, b), "changes": _listed(changes)})
    else:
        for change in changes:
            _print_line(_line(change), COLOURS[change.kind])
        if changes:
            click.echo()
        for line in _effects(a, b):
            _print_line(line)
    ctx.exit(int(a.run != b.run))


# --- for people --------------------------------------------------------------------------------------------


def _line(change: Change) -> str:
    """`~ latent.dim: 16 -> 32`, `+ encoder.1: conv(channels=32)`."""
    values = [format_value(value) for value in (change.before, change.after) if value is not None]
    was = change.paths.first
    moved = f" (was {_dotted(was)})" if change.kind == "changed" and was != change.path else ""
    return f"{MARKS[change.kind]} {_dotted(change.path)}{moved}: {' -> '.join(values)}"


def _dotted(path: KeyPath) -> str:
    """The path as `--set` takes it."""
    return ".".join(str(step) for step in path)


def _effects(a: Spec, b: Spec) -> Iterator[str]:
    from aezoo.spec.shape import text

    fits = "the same (weights fit)" if a.arch == b.arch else "changed (weights of one do not fit the other)"
    yield f"architecture: {fits}, {_both(a.arch[:8], b.arch[:8])}"
    yield f"run: {'the same' if a.run == b.run else 'changed'}, {_both(a.run[:8], b.run[:8])}"
    growth = f" ({b.parameters - a.parameters:+,})" if a.parameters != b.parameters else ""
    yield f"parameters: {_both(f'{a.parameters:,}', f'{b.parameters:,}')}{growth}"
    yield f"code: {_both(text(a.code_shape), text(b.code_shape))}"
    yield f"output: {_both(text(a.target_shape), text(b.target_shape))}"


def _both(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"


def _print_line(line: str, colour: str | None = None) -> None:
    """Print a line, folded to the terminal, in colour where there is one that wants it."""
    line = output.folded(line, "    ")
    click.echo(click.style(line, fg=colour) if colour and _coloured() else line)


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


# --- for machines ------------------------------------------------------------------------------------------


def _facts(source: str, spec: Spec) -> dict[str, Any]:
    return {
        "source": source,
        "name": spec.name,
        "arch": spec.arch,
        "run": spec.run,
        "parameters": spec.parameters,
        "code": spec.code_shape,
        "output": spec.target_shape,
    }


def _verdict(a: Spec, b: Spec) -> dict[str, bool]:
    return {"same": a.run == b.run, "same_architecture": a.arch == b.arch}


def _listed(changes: list[Change]) -> list[dict[str, Any]]:
    return [
        {
            "kind": change.kind,
            "path": _dotted(change.path),
            "was": _dotted(change.paths.first),
            "before": change.before,
            "after": change.after,
            "name": change.names_only,
        }
        for change in changes
    ]
