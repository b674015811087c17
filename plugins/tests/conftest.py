"""The command line says which plugins are installed; aezoo runs in a process of its own."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tomllib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch

from aezoo.testing import Site, installed

torch.set_num_threads(1)

#: What each adds to a spec. The parts of all stand in one spec: no two take the same slot.
COMBINED: dict[str, dict[str, Any]] = {
    "adversarial": {
        "objective": {
            "type": "adversarial:aae",
            "critic": {"layers": [{"type": "linear", "features": 8, "activation": "relu"}]},
        }
    },
    "densities": {"metrics": ["densities:prior_nll"]},
    "quantize": {"latent": {"type": "quantize:fsq", "levels": [5, 4, 3], "prior": "standard_normal"}},
    "sparse": {"constraints": {"dictionary": {"type": "sparse:unit_norm"}}},
}


def official() -> dict[str, Path]:
    """Every plugin of this repository: its namespace, and the folder of its source."""
    folders = {}
    for path in (Path(__file__).resolve().parent.parent).glob("*/pyproject.toml"):
        (namespace,) = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["entry-points"]["aezoo"]
        folders[namespace] = path.parent
    return folders


def pytest_addoption(parser: pytest.Parser) -> None:
    message = "namespaces of the plugins that are installed here, and no others: quantize,sparse"
    parser.addoption("--installed", required=True, help=message)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`present`: each plugin that is installed; `absent`: the next one by name; `named`: two or more that combine.

    Over environments with one plugin each, every plugin is absent once. All pairs would cost as much as their tests.
    """
    here, every = sorted(metafunc.config.getoption("installed").split(",")), sorted(official())
    values = {
        "present": here,
        "absent": [every[(every.index(here[-1]) + 1) % len(every)]],
        "named": [some for n in range(2, len(COMBINED) + 1) for some in combinations(sorted(COMBINED), n)],
    }
    for name in values.keys() & {*metafunc.fixturenames}:
        metafunc.parametrize(name, values[name], ids=str if name != "named" else "+".join)


@pytest.fixture(scope="session")
def here(request: pytest.FixtureRequest) -> list[str]:
    """The namespaces of all plugins that are declared as installed."""
    return sorted(request.config.getoption("installed").split(","))


@pytest.fixture(scope="session")
def combined() -> dict[str, dict[str, Any]]:
    return COMBINED


@pytest.fixture(scope="session")
def sources() -> dict[str, Path]:
    return official()


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """This environment as it is, with nothing added."""
    with installed() as site:
        yield site


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """A run flushes denormals for the whole process; the next test finds them as they were."""
    yield
    torch.set_flush_denormal(False)
