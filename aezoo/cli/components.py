"""`aezoo components`: every part that a spec may name, and what each takes."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from inspect import getdoc
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import options
from aezoo.cli.annotations import limits, type_text
from aezoo.cli.output import emit, table
from aezoo.errors import NotFound, PluginError

if TYPE_CHECKING:
    from aezoo.registry import Registry
    from aezoo.spec.component import Component


@click.command()
@click.argument("kind", required=False)
@click.argument("name", required=False)
@options.as_json
def components(kind: str | None, name: str | None, as_json: bool) -> None:
    """List the parts that a spec may name: all, those of a KIND, or one NAME with its fields."""
    from aezoo.spec.kinds import KINDS

    if kind is not None and name is None and kind not in KINDS:
        kind, name = None, kind  # `aezoo components conv`
    if kind is not None and kind not in KINDS:
        raise NotFound(f"no kind of part is called {kind!r}", hint=f"there are: {', '.join(KINDS)}")
    parts = [part for part in _parts(name) if kind in (None, part.kind)]
    chosen = [part for part in parts if part.tag() == name] if name else parts
    if name and not chosen:
        raise NotFound(f"no {kind or 'part'} is called {name!r}", hint=_nearest(name, parts))
    if as_json:
        emit([_document(part, fields=name is not None) for part in chosen])
    elif name is None:
        rows = [(part.kind, part.tag(), provider(part), summary(part)) for part in chosen]
        table(("kind", "name", "provider", "what it is"), rows, yields=3)
    else:
        for part in chosen:
            _tell(part)


def _parts(name: str | None) -> list[type[Component]]:
    """All parts: of the box, and of every plugin that loads; of those that do not, a line on stderr."""
    from aezoo.discovery import IN_THE_BOX, default_registry, disabled, installed

    registry = default_registry()
    wanted = (name or "").rpartition(":")[0]
    for namespace in installed():
        if namespace != IN_THE_BOX and not disabled(namespace):
            _load(registry, namespace)
    if wanted:  # says which plugin is missing, broken or disabled
        _load(registry, wanted, strict=True)
    return list(registry.parts())


def _load(registry: Registry, namespace: str, *, strict: bool = False) -> None:
    from aezoo.discovery import load

    try:
        load(registry, namespace)
    except PluginError as error:
        if strict:
            raise
        click.echo(f"warning: {error.message}", err=True)


def _nearest(name: str, parts: list[type[Component]]) -> str:
    close = get_close_matches(name, [part.tag() for part in parts], n=1)
    return f"did you mean {close[0]!r}?" if close else "`aezoo components` names them all"


def provider(part: type[Component]) -> str:
    """The namespace that brings the part; `aezoo` for the parts in the box."""
    return part.namespace or "aezoo"


def summary(part: type[Component]) -> str:
    """First line of the docstring."""
    return (getdoc(part) or "").partition("\n")[0]


def _fields(part: type[Component]) -> Iterator[dict[str, Any]]:
    for name, field in part.model_fields.items():
        if name == "type":
            continue
        yield {
            "name": field.alias or name,
            "type": type_text(field.annotation),
            "limits": limits(field.metadata),
            "required": field.is_required(),
            "default": None if field.is_required() else _plain(field.get_default(call_default_factory=True)),
            "description": field.description or "",
        }


def _plain(value: Any) -> Any:
    """A default as a spec would write it."""
    dump = getattr(value, "model_dump", None)
    if dump:
        return dump(mode="json", exclude_none=True)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _document(part: type[Component], *, fields: bool) -> dict[str, Any]:
    document = {
        "kind": part.kind,
        "name": part.tag(),
        "provider": provider(part),
        "module": part.__module__,
        "summary": summary(part),
    }
    return {**document, "doc": getdoc(part) or "", "fields": list(_fields(part))} if fields else document


def _tell(part: type[Component]) -> None:
    click.echo(f"{part.kind} {part.tag()} ({provider(part)}, {part.__module__})\n")
    click.echo((getdoc(part) or "").rstrip() + "\n")
    rows = []
    for field in _fields(part):
        default = "required" if field["required"] else "" if field["default"] is None else str(field["default"])
        rows.append((field["name"], " ".join([field["type"], *field["limits"]]), default, field["description"]))
    if rows:
        table(("field", "takes", "default", "what it is"), rows, yields=3)
        click.echo()
