"""Examination: every law held against every part of a plugin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from aezoo.errors import AezooError, UsageError
from aezoo.registry.attribution import innermost, interrupted, package, said
from aezoo.spec.kinds import KINDS
from aezoo.testing.law import (
    constraints,
    corruptions,
    datasets,
    declarations,
    densities,
    divergence,
    gradients,
    imports,
    metrics,
    noise,
    optimizers,
    overfitting,
    schedules,
    shapes,
    state,
    terms,
    variants,
)
from aezoo.testing.law.definition import PLUGIN, VARIANT, Breach, Law
from aezoo.testing.law.rng_state import undisturbed
from aezoo.testing.law.under_test import Plugin, Subject, Variant

#: All of them, by id.
BOOK: tuple[Law, ...] = (
    *declarations.LAWS,
    *imports.LAWS,
    *shapes.LAWS,
    *gradients.LAWS,
    *noise.LAWS,
    *state.LAWS,
    *densities.LAWS,
    *divergence.LAWS,
    *terms.LAWS,
    *corruptions.LAWS,
    *constraints.LAWS,
    *overfitting.LAWS,
    *schedules.LAWS,
    *optimizers.LAWS,
    *datasets.LAWS,
    *metrics.LAWS,
    *variants.LAWS,
)
#: What has laws: every kind of part, and what is none.
HAVE_LAWS = (*KINDS, VARIANT, PLUGIN)
#: Breaches of one law by one part that are told; the rest are likely the same.
TOLD = 3


class Case(NamedTuple):
    """One law held against one thing."""

    law: Law
    subject: Subject | Variant | Plugin

    @property
    def id(self) -> str:
        """`L12-layer-shuffle:space_to_depth`: for a test."""
        return f"{self.law.id}-{self.subject.kind}-{self.subject.name}"

    def breaches(self) -> list[Breach]:
        """How the law is broken; a check that fails with an exception is a breach that says it."""
        law, subject = self.law, self.subject
        told = _messages(law, subject)
        return [Breach(law.id, subject.kind, subject.name, law.says, message, law.hint, at) for message, at in told]

    def hold(self) -> None:
        """Raise `AssertionError` if the law is broken."""
        __tracebackhide__ = True
        broken = self.breaches()
        if broken:
            raise AssertionError("\n".join(map(str, broken)))


def cases_of(plugin: Plugin) -> Iterator[Case]:
    """Every law that there is for every part, variant and the plugin as a whole."""
    subjects: list[Subject | Variant | Plugin] = [Subject(part, plugin) for part in plugin.parts]
    subjects += [Variant(name, plugin) for name in plugin.variants]
    for subject in (*subjects, plugin):
        yield from (Case(law, subject) for law in BOOK if subject.kind in law.kinds)


def laws_of(kind: str) -> list[Law]:
    """The laws of a kind, by id. Raises `UsageError` for what has none."""
    if kind not in HAVE_LAWS:
        raise UsageError(f"nothing that has laws is called {kind!r}", hint=f"there are: {', '.join(HAVE_LAWS)}")
    return [law for law in BOOK if kind in law.kinds]


def _messages(law: Law, subject: Subject | Variant | Plugin) -> list[tuple[str, str]]:
    """What the check says, and of an exception what it was and where."""
    found: list[tuple[str, str]] = []
    try:
        with undisturbed():
            for message in law.check(subject):
                found.append((message, ""))
                if len(found) == TOLD:
                    break
    except BaseException as error:  # a stranger's part may raise anything
        if interrupted(error):
            raise
        found.append(_raised(error, subject if isinstance(subject, Plugin) else subject.plugin))
    return found


def _raised(error: BaseException, plugin: Plugin) -> tuple[str, str]:
    """An exception in a line; and its type and its place in the plugin."""
    if isinstance(error, AezooError):  # which says itself where
        return error.message, error.message
    place = innermost(error, {package(module) for module in plugin.modules})
    at = type(error).__name__ + (f" in {place.method} at {place.where}" if place else "")
    text = said(error).removeprefix(type(error).__name__)
    return f"{at}{text}", at
