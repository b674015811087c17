"""Treatment: the patches of several findings as one, as far as a spec can take them together."""

from __future__ import annotations

from collections.abc import Sequence

from aezoo.diagnosis.finding import Finding, Patch
from aezoo.errors import AezooError
from aezoo.reading.reader import check
from aezoo.spec.document import Spec


def treatment(findings: Sequence[Finding], spec: Spec) -> tuple[Spec, Patch]:
    """The spec with every patch that goes with those before it, and what was changed.

    A patch of a value that was changed already is left out, and so is one with which the spec cannot be read.
    """
    treated = spec
    taken: Patch = ()
    for finding in findings:
        if _paths(finding.patch) & _paths(taken):
            continue
        try:
            treated = check(spec.document(), overrides=(*taken, *finding.patch))[0]
        except AezooError:
            continue
        taken += finding.patch
    return treated, taken


def _paths(patch: Patch) -> set[str]:
    """The places of a spec that a patch changes; a part counts with all that it holds."""
    return {text.partition("=")[0].strip().partition(".")[0] for text in patch} if patch else set()
