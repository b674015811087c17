"""Who may import whom, as a table; that nothing imports in a circle; and which modules do without PyTorch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "aezoo"

#: Package, or module of the root -> what of aezoo it may import, inside functions and for type checking too.
MAY_IMPORT = {
    "errors": set(),
    "hints": set(),
    "names": set(),
    "randomness": set(),
    "files": {"errors"},
    "hardware": {"errors"},
    "spec": {"errors", "files", "hints", "names"},
    "nn": {"errors"},
    "layers": {"spec", "nn", "errors"},
    "registry": {"spec", "errors", "hints"},
    "modules": {"spec", "nn", "registry", "errors", "randomness"},
    "plugin": {"spec", "layers", "modules", "registry", "errors", "files", "randomness"},
    "builtins": {"plugin", "nn"},
    "reading": {"registry", "spec", "errors", "files", "hints"},
    "schema": {"reading", "spec"},
    "reference": {"plugin", "reading", "registry", "spec"},
    "data": {"reading", "registry", "spec", "errors", "files", "hints", "names", "randomness"},
    "model": {"modules", "data", "registry", "nn", "spec", "hardware", "errors", "hints", "randomness"},
    "diagnosis": {"registry", "data", "reading", "nn", "spec", "errors", "randomness"},
    "building": {"modules", "model", "reading", "registry", "nn", "spec", "errors", "randomness"},
    "evaluation": {
        "diagnosis",
        "modules",
        "model",
        "data",
        "reading",
        "registry",
        "nn",
        "spec",
        "hardware",
        "errors",
        "randomness",
    },
    "storage": {
        *("building", "diagnosis", "evaluation", "model", "reading", "registry", "nn", "spec"),
        *("hardware", "errors", "files", "names"),
    },
    "trackers": {"errors", "files", "hints"},
    "training": {
        *(
            "storage",
            "trackers",
            "building",
            "diagnosis",
            "evaluation",
            "modules",
            "model",
            "data",
            "reading",
            "registry",
            "nn",
            "spec",
        ),
        *("hardware", "errors", "files", "names", "randomness"),
    },
    "stacking": {"training", "modules", "data", "nn", "spec", "errors"},
    "sweeps": {
        *("stacking", "training", "storage", "data", "reading", "registry"),
        *("spec", "hardware", "errors", "files", "hints"),
    },
    "fitting": {
        *("sweeps", "training", "storage", "building", "diagnosis", "evaluation", "modules", "model", "data"),
        "reading",
        *("registry", "nn", "spec", "hardware", "errors", "files", "names", "randomness"),
    },
    "zoo": {"storage", "model", "reading", "registry", "spec", "errors", "files", "hints", "names"},
    "testing": {
        *("storage", "training", "building", "data", "schema", "reference", "reading", "registry", "plugin"),
        *("nn", "spec", "hardware", "errors", "files"),
    },
    "aezoo": {
        "zoo",
        "fitting",
        "sweeps",
        "storage",
        "training",
        "evaluation",
        "building",
        "model",
        "reading",
        "spec",
        "errors",
    },
    "cli": {
        *(
            "aezoo",
            "testing",
            "zoo",
            "fitting",
            "sweeps",
            "storage",
            "training",
            "diagnosis",
            "evaluation",
            "model",
            "data",
            "reference",
            "schema",
        ),
        *("reading", "registry", "plugin", "spec", "hardware", "errors", "files", "hints", "names"),
    },
    "__main__": {"cli"},
}

#: Who looks up the registry of the process where none is handed in: verbs, commands and what reads a spec or its data.
LOOKS_UP = {
    "fitting/source.py",
    *("reading/reader.py", "data/sources.py", "evaluation/scores.py", "registry/loader.py"),
    *("testing/__init__.py", "testing/law/under_test.py", "testing/law/overfitting.py"),
}

#: Room or module -> what of others it may not import at the top of a file.
FORBIDDEN = {
    "spec": ("torch", "numpy"),
    "layers": ("torch", "numpy", "aezoo.nn"),
    "nn": ("pydantic",),
    "builtins": ("torch", "aezoo.nn"),
    "cli": ("torch",),
    "registry": ("torch", "numpy"),
    "registry/lazy.py": ("pydantic", "aezoo.spec"),
    "reading": ("torch", "numpy"),
    "schema": ("torch", "numpy"),
    "randomness.py": ("torch", "numpy", "pydantic", "aezoo"),
    "spec/samples.py": ("torch", "numpy", "pydantic", "aezoo"),
    "plugin.py": ("torch", "numpy"),
    "zoo": ("torch", "numpy", "huggingface_hub"),
    "storage/card.py": ("torch", "numpy", "huggingface_hub"),
    "storage/front_matter.py": ("torch", "numpy", "huggingface_hub"),
    "storage/config_json.py": ("torch", "numpy"),
    "storage/weights.py": ("torch", "numpy", "safetensors", "aezoo.nn"),
    "storage/pictures.py": ("torch", "aezoo.nn"),
    "reference": ("torch",),
    "trackers": ("torch", "tensorboard", "wandb", "mlflow", "trackio"),
}


def module(path: Path) -> str:
    """`aezoo.spec.document`; of an `__init__.py`, its package."""
    return ".".join(("aezoo", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


#: Every module of aezoo. What `aezoo plugins new` writes is none.
MODULES = {module(path): path for path in ROOT.rglob("*.py") if "templates" not in path.parts}


def package(name: str) -> str:
    """The package of a module, or the module of the root; the verbs are `aezoo`."""
    return name.split(".")[1] if "." in name else name


def imported(path: Path) -> set[str]:
    """The modules of aezoo that a file imports anywhere: at the top, inside functions, for type checking."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            full = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else node.module for name in full.values()}
    return names & MODULES.keys()


def cycle(arrows: Mapping[str, Collection[str]]) -> list[str]:
    """A way through a graph that ends where it began; empty if there is none."""
    finished: set[str] = set()

    def walk(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in finished:
            return []
        found = next(filter(None, (walk(after, [*way, node]) for after in sorted(arrows.get(node, ())))), [])
        finished.add(node)
        return found

    return next(filter(None, (walk(node, []) for node in sorted(arrows))), [])


def by_package(arrows: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """The arrows between packages, of those between modules."""
    packages: dict[str, set[str]] = {}
    for name, others in arrows.items():
        packages.setdefault(package(name), set()).update({package(other) for other in others} - {package(name)})
    return packages


ARROWS = {name: imported(path) - {name} for name, path in MODULES.items()}
PLACES = {name: path.relative_to(ROOT).as_posix() for name, path in MODULES.items()}


def test_no_module_imports_one_that_imports_it_back() -> None:
    assert cycle(ARROWS) == []


def test_no_package_imports_one_that_imports_it_back() -> None:
    assert cycle(by_package(ARROWS)) == []


def test_a_cycle_is_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c", "d"}, "c": set(), "d": {"b"}}) == ["b", "d", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_every_package_imports_what_the_table_allows_it() -> None:
    beyond = {
        (PLACES[name], package(other))
        for name, others in ARROWS.items()
        for other in others
        if package(other) not in {package(name), *MAY_IMPORT[package(name)]}
    }
    assert beyond == set()


def test_the_table_allows_no_more_than_is_needed() -> None:
    assert MAY_IMPORT.keys() == {package(name) for name in MODULES}
    there = by_package(ARROWS)
    unused = {name: allowed - there.get(name, set()) for name, allowed in MAY_IMPORT.items()}
    assert {name: packages for name, packages in unused.items() if packages} == {}


def test_nothing_looks_up_the_registry_from_inside() -> None:
    calling = {
        path.relative_to(ROOT).as_posix()
        for path in MODULES.values()
        if re.search(r"\bdefault_registry\(\)", path.read_text(encoding="utf-8"))
    }
    assert {place for place in calling if not place.startswith("cli/")} == LOOKS_UP


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
def test_no_room_imports_at_the_top_what_it_must_not_wait_for(place: str) -> None:
    for path in files(place):
        for name in imports(path):
            wrong = [no for no in FORBIDDEN[place] if name == no or name.startswith(f"{no}.")]
            assert not wrong, f"{path.relative_to(ROOT)} imports {name}"


def after(code: str) -> set[str]:
    """The modules that a fresh interpreter holds when it has run this."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], check=True, capture_output=True, text=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_reading_and_checking_every_bundled_spec_imports_neither_torch_nor_numpy() -> None:
    modules = after(
        "import aezoo\nfrom aezoo.reading.bundled import bundled_specs\n"
        "for name in bundled_specs():\n    spec = aezoo.read(name); spec.arch; spec.parameters; spec.taps"
    )
    assert "aezoo.spec.document" in modules
    assert not modules & {"torch", "numpy", "huggingface_hub", "safetensors", "PIL"}


def test_importing_every_part_in_the_box_imports_neither_torch_nor_numpy() -> None:
    modules = after("from aezoo.registry.loader import default_registry\nlist(default_registry().parts())")
    assert {"aezoo.builtins.image_files", "aezoo.builtins.generated"} <= modules
    assert not modules & {"torch", "numpy", "PIL"}


def test_a_spec_imports_the_modules_that_it_names_and_no_others() -> None:
    modules = after("import aezoo\naezoo.read('vanilla-digits')")
    names = {name.rpartition(".")[2] for name in modules if name.startswith(("aezoo.builtins.", "aezoo.layers."))}
    assert {"basic", "latents", "likelihoods", "digits"} <= names
    assert not names & {"convolutions", "resampling"}
    others = {"sequences", "residual", "corruptions", "metrics", "image_files", "tables", "arrays", "generated"}
    assert not names & (others | {"optimizers", "schedules", "scaled_likelihoods", "constraints", "regularizers"})


def test_checking_a_spec_of_built_in_parts_declares_few_others_and_parses_the_metadata_of_no_distribution() -> None:
    """What a check costs beside its imports: metadata take a twentieth of it, each declaration one part in 300."""
    modules = after(
        "from aezoo.cli import main\n"
        "try:\n    main(['check', 'vanilla-digits'])\nexcept SystemExit:\n    pass\n"
        "from pydantic import BaseModel\n"
        "below = lambda base: 1 + sum(map(below, base.__subclasses__()))\n"
        "assert below(BaseModel) <= 50, below(BaseModel)"
    )
    assert "aezoo.reading.checks" in modules
    assert not modules & {"torch", "numpy", "email.parser", "packaging"}


def test_importing_aezoo_imports_neither_pydantic_nor_click() -> None:
    modules = after("import aezoo")
    assert not modules & {"torch", "numpy", "pydantic", "click", "pluggy", "importlib.metadata"}


def test_the_help_of_the_command_needs_click_and_nothing_else() -> None:
    modules = after("import sys\nfrom aezoo.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass")
    assert "click" in modules
    assert not modules & {"torch", "numpy", "pydantic", "pluggy", "huggingface_hub", "importlib.metadata"}


def everywhere(path: Path) -> set[str]:
    """What a file imports at all, at the top or within a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_one_module_speaks_to_the_hub_and_only_through_its_client() -> None:
    clients = {"huggingface_hub", "httpx", "httpx2", "requests", "urllib3", "aiohttp", "http", "socket"}
    speaking = {path.relative_to(ROOT).as_posix() for path in files("") if clients & roots(everywhere(path))}
    # The second one only reads what the client raises.
    assert speaking == {"zoo/client.py", "zoo/http_errors.py"}
    assert roots(everywhere(ROOT / "zoo" / "client.py")) & clients == {"huggingface_hub"}


def roots(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names} | ({"urllib3"} if "urllib.request" in names else set())


def test_pulling_and_listing_models_never_wake_torch() -> None:
    modules = after(
        "import aezoo\nfrom aezoo.errors import AezooError\nfrom aezoo.zoo.listing import listed\nlisted()\n"
        "import os; os.environ['AEZOO_OFFLINE'] = '1'\n"
        "try:\n    aezoo.pull('owner/name')\nexcept AezooError:\n    pass"
    )
    assert {"aezoo.zoo.pulling", "aezoo.storage.verification"} <= modules
    assert not modules & {"torch", "numpy", "safetensors"}


def test_no_file_pickles() -> None:
    for path in ROOT.rglob("*.py"):
        assert not {"pickle", "cloudpickle", "dill", "joblib"} & imports(path), path
        text = path.read_text(encoding="utf-8")
        assert "torch.load(" not in text, path
        assert "allow_pickle=True" not in text, path


#: Files that speak of the families in the box because that is what they are for.
ABOUT_FAMILIES = {
    "storage/front_matter.py": "tags by which people find a model",
    "layers/convolutions.py": "the family of a part",
    "cli/init.py": "which bundled specs a starter copies",
}


@cache
def words(path: Path) -> set[str]:
    """The texts in the code of a file, docstrings left out, and all that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = {
        str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            texts |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            texts.add(node.module or "")
    return texts


CORE = [path for path in files("") if "builtins" not in path.parts]


@pytest.mark.parametrize("plugin", sorted(path.parent for path in (ROOT.parent / "plugins").glob("*/pyproject.toml")))
def test_nothing_in_the_core_names_an_official_plugin(plugin: Path) -> None:
    project = tomllib.loads((plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((namespace, module),) = project["entry-points"]["aezoo"].items()
    named = re.compile(rf"\b({re.escape(project['name'])}|{re.escape(module)}|{namespace}:\w+)\b")
    assert {(path.name, word) for path in CORE for word in words(path) if named.search(word)} == set()


def test_nothing_in_the_core_names_a_variant_but_what_is_about_the_families() -> None:
    variants = tomllib.loads((ROOT / "builtins" / "variants.toml").read_text(encoding="utf-8")).keys()
    naming = {path.relative_to(ROOT).as_posix() for path in CORE if variants & words(path)}
    assert naming == ABOUT_FAMILIES.keys()


def test_the_core_reaches_the_parts_in_the_box_by_their_entry_point_alone() -> None:
    reaching = {path.relative_to(ROOT).as_posix() for path in CORE for word in words(path) if "aezoo.builtins" in word}
    assert reaching == set()


def test_the_walk_finds_what_it_looks_for(tmp_path: Path) -> None:
    path = tmp_path / "naming.py"
    path.write_text('"""sparse"""\nimport aezoo_sparse.topk\nif kind == "denoising":\n    pass\n', encoding="utf-8")
    assert words(path) == {"aezoo_sparse.topk", "denoising"}
