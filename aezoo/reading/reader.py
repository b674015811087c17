"""read: a path, a bundled name or a mapping -> Spec. Pydantic's exceptions do not leave this file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from aezoo.errors import UNMET, Fault, PluginError, SpecError, UnmetSpec
from aezoo.reading.checks import examine
from aezoo.reading.compose import Composer
from aezoo.reading.provenance import Node, follow, node_of, plain, where
from aezoo.reading.provenance import Source as Text
from aezoo.reading.pydantic_errors import ADVISED, faults_of, lenient
from aezoo.reading.requirements import installed, unmet
from aezoo.reading.resolver import Resolver, Spelled, locate
from aezoo.reading.split_sources import source_faults
from aezoo.registry.attribution import attributed
from aezoo.registry.entry_points import scanned
from aezoo.registry.loader import default_registry
from aezoo.registry.registry import Registry
from aezoo.spec.component import Frozen
from aezoo.spec.document import Spec
from aezoo.spec.kinds import DatasetSpec
from aezoo.spec.limits import DEFAULT_LIMITS, Limits

Source = Spelled
#: Faults that say a key is not known here: the caret goes under the key, not under its value.
ABOUT_KEYS = frozenset({"AZ203", "AZ506"})
#: Faults that say what a `type` names is not there: the caret goes under that name.
ABOUT_TYPES = frozenset({"AZ301", "AZ302", "AZ303"})

__all__ = ["Reading", "Source", "SpecWarning", "check", "locate", "read", "read_as", "reading"]


class SpecWarning(UserWarning):
    """A spec that reads, and that its author may want to look at again."""


class Reading(NamedTuple):
    """A spec, its lints, and the tree that keeps the source of each value."""

    spec: Spec
    lints: list[Fault]
    tree: Node


def read(
    source: Source,
    *,
    overrides: Sequence[str] = (),
    registry: Registry | None = None,
    limits: Limits = DEFAULT_LIMITS,
    trusted: bool = True,
) -> Spec:
    """Read and check a spec.

    Args:
        source: A path to a TOML or JSON file, the name of a bundled spec, or a mapping.
        overrides: `path=value` texts, merged last: `latent.dim=32`, `encoder.0.channels=64`.
        registry: Where parts are looked up; all that is installed, by default.
        limits: How large a model may be.
        trusted: Whether `extends` may leave the folder of the spec; False for a spec that came from elsewhere.

    Raises:
        SpecError: With every fault, each with its position.
        PluginError: The spec names a plugin that is missing or broken; a `SpecError`, too.
        NotFound: No such file and no such bundled spec.
    """
    spec, lints, _ = reading(source, overrides=overrides, registry=registry, limits=limits, trusted=trusted)
    for lint in lints:
        warnings.warn(SpecWarning(str(lint)), stacklevel=2)
    return spec


def check(
    source: Source,
    *,
    overrides: Sequence[str] = (),
    registry: Registry | None = None,
    limits: Limits = DEFAULT_LIMITS,
    trusted: bool = True,
) -> tuple[Spec, list[Fault]]:
    """As `read`, and returns the lints instead of warning."""
    spec, lints, _ = reading(source, overrides=overrides, registry=registry, limits=limits, trusted=trusted)
    return spec, lints


@attributed()
@scanned()
def reading(
    source: Source,
    *,
    overrides: Sequence[str] = (),
    registry: Registry | None = None,
    limits: Limits = DEFAULT_LIMITS,
    trusted: bool = True,
) -> Reading:
    """As `read`, and returns the lints and the tree of sources."""
    registry = registry or default_registry()
    label = "" if isinstance(source, Mapping) else str(source)
    resolved = Resolver(registry, limits=limits, trusted=trusted).resolve(source, overrides)
    document = plain(resolved.tree)
    spec, faults = _validated(document, registry)
    if spec is None and resolved.partial:  # what is missing may stand in a base that could not be read
        faults = [fault for fault in faults if fault.code not in ("AZ202", "AZ207")]
    if not resolved.partial:
        faults += _examined(spec, document, faults, registry, limits)
    faults += _unmet(document)
    ordered = _sorted([*resolved.faults, *(_located(fault, resolved.tree) for fault in faults)])
    if any(fault.level == "error" for fault in ordered) or spec is None:
        kind = UnmetSpec if any(fault.code in UNMET for fault in ordered) else SpecError
        raise kind(ordered, source=label)
    return Reading(spec, ordered, resolved.tree)


class _Data(Frozen):
    """As much of a spec as says what its data are."""

    data: DatasetSpec


def read_as(
    dataset: DatasetSpec, settings: Sequence[str], *, registry: Registry | None = None, path: str = ""
) -> DatasetSpec:
    """A dataset with some settings changed: `data.key=x_train`.

    Args:
        dataset: What is read otherwise.
        settings: As the overrides of `read`.
        registry: Where datasets are looked up.
        path: What the data are, where a setting changes their type and says no path.

    Raises:
        SpecError: With every fault.
    """
    registry = registry or default_registry()
    faults: list[Fault] = []
    document = node_of({"data": dataset.model_dump(mode="json", exclude_none=True)}, Text())
    tree = Composer(faults, DEFAULT_LIMITS).finish(document, settings)
    values = plain(tree)
    values["data"] = _with_path(values["data"], path, registry)
    try:
        chosen = _Data.model_validate(values, context={"registry": registry}).data
        faults += source_faults(chosen, registry)
    except ValidationError as error:
        faults += faults_of(error, values, registry)
    if faults:
        raise SpecError(_sorted([_located(fault, tree) for fault in faults]))
    return chosen


def _with_path(table: Any, path: str, registry: Registry) -> Any:
    """The table of a dataset with the path, where it says none and is of a type that takes one."""
    if not path or not isinstance(table, dict) or not isinstance(table.get("type"), str):
        return table
    try:
        part = registry.get("dataset", table["type"])
    except (PydanticCustomError, PluginError):  # reported with the other faults
        return table
    return {"path": path, **table} if "path" in part.model_fields else table


def _validated(document: dict[str, Any], registry: Registry) -> tuple[Spec | None, list[Fault]]:
    try:
        return Spec.model_validate(document, context={"registry": registry}), []
    except ValidationError as error:
        return None, faults_of(error, document, registry)


def _examined(
    spec: Spec | None, document: dict[str, Any], faults: Sequence[Fault], registry: Registry, limits: Limits
) -> list[Fault]:
    """What is wrong between the parts; of a spec with faults, as much as is certain without guessing."""
    if spec is not None:
        return [*examine(spec, limits=limits), *source_faults(spec.data, registry)]
    if len(faults) > ADVISED:  # no spec, but something else
        return []
    mended, certain = lenient(document, faults, registry)
    guess, _ = _validated(mended, registry)
    return [] if guess is None else [fault for fault in examine(guess, limits=limits) if certain(fault)]


def _unmet(document: Mapping[str, Any]) -> list[Fault]:
    requires = document.get("requires")
    named = [item for item in requires if isinstance(item, str)] if isinstance(requires, list) else []
    look_up = cache(installed)  # each metadata is a file to be read
    return [fault for i, text in enumerate(named) for fault in unmet(text, ("requires", i), look_up=look_up)]


def _located(fault: Fault, tree: Node) -> Fault:
    if fault.where is not None:
        return fault
    path = fault.path
    if fault.code in ABOUT_TYPES:
        _, left = follow(tree, (*path, "type"))
        path = path if left else (*path, "type")
    return fault._replace(where=where(tree, path, key=fault.code in ABOUT_KEYS))


def _sorted(faults: Sequence[Fault]) -> list[Fault]:
    """By file and line, files in the order in which they are first named; each fault, and each plugin's, once."""
    files = {fault.where.file: None for fault in faults if fault.where}
    order = {name: i for i, name in enumerate(files)}

    def position(fault: Fault) -> tuple[int, int, int]:
        return (order[fault.where.file], fault.where.line, fault.where.column) if fault.where else (-1, 0, 0)

    unique: dict[Any, Fault] = {}
    for fault in sorted(dict.fromkeys(faults), key=position):
        unique.setdefault((fault.code, fault.message) if fault.code in UNMET else fault, fault)
    return [*unique.values()]
