"""`aezoo fmt`: specs in the house layout, comments kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import click

from aezoo.cli import options
from aezoo.cli.faults import document, human
from aezoo.cli.output import emit
from aezoo.errors import Fault, NotFound, SpecError, UsageError
from aezoo.files import atomic_write

STDIN = "-"


class Sheet(NamedTuple):
    """A spec's text as it is and as it should be; or why that cannot be said."""

    source: str
    text: str
    laid: str
    faults: tuple[Fault, ...] = ()

    @property
    def changed(self) -> bool:
        return self.text != self.laid


@click.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Change nothing; name the files that would change and exit 1.")
@options.as_json
@click.pass_context
def fmt(ctx: click.Context, specs: tuple[str, ...], check: bool, as_json: bool) -> None:
    """Lay out each SPEC file in the house style, in place, and name those that changed; - is stdin to stdout."""
    paths = {source: _path(source) for source in specs if source != STDIN}
    sheets = [_sheet(source, _bytes(paths.get(source))) for source in dict.fromkeys(specs)]
    if not check:
        _write(sheets, paths)
    if as_json:
        emit([_document(sheet, check=check) for sheet in sheets])
    else:
        _tell(sheets, check=check)
    ctx.exit(int(any(sheet.faults or (check and sheet.changed) for sheet in sheets)))


def _path(source: str) -> Path:
    """The file to rewrite, through links. Raises `NotFound`, `UsageError` (a bundled spec)."""
    path = Path(source)
    try:
        if path.is_file():
            return path.resolve()
    except (OSError, ValueError):  # a name that no file system takes
        pass
    from aezoo.reading.bundled import bundled_specs

    if source in bundled_specs():
        raise UsageError(f"{source}: a bundled spec; fmt rewrites files", hint="give it the path of a file of yours")
    raise NotFound(f"{source}: is {'a folder' if os.path.isdir(source) else 'no file'}", hint="it takes TOML and JSON")


def _bytes(path: Path | None) -> bytes:
    from aezoo.reading.text import MAX_BYTES

    if path is None:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _sheet(source: str, data: bytes) -> Sheet:
    """The two texts of a spec; one that cannot be read does not hide the others."""
    from aezoo.reading.formatting import layout
    from aezoo.reading.text import decode

    # No TOML begins with a brace: what comes from stdin has no name to tell.
    name = source if source != STDIN else "stdin.json" if data.lstrip().startswith(b"{") else "stdin"
    try:
        text = decode(data, name)
        return Sheet(source, text, layout(text, name))
    except SpecError as error:
        return Sheet(source, "", "", error.faults)


def _write(sheets: list[Sheet], paths: dict[str, Path]) -> None:
    for sheet in sheets:
        if sheet.changed and sheet.source in paths:
            atomic_write(paths[sheet.source], sheet.laid.encode())


def _document(sheet: Sheet, *, check: bool) -> dict[str, object]:
    told: dict[str, object] = {"source": sheet.source, "ok": not sheet.faults, "changed": sheet.changed}
    if sheet.source == STDIN and not check:
        told["text"] = sheet.laid
    return {**told, "faults": [document(fault) for fault in sheet.faults]}


def _tell(sheets: list[Sheet], *, check: bool) -> None:
    for sheet in sheets:
        for line in human(sheet.faults, sheet.source):
            click.echo(line, err=True)
        if sheet.source == STDIN and not check:
            click.echo(sheet.laid.encode(), nl=False)
        elif sheet.changed:
            click.echo(sheet.source)
