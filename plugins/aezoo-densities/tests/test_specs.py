"""The specs that are shipped, and that of the README."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from aezoo_densities import MODULES

import aezoo
from aezoo.reading.reader import check

README = Path(__file__).parent.parent / "README.md"
SHIPPED = sorted(Path(str(files("aezoo_densities"))).glob("specs/*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_spec_reads_without_a_doubt_builds_trains_and_samples(path: Path) -> None:
    read, lints = check(path)
    assert [lint.message for lint in lints] == []
    model = aezoo.build(read)
    assert sum(p.numel() for p in model.network.parameters()) == read.parameters
    run = aezoo.train(aezoo.read(path, overrides=["data.limit=300", "training.epochs=1"]))
    assert run.record["steps"] == 3
    assert run.model.sample(2).shape == (2, 1, 28, 28)


def test_there_is_a_spec_for_each_objective_latent_and_prior() -> None:
    specs = [aezoo.read(path) for path in SHIPPED]
    slots = (slot for spec in specs for slot in (spec.objective, spec.latent, spec.latent.prior))
    shipped = {part.tag() for part in slots if part and part.namespace}
    announced = (part for module in MODULES for part in module.announced)
    assert shipped == {f"densities:{name}" for kind, name in announced if kind != "metric"}


@pytest.mark.parametrize("module", ["torch", "zuko"])
def test_checking_a_spec_imports_neither_torch_nor_zuko(module: str) -> None:
    code = (
        f"import aezoo, sys; [aezoo.read(p).taps for p in {[*map(str, SHIPPED)]}]; assert {module!r} not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_spec_is_the_same_through_its_text() -> None:
    for path in SHIPPED:
        read = aezoo.read(path)
        assert aezoo.read(read.document()) == read


def test_the_spec_of_the_readme_reads_without_a_doubt() -> None:
    text = README.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    assert check(tomllib.loads(text))[1] == []
