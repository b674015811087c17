"""Finding: what is wrong with data or a model, by what figures, why, and what to type against it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

#: Values of a spec to be changed together, as `--set` takes them: `("regularizers.kl.free_bits=0.1",)`.
Patch = tuple[str, ...]


class FindingWarning(UserWarning):
    """A finding about data that a run is going to be trained on."""


class Verdict(NamedTuple):
    """What a rule finds.

    Attributes:
        evidence: The figures that convict.
        cause: Why it is so, most probably.
        cure: What to do, in words.
        patches: Changes of the spec that do it, the best first; the first one that the spec can take is offered.
    """

    evidence: str
    cause: str
    cure: str
    patches: Sequence[Patch] = ()


class Finding(NamedTuple):
    """A verdict under the code of its rule, with a patch that was tried on the spec.

    Attributes:
        code: Of the rule: AZ721.
        title: What it is, in a few words.
        evidence: The figures that convict.
        cause: Why it is so, most probably.
        cure: What to do, in words.
        patch: What does it, each as `--set` takes it; empty where no change of the spec does.
    """

    code: str
    title: str
    evidence: str
    cause: str
    cure: str
    patch: Patch = ()

    @property
    def command(self) -> str:
        """The patch as it is pasted into a shell; empty if there is none."""
        return " ".join(f"--set {shlex.quote(text)}" for text in self.patch)

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**self._asdict(), "patch": [*self.patch], "command": self.command}

    def lines(self) -> Iterator[str]:
        """For people: what it is and by what figures, the cause, and the cure."""
        yield f"{self.code}: {self.title}: {self.evidence}"
        yield f"  cause: {self.cause}"
        yield f"  cure: {self.cure}" + (f": {self.command}" if self.command else "")

    def __str__(self) -> str:
        return "; ".join(line.strip() for line in self.lines())


def read_findings(value: object) -> list[Finding]:
    """Findings out of a file that may hold anything: what is none is left out."""
    items = value if isinstance(value, list) else []
    return [finding for item in items if (finding := _read(item)) is not None]


def _read(item: object) -> Finding | None:
    texts = ("code", "title", "evidence", "cause", "cure")
    if not isinstance(item, dict) or not all(isinstance(item.get(name), str) for name in texts):
        return None
    patch = item.get("patch")
    known = isinstance(patch, list) and all(isinstance(text, str) for text in patch)
    return Finding(*(item[name] for name in texts), tuple(patch) if known else ())  # type: ignore[call-arg, arg-type]
