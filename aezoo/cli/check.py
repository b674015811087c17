"""`aezoo check`: everything that is wrong with a spec, at once, before PyTorch is imported."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from aezoo.cli import options
from aezoo.cli.faults import document, github, human
from aezoo.cli.output import divert, emit
from aezoo.errors import AezooError, Fault, SpecError

if TYPE_CHECKING:
    from aezoo.spec.limits import Limits


class Finding(NamedTuple):
    """The result for one spec."""

    source: str
    code: int
    faults: list[Fault]
    facts: dict[str, Any]


@click.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option(
    "--format",
    "form",
    metavar="FORM",
    type=click.Choice(["human", "json", "github"]),
    default="human",
    help="human, json, or github: annotations of a pull request.",
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--untrusted", is_flag=True, help="The spec came from elsewhere: `extends` stays in its folder.")
@options.overrides
@options.limits
@options.as_json
@click.pass_context
def check(
    ctx: click.Context,
    specs: tuple[str, ...],
    form: str,
    strict: bool,
    untrusted: bool,
    overrides: tuple[str, ...],
    limits: Limits,
    as_json: bool,
) -> None:
    """Say everything that is wrong with each SPEC; exit 1 if anything is."""
    if form == "json":
        divert(ctx)
    findings = [_check_one(source, overrides, limits, trusted=not untrusted) for source in specs]
    if as_json or form == "json":
        emit([_document(finding) for finding in findings])
    else:
        for finding in findings:
            _print(finding, form)
    ctx.exit(max(max(finding.code, int(strict and bool(finding.faults))) for finding in findings))


def _check_one(source: str, overrides: tuple[str, ...], limits: Limits, *, trusted: bool) -> Finding:
    """Check one spec; one that cannot be read does not stop the others."""
    from aezoo.reading import reader

    try:
        spec, lints = reader.check(source, overrides=overrides, limits=limits, trusted=trusted)
    except SpecError as error:
        return Finding(source, error.exit_code, list(error.faults), {})
    except AezooError as error:
        if click.get_current_context().meta.get("aezoo.debug"):
            click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
        return Finding(source, error.exit_code, [Fault((), "", error.message, error.hint)], {})
    facts = {"name": spec.name, "arch": spec.arch, "run": spec.run, "parameters": spec.parameters}
    return Finding(source, 0, lints, facts)


def _document(finding: Finding) -> dict[str, Any]:
    faults = [document(fault) for fault in finding.faults]
    return {"source": finding.source, "ok": not finding.code, **finding.facts, "faults": faults}


def _print(finding: Finding, form: str) -> None:
    lines = github if form == "github" else human
    for line in lines(finding.faults, finding.source):
        click.echo(line, err=form == "human")
    if not finding.code and form == "human":
        facts = f"arch {finding.facts['arch'][:8]}, {finding.facts['parameters']:,} parameters"
        click.echo(f"ok: {finding.facts['name']} ({facts})")
