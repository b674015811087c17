"""A law, which every part of a kind obeys, and a breach of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

#: The kinds whose modules take part in a forward pass.
MODULES = ("layer", "latent", "likelihood", "prior", "corruption")
#: Kinds beside those of parts: the plugin as a whole, and its variants.
PLUGIN, VARIANT = "plugin", "variant"

Check = Callable[[Any], Iterator[str]]


class Law(NamedTuple):
    """What every part of a kind obeys.

    Attributes:
        id: Like `L07`; the meaning of an id never changes.
        kinds: Of the parts that it applies to; `plugin` and `variant` beside those of `aezoo.spec.kinds`.
        says: What must hold, in one sentence.
        hint: How to repair a part that breaks it.
        check: Gives a message for each way in which a part breaks the law; none if it obeys.
    """

    id: str
    kinds: tuple[str, ...]
    says: str
    hint: str
    check: Check


class Breach(NamedTuple):
    """A law that a part breaks.

    Attributes:
        id: Of the law.
        kind: Of the part.
        part: Its name, as a spec writes it.
        says: The law.
        message: What was seen.
        hint: What to do.
        raised: The type and line of an exception that stopped the check; it may stop other checks, too.
    """

    id: str
    kind: str
    part: str
    says: str
    message: str
    hint: str
    raised: str = ""

    def __str__(self) -> str:
        return f"{self.id} {self.kind} {self.part}: {self.message}\n  law: {self.says}\n  hint: {self.hint}"


def law(id: str, *kinds: str, says: str, hint: str) -> Callable[[Check], Law]:
    """Decorate the function that checks a law."""

    def to_law(check: Check) -> Law:
        return Law(id, kinds, says, hint, check)

    return to_law
