"""Pydantic's errors as faults in our words; and how far a spec with faults can still be judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from copy import deepcopy
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from aezoo.errors import Fault, KeyPath
from aezoo.hints import did_you_mean
from aezoo.reading.merge import MACROS
from aezoo.spec.component import Component, Frozen
from aezoo.spec.document import Spec
from aezoo.spec.fingerprints import ARCHITECTURE
from aezoo.spec.slots import Parts, child, fields, table_at

#: Codes by pydantic's type of error; what is not listed is a value of the wrong type or out of range.
CODES = {"extra_forbidden": "AZ203", "missing": "AZ202", "missing_type": "AZ202", "unknown_part": "AZ301"}
#: What a value should have been, by pydantic's type of error.
TAKES = {
    "int_type": "takes a whole number",
    "float_type": "takes a number",
    "string_type": "takes text",
    "bool_type": "takes true or false",
    "tuple_type": "takes a list",
    "dict_type": "takes a table",
    "model_type": "takes a table",
    "finite_number": "takes a finite number",
    "greater_than_equal": "takes {ge} or more",
    "greater_than": "takes more than {gt}",
    "less_than_equal": "takes {le} or less",
    "less_than": "takes less than {lt}",
    "multiple_of": "takes a multiple of {multiple_of}",
    "string_too_short": "takes at least {min_length} characters",
    "string_too_long": "takes at most {max_length} characters",
    "too_short": "takes at least {min_length} entries",
    "too_long": "takes at most {max_length} entries",
    "literal_error": "takes one of {expected}",
}
#: How many faults of one spec are explained in full; no reader gets to the others.
ADVISED = 100

#: Faults that leave it open what the latent is, and so what it provides.
UNTYPED: Set[KeyPath] = frozenset({("latent",), ("latent", "type")})
#: Faults that follow from names and types alone, and what would make them uncertain: the top keys with faults,
#: the starts of their paths, and whether an entry of a list was taken out.
BY_NAMES: dict[str, Callable[[Set[str], Set[KeyPath], bool], bool]] = {
    "AZ501": lambda touched, starts, removed: not starts & UNTYPED,
    "AZ502": lambda touched, starts, removed: not (removed or "decoder" in touched or starts & UNTYPED),
    "AZ503": lambda touched, starts, removed: not removed and "decoder" not in touched,
    "AZ506": lambda touched, starts, removed: True,
    "AZ507": lambda touched, starts, removed: not touched & {"regularizers", "objective"},
}


def faults_of(error: ValidationError, document: dict[str, Any], parts: Parts) -> list[Fault]:
    """All of pydantic's errors in our words; of thousands, only the first come with advice."""
    details = error.errors(include_url=False)
    faults = [fault_of(detail, document, parts) for detail in _united(details[:ADVISED], document, parts)]
    return faults + [Fault(d["loc"], _code(d), d["msg"]) for d in details[ADVISED:]]


def _code(detail: ErrorDetails) -> str:
    """Of an error that comes without advice."""
    plugins = detail.get("ctx", {}).get("code") if detail["type"] == "plugin" else None
    return plugins or CODES.get(detail["type"], "AZ201")


def fault_of(detail: ErrorDetails, document: dict[str, Any], parts: Parts) -> Fault:
    """One of pydantic's errors in our words, with what to write instead."""
    kind, path, context = detail["type"], detail["loc"], detail.get("ctx", {})
    code = str(context.get("code", CODES.get(kind, "AZ201")))
    if kind == "extra_forbidden":
        return Fault(path, code, *_unknown_key(path, table_at(Spec, path[:-1], document, parts)))
    field = _field(path, document, parts)
    if kind == "missing":
        return Fault(path, code, _message(detail, None), (field.description or "") if field else "")
    if kind in ("tuple_type", "list_type") and isinstance(detail["input"], dict):
        return Fault(path, "AZ207", "takes a list; a table edits the list of a base, and there is none", "[...]")
    message = _message(detail, field) + _got(kind, detail["input"])
    return Fault(path, code, message, _hint(context, detail["input"], field))


def _message(detail: ErrorDetails, field: FieldInfo | None) -> str:
    kind = detail["type"]
    if kind in TAKES:
        return TAKES[kind].format(**detail.get("ctx", {}))
    if kind == "missing":
        return "is missing"
    if kind == "string_pattern_mismatch" and field:
        return f"takes text {field.description}"
    message = detail["msg"].removeprefix("Value error, ")
    if kind == "plugin":  # which may begin with the name of a class
        return message
    return message[:1].lower() + message[1:]


def _united(details: Sequence[ErrorDetails], document: dict[str, Any], parts: Parts) -> Iterator[ErrorDetails]:
    """The errors at paths of the document; one for each value that fits no branch of a union.

    Pydantic reports every branch, each under a name of its own in the path: `p.float`, `p.tuple[float, float].1`.
    The branch that got furthest is what was meant; of several, each says what it takes.
    """
    by_path: dict[KeyPath, list[ErrorDetails]] = {}
    for detail in details:
        path, union = _written(detail["loc"], document, parts)
        here = {**detail, "loc": path}
        by_path.setdefault(path if union is None else (*union, "|"), []).append(here)  # type: ignore[arg-type]
    for path, branches in by_path.items():
        if path[-1:] != ("|",):
            yield from branches
            continue
        furthest = max(len(detail["loc"]) for detail in branches)
        meant = [detail for detail in branches if len(detail["loc"]) == furthest]
        if len(meant) == 1:
            yield meant[0]
            continue
        takes = dict.fromkeys(_message(detail, None) for detail in meant)
        yield {**meant[0], "type": "union", "msg": ", or ".join(takes).replace(", or takes ", ", or ")}


def _written(loc: KeyPath, document: dict[str, Any], parts: Parts) -> tuple[KeyPath, KeyPath | None]:
    """A path of pydantic's without the names of branches, and where the union is, if there was one."""
    path: KeyPath = ()
    union, here = None, document
    for step in loc:
        keyed = (isinstance(here, dict) and step in here) or (isinstance(here, list) and isinstance(step, int))
        if not keyed and str(step) not in fields(table_at(Spec, path, document, parts) or Frozen):
            union = path
            continue
        path, here = (*path, step), child(here, step)
    return path, union


def _got(kind: str, value: Any) -> str:
    if kind in ("unknown_part", "missing_type", "table", "plugin"):
        return ""
    if isinstance(value, (str, int, float, bool)):
        text = repr(value)
        return f", got {text if len(text) <= 60 else text[:57] + '...'}"
    name = "a table" if isinstance(value, dict) else "a list" if isinstance(value, (list, tuple)) else ""
    return f", got {name}" if name and kind in TAKES else ""


def _hint(context: dict[str, Any], value: Any, field: FieldInfo | None) -> str:
    if context.get("hint"):
        return str(context["hint"])
    allowed = [str(word) for word in get_args(field.annotation)] if field and "expected" in context else []
    return did_you_mean(value, allowed) if isinstance(value, str) else ""


def _unknown_key(path: KeyPath, table: type[Frozen] | None) -> tuple[str, str]:
    """Message and hint for a key that the table does not know."""
    if table is None:
        return f"unknown key {path[-1]!r}", ""
    owner = f"{table.kind} {table.tag()!r}" if issubclass(table, Component) else _table_name(path)
    known = [*fields(table), *(sorted(MACROS) if table is Spec else ())]
    others = ", ".join(key for key in known if key != "type") or "nothing but its type"
    return f"unknown key for {owner}", did_you_mean(str(path[-1]), known, f"it takes {others}")


def _table_name(path: KeyPath) -> str:
    return f"'{path[-2]}'" if len(path) > 1 else "a spec"


def _field(path: KeyPath, document: dict[str, Any], parts: Parts) -> FieldInfo | None:
    table = table_at(Spec, path[:-1], document, parts) if path else None
    return fields(table).get(str(path[-1])) if table else None


# --- a second look ----------------------------------------------------------------------------------------


def lenient(
    document: dict[str, Any], faults: Sequence[Fault], parts: Parts
) -> tuple[dict[str, Any], Callable[[Fault], bool]]:
    """The document with every fault taken out, and which faults of that one are certain to be real.

    What is wrong is left out or, where it cannot be, set to the least that is right. So the rest of the spec is
    checked in the same run, and nothing is reported that follows from such a guess.
    """
    mended = deepcopy(document)
    removed = False
    for fault in sorted(faults, key=lambda fault: fault.path, reverse=True) if _sortable(faults) else faults:
        removed |= _mend(mended, fault, document, parts)
    paths = [fault.path for fault in faults]
    touched = {str(path[0]) for path in paths if path}

    def certain(fault: Fault) -> bool:
        if fault.level != "error" or any(fault.path[: len(path)] == path for path in paths):
            return False
        if fault.code in BY_NAMES:  # from names and types alone, whatever the values are
            return BY_NAMES[fault.code](touched, {path[:2] for path in paths}, removed)
        around = any(path[: len(fault.path)] == fault.path for path in paths)
        return not around and not touched & ARCHITECTURE  # a fault there makes shapes uncertain

    return mended, certain


def _sortable(faults: Sequence[Fault]) -> bool:
    """Whether all steps at one depth are of one type: entries are then taken out from the last to the first."""
    kinds: dict[int, set[type]] = {}
    for fault in faults:
        for depth, step in enumerate(fault.path):
            kinds.setdefault(depth, set()).add(type(step))
    return all(len(kind) == 1 for kind in kinds.values())


def _mend(mended: dict[str, Any], fault: Fault, document: dict[str, Any], parts: Parts) -> bool:
    """Take one fault out of the document; True if an entry of a list went with it."""
    path = fault.path
    while path:
        parent = _parent(mended, path)
        step = path[-1]
        if isinstance(parent, dict):
            field = _field(path, document, parts)
            parent.pop(step, None)
            if field is not None and field.is_required():
                parent[str(step)] = _least(field)
            return False
        if isinstance(parent, list) and isinstance(step, int) and step < len(parent) and fault.code == "AZ301":
            del parent[step]
            return True
        path = path[:-1]
    return False


def _parent(document: Any, path: KeyPath) -> Any:
    for step in path[:-1]:
        document = child(document, step)
    return document


def _least(field: FieldInfo) -> Any:
    """The least value that a required field takes; its default where none is known."""
    bounds = [getattr(item, name) for item in field.metadata for name in ("ge", "gt") if hasattr(item, name)]
    if field.annotation in (int, float):
        return field.annotation(max([1, *(bound + 1 for bound in bounds if bound > 0)]))
    if field.annotation is str:
        return "unnamed"
    return next(iter(get_args(field.annotation)), None)
