"""The public names of aezoo: these and no others, each fetched on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

import aezoo

PUBLIC = [
    "Fit",
    "Model",
    "Run",
    "Scores",
    "Spec",
    "Sweep",
    "__version__",
    "build",
    "errors",
    "evaluate",
    "fit",
    "load",
    "pull",
    "push",
    "read",
    "resume",
    "save",
    "sweep",
    "train",
]


def test_the_public_names_are_these() -> None:
    assert sorted(aezoo.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(aezoo, name) is not None
    assert name in dir(aezoo)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'treason'"):
        _ = aezoo.treason  # type: ignore[attr-defined]


def test_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from aezoo import *", names)
    assert set(PUBLIC) <= set(names)


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import aezoo", "torch pydantic numpy importlib.metadata click"),
        ("import aezoo; aezoo.__version__", "torch pydantic numpy"),
        ("import aezoo; aezoo.errors.AezooError", "torch pydantic numpy"),
        ("import aezoo; aezoo.read('vanilla-digits').decoder_layers()", "torch"),
    ],
)
def test_what_needs_no_tensor_imports_no_torch(code: str, heavy: str) -> None:
    probe = f"{code}\nimport sys\nassert not set({heavy.split()!r}) & set(sys.modules), 'woken'"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert aezoo.__version__ == version("aezoo")


def test_verbs_stay_functions_when_their_neighbours_are_imported() -> None:
    import aezoo.evaluation.scores
    import aezoo.training.run

    assert callable(aezoo.train)
    assert callable(aezoo.evaluate)
    assert callable(aezoo.read)
