"""Compose: `extends`, `variants`, `each` and `--set` -> one plain mapping without macros.

Order: bases (left to right) < variants < the file itself < `--set`. Tables merge, lists are replaced whole, and a
component's table is replaced whole when its `type` changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aezoo.errors import Fault, Path, SpecError, render_path
from aezoo.spec.text import parse_value

Table = dict[str, Any]

#: An entry of a list as messages write it: `encoder[1].channels` is `encoder.1.channels`.
_ENTRY = re.compile(r"\[(\d+)\]")

#: Slots whose value is one component: there, a bare string is short for `{type = "..."}`.
SLOTS = frozenset({"latent", "likelihood", "objective", "data", "prior", "optimizer", "decoder"})
#: Tables of components whose type is the key they stand under, unless they say another.
NAMED = frozenset({"regularizers", "constraints"})
#: What stands in a slot that a spec leaves out, so that `--set training.optimizer.lr=0.01` has something to change.
DEFAULTS = {"likelihood": "mse", "objective": "standard", "optimizer": "adam"}


def merge(below: Any, above: Any, *, slot: str = "", implied: str = "") -> Any:
    """`above` over `below`, both under the key `slot`; a table without a type is of the `implied` one."""
    if slot in SLOTS:
        below, above = _table(below), _table(above)
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    was = below.get("type", implied)
    if was and above.get("type", was) != was:
        return above
    merged = dict(below)
    for key, value in above.items():
        type_ = key if slot in NAMED else ""
        merged[key] = merge(merged[key], value, slot=key, implied=type_) if key in merged else value
    return merged


def _table(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


def compose(
    own: Table,
    bases: Sequence[Table],
    variants: Mapping[str, Mapping[str, Any]],
    overrides: Iterable[str] = (),
) -> Table:
    """One spec from its bases, its variants, its own keys and the overrides. Raises `SpecError`."""
    table: Table = {}
    for base in bases:
        table = merge(table, base)
    table = merge(table, agree(variants, settled=own))
    table = merge(table, {key: value for key, value in own.items() if key not in ("extends", "variants")})
    table = unroll(table)
    for override in overrides:
        assign(table, override)
    return table


def agree(variants: Mapping[str, Mapping[str, Any]], *, settled: Table) -> Table:
    """All variants in one fragment; two that differ must be settled by the spec itself, else `SpecError`."""
    union: Table = {}
    origin: dict[Path, str] = {}
    faults: list[Fault] = []
    for name, fragment in variants.items():
        for path, value in _leaves(fragment):
            before = _at(union, path)
            if before is not None and before != value and _at(settled, path) is None:
                faults.append(
                    Fault(
                        path,
                        "AZ504",
                        f"variants {origin[path]!r} and {name!r} disagree: {before!r} or {value!r}",
                        f"say in the spec what {render_path(path)} is",
                    )
                )
            # Every step of the way has an origin: a word may contradict a whole table.
            origin |= {path[:depth]: name for depth in range(1, len(path) + 1)}
        union = merge(union, dict(fragment))
    if faults:
        raise SpecError(faults)
    return union


def _leaves(table: Mapping[str, Any], path: Path = ()) -> Iterable[tuple[Path, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _at(table: Any, path: Path) -> Any:
    for step in path:
        if not isinstance(table, Mapping) or step not in table:
            return None
        table = table[step]
    return table


def unroll(value: Any, path: Path = ()) -> Any:
    """Write every `each` out: `{type = "conv", each = {channels = [32, 64]}}` is two layers."""
    if isinstance(value, dict):
        return {key: unroll(item, (*path, key)) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    rows: list[Any] = []
    for index, item in enumerate(value):
        if isinstance(item, dict) and "each" in item:
            rows += _repeat(item, (*path, index))
        else:
            rows.append(unroll(item, (*path, index)))
    return rows


def _repeat(item: Table, path: Path) -> list[Table]:
    each = item["each"]
    rest = {key: value for key, value in item.items() if key != "each"}
    if not isinstance(each, dict) or not each or not all(isinstance(v, list) and v for v in each.values()):
        raise SpecError([Fault((*path, "each"), "AZ204", "takes lists: each = {channels = [32, 64]}")])
    lengths = {key: len(values) for key, values in each.items()}
    if len(set(lengths.values())) > 1:
        raise SpecError([Fault((*path, "each"), "AZ204", f"lists of different lengths: {lengths}")])
    count = next(iter(lengths.values()))
    # Unrolled anew for each copy: they share no table, so that `--set` can change one of them.
    return [unroll({**rest, **{key: values[i] for key, values in each.items()}}, path) for i in range(count)]


def assign(table: Table, override: str) -> None:
    """Apply one `path=value` in place. Raises `SpecError` where the path leads nowhere."""
    path, equals, text = override.partition("=")
    steps = _ENTRY.sub(r".\1", path.strip()).split(".")
    if not equals or not all(steps):
        raise SpecError([Fault((), "AZ205", f"--set takes path=value, got {override!r}")])
    here: Any = table
    for depth, step in enumerate(steps[:-1]):
        here = _step(here, step, steps[:depth], steps[depth + 1])
    _put(here, steps[-1], parse_value(text.strip()), tuple(steps[:-1]))


def _step(here: Any, step: str, before: list[str], following: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, step, before)]
    if isinstance(here, dict):
        if isinstance(here.get(step), str) and step in SLOTS:
            here[step] = {"type": here[step]}
        if step == "input" and not before and isinstance(here.get(step), list) and not following.isdigit():
            here[step] = {"shape": here[step]}
        return here.setdefault(step, {"type": DEFAULTS[step]} if step in DEFAULTS else {})
    raise SpecError(
        [Fault((), "AZ205", f"--set {'.'.join([*before, step, following])}: {'.'.join(before)} is no table")]
    )


def _put(here: Any, step: str, value: Any, before: tuple[str, ...]) -> None:
    if isinstance(here, list):
        here[_index(here, step, list(before))] = value
    elif isinstance(here, dict):
        here[step] = value
    else:
        raise SpecError([Fault((), "AZ205", f"--set {'.'.join([*before, step])}: {'.'.join(before)} is no table")])


def _index(rows: list[Any], step: str, before: list[str]) -> int:
    if not step.isdigit() or int(step) >= len(rows):
        there = f"0 to {len(rows) - 1}" if rows else "none"
        raise SpecError([Fault((), "AZ205", f"--set {'.'.join([*before, step])}: no such entry (there are {there})")])
    return int(step)
