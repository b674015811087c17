"""Specs that are ill are told of, each by its codes, and what is offered against it can be typed and helps.

`benchmarks/diagnosis.py` trains every ill and every healthy spec to the end; these are the quick ones.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

import aezoo
from aezoo.diagnosis.finding import Finding, FindingWarning, read_findings
from aezoo.reading.reader import check
from aezoo.training.results import Run
from tests.diagnosis.ill_specs import ILL, Case

QUICK = (
    "columns of different scale",
    "a sigmoid on standardized values",
    "a tied contractive penalty that is too heavy",
    "counts under a gaussian",
    "a black picture",
)


def findings_of(run: Run) -> list[Finding]:
    assert run.scores is not None
    return [*read_findings(run.record.get("findings")), *run.scores.findings]


def trained(case: Case, *overrides: str) -> Run:
    return aezoo.train(aezoo.read(dict(case.spec), overrides=overrides), case.data(), device="cpu")


@pytest.mark.parametrize("name", QUICK)
def test_an_ill_spec_is_told_of_and_every_patch_can_be_typed(name: str) -> None:
    case = ILL[name]
    found = findings_of(trained(case))
    assert case.codes <= {finding.code for finding in found}
    for finding in found:
        words = shlex.split(finding.command)
        assert [word for word in words if word != "--set"] == [*finding.patch]
        aezoo.read(dict(case.spec), overrides=finding.patch)


@pytest.mark.parametrize("name", [name for name, case in ILL.items() if case.lints])
def test_what_the_spec_alone_tells_is_a_lint(name: str) -> None:
    assert ILL[name].lints <= {fault.code for fault in check(dict(ILL[name].spec))[1]}


@pytest.mark.parametrize("name", ["columns of different scale", "a sigmoid on standardized values"])
def test_the_first_patch_cures(name: str) -> None:
    case = ILL[name]
    (first, *_) = findings_of(trained(case))
    assert findings_of(trained(case, *first.patch)) == []


def test_data_are_told_of_before_the_first_step_and_in_every_file_of_the_model(tmp_path: Path) -> None:
    case = ILL["columns of different scale"]
    spec = aezoo.read(dict(case.spec), overrides=["training.steps=20"])
    with pytest.warns(FindingWarning, match="AZ712: Columns of different scale: column 8 has .* times the deviation"):
        run = aezoo.train(spec, case.data(), device="cpu", out=tmp_path / "run")
    assert run.scores is not None
    assert run.scores.as_dict()["findings"][0]["command"] == "--set input.normalize=standardize"
    card = (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    assert "## Diagnosis" in card
    assert "- AZ712, columns of different scale: column 8" in card
    assert "- AZ725, one column instead of all:" in card
