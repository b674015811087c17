"""`aezoo components`: every part that a spec may name, and what each takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import options
from aezoo.cli.output import emit, table
from aezoo.errors import NotFound, UsageError
from aezoo.hints import did_you_mean

if TYPE_CHECKING:
    from aezoo.reference.entry import Entry
    from aezoo.registry.registry import Registry
    from aezoo.spec.component import Component

#: Variants are not parts, but specs name them, too.
VARIANT = "variant"


@click.command()
@click.argument("kind", required=False)
@click.argument("name", required=False)
@options.as_json
@click.option("--markdown", is_flag=True, help="Print a page of reference in Markdown.")
def components(kind: str | None, name: str | None, as_json: bool, markdown: bool) -> None:
    """List the parts that a spec may name: all, those of a KIND (or variant), or one NAME with its fields.

    NAME may end in a colon: `kan:` means every part of the plugin kan, `aezoo:` every built-in part.
    """
    from aezoo.spec.kinds import KINDS

    if as_json and markdown:
        raise UsageError("--json and --markdown are two forms of the same", hint="take one of them")
    if kind is not None and name is None and kind not in (*KINDS, VARIANT):
        kind, name = None, kind  # `aezoo components conv`
    if kind == VARIANT and not markdown:
        _list_variants(name, as_json=as_json)
        return
    if kind is not None and kind not in KINDS:
        raise NotFound(f"no kind of part is called {kind!r}", hint=f"there are: {', '.join(KINDS)}")
    chosen = _chosen(kind, name)
    if markdown:
        _page(chosen, full=kind is None and name in (None, "aezoo:"))
    elif as_json:
        _documents(chosen)
    else:
        _print(chosen, closely=name is not None and not name.endswith(":"))


def _list_variants(name: str | None, *, as_json: bool) -> None:
    """List the variants as parts are listed: fragments of a spec, which have a name and no fields."""
    from aezoo.cli.plugin_probe import about
    from aezoo.registry.entry_points import IN_THE_BOX

    registry = _registry(name)
    variants: list[dict[str, Any]] = [
        {
            "kind": VARIANT,
            "name": one,
            "provider": one.rpartition(":")[0] or IN_THE_BOX,
            "fragment": registry.variant(one),
        }
        for one in registry.variants()
    ]
    chosen = [one for one in variants if name in (None, one["name"], f"{one['provider']}:")]
    if not chosen:
        raise NotFound(f"no variant is called {name!r}", hint=did_you_mean(name or "", registry.variants()))
    if as_json:
        emit(chosen)
    else:
        rows = [(one["kind"], one["name"], one["provider"], about(one["fragment"])) for one in chosen]
        table(("kind", "name", "provider", "what it does"), rows, yields=3)


def _chosen(kind: str | None, name: str | None) -> list[type[Component]]:
    """The parts that are meant, or `NotFound` with the nearest."""
    parts = [part for part in _parts(name) if kind in (None, part.kind)]
    chosen = [part for part in parts if _meant(part, name)]
    if not chosen:
        raise NotFound(f"no {kind or 'part'} is called {name!r}", hint=_nearest(name or "", parts))
    return chosen


def _meant(part: type[Component], name: str | None) -> bool:
    from aezoo.reference.entry import provider

    if name is None:
        return True
    return provider(part) == name[:-1] if name.endswith(":") else part.tag() == name


def _parts(name: str | None) -> list[type[Component]]:
    """All parts: the built-in ones and those of every plugin that loads; the others are warnings on stderr."""
    from aezoo.cli.all_parts import parts

    return parts(_registry(name))


def _registry(name: str | None) -> Registry:
    from aezoo.cli.all_parts import full_registry
    from aezoo.registry.loader import load

    registry = full_registry()
    if wanted := (name or "").rpartition(":")[0]:
        load(registry, wanted)  # says which plugin is missing, broken or disabled
    return registry


def _nearest(name: str, parts: list[type[Component]]) -> str:
    from aezoo.spec.kinds import KINDS

    known = [*KINDS, VARIANT, *(part.tag() for part in parts)]
    return did_you_mean(name, known, "`aezoo components` names them all")


def _page(parts: list[type[Component]], *, full: bool) -> None:
    from aezoo.reference.page import excerpt, whole

    click.echo(whole(parts) if full else excerpt(parts), nl=False)


def _documents(parts: list[type[Component]]) -> None:
    from aezoo.reference.entry import entries

    emit([entry.document() for entry in entries(parts)])


def _print(parts: list[type[Component]], *, closely: bool) -> None:
    from aezoo.reference.entry import entries, provider, text_of

    if closely:
        for entry in entries(parts):
            _describe(entry)
    else:
        rows = [(part.kind, part.tag(), provider(part), text_of(part).summary) for part in parts]
        table(("kind", "name", "provider", "what it is"), rows, yields=3)


def _describe(entry: Entry) -> None:
    from aezoo.reference.entry import toml_value

    click.echo(f"{entry.kind} {entry.name} ({' '.join(filter(None, [entry.provider, entry.version]))})")
    if entry.file:
        click.echo(f"{entry.file}:{entry.line}")
    click.echo("\n" + "\n\n".join(filter(None, [entry.text.summary, entry.text.body, *entry.facts])) + "\n")
    rows = []
    for field in entry.fields:
        default = "required" if field.required else "" if field.default is None else toml_value(field.default)
        rows.append((field.name, field.takes, default, field.description))
    if rows:
        table(("field", "takes", "default", "what it is"), rows, yields=3, folds=True)
        click.echo()
    if entry.text.example:
        click.echo(f"Example:\n\n{entry.text.example}\n")
