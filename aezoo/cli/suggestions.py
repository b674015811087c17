"""Suggestions for an unknown option or command: a similar one, or a value of the spec."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING

import click

from aezoo.errors import AezooError
from aezoo.hints import did_you_mean

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from aezoo.registry.registry import Registry
    from aezoo.spec.component import Frozen

#: Paths of a spec whose settings are suggested, the likeliest first, with the kind of part for a slot.
PARTS = {
    "training": "",
    "training.optimizer": "optimizer",
    "latent": "latent",
    "data": "dataset",
    "likelihood": "likelihood",
    "decoder": "",
    "input": "",
}


def suggestion_for(error: click.UsageError) -> tuple[str, str] | None:
    """Message and hint for an unknown option or command; None for another error."""
    context = error.ctx
    if isinstance(error, click.NoSuchOption) and context is not None:
        name = error.option_name
        options = [word for each in context.command.get_params(context) for word in each.opts if word.startswith("--")]
        otherwise = _setting(name, context) or _help(context)
        return f"no such option {name!r}", did_you_mean(name, options, otherwise)
    # Older versions of click have no error of its own for a command.
    command, group = getattr(error, "command_name", None), context.command if context else None
    if context is not None and isinstance(group, click.Group) and isinstance(command, str):
        return f"no such command {command!r}", did_you_mean(command, group.list_commands(context), _help(context))
    return None


def _help(context: click.Context) -> str:
    return f"`{context.command_path} --help` says what it takes"


def _setting(option: str, context: click.Context) -> str:
    """The `--set` that does what an option would, where the command takes one and a spec has such a value."""
    taken = {each.name for each in context.command.params}
    if not taken & {"overrides", "settings"}:
        return ""
    path = _path_of(option.strip("-").replace("-", "_"), data_only="settings" in taken)
    return f"`--set {quote(f'{path}={_value(option, context)}')}` does that" if path else ""


def _value(option: str, context: click.Context) -> str:
    """The value that was typed for the option."""
    words = [str(word) for word in context.find_root().obj or ()]
    for word, after in zip(words, [*words[1:], "-"], strict=True):
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
        if word == option and not after.startswith("-"):
            return after
    return "VALUE"


def _path_of(word: str, *, data_only: bool) -> str:
    """Path of the setting that a word names: `training.optimizer.lr` for `lr`, `optimizer_lr` and `learning_rate`."""
    from aezoo.registry.loader import default_registry

    try:
        settings = list(_settings(default_registry(), data_only=data_only))
    except AezooError:  # a plugin that is broken is no answer to a misspelt option
        return ""
    matches = (_named, _described)
    return next((path for match in matches for path, info in settings if match(word, path, info)), "")


def _named(word: str, path: str, info: FieldInfo) -> bool:
    steps = path.split(".")
    return any("_".join(steps[start:]) == word for start in range(len(steps)))


def _described(word: str, path: str, info: FieldInfo) -> bool:
    return (info.description or "").partition(";")[0].replace(" ", "_") == word


def _settings(registry: Registry, *, data_only: bool) -> Iterator[tuple[str, FieldInfo]]:
    """Each value of a spec that has a path, through the built-in parts."""
    from aezoo.spec.document import Spec

    for path, kind in PARTS.items():
        if data_only and path != "data":
            continue
        for table in _tables(path, kind, registry):
            yield from ((f"{path}.{key}", info) for key, info in table.model_fields.items() if key != "type")
    if not data_only:
        yield from Spec.model_fields.items()


def _tables(path: str, kind: str, registry: Registry) -> Iterator[type[Frozen]]:
    from aezoo.spec.document import Spec
    from aezoo.spec.slots import tables

    if kind:
        yield from (registry.get(kind, name) for name in registry.names(kind) if ":" not in name)
    else:
        yield from tables(Spec.model_fields[path].annotation)
