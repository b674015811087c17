"""What a command prints: tables for people, one JSON document for machines."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import PurePath
from typing import Any, TextIO

import click

from aezoo.names import utf8

GAP = 2
#: Key of a context's `meta` that holds the stream of results.
RESULTS = "aezoo.results"
#: Whether the process runs one command and ends, in the context's `meta`.
PROCESS = "aezoo.process"
#: The least width of the column that is cut.
LEAST = 8


def emit(document: Any) -> None:
    """Print one JSON document on stdout; numbers that JSON lacks become null."""
    result(json.dumps(plain(document), indent=1, allow_nan=False))


def result(text: str, *, nl: bool = True) -> None:
    """Print on stdout what other programs read; where `divert` was called, nothing else stands there."""
    context = click.get_current_context(silent=True)
    click.echo(text, file=context.meta.get(RESULTS) if context else None, nl=nl)


def divert(ctx: click.Context) -> None:
    """Send to stderr whatever is printed from here on, by print, in C or by a child process, but for `result`."""
    if RESULTS in ctx.meta or sys.stdout is None:
        return
    before: TextIO = sys.stdout
    before.flush()
    if before is sys.__stdout__ and (descriptor := _moved_aside()) is not None:
        results = open(descriptor, "w", encoding=before.encoding, errors="backslashreplace")  # noqa: SIM115
        ctx.call_on_close(partial(_close, results, restored=not ctx.meta.get(PROCESS, False)))
    else:  # called from Python, where stdout may be no file
        results, sys.stdout = before, sys.stderr  # type: ignore[assignment]
        ctx.call_on_close(partial(setattr, sys, "stdout", before))
    ctx.meta[RESULTS] = results


def _moved_aside() -> int | None:
    """A new descriptor of the file behind stdout, while descriptor 1 becomes stderr's; None if stdout is no file."""
    try:
        descriptor = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    return descriptor


def _close(results: TextIO, *, restored: bool) -> None:
    if restored:  # else output of a plugin at exit would stand among the results
        sys.stdout.flush()
        os.dup2(results.fileno(), sys.stdout.fileno())
    with suppress(OSError):  # a closed pipe was reported when it was written to
        results.close()


def plain(value: Any) -> Any:
    """The value in words of JSON."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (PurePath, str)):
        return utf8(str(value))
    return value


def number(value: float | None) -> str:
    """Four digits; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: str = "",
    yields: int | None = None,
    folds: bool = False,
) -> None:
    """Print aligned columns; on a terminal too narrow for them, each row as a paragraph.

    Args:
        header: Names of the columns.
        rows: Cells, as text.
        right: One letter a column, "r" for those that align right: "llrr".
        yields: The column that may be cut short, if that is enough.
        folds: Whether that column goes on below instead, and loses nothing.
    """
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    width = columns()
    over = sum(widths) + GAP * (len(widths) - 1) - width if width else 0
    if width and over > 0:
        least = max((len(word) for line in lines for word in line[yields or 0].split()), default=0) if folds else LEAST
        if yields is None or widths[yields] - over < least:
            _paragraphs(header, rows, width)
            return
        widths[yields] -= over
        if folds:
            lines = [part for line in lines for part in _folded(line, yields, widths[yields])]
    for line in lines:
        cells = [_cell(cell, width, right[i : i + 1]) for i, (cell, width) in enumerate(zip(line, widths, strict=True))]
        click.echo((" " * GAP).join(cells).rstrip())


def _folded(line: list[str], column: int, width: int) -> list[list[str]]:
    """The line, and below it what is left of a cell."""
    from textwrap import wrap

    first, *others = wrap(line[column], width) or [""]
    below = [["" if i != column else part for i in range(len(line))] for part in others]
    return [[*line[:column], first, *line[column + 1 :]], *below]


def _paragraphs(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> None:
    from textwrap import fill

    for first, *others in rows:
        click.echo(first)
        indent = " " * (len(first) - len(first.lstrip()) + 2)
        for name, cell in zip(header[1:], others, strict=True):
            if cell:
                text = fill(f"{name}: {cell}", max(width, 20), initial_indent=indent, subsequent_indent=f"{indent}  ")
                click.echo(text)


def _cell(text: str, width: int, side: str) -> str:
    if len(text) > width:
        text = text[: width - 1] + "…"
    return text.rjust(width) if side == "r" else text.ljust(width)


def columns() -> int | None:
    """Width of the terminal, or None where stdout is a file or a pipe: there, nothing is cut."""
    return shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None


def folded(line: str, indent: str) -> str:
    """A line, folded to the terminal, with an indent before all but its beginning."""
    from textwrap import fill

    width = columns()
    return fill(line, max(width, 20), subsequent_indent=indent, break_on_hyphens=False) if width else line
