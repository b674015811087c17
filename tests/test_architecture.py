"""Who may import whom, as a table; and which modules never wake torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "aezoo"

#: Room or module -> what it may not import at the top of a file.
FORBIDDEN = {
    "spec": ("torch", "aezoo.nn", "aezoo.builtins", "aezoo.registry", "aezoo.training", "aezoo.data"),
    "nn": (
        "pydantic",
        "aezoo.spec",
        "aezoo.builtins",
        "aezoo.registry",
        "aezoo.training",
        "aezoo.data",
        "aezoo.plugin",
    ),
    "builtins": (
        "torch",
        "aezoo.nn",
        "aezoo.spec",
        "aezoo.registry",
        "aezoo.training",
        "aezoo.data",
        "aezoo.model",
    ),
    "cli": ("torch", "aezoo.nn", "aezoo.builtins"),
    "registry.py": ("torch", "aezoo.nn", "aezoo.builtins"),
    "discovery.py": ("torch", "aezoo.nn", "aezoo.builtins"),
    "reader.py": ("torch", "aezoo.nn", "aezoo.builtins"),
    "plugin.py": ("torch", "aezoo.nn", "aezoo.builtins"),
    "report": ("torch", "aezoo.nn", "aezoo.training"),
}


def imports(path: Path) -> set[str]:
    """What a file imports when it is loaded: not inside functions, not for type checking alone."""
    found: set[str] = set()
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        todo += list(ast.iter_child_nodes(node))
    return found


def files(place: str) -> list[Path]:
    return [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))


@pytest.mark.parametrize("place", sorted(FORBIDDEN))
def test_no_room_imports_what_it_must_not_know(place: str) -> None:
    for path in files(place):
        for name in imports(path):
            wrong = [no for no in FORBIDDEN[place] if name == no or name.startswith(f"{no}.")]
            assert not wrong, f"{path.relative_to(ROOT)} imports {name}"


def test_reading_and_checking_every_bundled_spec_never_imports_torch() -> None:
    code = (
        "import sys, aezoo\nfrom aezoo.bundled import bundled_specs\n"
        "for name in bundled_specs():\n    spec = aezoo.read(name); spec.arch; spec.parameters; spec.taps\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_file_pickles() -> None:
    for path in ROOT.rglob("*.py"):
        assert not {"pickle", "cloudpickle", "dill", "joblib"} & imports(path), path
        text = path.read_text(encoding="utf-8")
        assert "torch.load(" not in text, path
        assert "allow_pickle=True" not in text, path
