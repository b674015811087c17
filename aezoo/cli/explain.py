"""`aezoo explain`: a fault by its code, why it is one, and the cure."""

from __future__ import annotations

from textwrap import fill, indent
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import options
from aezoo.cli.output import columns, emit, table
from aezoo.errors import NotFound, UsageError
from aezoo.hints import did_you_mean

if TYPE_CHECKING:
    from aezoo.diagnosis.rule import Sign
    from aezoo.reading.codes import Code

#: Where there is no terminal to be as wide as.
WIDTH = 88


@click.command()
@click.argument("code", required=False)
@click.option("--markdown", is_flag=True, help="Print all codes as a page of Markdown.")
@options.as_json
def explain(code: str | None, markdown: bool, as_json: bool) -> None:
    """Explain a fault by its CODE (AZ203, az203 or 203): cause, example and cure. Without one, list them all."""
    from aezoo.reading.codes import codes
    from aezoo.reference.faults import page

    if markdown and (code or as_json):
        raise UsageError("--markdown prints all codes and nothing else")
    if markdown:
        click.echo(page(codes().values()), nl=False)
    elif code and (sign := _sign_named(code)):
        emit(sign._asdict()) if as_json else click.echo(_told(sign))
    elif as_json:
        emit(_document(_code_named(code)) if code else [_document(each) for each in codes().values()])
    elif code:
        _print(_code_named(code))
    else:
        table(("code", "level", "what it is"), [(each.code, each.level, each.title) for each in codes().values()])
        click.echo("\nAZ711 and later are findings about data and trained models: docs/diagnosis.md", err=True)


def _code_named(name: str) -> Code:
    """The code of this name. Raises `NotFound`."""
    from aezoo.reading.codes import codes

    code = f"AZ{name.strip().upper().removeprefix('AZ')}"
    if code in codes():
        return codes()[code]
    hint = did_you_mean(code, codes(), "`aezoo explain` lists all codes")
    raise NotFound(f"no fault has the code {name!r}", hint=hint)


def _sign_named(name: str) -> Sign | None:
    """What a finding's code means; None of a fault's."""
    code = f"AZ{name.strip().upper().removeprefix('AZ')}"
    if not code.startswith("AZ7"):
        return None
    from aezoo.diagnosis.diagnosis import SIGNS

    return SIGNS.get(code)


def _told(sign: Sign) -> str:
    about = (
        "A finding about the data of a run or trained models. Cause and cure depend on these, and are printed with it."
    )
    sees = f"Told where {sign.sees}."
    return f"finding[{sign.code}]: {sign.title}\n\n{_wrapped(sees)}\n\n{_wrapped(about)}"


def _print(code: Code) -> None:
    from aezoo.reference.faults import circumstances

    click.echo(f"{code.level}[{code.code}]: {code.title}\n\n{_wrapped(code.cause)}\n")
    click.echo(f"Example:\n{indent(code.example, '    ')}")
    for line, block in circumstances(code):
        text = block.partition("\n")[2].removesuffix("```")
        click.echo(f"{line}:\n{indent(text, '    ')}" if block else f"{line}.\n")
    click.echo(_wrapped(f"Cure: {code.cure}"))
    if code.fixed:
        click.echo(indent(code.fixed, "    ").rstrip("\n"))
    if code.paper:
        click.echo(f"\n{_wrapped(f'Paper: {code.paper}')}")


def _wrapped(text: str) -> str:
    return fill(text, min(columns() or WIDTH, WIDTH), break_on_hyphens=False, break_long_words=False)


def _document(code: Code) -> dict[str, Any]:
    return {key: value for key, value in code._asdict().items() if value and value != ("", 0)}
