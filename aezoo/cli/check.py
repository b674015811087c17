"""`aezoo check`: everything that is wrong with a spec, at once, before torch wakes."""

from __future__ import annotations

from typing import Any

import click

from aezoo.cli import options
from aezoo.cli.failure import fault_document, fault_line
from aezoo.cli.output import emit
from aezoo.errors import AezooError, SpecError


@click.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@options.overrides
@options.as_json
@click.pass_context
def check(ctx: click.Context, specs: tuple[str, ...], overrides: tuple[str, ...], as_json: bool) -> None:
    """Say everything that is wrong with each SPEC; exit 1 if anything is."""
    results = [_examined(source, overrides) for source in specs]
    if as_json:
        emit([document for _, document in results])
    else:
        for _, document in results:
            _tell(document)
    ctx.exit(max(code for code, _ in results))


def _examined(source: str, overrides: tuple[str, ...]) -> tuple[int, dict[str, Any]]:
    """Exit code and findings of one spec; a spec that cannot be read does not hide the others."""
    from aezoo import reader

    try:
        spec, lints = reader.check(source, overrides=overrides)
    except SpecError as error:
        faults = [{**fault_document(fault), "text": fault_line(fault, error.source)} for fault in error.faults]
        return error.exit_code, {"source": source, "ok": False, "faults": faults}
    except AezooError as error:
        fault = {"message": error.message, "hint": error.hint, "text": f"error: {error.message}"}
        return error.exit_code, {"source": source, "ok": False, "faults": [fault]}
    faults = [{**fault_document(lint), "text": fault_line(lint, source)} for lint in lints]
    facts = {"name": spec.name, "arch": spec.arch, "run": spec.run, "parameters": spec.parameters}
    return 0, {"source": source, "ok": True, **facts, "faults": faults}


def _tell(document: dict[str, Any]) -> None:
    for fault in document["faults"]:
        click.echo(fault["text"], err=True)
        if "code" not in fault and fault["hint"]:
            click.echo(f"hint: {fault['hint']}", err=True)
    if document["ok"]:
        facts = f"arch {document['arch'][:8]}, {document['parameters']:,} parameters"
        click.echo(f"ok: {document['name']} ({facts})")
