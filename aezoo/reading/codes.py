"""Codes: every fault and lint of a spec by its code. All texts are in `codes.toml`, beside this file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

#: What the first digit of a code says.
FAMILIES: Mapping[str, str] = {
    "1": "The text",
    "2": "Keys and values",
    "3": "Parts and plugins",
    "4": "Shapes",
    "5": "Meaning",
    "6": "Trust and size",
    "7": "Modelling",
}


class Code(NamedTuple):
    """One kind of fault: why a spec is refused, or remarked upon, and what to do.

    Attributes:
        code: As faults carry it: `AZ203`.
        title: What it is, in a few words.
        cause: Why it is refused, in the words of the field.
        example: A spec that has it, as TOML or JSON.
        cure: What to do.
        level: "error", or "warning" for what is read all the same.
        form: "toml" or "json".
        fixed: The example cured; empty where the cure is not in the file.
        paper: Where the field learnt it.
        overrides: Of `--set`, that the example needs.
        files: Texts that the example needs beside it, by path.
        repeat: A text and how often it stands where the example has `...`.
        encoding: Of the example as a file.
        untrusted: Whether the example is read as one from elsewhere.
        environment: Variables of the shell that the example needs.
        plugin: Source of a plugin that the example needs, under the namespace `toy`.
    """

    code: str
    title: str
    cause: str
    example: str
    cure: str
    level: str = "error"
    form: str = "toml"
    fixed: str = ""
    paper: str = ""
    overrides: tuple[str, ...] = ()
    files: Mapping[str, str] = {}
    repeat: tuple[str, int] = ("", 0)
    encoding: str = "utf-8"
    untrusted: bool = False
    environment: Mapping[str, str] = {}
    plugin: str = ""

    @property
    def family(self) -> str:
        """The digit that says what it is about: a key of `FAMILIES`."""
        return self.code[2]

    def data(self) -> bytes:
        """The example as a file holds it."""
        text, times = self.repeat
        whole = self.example.replace("...", text * times) if times else self.example
        return whole.encode(self.encoding)


@cache
def codes() -> Mapping[str, Code]:
    """Every code, in order."""
    table = tomllib.loads(files("aezoo.reading").joinpath("codes.toml").read_text(encoding="utf-8"))
    return {code: _code(code, entry) for code, entry in table.items()}


def _code(code: str, entry: dict[str, object]) -> Code:
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    for key in ("example", "fixed", "plugin"):
        if key in fields:
            fields[key] = str(fields[key]).lstrip("\n")
    return Code(code, **fields)  # type: ignore[arg-type]
