"""`aezoo render`: the resolved spec, as a published model carries it."""

from __future__ import annotations

import click

import aezoo
from aezoo.cli import options


@click.command()
@click.argument("spec")
@click.option("--to", "form", type=click.Choice(["toml", "json"]), default="toml", show_default=True)
@options.overrides
@options.as_json
def render(spec: str, form: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print SPEC with all defaults written and all macros gone."""
    from aezoo.spec.text import to_json, to_toml

    document = aezoo.read(spec, overrides=overrides).document()
    if as_json or form == "json":
        click.echo(to_json(document))
    else:
        click.echo(to_toml(document), nl=False)
