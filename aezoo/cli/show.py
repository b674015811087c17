"""`aezoo show`: the layers, the loss and the size of a model, worked out without torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import model_facts, options, output
from aezoo.cli.formatting import format_value
from aezoo.cli.spec_source import folder_of, read_spec_of, resolved_document
from aezoo.errors import UNMET, UnmetSpec
from aezoo.names import visible
from aezoo.spec.kinds import OptimizerSpec, players_of
from aezoo.spec.parts import parts
from aezoo.spec.summary import Row, Term, field_uses, layers, terms

if TYPE_CHECKING:
    from aezoo.spec.document import Spec
    from aezoo.spec.limits import Limits
    from aezoo.spec.memory import Memory

HEADER = ("stage", "layer", "settings", "output", "parameters", "share", "provider")


@click.command()
@click.argument("source", metavar="SPEC|MODEL")
@click.option("--card", is_flag=True, help="Print the card of MODEL, all of it.")
@options.overrides
@options.limits_in_use
@options.offline
@options.as_json
def show(source: str, card: bool, overrides: tuple[str, ...], limits: Limits, as_json: bool) -> None:
    """Show the layers of SPEC or MODEL with shapes and parameters, its loss as a formula, and the memory it takes.

    Layers are called by the names of their taps, which `on` takes. What a layer holds stands below it, indented. Of a
    MODEL, also what it reaches and what others may do with it; its weights are not fetched. Where a plugin is missing,
    the spec is printed as it is written, and the exit code is 4.
    """
    with folder_of(source, overrides, limits=limits) as folder:
        if card:
            model_facts.print_card(folder, source)
            return
        try:
            spec = read_spec_of(source, folder, overrides, limits=limits)
        except UnmetSpec as error:
            if all(fault.code in UNMET for fault in error.faults if fault.level == "error"):
                _print_document(*resolved_document(source, folder, overrides, limits=limits), as_json=as_json)
            raise
        about = model_facts.facts(folder, spec, source) if folder else None
    if as_json:
        output.emit({**_document(spec), **({"model": about} if about else {})})
        return
    _print_summary(spec)
    if about:
        model_facts.print_facts(about)


def _print_document(document: dict[str, Any], prints: dict[str, str], *, as_json: bool) -> None:
    """Print a spec whose plugin is missing as it is written, without what only the plugin knows."""
    from aezoo.reading.text import to_toml

    if as_json:
        output.emit({"spec": document, "arch": prints.get("arch"), "run": prints.get("run")})
        return
    for kind, digest in prints.items():
        click.echo(f"# {visible(kind)} {visible(digest)}, as noted when the model was saved")
    for line in to_toml(document).splitlines():
        click.echo(visible(line))


def _print_summary(spec: Spec) -> None:
    from aezoo.spec.memory import memory
    from aezoo.spec.shape import text

    rows, needed = list(layers(spec)), memory(spec)
    _say(f"{spec.name}: {visible(spec.description)}" if spec.description else spec.name)
    _say(f"input {text(spec.input.shape)}, code {text(spec.code_shape)}, arch {spec.arch[:8]}, run {spec.run[:8]}")
    for name, holds, role in field_uses(spec):
        _say(f"field {name}: {holds}; {role}")
    click.echo()
    cells = list(_cells(rows, spec.parameters))
    _table(cells)
    click.echo()
    _say(f"{spec.parameters:,} parameters, in parts that come from {', '.join(_providers(cells))}")
    _say(formula(spec))
    if len(players := players_of(spec)) > 1:
        _say(f"players, in turn: {', '.join(players)}")
    for line in (*_needs(needed, spec), *_grouped(spec)):
        _say(line)


def formula(spec: Spec) -> str:
    """What is minimised: `loss = reconstruction (bernoulli) + 1.0 * kl (of logvar, mean)`."""
    return "loss = " + " + ".join(_added(i, term) for i, term in enumerate(terms(spec)))


# --- the table ---------------------------------------------------------------------------------------------


def _table(cells: Sequence[tuple[str, ...]]) -> None:
    # A column that says the same of every part would take space from the settings.
    shown = len(HEADER) if len(_providers(cells)) > 1 else len(HEADER) - 1
    output.table(HEADER[:shown], [row[:shown] for row in cells], right="lllrrrl", yields=2, folds=True)


def _providers(cells: Sequence[tuple[str, ...]]) -> list[str]:
    return sorted({row[-1] for row in cells})


def _cells(rows: Sequence[Row], total: int, depth: int = 0) -> Iterator[tuple[str, ...]]:
    from aezoo.spec.shape import text

    for row in rows:
        stage = row.stage if not depth else "  " * depth + ".".join(row.stage.split(".")[-2:])
        # What a layer holds is counted with the layer: its rows have no share of their own.
        share = f"{row.parameters / total:.1%}" if row.parameters and not depth else ""
        count = f"{row.parameters:,}" if row.parameters or not depth else ""
        yield stage, row.layer, _settings(row), text(row.shape), count, share, row.provider
        yield from _cells(row.body, total, depth + 1)


def _settings(row: Row) -> str:
    # Without blanks inside: a column that is folded breaks between settings.
    return " ".join(f"{visible(key)}={format_value(value).replace(', ', ',')}" for key, value in row.settings.items())


# --- the loss ----------------------------------------------------------------------------------------------


def _added(i: int, term: Term) -> str:
    if term.type == term.name:
        about = f"of {', '.join(term.reads)}"
    else:
        about = f"{term.type} of {', '.join(term.reads)}" if i else term.type
    return f"{term.name} ({about})" if not i else f"{format_value(term.weight)} * {term.name} ({about})"


# --- the memory --------------------------------------------------------------------------------------------


def _needs(needed: Memory, spec: Spec) -> Iterator[str]:
    from aezoo.spec.amounts import size
    from aezoo.spec.shape import text

    optimizer = spec.training.optimizer.tag()
    state = "unknown" if needed.optimizer is None else size(needed.optimizer)
    averages = f", averaged weights {size(needed.averages)}" if needed.averages else ""
    precision = "float32" if spec.training.precision == "fast" else spec.training.precision
    yield (
        f"memory in {precision}: weights {size(needed.weights)}; in training, gradients"
        f" {size(needed.gradients)}, state of {optimizer} {state}{averages}"
    )
    rows = spec.training.pass_size
    what = "batch" if rows == spec.training.batch_size else "pass"
    yield (
        f"activations, an estimate: {size(needed.activations)} for a sample, {size(needed.batch)} for a {what} of"
        f" {rows}; counted is what comes out of each layer, the code, and attention's maps"
    )
    yield f"in use, without gradients: {size(needed.in_use)} at once for a sample of {text(spec.input.shape)}"
    yield from _seen(spec)


def _seen(spec: Spec) -> Iterator[str]:
    """What the model sees at a time, and the sizes that it takes; of one for a single size, nothing."""
    from aezoo.spec.sizes import views

    if (seen := views(spec)) is None or len(spec.input.shape) == 1:
        return
    taken = {None: "the declared size alone", 1: "any size"}
    sizes = taken.get(spec.input.multiple, f"sizes divisible by {spec.input.multiple}")
    extents = {"a code position": seen.encoder, "an output position": seen.both}
    said = (f"{what} sees {window.positions or 'all'} positions" for what, window in extents.items())
    yield f"takes {sizes}; along each axis {' and '.join(said)} of the input"


def _groups(spec: Spec) -> list[dict[str, Any]]:
    """The groups of weights that optimizers have, and what is in them; to count them, the model is built."""
    if not any(part.groups for _, part in parts(spec) if isinstance(part, OptimizerSpec)):
        return []
    from aezoo.training.parameter_groups import counted

    return [group._asdict() for group in counted(spec)]


def _grouped(spec: Spec) -> Iterator[str]:
    for group in _groups(spec):
        decay = "" if group["weight_decay"] is None else f", weight decay {group['weight_decay']:g}"
        yield (
            f"group of {group['player']}: {group['group']}: {group['weights']:,} parameters in {group['tensors']}"
            f" weights, rate {group['rate']}{decay}"
        )


def _say(line: str) -> None:
    """Print a line, folded to the terminal."""
    click.echo(output.folded(line, "  "))


# --- for machines ------------------------------------------------------------------------------------------


def _document(spec: Spec) -> dict[str, Any]:
    from aezoo.spec.memory import memory

    return {
        "name": spec.name,
        "description": spec.description,
        "arch": spec.arch,
        "run": spec.run,
        "input": spec.input.shape,
        "code": spec.code_shape,
        **({"output": spec.target_shape} if spec.target else {}),
        **({"fields": [use._asdict() for use in field_uses(spec)]} if spec.fields else {}),
        "parameters": spec.parameters,
        "loss": formula(spec),
        "players": [*players_of(spec)],
        "terms": [term._asdict() for term in terms(spec)],
        "memory": {"precision": spec.training.precision, **memory(spec)._asdict()},
        "layers": [_row(row) for row in layers(spec)],
        **({"groups": groups} if (groups := _groups(spec)) else {}),
        **({"sees": seen} if (seen := _view(spec)) else {}),
    }


def _view(spec: Spec) -> dict[str, Any]:
    """How many positions of the input are seen along each axis (null: all of them), where that is known."""
    from aezoo.spec.sizes import views

    if (seen := views(spec)) is None or len(spec.input.shape) == 1:
        return {}
    return {"code": seen.encoder.positions, "output": seen.both.positions, "multiple": seen.both.multiple}


def _row(row: Row) -> dict[str, Any]:
    return {**row._asdict(), "body": [_row(inner) for inner in row.body]}
