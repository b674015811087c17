"""Validation: what a declaration must be before a registry takes it."""

from __future__ import annotations

import inspect
from typing import Any

from aezoo.errors import PluginError
from aezoo.registry.entry_points import installed
from aezoo.spec.component import Component
from aezoo.spec.kinds import KINDS
from aezoo.spec.slots import tables

#: A key of a part's table that means something to every spec: it repeats an entry of a list.
RESERVED = frozenset({"each"})


def admit(part: Any, namespace: str) -> str:
    """The type of a part that may be registered under a namespace; the type comes without the namespace.

    Raises:
        PluginError: It is no part, names no type, belongs to another namespace, or has a field that it may not have.
    """
    if not isinstance(part, type) or not issubclass(part, Component) or part.kind not in KINDS or part.is_slot():
        raise PluginError(f"{_home(part)} is no part: derive it from a base in aezoo.plugin")
    _check_owner(part, namespace)
    _check_fields(part)
    _check_slots(part)
    _check_methods(part)
    return _type(part)


def _check_owner(part: type[Component], namespace: str) -> None:
    """The class itself says whose it is, so registering it twice would rename the part of the other."""
    owner = vars(part).get("namespace")
    owners = {owner} if isinstance(owner, str) else _owners(part, namespace)
    if namespace not in owners:
        whose = f"plugin {min(owners)!r}" if min(owners) else "the built-in parts"
        raise PluginError(
            f"{_home(part)} belongs to {whose}: derive a class of your own",
            hint=f"a class Own{part.__name__}({part.__name__}), defined in the plugin, is a part that it may return",
        )


def _owners(part: type[Component], namespace: str) -> set[str]:
    """The namespaces of the package that defines a class which nobody has registered yet; else whoever asks first."""
    package = part.__module__.partition(".")[0]
    if package == __name__.partition(".")[0]:
        return {""}
    claims = installed().items()
    return {name for name, entries in claims if package in {e.module.partition(".")[0] for e in entries}} or {namespace}


def _check_fields(part: type[Component]) -> None:
    names = {field.alias or name for name, field in part.model_fields.items()} | part.model_fields.keys()
    wrong = sorted(name for name in names if name in RESERVED or name.startswith("model_"))
    if wrong:
        quoted = ", ".join(map(repr, wrong))
        raise PluginError(
            f"{_home(part)} has a field called {quoted}: 'each' and all that starts with 'model_' are reserved",
            hint="the author of the part has to call it something else",
        )


def _check_slots(part: type[Component]) -> None:
    """What the base of a kind has for other parts, its users fill and its methods read: it stays what it is."""
    for name, field in KINDS[part.kind].model_fields.items():
        own = part.model_fields[name].annotation
        for slot in {*tables(field.annotation)} - {*tables(own)}:
            declared = getattr(own, "__name__", own)
            raise PluginError(
                f"{_home(part)} declares {name!r} anew, as {declared}; in its base it is a {slot.__name__}",
                hint=f"leave {name!r} out, or give the field another name",
            )


def _check_methods(part: type[Component]) -> None:
    """Refuse a method that does not take the arguments of its base, as of a part written for an older aezoo."""
    base = KINDS[part.kind]
    for name, method in vars(base).items():
        own = getattr(part, name)
        if not inspect.isfunction(method) or name.startswith("_") or _layout(own) == _layout(method):
            continue
        wanted, has = inspect.signature(method), inspect.signature(own)
        positional = [None for p in wanted.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        named = {name: None for name, p in wanted.parameters.items() if p.kind is p.KEYWORD_ONLY}
        try:
            has.bind(*positional, **named)
        except TypeError:
            raise PluginError(
                f"{_home(part)}.{name}{_arguments(has)} is called with {_arguments(wanted)}",
                hint=f"write def {name}{_arguments(wanted)}; it need not use all of them",
            ) from None


def _layout(method: Any) -> tuple[int, tuple[str, ...]] | None:
    """How many arguments a plain function takes, and the names of those by keyword; faster than its signature."""
    if not inspect.isfunction(method):
        return None
    code = method.__code__
    return code.co_argcount, code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]


def _arguments(signature: inspect.Signature) -> str:
    return f"({', '.join(signature.parameters)})"


def _type(part: type[Component]) -> str:
    name = part.model_fields["type"].default
    if not isinstance(name, str) or not name.isidentifier():
        raise PluginError(f'{_home(part)} names no type of letters, digits and _: write type: Literal["name"] = "name"')
    return name


def _home(part: Any) -> str:
    return f"{part.__module__}.{part.__qualname__}" if isinstance(part, type) else repr(part)
