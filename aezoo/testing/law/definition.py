"""Law: what every part of a kind obeys; breach: where one does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

#: The kinds whose parts are tensors at work in a pass.
MODULES = ("layer", "latent", "likelihood", "prior", "corruption")
#: What is no part and has laws too: the plugin as a whole, and its fragments of a spec.
PLUGIN, VARIANT = "plugin", "variant"

Check = Callable[[Any], Iterator[str]]


class Law(NamedTuple):
    """What every part of a kind obeys.

    Attributes:
        id: `L07`: never changes its meaning.
        kinds: Of the parts that it is about; `plugin` and `variant` beside those of `aezoo.spec.kinds`.
        says: What must hold, in one sentence.
        hint: What to do where it does not.
        check: Says of a subject how it breaks the law; nothing, if it keeps it.
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
        raised: Of an exception that stopped the check: its type and place; it may stop others, too.
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
    """Make a law of the function that checks it."""

    def made(check: Check) -> Law:
        return Law(id, kinds, says, hint, check)

    return made
