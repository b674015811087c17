"""The minimal spec around a part: its example, and for all other keys the first plain values that are valid with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from aezoo.errors import AezooError, Fault, SpecError
from aezoo.reading.reader import check
from aezoo.registry.registry import Registry
from aezoo.spec.document import Spec

Document = dict[str, Any]

#: Wider than any example's code, and with axes for layers of any rank.
INPUTS: tuple[tuple[int, ...], ...] = ((4, 12, 12), (4, 144), (576,), (4, 4, 6, 6))
#: Values of the other keys of a spec, the plainest first.
RESTS: tuple[Document, ...] = (
    {"latent": {"type": "deterministic", "dim": 2}},
    {"latent": {"type": "gaussian", "dim": 2}, "regularizers": {"kl": {}}, "likelihood": "gaussian"},
    {"latent": {"type": "deterministic", "dim": 2, "activation": "sigmoid"}},
    {"latent": {"type": "topk", "dim": 8, "k": 2}},
)
UNSUITED = Fault((), "", "it does not suit")
SIDE_BY_SIDE = ("regularizers", "constraints", "training")


class NoMinimalSpec(AezooError):
    """No minimal spec is valid with the part."""


def minimal_spec(
    table: Mapping[str, Any],
    *,
    registry: Registry | None = None,
    suits: Callable[[Spec], bool] = lambda spec: True,
    inputs: Collection[Sequence[int]] = INPUTS,
    rests: Iterable[Document] = RESTS,
    lints: bool = False,
) -> Spec:
    """The first spec around an example that reads without an error or a warning.

    Args:
        table: The example as it stands in a spec; it may fill other slots beside its part's own.
        registry: Where parts are looked up.
        suits: A further condition on the spec.
        inputs: Shapes of the input, in the order in which they are tried.
        rests: Values of the keys that the table does not fill, in the order in which they are tried.
        lints: Whether warnings are accepted.

    Raises:
        NoMinimalSpec: There is none; says why.
    """
    refused: Counter[Fault] = Counter()
    tried = (document_around(table, shape, rest) for shape in inputs for rest in tuple(rests))
    for spec, faults in _readings(tried, registry):
        if spec is not None and (lints or not faults) and suits(spec):
            return spec
        refused.update(faults or [UNSUITED])
    raise NoMinimalSpec(f"no small spec holds it: {_reason(refused)}")


def _reason(refused: Counter[Fault]) -> Fault:
    """The commonest error; of equally common ones the one that is checked last, since shapes fit before it."""
    errors = {fault: n for fault, n in refused.items() if fault.level == "error"} or refused
    return max(errors, key=lambda fault: (errors[fault], fault.code))


def document_around(table: Mapping[str, Any], shape: Sequence[int], rest: Document) -> Document:
    """A spec of one training step; named tables are merged, all other keys are the table's."""
    whole: Document = {"aezoo": 1, "name": "smallest", "input": list(shape), "training": {"steps": 1}, **rest}
    for key, value in table.items():
        whole[key] = {**whole.get(key, {}), **value} if key in SIDE_BY_SIDE else value
    return whole


def _readings(
    documents: Iterable[Document], registry: Registry | None
) -> Iterator[tuple[Spec | None, Sequence[Fault]]]:
    for document in documents:
        try:
            yield check(document, registry=registry)
        except SpecError as error:
            yield None, error.faults
