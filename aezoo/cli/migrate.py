"""`aezoo migrate`: specs of an older format, in the present one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from aezoo.cli import options
from aezoo.cli.output import emit
from aezoo.errors import Fault, Refused, SpecError, UsageError

if TYPE_CHECKING:
    from aezoo.reading.rewriting import Rewritten


class Migration(NamedTuple):
    """A file and what is to stand in it."""

    source: str
    path: Path
    old: str
    new: Rewritten

    @property
    def due(self) -> bool:
        """Whether the file is of an older format."""
        return self.new.text != self.old


@click.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option("--write", is_flag=True, help="Write the files instead of printing; comments are kept.")
@click.option("--check", is_flag=True, help="Print the names of files of an older format; exit 1 if there are any.")
@options.as_json
@click.pass_context
def migrate(ctx: click.Context, specs: tuple[str, ...], write: bool, check: bool, as_json: bool) -> None:
    """Print each SPEC in the present format, or --write it: all of them, or none if one cannot be carried over."""
    if write and check:
        raise UsageError("--write and --check exclude each other")
    if len(specs) > 1 and not (write or check or as_json):
        raise UsageError("several specs cannot be printed as one", hint="--write, --check or --json")
    migrations = _migrations(specs)
    if write:
        _write(migrations)
    if as_json:
        emit([_document(migration, written=write) for migration in migrations])
    else:
        for migration in migrations:
            _tell(migration, write=write, check=check)
    ctx.exit(int(check and any(migration.due for migration in migrations)))


def _migrations(specs: tuple[str, ...]) -> list[Migration]:
    """Every spec in the present format. Raises `SpecError` with what is wrong with any of them."""
    found, faults = list[Migration](), list[Fault]()
    for source in specs:
        try:
            found.append(_migration(source))
        except SpecError as error:
            faults += error.faults
    if faults:
        raise SpecError(faults)
    return found


def _migration(source: str) -> Migration:
    from aezoo.reading.reader import locate
    from aezoo.reading.rewriting import rewritten
    from aezoo.reading.text import MAX_BYTES

    path = locate(source)
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    new = rewritten(data, source)
    return Migration(source, path, data.decode(), new)


def _write(migrations: list[Migration]) -> None:
    from aezoo.files import atomic_write

    for migration in migrations:
        if not migration.new.kept:
            told = f"{migration.source}: its comments would be lost"
            raise Refused(told, hint=f"`aezoo migrate {migration.source}` prints it without them")
    for migration in migrations:
        if migration.due:
            # A link stays a link to the file that is written.
            atomic_write(migration.path.resolve(), migration.new.text)


def _tell(migration: Migration, *, write: bool, check: bool) -> None:
    from aezoo.reading.migration import CURRENT

    current = f"{migration.source}: is of format {CURRENT}, the present one"
    if check:
        click.echo(migration.source if migration.due else current, err=not migration.due)
    elif write:
        click.echo(f"{migration.source}: format {migration.new.version} -> {CURRENT}" if migration.due else current)
    else:
        for line in () if migration.due else (current,):
            click.echo(line, err=True)
        if not migration.new.kept:
            click.echo(f"warning: {migration.source}: its comments are lost", err=True)
        click.echo(migration.new.text, nl=False)


def _document(migration: Migration, *, written: bool) -> dict[str, object]:
    return {
        "source": migration.source,
        "format": migration.new.version,
        "due": migration.due,
        "written": written and migration.due,
        "text": migration.new.text,
    }
