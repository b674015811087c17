"""Joint patches: the patches of several findings as one, as far as a spec can take them together."""

from __future__ import annotations

from collections.abc import Sequence

from aezoo.diagnosis.finding import Finding, Patch
from aezoo.errors import AezooError
from aezoo.reading.reader import check
from aezoo.spec.document import Spec


def joint_patch(findings: Sequence[Finding], spec: Spec) -> tuple[Spec, Patch]:
    """The spec with every patch that goes with those before it, and what was changed.

    A patch of a value that was changed already, or of a penalty that was, is left out, and so is one with which the
    spec cannot be read.
    """
    patched = spec
    taken: Patch = ()
    for finding in findings:
        if not finding.patch or _meet(finding.patch, taken):
            continue
        try:
            patched = check(spec.document(), overrides=(*taken, *finding.patch))[0]
        except AezooError:
            continue
        taken += finding.patch
    return patched, taken


def _meet(patch: Patch, taken: Patch) -> bool:
    """Whether one of them changes what the other changes, or a part that holds it."""
    return any(one[: len(two)] == two[: len(one)] for one in map(_place, patch) for two in map(_place, taken))


def _place(text: str) -> tuple[str, ...]:
    """The key path that `path=value` changes. A penalty counts as a whole: one of its values lightens it, not two."""
    path = tuple(text.partition("=")[0].strip().split("."))
    return path[:2] if path[0] == "regularizers" else path
