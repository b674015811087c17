"""Gaps: values that a dataset lacks, which a mask leaves out of what is learnt."""

from __future__ import annotations

from collections.abc import Iterator

from aezoo.plugin import Remark, Spec


def gap_remarks(missing: str | None, spec: Spec) -> Iterator[Remark]:
    """What a spec forgets that fills gaps with 0: nothing may take that for a value."""
    if missing is None:
        return
    if spec.mask is None and spec.target is None:
        message = "gaps are filled with 0, and the loss counts them as values"
        yield Remark(message, 'mask = "fields.observed"', "warning", at="missing")
    if spec.input.normalize == "standardize" and spec.input.observed is None:
        message = "gaps are filled with 0, and the moments of `standardize` count them as values"
        yield Remark(message, 'input.observed = "fields.observed"', at="missing")
