"""`aezoo plugins`: which there are, what each brings, a new one, and whether one obeys the laws."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from aezoo.cli import options
from aezoo.cli.output import emit, table
from aezoo.errors import AnswerNo, PluginError, PluginMissing
from aezoo.hints import did_you_mean

if TYPE_CHECKING:
    from aezoo.cli.plugin_probe import ProbeResult
    from aezoo.registry.status import Standing
    from aezoo.testing import Breach

#: Milliseconds: a plugin that takes longer keeps everybody waiting who reads a spec that names it.
SLOW = 100.0
#: To the start of the terminal's line, and erase it.
CLEAR = "\r\x1b[K"


class Inspected(NamedTuple):
    """A plugin: its metadata, and the result of importing it, where that was tried."""

    standing: Standing
    result: ProbeResult | None = None

    @property
    def state(self) -> str:
        return (self.result or self.standing).state

    @property
    def reason(self) -> str:
        return (self.result or self.standing).reason

    @property
    def hint(self) -> str:
        return (self.result or self.standing).hint

    @property
    def owners(self) -> str:
        from aezoo.registry.entry_points import owner, version

        return ", ".join(f"{owner(entry)} {version(entry)}".rstrip() for entry in self.standing.entries)

    def warnings(self) -> Iterator[str]:
        """Warnings for the plugin's author."""
        if self.result is None or self.result.milliseconds is None:
            return
        if self.result.torch:
            yield f"plugin {self.standing.namespace!r} imports torch: import it inside build()"
        elif self.result.milliseconds > SLOW:
            advice = "import what is heavy inside build(), or return the parts in a LazyModule"
            yield f"plugin {self.standing.namespace!r} takes {self.result.milliseconds:,.0f} ms to import: {advice}"

    def document(self) -> dict[str, Any]:
        """The plugin as one JSON object; without parts and timing where it was not imported."""
        from aezoo.registry.entry_points import owner, version

        claims = [{"name": owner(e), "version": version(e), "module": e.value} for e in self.standing.entries]
        summary = {"namespace": self.standing.namespace, "state": self.state, "reason": self.reason, "hint": self.hint}
        if self.result is None:
            return {**summary, "distributions": claims}
        timing = {"milliseconds": self.result.milliseconds, "torch": self.result.torch}
        parts = {"parts": self.result.parts, "variants": self.result.variants}
        return {**summary, "distributions": claims, **timing, "warnings": [*self.warnings()], **parts}


@click.group()
def plugins() -> None:
    """List the plugins, look at one, write a new one, or check one against the laws."""


@plugins.command("list")
@click.option("--load", is_flag=True, help="Import each in a process of its own, and say how long it takes.")
@options.as_json
def _list(load: bool, as_json: bool) -> None:
    """List every installed plugin with its state, and the reason where it cannot be used.

    Without --load nothing is imported: `installed` then means that nothing is known against it.
    """
    inspected = [_inspect(standing) if load else Inspected(standing) for standing in _standings()]
    if as_json:
        emit([one.document() for one in inspected])
    elif not inspected:
        click.echo("no plugins are installed", err=True)
    else:
        for line in (line for one in inspected for line in one.warnings()):
            click.echo(f"warning: {line}", err=True)
        header = ("plugin", "state", "distribution", *(("import",) if load else ()), "reason")
        rows = [_row(one, timed=load) for one in inspected]
        table(header, rows, right="lllr" if load else "", yields=len(header) - 1, folds=True)


def _standings() -> Iterator[Standing]:
    """Every plugin but the built-in one."""
    from aezoo.registry.entry_points import IN_THE_BOX
    from aezoo.registry.status import standings

    return (standing for standing in standings() if standing.namespace != IN_THE_BOX or not standing.usable)


def _inspect(standing: Standing) -> Inspected:
    from aezoo.cli.plugin_probe import probe

    return Inspected(standing, probe(standing.namespace) if standing.usable else None)


def _row(one: Inspected, *, timed: bool) -> tuple[str, ...]:
    spent = one.result.milliseconds if one.result else None
    cells = ("" if spent is None else f"{spent:,.0f} ms",) if timed else ()
    return one.standing.namespace, one.state, one.owners, *cells, one.reason


# --- info ------------------------------------------------------------------------------------------------------


@plugins.command("info")
@click.argument("name")
@options.as_json
def _info(name: str, as_json: bool) -> None:
    """Show the plugin NAME: its distribution, its file, its parts and variants."""
    one = _inspect(_standing(name))
    if as_json:
        emit({**one.document(), "file": _file(one.standing)})
    else:
        _describe(one)
    if one.state != "loaded":
        raise PluginError(one.reason, hint=one.hint, state=one.state)


def _standing(name: str) -> Standing:
    """What is known of the plugin. Raises `PluginMissing`."""
    from aezoo.registry.status import standings

    by_namespace = {standing.namespace: standing for standing in standings()}
    if name not in by_namespace:
        raise PluginMissing(f"no plugin is called {name!r}", hint=_nearest(name, by_namespace))
    return by_namespace[name]


def _nearest(name: str, by_namespace: dict[str, Standing]) -> str:
    """The plugin that may be meant: that of the distribution of this name, or the one that is called nearly so."""
    from aezoo.registry.entry_points import ENTRY, owner, present

    plain = name.lower().replace("_", "-")
    for namespace, standing in by_namespace.items():
        if plain in {owner(entry).lower().replace("_", "-") for entry in standing.entries}:
            return f"the distribution {name} has the namespace {namespace!r}"
    if present(name):
        return f"the distribution {name} claims no namespace: {ENTRY}"
    return did_you_mean(name, by_namespace, "`aezoo plugins list` names those that are")


def _file(standing: Standing) -> str | None:
    """Where its package lies; found without importing it."""
    from importlib.util import find_spec

    try:
        spec = find_spec(standing.entries[0].module.partition(".")[0])
    except (ImportError, ValueError):
        return None
    return spec.origin if spec else None


def _describe(one: Inspected) -> None:
    spent = one.result.milliseconds if one.result else None
    click.echo(f"plugin: {one.standing.namespace}")
    click.echo(f"distribution: {one.owners}")
    click.echo(f"state: {one.state}" + ("" if spent is None else f", imported in {spent:,.0f} ms"))
    click.echo(f"file: {_file(one.standing) or 'not found'}")
    for line in one.warnings():
        click.echo(f"warning: {line}", err=True)
    if one.result and one.result.parts:
        rows = [(part["kind"], part["name"], part["summary"]) for part in one.result.parts]
        click.echo()
        table(("kind", "part", "what it is"), rows, yields=2)
    if one.result and one.result.variants:
        click.echo()
        table(("variant", "what it does"), [*one.result.variants.items()], yields=1)


# --- new and check -----------------------------------------------------------------------------------------------


@plugins.command("new")
@click.argument("name")
@click.option("--kind", required=True, metavar="KIND", help="Of its first part: layer, latent, metric ..., or variant.")
@click.option("--out", type=options.AnyPath, help="The folder to write; aezoo-NAME by default.")
@options.force
@options.as_json
def _new(name: str, kind: str, out: Path | None, force: bool, as_json: bool) -> None:
    """Write a distribution that adds a part of KIND under the namespace NAME, with tests that pass."""
    from aezoo.cli.scaffold import scaffold

    folder, written = scaffold(name, kind, out, force=force)
    if as_json:
        emit({"namespace": name, "kind": kind, "folder": folder, "files": written})
        return
    click.echo(str(folder))
    for line in (f"pip install -e '{folder}[dev]'", f"python -m pytest {folder}", f"aezoo plugins check {name}"):
        click.echo(f"next: {line}", err=True)


@plugins.command("check")
@click.argument("name")
@options.as_json
def _check(name: str, as_json: bool) -> None:
    """Run the laws that every part obeys on the parts of plugin NAME; exit 1 if one is broken."""
    from aezoo.testing import examine

    one = _inspect(_standing(name))  # first in a process of its own: importing the plugin may end it
    if one.state != "loaded":
        raise PluginError(one.reason, hint=one.hint, state=one.state)
    shows = not as_json and sys.stderr.isatty()
    try:
        breaches = examine(name, begin=_show_part if shows else None)
    finally:
        if shows:
            click.echo(CLEAR, err=True, nl=False)
    if as_json:
        emit([breach._asdict() for breach in breaches])
    else:
        _print_breaches(breaches)
    if breaches:
        broken = len({breach.id for breach in breaches})
        raise AnswerNo(f"{name} breaks {broken} {'law' if broken == 1 else 'laws'}")
    if not as_json:
        click.echo(f"{name}: all laws hold")


def _show_part(number: int, count: int, name: str) -> None:
    """The part whose laws are checked, on the last line of the terminal."""
    click.echo(f"{CLEAR}{number} of {count}: {name}", err=True, nl=False)


def _print_breaches(breaches: Sequence[Breach]) -> None:
    """Each breach with its law; an exception once, with all the laws that stopped at it."""
    stopped: dict[tuple[str, ...], list[Breach]] = {}
    for breach in breaches:
        key = (breach.kind, breach.part, breach.raised or f"{breach.id}: {breach.message}")
        stopped.setdefault(key, []).append(breach)
    for first, *others in stopped.values():
        ids = ", ".join(dict.fromkeys(breach.id for breach in (first, *others)))
        click.echo(f"{ids} {first.kind} {first.part}: {first.message}")
        if first.raised and others:
            click.echo("  hint: all these laws stopped at it: mend it first")
        else:
            click.echo(f"  law: {first.says}\n  hint: {first.hint}")
