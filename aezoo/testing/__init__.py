"""Specs drawn by Hypothesis, and laws of parts: for the tests of aezoo and of any plugin.

    @given(specs(containing=MyLayerSpec))
    def test_my_layer_composes(document):
        aezoo.build(document)

Everything is drawn from what the declarations say (fields, bounds, shapes, needs), so a part is covered by being
registered. Needs `hypothesis`, which is imported when a strategy is asked for.

The laws that every part obeys are one line in the tests of a plugin; docs/laws.md lists them. They need
`jsonschema`, too.

    test_laws = law_tests("shuffle")
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aezoo.errors import AezooError
from aezoo.registry.registry import Registry
from aezoo.spec.component import Component
from aezoo.testing.installation import Site, installed
from aezoo.testing.law.definition import Breach, Law

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from pydantic import BaseModel

    from aezoo.testing.generate.pool import PartPool

__all__ = [
    "Breach",
    "Document",
    "Law",
    "Site",
    "cases",
    "examine",
    "installed",
    "law_tests",
    "laws",
    "parts_of",
    "specs",
]

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
    _needs("hypothesis")
    from aezoo.testing.generate.document import documents

    return documents(_pool(registry, parts, containing))


def parts_of(value: BaseModel) -> Iterator[Component]:
    """Every part inside a spec or part, at any depth; a part is one of its own."""
    from aezoo.testing.generate.pool import parts_inside

    return parts_inside(value)


def law_tests(namespace: str, *, registry: Registry | None = None) -> Callable[..., None]:
    """A test function for pytest: one test for each law and each part of a plugin.

    Args:
        namespace: Of the plugin, as in its entry point; `aezoo` for the built-in parts.
        registry: Where its parts are; by default they are loaded as for a spec.

    Raises:
        AezooError: Hypothesis or jsonschema is not installed.
        PluginError: The plugin cannot be loaded.
    """
    import pytest

    parameters = [pytest.param(check, id=name) for name, check in cases(namespace, registry=registry)]

    @pytest.mark.parametrize("law", parameters)
    def test_law(law: Callable[[], None]) -> None:
        law()

    return test_law


def cases(namespace: str, *, registry: Registry | None = None) -> list[tuple[str, Callable[[], None]]]:
    """Every law for every part of a plugin: an id, and what raises `AssertionError` if the law is broken.

    As `law_tests`, for another test runner.
    """
    _needs("hypothesis", "jsonschema")
    from aezoo.testing.law.cases import cases_of
    from aezoo.testing.law.under_test import PluginUnderTest

    return [(case.id, case.assert_holds) for case in cases_of(PluginUnderTest(namespace, registry))]


def examine(
    namespace: str, *, registry: Registry | None = None, begin: Callable[[int, int, str], None] | None = None
) -> list[Breach]:
    """Every breach of a law by a plugin, as `law_tests` would find them; empty if it keeps all.

    Args:
        namespace: Of the plugin.
        registry: Where its parts are.
        begin: Called with a number from 1, how many there are and its name, before each part, variant and the plugin.
    """
    _needs("hypothesis", "jsonschema")
    from aezoo.testing.law.cases import cases_for, tested_in
    from aezoo.testing.law.under_test import PluginUnderTest

    breaches: list[Breach] = []
    all_tested = tested_in(PluginUnderTest(namespace, registry))
    for number, tested in enumerate(all_tested, start=1):
        if begin is not None:
            begin(number, len(all_tested), tested.name)
        breaches += [breach for case in cases_for(tested) for breach in case.breaches()]
    return breaches


def laws(kind: str) -> list[Law]:
    """The laws of a kind of part, or of `variant` or `plugin`, by id. Raises `UsageError` for anything else."""
    _needs("hypothesis", "jsonschema")
    from aezoo.testing.law.cases import laws_of

    return laws_of(kind)


def _pool(
    registry: Registry | None, parts: Collection[type[Component]] | None, containing: type[Component] | None
) -> PartPool:
    from aezoo.testing.generate.pool import PartPool

    return PartPool(_full_registry() if registry is None else registry, parts, containing)


def _full_registry() -> Registry:
    """The registry of this process, with every installed plugin loaded."""
    from aezoo.registry.loader import default_registry, disabled, installed, load

    registry = default_registry()
    for namespace in installed():
        if not disabled(namespace):
            load(registry, namespace)
    return registry


def _needs(*modules: str) -> None:
    for name in modules:
        try:
            import_module(name)
        except ImportError:
            raise AezooError(f"aezoo.testing needs {name}", hint=f"pip install {name}") from None
