"""Rule: a sign of one illness, and how rules are applied to figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from aezoo.diagnosis.finding import Finding, Patch, Verdict
from aezoo.errors import AezooError
from aezoo.reading.reader import check
from aezoo.spec.document import Spec

F = TypeVar("F")


class Sign(NamedTuple):
    """What a finding's code means.

    Attributes:
        code: AZ7..; it keeps its meaning.
        title: What it is, in a few words.
        sees: Which figures are compared, and from where on they convict.
    """

    code: str
    title: str
    sees: str


class Rule(NamedTuple, Generic[F]):
    """A sign of one illness.

    Attributes:
        code: AZ7..; it keeps its meaning.
        title: What it is, in a few words.
        sees: Which figures it compares, and from where on they convict.
        find: The verdict about a spec by these figures; None if it is healthy in this respect.
    """

    code: str
    title: str
    sees: str
    find: Callable[[Spec, F], Verdict | None]


def findings(rules: Iterable[Rule[F]], spec: Spec, figures: F) -> list[Finding]:
    """What the rules find, in their order."""
    verdicts = ((rule, rule.find(spec, figures)) for rule in rules)
    return [_finding(rule, verdict, spec) for rule, verdict in verdicts if verdict is not None]


def _finding(rule: Rule[F], verdict: Verdict, spec: Spec) -> Finding:
    patch = working(verdict.patches, spec)
    return Finding(rule.code, rule.title, verdict.evidence, verdict.cause, verdict.cure, patch)


def working(patches: Sequence[Patch], spec: Spec) -> Patch:
    """The first patch that the spec can take: it reads, is another spec, and has no lint that it had not before.

    There is none for a spec whose parts are of no installed plugin: it cannot be read again.
    """
    if not patches:
        return ()
    try:
        before = {fault.code for fault in check(spec.document())[1]}
    except AezooError:
        return ()
    for patch in patches:
        try:
            patched, faults = check(spec.document(), overrides=patch)
        except AezooError:
            continue
        if patched != spec and {fault.code for fault in faults} <= before:
            return patch
    return ()
