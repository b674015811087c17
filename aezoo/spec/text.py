"""Text: TOML and JSON <-> mappings. What either cannot say (null, NaN, dates, two equal keys) is refused."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from aezoo.errors import Fault, SpecError

#: A spec is a page of text; whatever is larger is something else.
MAX_BYTES = 1 << 20
MAX_DEPTH = 64


def parse(data: bytes, name: str) -> dict[str, Any]:
    """Read a spec's bytes; `.json` names are JSON, all others TOML. Raises `SpecError`."""
    if len(data) > MAX_BYTES:
        _refuse(name, "AZ101", f"a spec has at most {MAX_BYTES} bytes, this has {len(data)}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(name, "AZ102", f"not UTF-8 text at byte {error.start}")
    try:
        table = _json(text) if name.endswith(".json") else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        _refuse(name, "AZ103", str(error))
    except (RecursionError, ValueError) as error:
        _refuse(name, "AZ104", str(error) or "nested too deeply")
    if not isinstance(table, dict):
        _refuse(name, "AZ105", "a spec is a table of keys, this is not")
    fault = foreign(table)
    if fault:
        raise SpecError([fault], source=name)
    return table


def parse_value(text: str) -> Any:
    """The right side of `--set path=value`: read as TOML, else a string."""
    try:
        value = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return value["value"] if set(value) == {"value"} else text


def to_json(document: dict[str, Any], *, indent: int | None = 1) -> str:
    """Canonical JSON: sorted keys, no NaN; the same document gives the same text."""
    separators = (",", ":") if indent is None else None
    return json.dumps(
        document, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
    )


def to_toml(document: dict[str, Any]) -> str:
    """The document as TOML, scalars before tables, in the order given."""
    import tomli_w

    return tomli_w.dumps(document)


def read_text(path: Path) -> dict[str, Any]:
    """Parse the file at `path`."""
    with path.open("rb") as file:
        return parse(file.read(MAX_BYTES + 1), str(path))


def _json(text: str) -> Any:
    def constant(word: str) -> NoReturn:
        raise ValueError(f"{word} is no number of a spec")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            keys = [key for key, _ in pairs]
            raise ValueError(f"key {next(k for k in keys if keys.count(k) > 1)!r} stands twice in one table")
        return table

    return json.loads(text, parse_constant=constant, object_pairs_hook=unique)


def foreign(value: Any, path: tuple[str | int, ...] = ()) -> Fault | None:
    """The first value that only one of the two spellings could hold, or that is nested too deeply."""
    if len(path) > MAX_DEPTH:
        return Fault(path[:3], "AZ104", f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        parts: list[tuple[str | int, Any]] = list(value.items())
    elif isinstance(value, (list, tuple)):
        parts = list(enumerate(value))
    else:
        parts = []
        if not isinstance(value, (str, bool, int, float)):
            word = "null" if value is None else f"a {type(value).__name__}"
            return Fault(path, "AZ106", f"{word} is no value of a spec", "leave the key out")
        if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
            return Fault(path, "AZ106", f"{value} is no number of a spec")
    for key, item in parts:
        if fault := foreign(item, (*path, key)):
            return fault
    return None


def _refuse(name: str, code: str, message: str) -> NoReturn:
    raise SpecError([Fault((), code, message)], source=name)
