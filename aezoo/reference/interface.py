"""The reference of `aezoo.plugin` as a page, from the source of what it offers: docs/plugin-reference.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from inspect import cleandoc, getdoc, getsource, isclass, isfunction
from textwrap import dedent
from typing import Any

from aezoo import plugin
from aezoo.reference.markdown import escaped, grid, joined
from aezoo.spec.kinds import KINDS

INTRODUCTION = """\
Everything that `aezoo.plugin` offers, as its source says it: the base of each kind of part with what a part of it
declares and defines, then what goes with them. [Write a plugin](plugins.md) says how they are put together."""


def interface() -> str:
    """The page."""
    bases = [base.__name__ for base in KINDS.values()]
    others = [name for name in plugin.__all__ if name not in bases]
    members = {name: getattr(plugin, name) for name in (*bases, *sorted(others))}
    classes = [_class(name, item) for name, item in members.items() if isclass(item)]
    own = {name: item for name, item in members.items() if isfunction(item) and item.__module__.startswith("aezoo.")}
    functions = [_function(item) for item in own.values()]
    values = [name for name, item in members.items() if not isclass(item) and name not in own]
    last = "Types of fields, numbers, marks, and `Field`, which is pydantic's: " + ", ".join(
        f"`{name}`" for name in values
    )
    page = [
        "# `aezoo.plugin`",
        INTRODUCTION,
        "## Classes",
        *classes,
        "## Functions",
        *functions,
        "## Values",
        f"{last}.",
    ]
    return joined(page)


def _class(name: str, kind: type[Any]) -> str:
    if kind.__name__ != name:
        return joined([f"### `{name}`", f"Another name of `{kind.__name__}`."])
    node = ast.parse(dedent(getsource(kind))).body[0]
    assert isinstance(node, ast.ClassDef)
    lines = dedent(getsource(kind)).splitlines()
    rows = [*_attributes(node, lines), *_methods(node)]
    bases = ", ".join(f"`{ast.unparse(base)}`" for base in node.bases)
    table = grid(("declared or defined", "what it is"), rows) if rows else ""
    return joined([f"### `{name}`", f"A {bases}." if bases else "", _text(getdoc(kind) or ""), table])


def _attributes(node: ast.ClassDef, lines: list[str]) -> Iterator[tuple[str, str]]:
    """Class variables with the comment above them, fields with their description."""
    for item in node.body:
        if not isinstance(item, ast.AnnAssign) or ast.unparse(item.target).startswith("_"):
            continue
        above: list[str] = []
        for line in reversed(lines[: item.lineno - 1]):
            if not line.strip().startswith("#:"):
                break
            above.insert(0, line.strip().removeprefix("#:").strip())
        descriptions = [
            word.value for word in ast.walk(item) if isinstance(word, ast.keyword) and word.arg == "description"
        ]
        description = " ".join(above) or next(
            (str(one.value) for one in descriptions if isinstance(one, ast.Constant)), ""
        )
        default = "" if item.value is None or descriptions else f" = {ast.unparse(item.value)}"
        yield f"`{ast.unparse(item.target)}: {ast.unparse(item.annotation)}{default}`", escaped(description)


def _methods(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            yield f"`{_signature(item)}`", escaped(" ".join((ast.get_docstring(item) or "").split()))


def _function(function: Any) -> str:
    node = ast.parse(dedent(getsource(function))).body[0]
    assert isinstance(node, ast.FunctionDef)
    return joined([f"### `{_signature(node)}`", _text(getdoc(function) or "")])


def _signature(node: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){returns}"


def _text(docstring: str) -> str:
    """Its first line, and the rest as it is laid out."""
    summary, _, rest = cleandoc(docstring).partition("\n")
    return joined([escaped(summary), f"```text\n{rest.strip()}\n```" if rest.strip() else ""])
