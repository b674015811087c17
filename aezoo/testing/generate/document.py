"""Whole specs, drawn part by part and read at the end."""

from __future__ import annotations

from hypothesis import reject
from hypothesis import strategies as st

from aezoo.errors import AezooError
from aezoo.reading.reader import check
from aezoo.spec.document import Spec
from aezoo.testing.generate.draft import Draft
from aezoo.testing.generate.optional import RARELY, draw_optional
from aezoo.testing.generate.parts import TRIES
from aezoo.testing.generate.pool import PartPool, parts_inside
from aezoo.testing.generate.required import draw_required
from aezoo.testing.generate.values import Draw, Table


def documents(pool: PartPool) -> st.SearchStrategy[Table]:
    """Valid specs of the pool's parts."""

    @st.composite
    def drawn(draw: Draw) -> Table:
        draft = Draft(draw, pool)
        if not any(draw_required(draft) for _ in range(TRIES)):
            reject()
        draw_optional(draft)
        if not _has_all(_read(pool, draft.written), pool):
            reject()
        return _varied(draft)

    return drawn()


def _read(pool: PartPool, document: Table) -> Spec | None:
    try:
        return check(document, registry=pool.registry)[0]
    except AezooError:
        return None


def _has_all(spec: Spec | None, pool: PartPool) -> bool:
    wanted = pool.containing
    return spec is not None and (wanted is None or any(type(part) is wanted for part in parts_inside(spec)))


def _varied(draft: Draft) -> Table:
    """The document, sometimes with variants, where it is valid with them."""
    names = draft.pool.registry.variants()
    if names and draft.draw(RARELY):
        chosen = draft.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        varied = {"variants": chosen, **draft.written}
        if _has_all(_read(draft.pool, varied), draft.pool):
            return varied
    return draft.written
