"""Text: TOML and JSON <-> mappings. What either cannot say (null, NaN, dates, two equal keys) is refused.

    bytes ──decode──> text ──bounds──> ──parse──> mapping ──foreign──> mapping
                AZ101, AZ102     AZ104, AZ109   AZ103, AZ105    AZ104, AZ106 .. AZ109

Each stage reports all its faults, with their positions; the next one runs only if there are none.
"""

from __future__ import annotations

import codecs
import json
import pathlib
import tomllib
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aezoo.errors import Fault, KeyPath, SpecError, Where
from aezoo.reading.bounds import MAX_BYTES, excess
from aezoo.reading.tokens import json_tokens, toml_tokens
from aezoo.spec.foreign import aliens, foreign

if TYPE_CHECKING:
    from aezoo.reading.positions import Place, Span

__all__ = ["MAX_BYTES", "foreign", "is_text", "parse", "parse_value", "places", "read_text", "to_toml"]


def parse(data: bytes, name: str) -> dict[str, Any]:
    """Read a spec's bytes; `.json` names are JSON, all others TOML. Raises `SpecError`."""
    return _Reading(data, name).table()


def parse_value(text: str) -> Any:
    """The right side of `--set path=value`: read as TOML, else a string."""
    line = f"value = {text}"
    try:
        table = {} if excess(line, toml_tokens(line)) else tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if set(table) == {"value"} else text


def places(text: str, name: str) -> dict[KeyPath, Place]:
    """Where every key and value of a text stands that `parse` takes; `.json` names are JSON, all others TOML."""
    from aezoo.reading.positions import json_places, toml_places  # here and below: only a fault needs it

    return json_places(text) if name.endswith(".json") else toml_places(text)


def is_text(value: object) -> bool:
    """Whether all that a value of JSON says can be written as UTF-8: an escape may name half of a character."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def to_toml(document: dict[str, Any]) -> str:
    """The document as TOML, scalars before tables, in the order of the document."""
    import tomli_w

    return tomli_w.dumps(document)


def read_text(path: pathlib.Path) -> dict[str, Any]:
    """Parse the file at `path`. Raises `SpecError`."""
    with path.open("rb") as file:
        return parse(file.read(MAX_BYTES + 1), str(path))


class _Reading:
    """Bytes on their way to a mapping."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name
        self.json = name.endswith(".json")
        self.text = data.decode("utf-8", errors="replace")
        self.twice = False

    def table(self) -> dict[str, Any]:
        self.decode()
        if too_many := excess(self.text, (json_tokens if self.json else toml_tokens)(self.text)):
            raise self.refusal(self.fault(too_many.code, too_many.message, "a spec is a page of text", *too_many[2:]))
        table = self.load()
        if not isinstance(table, dict):
            start = len(self.text) - len(self.text.lstrip())
            raise self.refusal(self.fault("AZ105", "a spec is a table of keys, this is not", "", start, start + 1))
        if faults := [*self.repeats(), *self.aliens(table)]:
            raise self.refusal(*sorted(faults, key=lambda fault: fault.where or Where(self.name)))
        return table

    def decode(self) -> None:
        if len(self.data) > MAX_BYTES:
            message = f"a spec has at most {MAX_BYTES:,} bytes, this has more"
            raise self.refusal(Fault((), "AZ101", message, where=Where(self.name)))
        if self.data.startswith(codecs.BOM_UTF8):
            hint = "save it without a byte-order mark"
            raise self.refusal(self.fault("AZ102", "begins with a byte-order mark", hint, 0, 1))
        try:
            self.data.decode()
        except UnicodeDecodeError as error:
            at = len(self.data[: error.start].decode())
            message = f"byte 0x{self.data[error.start]:02x} is not UTF-8 text"
            raise self.refusal(self.fault("AZ102", message, "save it as UTF-8", at, at + 1)) from None

    def load(self) -> object:
        try:
            return json.loads(self.text, object_pairs_hook=self.pairs) if self.json else tomllib.loads(self.text)
        except json.JSONDecodeError as error:
            from aezoo.reading.syntax_errors import json_mistake

            raise self.refusal(self.fault("AZ103", *json_mistake(self.text, error))) from None
        except tomllib.TOMLDecodeError:
            from aezoo.reading.syntax_errors import toml_mistakes

            raise self.refusal(*(self.fault("AZ103", *mistake) for mistake in toml_mistakes(self.text))) from None

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        self.twice |= len(table) < len(pairs)
        return table

    def repeats(self) -> Iterator[Fault]:
        """Keys that stand twice; where, only a second look tells."""
        if not self.twice:
            return
        from aezoo.reading.positions import repeated

        for path, span in repeated(self.text):
            yield Fault(path, "AZ107", "stands in this table before", "keep one of them", where=self.where(span))

    def aliens(self, table: dict[str, Any]) -> Iterator[Fault]:
        unsupported = [*aliens(table)]
        there = places(self.text, self.name) if unsupported else {}
        for alien in unsupported:
            position = there[alien.path]
            yield alien.fault._replace(where=self.where((alien.key and position.key) or position.value))

    def fault(self, code: str, message: str, hint: str, start: int, end: int) -> Fault:
        from aezoo.reading.positions import Ruler

        return Fault((), code, message, hint, where=self.where(Ruler(self.text).span(start, end)))

    def where(self, span: Span) -> Where:
        return Where(self.name, *span, self.lines[span.line - 1].rstrip("\r"))

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def refusal(self, *faults: Fault) -> SpecError:
        return SpecError(faults, source=self.name)
