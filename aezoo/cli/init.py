"""`aezoo init`: a commented starter spec that passes `check`: a bundled spec, changed for other samples."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from aezoo.cli import fit as of_fit
from aezoo.cli import options
from aezoo.cli.output import emit
from aezoo.cli.output_files import claim
from aezoo.errors import NotFound, PluginError, SpecError, UsageError
from aezoo.files import atomic_write
from aezoo.names import inert, visible
from aezoo.spec.shape import Shape, flat, text

if TYPE_CHECKING:
    from aezoo.fitting.purposes import Purpose

#: Families whose bundled spec is copied, the first that is asked for; any other family is a variant of what it says.
BASES = {
    "vdc": "vdc-digits",
    "convolutional": "convolutional-digits",
    "contractive": "contractive-digits",
    "sparse": "l1-digits",
    "vanilla": "vanilla-digits",
}
#: Slots that are one value: what a variant says there would be lost under a value of the starter's own.
WHOLE = frozenset({"encoder", "decoder", "likelihood", "objective", "data"})
#: The bundled digits fit this input; any other needs the user's own data.
DIGITS: Shape = (1, 28, 28)
HEAD = """\
#:schema ./aezoo.schema.json
# With the line above an editor completes and checks this file, once this has written the schema beside it:
#   aezoo schema --out aezoo.schema.json
#
# Check it:  aezoo check {file}
# See it:    aezoo show {file}
# Train it:  aezoo train {file}{data} (into runs/{name})
aezoo = 1
name = "{name}"
description = ""
license = "" # of the weights, if you publish them: apache-2.0, cc-by-4.0 ...
"""
VARIANTS = """
# Fragments of specs, below the keys of this file. `aezoo render {file} --explain` says what each brings.
variants = {variants}
"""
TYPED = """\
# The code, `dim` values wide; a variant says of which type.
latent = {{ dim = {dim} }}
"""
UNTIED = """\
# With weights of its own a large decoder could make up for a small code, which would cheat the contractive term.
decoder = { tied = false }
constraints.bound = { type = "max_norm", on = "decoder", norm = 1.0 }
"""
OTHERS = """\
# Values on scales of their own are brought to one by: input = {{ shape = {shape}, normalize = "standardize" }}
input = {shape}
"""
OWN_DATA = """\
# Your data, here or on the command line:
#   aezoo train {file} --data {path}
# data = {{ type = "{dataset}", path = "{path}" }}
"""
OWN_IMAGES = """\
# Your data, here or on the command line. Images of another size are refused unless it is said what becomes of them:
# "fit" changes both sides to the exact size, "crop" scales them and cuts out the centre.
#   aezoo train {file} --data {path} --set data.resize=fit
# data = {{ type = "{dataset}", path = "{path}", resize = "fit" }}
"""
#: Options that say what is made of samples.
SHOWN = {"purpose": "--for", "label": "--label", "width": "--width", "settings": "--set"}
DATASETS = {1: ("table", "samples.csv"), 2: ("arrays", "samples.npy"), 3: ("images", "photos")}


def _shape(ctx: click.Context, param: click.Parameter, value: str) -> Shape:
    """`1x28x28`, `784`."""
    sides = value.lower().split("x")
    if not all(side.isdecimal() and 0 < int(side) < 1 << 31 for side in sides) or len(sides) > 4:
        raise click.BadParameter(f"takes one to four sides, like 1x28x28 or 784, got {value!r}", ctx=ctx, param=param)
    shape = tuple(int(side) for side in sides)
    if flat(shape) < 2:
        raise click.BadParameter(f"{value}: one value cannot be coded in fewer", ctx=ctx, param=param)
    return shape


@click.command()
@click.argument("name", default="my-autoencoder")
@click.option(
    "--variant",
    "variants",
    metavar="FAMILY",
    multiple=True,
    help=f"What to start from, repeatable: {', '.join(BASES)}, or a name of `aezoo components variant`.",
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
@click.option("--data", help="A file or folder of samples: the spec is written for these.")
@of_fit.purpose
@of_fit.label
@of_fit.width
@options.reading
@click.option("--out", type=options.AnyPath, help="The file, NAME.toml by default; - is stdout.")
@options.force
@options.as_json
@click.pass_context
def init(
    ctx: click.Context,
    name: str,
    variants: tuple[str, ...],
    shape: Shape,
    data: str | None,
    purpose: Purpose,
    label: str | None,
    width: int | None,
    settings: tuple[str, ...],
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a commented starter spec called NAME, for any mixture of families, or for samples of yours."""
    from aezoo.reading.reader import check
    from aezoo.reading.text import parse

    _refuse_mixed(ctx, data)
    name, out = _name_and_file(name, out)
    if str(out) != "-":
        claim(out, force=force)
    file = f"{name}.toml" if str(out) == "-" else str(out)
    if data is None:
        written = starter(name, variants, shape, file=file)
    else:
        written = _for_samples(name, data, purpose, label, width, settings, file)
    try:
        spec, _ = check(parse(written.encode(), "starter.toml"))
    except PluginError:
        raise
    except SpecError as error:
        fault = error.faults[0]
        message = f"--input {text(shape)} with {', '.join(variants) or 'vanilla'}: {fault.place}: {fault.message}"
        large = fault.code.startswith("AZ6")
        raise UsageError(message, hint="--variant convolutional" if large else "take another --input") from None
    if str(out) == "-":
        emit({"name": name, "arch": spec.arch, "text": written}) if as_json else click.echo(written, nl=False)
        return
    atomic_write(out, written)
    emit({"name": name, "arch": spec.arch, "path": out}) if as_json else click.echo(str(out))


def _refuse_mixed(ctx: click.Context, data: str | None) -> None:
    """Refuse options that do not go together: a spec is written for samples, or by what is said of them."""
    given = {
        name for name in ("variants", "shape", *SHOWN) if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    shown = {"variants": "--variant", "shape": "--input", **SHOWN}
    wrong = given & {"variants", "shape"} if data is not None else given & SHOWN.keys()
    if wrong:
        names = ", ".join(shown[name] for name in shown if name in wrong)
        message = f"{names} and --data exclude each other" if data is not None else f"{names} goes with --data"
        raise UsageError(message, hint="--data says what the samples are; without it --input does")


def _for_samples(
    name: str, data: str, purpose: Purpose, label: str | None, width: int | None, settings: Sequence[str], file: str
) -> str:
    """The text of a spec that suits samples, with the reason for each statement."""
    from aezoo.fitting.facts import look
    from aezoo.fitting.proposal import starter as proposed

    facts = look(data, label=label, settings=settings)
    shown = visible(shlex.quote(file))
    head = [
        f"Written for {facts.source} by aezoo init; yours to change.",
        f"Check it:  aezoo check {shown}",
        f"Train it:  aezoo train {shown} (into runs/{name})",
    ]
    return proposed(facts, purpose, name=name, width=width).text([inert(line, 300) for line in head])


def _name_and_file(name: str, out: Path | None) -> tuple[str, Path]:
    """The model's name and its file, of `NAME`, `NAME.toml` or `folder/NAME.toml`. Raises `UsageError`."""
    path = Path(name)
    name = path.name.removesuffix(".toml")
    if not re.fullmatch(r"\w[\w.\- ]{0,99}", name):
        raise UsageError(f"{name!r} is no name of a model", hint="it takes letters, digits, '_', '.', '-' and spaces")
    return name, out or path.with_name(f"{name}.toml")


def starter(name: str, families: Sequence[str], shape: Shape, *, file: str) -> str:
    """The text of the starter: the bundled spec of a family, with these variants and for this shape of a sample.

    Raises:
        PluginError, NotFound: A variant is not there.
    """
    from aezoo.reading import bundled

    families = list(dict.fromkeys(families)) or ["vanilla"]
    base = next((family for family in BASES if family in families), "vanilla")
    variants = [family for family in families if family not in (base, "vanilla", "convolutional", "vdc")]
    dataset, path = DATASETS[2 if len(shape) == 4 or (len(shape) == 3 and shape[0] not in (1, 3, 4)) else len(shape)]
    words = {
        "name": name,
        "file": visible(shlex.quote(file)),
        "data": "" if shape == DIGITS else " --data PATH",
        "variants": json.dumps(variants),
        "dataset": dataset,
        "path": path,
    }
    body = bundled.find(BASES[base]).read_text(encoding="utf-8")
    body = body[body.index("\ninput = ") :]
    for key, statement in _changes(body, shape, {name: _variant(name) for name in variants}).items():
        body = _replaced(body, key, statement)
    if shape != DIGITS:
        own = OWN_IMAGES if dataset == "images" else OWN_DATA
        body = _replaced(body, "data", own.format(**words))
    return HEAD.format(**words) + (VARIANTS.format(**words) if variants else "") + body


def _changes(body: str, shape: Shape, variants: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What the copy says otherwise than the bundled spec, by its keys; empty for a key that a variant fills."""
    latents = [variant["latent"] for variant in variants.values() if "latent" in variant]
    typed = any(isinstance(latent, str) or "type" in latent for latent in latents)
    latent = _statement(body, "latent")
    dim = min(int(re.findall(r"dim = (\d+)", latent)[0]), max(1, flat(shape) // 4))
    latent = TYPED.format(dim=dim) if typed else re.sub(r"dim = \d+", f"dim = {dim}", latent)
    # A KL term is in nats: so is the likelihood then. Images alone have a range, from 0 to 1.
    posterior = '"gaussian"' in latent or any("kl" in variant.get("regularizers", {}) for variant in variants.values())
    kind = 'type = "gaussian", variance = "optimal"' if posterior else 'type = "mse"'
    image = len(shape) == len(DIGITS)
    output = ', output = "sigmoid"' if image else ""
    filled = WHOLE & {key for name, variant in variants.items() for key in variant if name != "contractive"}
    tied = "contractive" in variants or ("tied" in _statement(body, "decoder") and typed)
    return {
        "input": f"input = {list(shape)}\n" if image else OTHERS.format(shape=list(shape)),
        "latent": latent,
        "likelihood": f"likelihood = {{ {kind}{output} }}\n",
        **({"decoder": UNTIED} if tied else {}),
        **dict.fromkeys(filled, ""),
    }


def _statement(body: str, key: str) -> str:
    """What the text says of a key, and nothing before it."""
    match = re.search(rf"(?m)^{key} = .*\n(?:[ \]}}].*\n)*", body)
    return match[0] if match else ""


def _replaced(body: str, key: str, statement: str) -> str:
    """The text with another statement of a key, or none; comments above go with a statement that brings its own."""
    old = _statement(body, key)
    if not old:
        return body
    before, _, after = body.partition(f"\n{old}")
    before += "\n"
    if statement.startswith("#") or not statement:
        before = re.sub(r"(?:(?<=\n)#.*\n)+\Z", "", before)
    return before + statement + after


def _variant(name: str) -> Mapping[str, Any]:
    """The fragment of a variant. Raises `PluginError`, `NotFound`."""
    from pydantic_core import PydanticCustomError

    from aezoo.registry.loader import default_registry

    try:
        return default_registry().variant(name)
    except PydanticCustomError as error:  # the registry speaks the language of the reader
        raise NotFound(error.message(), hint=str((error.context or {}).get("hint", ""))) from None
