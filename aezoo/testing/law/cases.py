"""All laws, and the cases of a plugin: each law with each part of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

from aezoo.errors import AezooError, UsageError
from aezoo.registry.attribution import described, innermost, interrupted, package
from aezoo.registry.entry_points import scanned
from aezoo.spec.kinds import KINDS
from aezoo.testing.law import (
    constraints,
    corruptions,
    datasets,
    declarations,
    densities,
    divergence,
    geometry,
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
from aezoo.testing.law.rng_state import reseed, rng_preserved
from aezoo.testing.law.under_test import PartUnderTest, PluginUnderTest, VariantUnderTest

#: The laws, in the order of docs/laws.md.
ALL_LAWS: tuple[Law, ...] = (
    *declarations.LAWS,
    *imports.LAWS,
    *shapes.LAWS,
    *gradients.LAWS,
    *noise.LAWS,
    *state.LAWS,
    *densities.LAWS,
    *divergence.LAWS,
    *geometry.LAWS,
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
#: The kinds that have laws: those of parts, variants, and the plugin as a whole.
KINDS_WITH_LAWS = (*KINDS, VARIANT, PLUGIN)
#: Messages of one law about one part that are reported; further ones are likely the same.
MOST_MESSAGES = 3


Tested = PartUnderTest | VariantUnderTest | PluginUnderTest


class Case(NamedTuple):
    """One law and the part, variant or plugin that it is checked on."""

    law: Law
    tested: Tested

    @property
    def id(self) -> str:
        """`L12-layer-shuffle:space_to_depth`: for a test."""
        return f"{self.law.id}-{self.tested.kind}-{self.tested.name}"

    def breaches(self) -> list[Breach]:
        """How the law is broken; an exception in the check is a breach, too."""
        law, tested = self.law, self.tested
        messages = _messages(law, tested)
        return [
            Breach(law.id, tested.kind, tested.name, law.says, message, law.hint, raised)
            for message, raised in messages
        ]

    def assert_holds(self) -> None:
        """Raise `AssertionError` if the law is broken."""
        __tracebackhide__ = True
        broken = self.breaches()
        if broken:
            raise AssertionError("\n".join(map(str, broken)))


def tested_in(plugin: PluginUnderTest) -> list[Tested]:
    """Each part, each variant and the plugin as a whole."""
    parts = (PartUnderTest(part, plugin) for part in plugin.parts)
    variants = (VariantUnderTest(name, plugin) for name in plugin.variants)
    return [*parts, *variants, plugin]


def cases_for(tested: Tested) -> Iterator[Case]:
    """A case for each law of its kind."""
    return (Case(law, tested) for law in ALL_LAWS if tested.kind in law.kinds)


def cases_of(plugin: PluginUnderTest) -> Iterator[Case]:
    """A case for each law of each part, each variant and the plugin as a whole."""
    return (case for tested in tested_in(plugin) for case in cases_for(tested))


def laws_of(kind: str) -> list[Law]:
    """The laws of a kind. Raises `UsageError` for a kind without laws."""
    if kind not in KINDS_WITH_LAWS:
        raise UsageError(f"nothing that has laws is called {kind!r}", hint=f"there are: {', '.join(KINDS_WITH_LAWS)}")
    return [law for law in ALL_LAWS if kind in law.kinds]


def _messages(law: Law, tested: Tested) -> list[tuple[str, str]]:
    """Messages of the check, each with where an exception was raised, or nothing."""
    messages: list[tuple[str, str]] = []
    try:
        with rng_preserved(), _one_thread(), scanned():  # a law may read a hundred specs
            reseed(0)  # a check does not depend on those before it
            for message in law.check(tested):
                messages.append((message, ""))
                if len(messages) == MOST_MESSAGES:
                    break
    except BaseException as error:  # a plugin's part may raise anything
        if interrupted(error):
            raise
        messages.append(_raised(error, tested if isinstance(tested, PluginUnderTest) else tested.plugin))
    return messages


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one thread of torch: for tensors as small as those of laws, others take more time than they save."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _raised(error: BaseException, plugin: PluginUnderTest) -> tuple[str, str]:
    """An exception in one line; and its type with the line of the plugin that raised it."""
    if isinstance(error, AezooError):  # its message says where
        return error.message, error.message
    origin = innermost(error, {package(module) for module in plugin.modules})
    where = type(error).__name__ + (f" in {origin.method} at {origin.where}" if origin else "")
    text = described(error).removeprefix(type(error).__name__)
    return f"{where}{text}", where
