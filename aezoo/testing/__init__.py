"""Specs made up by Hypothesis, for tests of parts: ours, and any plugin's.

    @given(specs(containing=MyLayerSpec))
    def test_my_layer_composes(document):
        aezoo.build(document)

Everything is drawn from what the declarations say (fields, bounds, shapes, needs), so a part is covered by being
registered. Needs `hypothesis`, which is imported when a strategy is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aezoo.errors import AezooError
from aezoo.registry import Registry
from aezoo.spec.component import Component

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from pydantic import BaseModel

    from aezoo.testing.workshop import Workshop

__all__ = ["Document", "mutated", "nonsense", "parts_of", "specs"]

Document = dict[str, Any]


def specs(
    registry: Registry | None = None,
    *,
    parts: Collection[type[Component]] | None = None,
    containing: type[Component] | None = None,
) -> SearchStrategy[Document]:
    """Valid specs, as the mappings that a file would hold: small, of every kind of input, with any of the parts.

    Args:
        registry: Where the parts are; all that is installed, by default.
        parts: Draw only from these, for the kinds that any of them belongs to.
        containing: A part that every one of the specs has.

    Raises:
        AezooError: Hypothesis is not installed.
        PluginError: An installed plugin is broken.
    """
    _hypothesis()
    from aezoo.testing.documents import documents

    return documents(_workshop(registry, parts, containing))


def mutated(strategy: SearchStrategy[Document]) -> SearchStrategy[Document]:
    """The documents of `strategy` with one to four defects each; some, by chance, still valid."""
    _hypothesis()
    from aezoo.testing.defects import defective

    return defective(strategy)


def nonsense() -> SearchStrategy[Document]:
    """Mappings of any JSON-like values, some under the keys of a spec."""
    _hypothesis()
    from aezoo.testing.defects import tables

    return tables()


def parts_of(value: BaseModel) -> Iterator[Component]:
    """Every part inside a spec or part, at any depth; a part is one of its own."""
    from aezoo.testing.workshop import walk

    return walk(value)


def _workshop(
    registry: Registry | None, parts: Collection[type[Component]] | None, containing: type[Component] | None
) -> Workshop:
    from aezoo.testing.workshop import Workshop

    return Workshop(_everything() if registry is None else registry, parts, containing)


def _everything() -> Registry:
    """The registry of this process, with every installed plugin loaded."""
    from aezoo.discovery import default_registry, disabled, installed, load

    registry = default_registry()
    for namespace in installed():
        if not disabled(namespace):
            load(registry, namespace)
    return registry


def _hypothesis() -> None:
    try:
        import_module("hypothesis")
    except ImportError:
        raise AezooError("aezoo.testing needs hypothesis", hint="pip install hypothesis") from None
