"""Docstrings against signatures: `Args:` names each argument, in order, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = [
    path
    for path in sorted([*ROOT.glob("aezoo/**/*.py"), *ROOT.glob("plugins/*/aezoo_*/*.py")])
    if "templates" not in path.parts
]
ENTRY = re.compile(r"    ([\w*, ]+?): ")


def documented(docstring: str) -> list[str]:
    """The names under `Args:`; two may share a line: `a, b: ...`."""
    names: list[str] = []
    for line in docstring.partition("Args:\n")[2].splitlines():
        if line and not line.startswith(" "):
            break
        if entry := ENTRY.match(line):
            names += [name.strip().lstrip("*") for name in entry[1].split(",")]
    return names


def accepted(node: ast.FunctionDef | ast.ClassDef) -> list[str] | None:
    """The arguments of a function, or of a class's `__init__`; None for a class without one."""
    if isinstance(node, ast.ClassDef):
        found = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
        return accepted(found[0]) if found else None
    arguments = node.args
    several, others = ([item] if item else [] for item in (arguments.vararg, arguments.kwarg))
    ordered = (*arguments.posonlyargs, *arguments.args, *several, *arguments.kwonlyargs, *others)
    names = [item.arg for item in ordered]
    return [name for name in names if name not in ("self", "cls")]


def disagreements(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        docstring = ast.get_docstring(node) or ""
        signature = accepted(node)
        if "Args:\n" in docstring and signature is not None and documented(docstring) != signature:
            yield f"{node.name}: Args: {documented(docstring)}, the signature has {signature}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_args_sections_equal_the_signatures(path: Path) -> None:
    assert [*disagreements(path.read_text(encoding="utf-8"))] == []


def test_the_comparison_notices_a_missing_a_surplus_and_a_misplaced_argument() -> None:
    source = 'def f(a, b):\n    """F.\n\n    Args:\n        {}\n    """\n'
    assert not [*disagreements(source.format("a: One.\n        b: Two."))]
    assert not [*disagreements(source.format("a, b: Both."))]
    for wrong in ("a: One.", "b: Two.\n        a: One.", "a: One.\n        b: Two.\n        c: Three."):
        assert len([*disagreements(source.format(wrong))]) == 1
