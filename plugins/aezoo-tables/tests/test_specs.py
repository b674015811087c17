"""The specs that this plugin ships."""

from importlib.resources import files

import pytest

import aezoo

SPECS = sorted(path for path in (files("aezoo_tables") / "specs").iterdir() if path.name.endswith(".toml"))
HEADER = "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year\n"
PENGUINS = """Adelie,Torgersen,39.1,18.7,181,3750,male,2007
Adelie,Torgersen,NA,NA,NA,NA,NA,2007
Gentoo,Biscoe,46.1,13.2,211,4500,female,2008
Chinstrap,Dream,50,19.5,196,3900,male,2009
"""


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_a_shipped_spec_reads_and_trains_for_a_few_steps(path, tmp_path):
    table = tmp_path / "penguins.csv"
    table.write_text(HEADER + PENGUINS * 5)
    run = aezoo.train(aezoo.read(path, overrides=[f"data.path={table}", "training.steps=3"]), device="cpu")
    assert run.model.spec.name == path.name.removesuffix(".toml")
    assert run.model.reconstruct(table).shape == (20, 8)
