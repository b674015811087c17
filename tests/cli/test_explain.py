"""`aezoo explain`: a fault by its code, in words and as a document."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from aezoo.reading.codes import codes
from aezoo.reference.faults import page
from tests.cli.conftest import Run
from tests.reading.test_codes import mentioned


@pytest.mark.parametrize("name", ["AZ501", "az501", "501", " 501 "])
def test_a_fault_is_explained_with_its_cause_example_cure_and_paper(aezoo: Run, name: str) -> None:
    result = aezoo("explain", name)
    code = codes()["AZ501"]
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"error[AZ501]: {code.title}\n\n")
    assert code.cause in " ".join(result.out.split())
    assert "    regularizers.kl = { weight = 1.0 }\n" in result.out
    assert f"Cure: {code.cure}" in result.out
    assert "Paper: " in aezoo("explain", "511").out


@pytest.mark.parametrize("code", codes())
def test_every_code_is_explained_with_all_that_its_example_needs(aezoo: Run, code: str) -> None:
    entry, result = codes()[code], aezoo("explain", code).out
    needs = [*entry.overrides, *entry.files, *entry.environment, *entry.plugin.split(), *entry.fixed.split()]
    assert [need for need in needs if need not in result] == []


def test_every_code_that_stands_in_the_sources_is_explained(aezoo: Run) -> None:
    untold = [code for code in mentioned() if not aezoo("explain", code).out.partition("[")[2].startswith(code)]
    assert untold == []
    assert "AZ741" in mentioned()


def test_all_codes_are_listed_with_their_titles(aezoo: Run) -> None:
    lines = aezoo("explain").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(codes())
    assert all(line.endswith(code.title) for line, code in zip(lines[1:], codes().values(), strict=True))


def test_an_unknown_code_is_not_found_and_the_nearest_is_named(aezoo: Run) -> None:
    result = aezoo("explain", "AZ2O3")
    assert (result.code, result.out) == (3, "")
    assert result.err == "error: no fault has the code 'AZ2O3'\nhint: did you mean 'AZ203'?\n"
    assert "`aezoo explain` lists" in aezoo("explain", "nonsense").err


def test_machines_get_one_document(aezoo: Run) -> None:
    one = json.loads(aezoo("explain", "AZ601", "--json").out)
    assert (one["code"], one["untrusted"], list(one["files"])) == ("AZ601", True, ["../base.toml"])
    assert [each["code"] for each in json.loads(aezoo("explain", "--json").out)] == list(codes())


def test_all_codes_are_printed_as_a_page(aezoo: Run) -> None:
    assert aezoo("explain", "--markdown").out == page(codes().values())
    assert aezoo("explain", "--markdown", "AZ203").code == 2


def test_explaining_imports_neither_torch_nor_pydantic() -> None:
    code = (
        "import sys\nfrom aezoo.cli import main\ntry: main(['explain', 'AZ203'])\nexcept SystemExit: pass\n"
        "assert not {'torch', 'pydantic', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
