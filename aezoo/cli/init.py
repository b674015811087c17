"""`aezoo init`: a commented starter spec that passes `check`."""

from __future__ import annotations

from pathlib import Path

import click

from aezoo.cli import options
from aezoo.cli.output import emit
from aezoo.cli.starter import FAMILIES, starter
from aezoo.cli.writing import claim
from aezoo.files import atomic_write
from aezoo.spec.shape import Shape


def _shape(ctx: click.Context, param: click.Parameter, value: str) -> Shape:
    """`1x28x28`, `784`."""
    sides = value.lower().split("x")
    if not all(side.isdecimal() and int(side) > 0 for side in sides) or len(sides) > 4:
        raise click.BadParameter(f"takes one to four sides, like 1x28x28 or 784, got {value!r}", ctx=ctx, param=param)
    return tuple(int(side) for side in sides)


@click.command()
@click.argument("name", default="my-autoencoder")
@click.option(
    "--variant",
    "families",
    metavar="FAMILY",
    type=click.Choice(FAMILIES),
    multiple=True,
    help=f"A family to start from; repeatable. {', '.join(FAMILIES)}.",
)
@click.option(
    "--input",
    "shape",
    metavar="SHAPE",
    callback=_shape,
    default="1x28x28",
    show_default=True,
    help="Of one sample.",
)
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
    atomic_write(claim(out, force=force), text)
    if as_json:
        emit({"name": name, "arch": spec.arch, "path": out})
    else:
        click.echo(str(out))
