"""The options that mean the same in every command."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aezoo.cli.output import divert

if TYPE_CHECKING:
    from aezoo.spec.limits import Limits

AnyPath = click.Path(path_type=Path)


def _assignments(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not value.partition("=")[1] or not value.partition("=")[0].strip():
            raise click.BadParameter(f"takes PATH=VALUE (latent.dim=32), got {value!r}", ctx=ctx, param=param)
    return values


def _settings(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in _assignments(ctx, param, values):
        if not about_data(value):
            what = f"a trained model takes data.KEY=VALUE (data.key=x_train) alone, got {value!r}"
            raise click.BadParameter(what, ctx=ctx, param=param)
        if _path(value) in ("data.validation", "data.test"):
            what = f"a trained model keeps the shares of its data that were held out, got {value!r}"
            raise click.BadParameter(what, ctx=ctx, param=param)
    return values


def _of_samples(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in _assignments(ctx, param, values):
        if not _path(value).startswith("data."):
            what = f"takes data.KEY=VALUE (data.decimal=,) alone, got {value!r}"
            raise click.BadParameter(what, ctx=ctx, param=param)
    return values


def about_data(assignment: str) -> bool:
    """Whether an assignment says how data are read."""
    return _path(assignment).partition(".")[0] == "data"


def _path(assignment: str) -> str:
    return assignment.partition("=")[0].strip()


def _fields(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, object]:
    """`label=3` as a value for all samples: a number, or a list of them."""
    import json

    fields: dict[str, object] = {}
    for value in values:
        name, _, written = (word.strip() for word in value.partition("="))
        try:
            fields[name] = json.loads(written)
        except ValueError:
            fields[name] = None
        if not name or not isinstance(fields[name], (int, float, list)) or isinstance(fields[name], bool):
            message = f"takes NAME=NUMBER, or NAME=[NUMBER, ...], got {value!r}"
            raise click.BadParameter(message, ctx=ctx, param=param)
    return fields


def _limits(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Limits:
    from aezoo.spec.limits import DEFAULT_LIMITS

    return _changed(DEFAULT_LIMITS, ctx, param, values)


def _limits_in_use(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Limits:
    from aezoo.spec.limits import LIMITS_IN_USE

    return _changed(LIMITS_IN_USE, ctx, param, values)


def _changed(limits: Limits, ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Limits:
    chosen = limits
    for value in values:
        name, _, number = (word.strip() for word in value.partition("="))
        if name not in limits._fields or not _positive(number):
            known = ", ".join(limits._fields)
            raise click.BadParameter(f"takes NAME=NUMBER ({known}), got {value!r}", ctx=ctx, param=param)
        chosen = chosen._replace(**{name: int(float(number))})
    return chosen


def _positive(number: str) -> bool:
    try:
        return 1 <= float(number) < float("inf")
    except ValueError:
        return False


def _offline(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:  # as the variable does, for whatever reads it
        os.environ["AEZOO_OFFLINE"] = "1"


def _results_alone(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    if value:  # before anything runs that may print
        divert(ctx)
    return value


as_json = click.option(
    "--json",
    "as_json",
    is_flag=True,
    is_eager=True,
    callback=_results_alone,
    help="Print one JSON document on stdout.",
)
force = click.option("--force", is_flag=True, help="Replace what is there.")
overrides = click.option(
    "--set",
    "overrides",
    metavar="PATH=VALUE",
    multiple=True,
    callback=_assignments,
    help="Change a value of the spec: latent.dim=32. Repeatable.",
)
settings = click.option(
    "--set",
    "settings",
    metavar="data.KEY=VALUE",
    multiple=True,
    callback=_settings,
    help="Change how samples are read: data.key=x_train. Repeatable.",
)
reading = click.option(
    "--set",
    "settings",
    metavar="data.KEY=VALUE",
    multiple=True,
    callback=_of_samples,
    help="Change how samples are read: data.key=x_train. Repeatable.",
)
fields = click.option(
    "--field",
    "fields",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_fields,
    help="A field, the same for all samples: label=3. Repeatable.",
)
_limit = partial(
    click.option,
    "--limit",
    "limits",
    metavar="NAME=NUMBER",
    multiple=True,
    help="Change a limit: parameters=5e9, or 1e6. Repeatable.",
)
#: Of a command that judges or trains a spec, and of one that takes a model as it is.
limits, limits_in_use = _limit(callback=_limits), _limit(callback=_limits_in_use)
device = click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda:0 ...; auto takes the accelerator that is there."
)
seed = click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Of everything random.")
model = click.argument("model")
offline = click.option(
    "--offline",
    is_flag=True,
    expose_value=False,
    callback=_offline,
    is_eager=True,
    help="Touch no network; take what is here.",
)
data = click.option("--data", type=AnyPath, help="A file or folder of samples instead of the spec's own data.")
allow_inexact = click.option(
    "--allow-inexact", is_flag=True, help="Go on under other conditions; the record then says so for ever."
)
checkpoint_every = click.option(
    "--checkpoint-every",
    metavar="S",
    type=click.FloatRange(0),
    help="Seconds between two states that are kept; by default 30, or as many as keep the cost below 1 %.",
)
checkpoint_steps = click.option(
    "--checkpoint-steps",
    metavar="N",
    type=click.IntRange(1),
    help="Steps between two states that are kept; with --checkpoint-every both count.",
)
preview = click.option(
    "--preview", is_flag=True, help="Renew preview.png in the folder at each validation: reconstructions so far."
)
track = click.option(
    "--track",
    metavar="NAME",
    multiple=True,
    help="A tracker that gets the records, too: tensorboard, wandb, mlflow, trackio, none. Repeatable.",
)
workers = click.option(
    "--workers", type=click.IntRange(0), help="Threads that read samples ahead; they change no result."
)
threads = click.option("--threads", type=click.IntRange(1), help="Of the CPU; another number may round differently.")
#: The length of a run, instead of what the spec says.
epochs = click.option("--epochs", type=click.IntRange(1), help="Passes over the data, instead of what the spec says.")
steps = click.option("--steps", type=click.IntRange(1), help="Optimizer steps, instead of epochs.")
shard = click.option(
    "--shard/--no-shard",
    default=None,
    help="Whether, of several processes, each keeps a part of the weights and of the optimizer's state.",
)
keep_state = click.option(
    "--keep-state/--no-state",
    default=True,
    help="Whether the last state stays once a run is finished, to go on to more epochs with: four times the weights.",
)
