"""Documents: whole specs, drawn part by part and read at the end."""

from __future__ import annotations

from hypothesis import reject
from hypothesis import strategies as st

from aezoo.errors import AezooError
from aezoo.reading.reader import check
from aezoo.spec.document import Spec
from aezoo.testing.generate.draft import Sketch
from aezoo.testing.generate.optional import RARELY, draw_branches
from aezoo.testing.generate.parts import TRIES
from aezoo.testing.generate.pool import Workshop, walk
from aezoo.testing.generate.required import draw_trunk
from aezoo.testing.generate.values import Draw, Table


def documents(workshop: Workshop) -> st.SearchStrategy[Table]:
    """Valid specs of the workshop's parts."""

    @st.composite
    def drawn(draw: Draw) -> Table:
        sketch = Sketch(draw, workshop)
        if not any(draw_trunk(sketch) for _ in range(TRIES)):
            reject()
        draw_branches(sketch)
        if not _has_all(_read(workshop, sketch.written), workshop):
            reject()
        return _varied(sketch)

    return drawn()


def _read(workshop: Workshop, document: Table) -> Spec | None:
    try:
        return check(document, registry=workshop.registry)[0]
    except AezooError:
        return None


def _has_all(spec: Spec | None, workshop: Workshop) -> bool:
    wanted = workshop.containing
    return spec is not None and (wanted is None or any(type(part) is wanted for part in walk(spec)))


def _varied(sketch: Sketch) -> Table:
    """The document, now and then over some variants, if it is still a spec then."""
    names = sketch.workshop.registry.variants()
    if names and sketch.draw(RARELY):
        chosen = sketch.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        varied = {"variants": chosen, **sketch.written}
        if _has_all(_read(sketch.workshop, varied), sketch.workshop):
            return varied
    return sketch.written
