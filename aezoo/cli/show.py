"""`aezoo show`: the layers, the loss and the size of a model, worked out without torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

import aezoo
from aezoo.cli import options
from aezoo.cli.output import emit, table

if TYPE_CHECKING:
    from aezoo.spec.component import Component
    from aezoo.spec.document import Spec
    from aezoo.spec.kinds import LayerSpec
    from aezoo.spec.shape import Shape


class Row(NamedTuple):
    """One layer of the table."""

    stage: str
    layer: str
    settings: dict[str, Any]
    shape: tuple[int, ...]
    parameters: int


@click.command()
@click.argument("source", metavar="SPEC|MODEL")
@options.overrides
@options.as_json
def show(source: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show the layers of SPEC or MODEL, with shapes and parameters, and its loss as a formula."""
    from aezoo.spec.shape import text

    spec = _spec_of(source, overrides)
    rows = list(layers(spec))
    total = spec.parameters
    if as_json:
        emit(_document(spec, rows))
        return
    click.echo(f"{spec.name}: {spec.description}" if spec.description else spec.name)
    click.echo(f"input {text(spec.input.shape)}, code {text(spec.code_shape)}, arch {spec.arch[:8]}\n")
    cells = [(r.stage, r.layer, _settings(r), text(r.shape), f"{r.parameters:,}", _share(r, total)) for r in rows]
    table(("stage", "layer", "settings", "output", "parameters", "share"), cells, right="lllrrr", yields=2)
    click.echo(f"\n{total:,} parameters")
    click.echo(formula(spec))


def _spec_of(source: str, overrides: tuple[str, ...]) -> Spec:
    from aezoo import manifest

    if not (Path(source) / manifest.NAME).is_file():
        return aezoo.read(source, overrides=overrides)
    if overrides:
        raise click.UsageError("--set changes a spec; a trained model is what it is")
    return manifest.read_manifest(Path(source))


def layers(spec: Spec) -> Iterator[Row]:
    """Every layer of the model, from the input to the output."""
    for corruption in spec.corruption:
        yield _row("corruption", corruption, spec.input.shape)
    counts = [layer.parameters(shape) for layer, shape in zip(spec.encoder, spec.encoder_shapes, strict=False)]
    yield from _stack("encoder", spec.encoder, spec.encoder_shapes, counts)
    latent = spec.latent
    yield _row("latent", latent, spec.code_shape, latent.parameters(spec.feature_shape))
    yield from _stack("decoder", spec.decoder_layers(), spec.decoder_shapes, spec.decoder_parameters())
    yield _row("likelihood", spec.likelihood, spec.input.shape, spec.likelihood.parameters(spec.input.shape))


def _stack(stage: str, stack: Sequence[LayerSpec], shapes: Sequence[Shape], counts: Sequence[int]) -> Iterator[Row]:
    for i, layer in enumerate(stack):
        yield _row(f"{stage}.{i}", layer, shapes[i + 1], counts[i])


def _row(stage: str, part: Component, shape: Shape, parameters: int = 0) -> Row:
    told = part.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return Row(stage, part.tag(), {key: told[key] for key in told if key != "type"}, shape, parameters)


def _settings(row: Row) -> str:
    return " ".join(f"{key}={_value(value)}" for key, value in row.settings.items())


def _value(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[" + ", ".join(str(item.get("type")) for item in value) + "]"
    if isinstance(value, dict):
        return str(value.get("type", value))
    return str(value)


def _share(row: Row, total: int) -> str:
    return f"{row.parameters / total:.1%}" if row.parameters else ""


def formula(spec: Spec) -> str:
    """`loss = reconstruction (bernoulli) + 1.0 * kl`: what is minimised, by the names of its terms."""
    first = f"reconstruction ({spec.likelihood.tag()})"
    if spec.objective.tag() != "standard":
        first = f"{spec.objective.tag()} objective ({spec.likelihood.tag()})"
    terms = [f"{_weight(term.weight)} * {_called(name, term.tag())}" for name, term in spec.regularizers.items()]
    return "loss = " + " + ".join([first, *terms])


def _called(name: str, tag: str) -> str:
    return name if name == tag else f"{name} ({tag})"


def _weight(schedule: Component) -> str:
    """A number as it is; a schedule as `linear(start=0.0, end=1.0)`."""
    told = schedule.model_dump(mode="json", exclude_none=True)
    if not isinstance(told, dict):
        return str(told)
    settings = ", ".join(f"{key}={value}" for key, value in told.items() if key != "type")
    return f"{schedule.tag()}({settings})"


def _document(spec: Spec, rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "name": spec.name,
        "description": spec.description,
        "arch": spec.arch,
        "run": spec.run,
        "input": list(spec.input.shape),
        "code": list(spec.code_shape),
        "parameters": spec.parameters,
        "loss": formula(spec),
        "layers": [row._asdict() for row in rows],
    }
