"""`aezoo init`: a commented starter spec that passes `check`."""

from __future__ import annotations

from pathlib import Path

import click

from aezoo.cli import options
from aezoo.cli.output import emit
from aezoo.cli.starter import FAMILIES, starter
from aezoo.cli.writing import claim, write_text
from aezoo.spec.shape import Shape


class ShapeType(click.ParamType):
    """`1x28x28`, `784`."""

    name = "shape"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Shape:
        sides = str(value).lower().split("x")
        if not all(side.isdecimal() and int(side) > 0 for side in sides) or len(sides) > 4:
            self.fail(f"takes one to four sides, like 1x28x28 or 784, got {value!r}", param, ctx)
        return tuple(int(side) for side in sides)


@click.command()
@click.argument("name", default="my-autoencoder")
@click.option(
    "--variant", "families", type=click.Choice(FAMILIES), multiple=True, help="A family to start from. Repeatable."
)
@click.option("--input", "shape", type=ShapeType(), default="1x28x28", show_default=True, help="Shape of one sample.")
@click.option("--out", type=options.AnyPath, help="The file, NAME.toml by default; - is stdout.")
@options.force
@options.as_json
def init(name: str, families: tuple[str, ...], shape: Shape, out: Path | None, force: bool, as_json: bool) -> None:
    """Write a commented starter spec called NAME, for any mixture of families."""
    from aezoo.reader import check
    from aezoo.spec.text import parse

    if len(shape) == 1 and {"convolutional", "vdc"} & set(families):
        raise click.UsageError("a convolution takes samples with channels: --input 1x784, 1x28x28 ...")
    text = starter(name, families, shape)
    spec, _ = check(parse(text.encode(), "starter.toml"))
    out = out or Path(f"{name}.toml")
    if str(out) == "-":
        emit({"name": name, "arch": spec.arch, "text": text}) if as_json else click.echo(text, nl=False)
        return
    write_text(claim(out, force=force), text)
    if as_json:
        emit({"name": name, "arch": spec.arch, "path": out})
    else:
        click.echo(str(out))
