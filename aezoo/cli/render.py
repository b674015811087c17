"""`aezoo render`: the resolved spec, as a published model carries it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from aezoo.cli import options
from aezoo.cli.faults import human
from aezoo.cli.output import divert, emit, result
from aezoo.names import visible

if TYPE_CHECKING:
    from aezoo.reading.reader import Reading
    from aezoo.spec.limits import Limits


@click.command()
@click.argument("spec")
@click.option("--to", "form", type=click.Choice(["toml", "json"]), default="toml", show_default=True)
@click.option("--explain", is_flag=True, help="Say of each value which file, variant or flag it came from.")
@options.overrides
@options.limits_in_use
@options.as_json
@click.pass_context
def render(
    ctx: click.Context, spec: str, form: str, explain: bool, overrides: tuple[str, ...], limits: Limits, as_json: bool
) -> None:
    """Print SPEC with all defaults written and all macros gone."""
    from aezoo.reading.reader import reading
    from aezoo.reading.text import to_toml
    from aezoo.spec.canonical import to_json

    divert(ctx)
    read = reading(spec, overrides=overrides, limits=limits)
    for line in human(read.lints, spec):
        click.echo(line, err=True)
    if explain:
        _explain(read, as_json=as_json or form == "json")
    elif as_json or form == "json":
        result(to_json(read.spec.document()))
    else:
        result(to_toml(read.spec.document()), nl=False)


def _explain(read: Reading, *, as_json: bool) -> None:
    from aezoo.reading.explanation import explain

    values = explain(read.spec, read.tree)
    if as_json:
        emit(
            [
                {"path": it.place, "value": it.value, "from": it.who, "line": it.where.line if it.where else 0}
                for it in values
            ]
        )
        return
    lines = [(it.place, json.dumps(it.value, ensure_ascii=False), it.who) for it in values]
    width = min(max(len(path) + len(value) + 3 for path, value, _ in lines), 60)
    for path, value, who in lines:
        result(f"{visible(f'{path} = {value}'):{width}}  # {visible(who)}")
