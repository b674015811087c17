"""`aezoo schema`: the JSON Schema of all that a spec may say here."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aezoo.cli import options
from aezoo.cli.all_parts import full_registry, parts
from aezoo.cli.output import divert, emit, result
from aezoo.cli.output_files import claim
from aezoo.files import atomic_write


@click.command()
@click.option("--out", type=options.AnyPath, help="A file, written anew if it is an aezoo schema, instead of stdout.")
@options.force
@options.as_json
@click.pass_context
def schema(ctx: click.Context, out: Path | None, force: bool, as_json: bool) -> None:
    """Print the JSON Schema of specs, draft 7, with the parts and variants of every plugin that is installed."""
    from aezoo.schema import schema as of

    divert(ctx)
    if out is not None:
        claim(out, force=force or _is_schema(out))
    registry = full_registry()
    document = of.schema(parts(registry), variants=registry.variants())
    text = json.dumps(document, indent=1, ensure_ascii=False)
    if out is None:  # JSON either way
        result(text)
        return
    atomic_write(out, f"{text}\n")
    if as_json:
        emit({"out": out})
    else:
        click.echo(f"wrote {out}", err=True)


def _is_schema(path: Path) -> bool:
    """Whether an aezoo schema lies there: it says nothing that cannot be written again."""
    from aezoo.schema.schema import TITLE

    try:
        with path.open(encoding="utf-8") as file:
            document = json.load(file)
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("title") == TITLE and "$schema" in document
