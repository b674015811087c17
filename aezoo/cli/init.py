"""`aezoo init`: a commented starter spec that passes `check`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from aezoo.cli import options
from aezoo.cli.output import emit
from aezoo.cli.starter import FAMILIES, starter
from aezoo.cli.writing import claim
from aezoo.errors import NotFound, UsageError
from aezoo.files import atomic_write
from aezoo.hints import did_you_mean
from aezoo.names import visible
from aezoo.spec.shape import Shape, flat, text

#: Values of a sample that a dense layer still takes without a thousand million weights.
DENSE = 1 << 20
#: Slots that are one value: what a variant says there would be lost under a value of the starter's own.
WHOLE = frozenset({"corruption", "encoder", "decoder", "likelihood", "objective", "data"})


def _shape(ctx: click.Context, param: click.Parameter, value: str) -> Shape:
    """`1x28x28`, `784`."""
    sides = value.lower().split("x")
    if not all(side.isdecimal() and 0 < int(side) < 1 << 31 for side in sides) or len(sides) > 4:
        raise click.BadParameter(f"takes one to four sides, like 1x28x28 or 784, got {value!r}", ctx=ctx, param=param)
    shape = tuple(int(side) for side in sides)
    if flat(shape) < 2:
        raise click.BadParameter(f"{value}: one value cannot be coded in fewer", ctx=ctx, param=param)
    return shape


def _variants(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if value not in FAMILIES and ":" not in value:
            hint = did_you_mean(value, FAMILIES, f"there are {', '.join(FAMILIES)}, and those of plugins")
            raise click.BadParameter(f"no family is called {value!r}; {hint}", ctx=ctx, param=param)
    return values


@click.command()
@click.argument("name", default="my-autoencoder")
@click.option(
    "--variant",
    "variants",
    metavar="FAMILY",
    callback=_variants,
    multiple=True,
    help=f"A family to start from; repeatable, in any mixture: {', '.join(FAMILIES)}, or a plugin's, plugin:name.",
)
@click.option(
    "--input",
    "shape",
    metavar="SHAPE",
    callback=_shape,
    default="1x28x28",
    show_default=True,
    help="Of one sample: 784, 1x64, 3x64x64, 1x16x16x16.",
)
@click.option("--out", type=options.AnyPath, help="The file, NAME.toml by default; - is stdout.")
@options.force
@options.as_json
def init(name: str, variants: tuple[str, ...], shape: Shape, out: Path | None, force: bool, as_json: bool) -> None:
    """Write a commented starter spec called NAME, for any mixture of families."""
    from aezoo.reading.reader import check
    from aezoo.reading.text import parse

    name, out = _place(name, out)
    if str(out) != "-":
        claim(out, force=force)
    written = _starter(name, variants, shape, out)
    spec, _ = check(parse(written.encode(), "starter.toml"))
    if str(out) == "-":
        emit({"name": name, "arch": spec.arch, "text": written}) if as_json else click.echo(written, nl=False)
        return
    atomic_write(out, written)
    emit({"name": name, "arch": spec.arch, "path": out}) if as_json else click.echo(str(out))


def _place(name: str, out: Path | None) -> tuple[str, Path]:
    """The model's name and its file, of `NAME`, `NAME.toml` or `folder/NAME.toml`. Raises `UsageError`."""
    given = Path(name)
    name = given.name.removesuffix(".toml")
    if not re.fullmatch(r"\w[\w.\- ]{0,99}", name):
        raise UsageError(f"{name!r} is no name of a model", hint="it takes letters, digits, '_', '.', '-' and spaces")
    return name, out or given.with_name(f"{name}.toml")


def _starter(name: str, variants: Sequence[str], shape: Shape, out: Path) -> str:
    """The text of the starter. Raises `UsageError`, `PluginError`, `NotFound`."""
    families = [variant for variant in variants if variant in FAMILIES]
    others = [variant for variant in variants if variant not in FAMILIES]
    filled = [slot for variant in others for slot in _filled(variant)]
    if flat(shape) > DENSE and not {"convolutional", "vdc"} & {*families} and "encoder" not in filled:
        few = "more than a dense layer can take"
        raise UsageError(f"--input: {text(shape)} are {flat(shape):,} values, {few}", hint="--variant convolutional")
    file = f"{name}.toml" if str(out) == "-" else str(out)
    return starter(name, families, shape, file=visible(shlex.quote(file)), variants=others, filled=filled)


def _filled(variant: str) -> list[str]:
    """The slots that a plugin's variant fills whole. Raises `PluginError`, `NotFound`."""
    from pydantic_core import PydanticCustomError

    from aezoo.registry.loader import default_registry

    try:
        fragment: Mapping[str, Any] = default_registry().variant(variant)
    except PydanticCustomError as error:  # the registry speaks the language of the reader
        raise NotFound(error.message(), hint=str((error.context or {}).get("hint", ""))) from None
    latent = fragment.get("latent")
    typed = isinstance(latent, str) or (isinstance(latent, Mapping) and "type" in latent)
    return [*(WHOLE & fragment.keys()), *(["latent"] if typed else [])]
