"""Proposals: for samples of every kind and every purpose they read without a lint, and the diagnosis is silent."""

from __future__ import annotations

import tomllib
import warnings
from pathlib import Path

import pytest

from aezoo.errors import UsageError
from aezoo.fitting.facts import Facts, look
from aezoo.fitting.proposal import code_width, proposals, starter
from aezoo.fitting.purposes import MEANINGS, Purpose
from aezoo.reading.reader import check
from aezoo.spec.shape import flat
from aezoo.training.setup import set_up
from tests.fitting.samples import SAMPLES

#: Of columns with gaps, words or scales of their own: no one noise suits them.
NO_NOISE = {"table", "table with gaps", "table with words"}
#: Needs a likelihood of counts, of a plugin; without one the diagnosis says so, and is right.
COUNTS = {"table of counts"}


@pytest.fixture(scope="module")
def facts_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Facts]:
    folder = tmp_path_factory.mktemp("samples")
    found = {}
    for name, write in SAMPLES.items():
        (folder / name).mkdir()
        found[name] = look(write(folder / name), words=False)
    return found


@pytest.mark.parametrize("purpose", MEANINGS)
@pytest.mark.parametrize("name", SAMPLES)
def test_proposals_read_without_a_lint_and_find_nothing_wrong_with_their_data(
    facts_of: dict[str, Facts], name: str, purpose: Purpose
) -> None:
    facts = facts_of[name]
    if purpose == "denoise" and name in NO_NOISE:
        with pytest.raises(UsageError, match="no one noise suits them all"):
            proposals(facts, purpose)
        return
    found = proposals(facts, purpose, name="fit", seed=3)
    assert len({each.name for each in found}) == len(found) >= 2
    for each in found:
        spec, lints = check(tomllib.loads(each.text(["head"])))
        assert lints == [], each.text()
        assert (spec.run, spec.training.seed) == (each.spec.run, 3)
        assert spec.input.shape == facts.shape
        assert not (spec.likelihood.tag() == "mse" and "kl" in spec.regularizers)
    shown = starter(facts, purpose, name="fit", seed=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data_findings = set_up(shown.spec).findings
    codes = [finding.code for finding in data_findings]
    assert codes == (["AZ714"] if name in COUNTS and purpose in ("anomaly", "generate") else []), data_findings


def test_every_statement_of_a_table_has_its_reason(facts_of: dict[str, Facts]) -> None:
    text = starter(facts_of["table with gaps"], "features", name="fit").text()
    for reason in (
        "standardized, so that each value counts as much as another",
        "of the values are missing",
        "it can be PCA, and bend where the samples do",
        "principal components have 90% of the variance",
    ):
        assert reason in " ".join(line.removeprefix("# ") for line in text.splitlines())


def test_a_code_is_as_wide_as_samples_and_purpose_ask(facts_of: dict[str, Facts]) -> None:
    vectors = facts_of["vectors"]  # of three dimensions, linear
    assert code_width(vectors, "compress")[0] == 3
    assert 2 <= code_width(vectors, "features")[0] <= 3
    assert code_width(vectors, "anomaly")[0] == 11  # all but one of twelve values
    assert code_width(facts_of["vectors of bytes"], "compress")[0] == 6  # no structure: half of them
    for each in proposals(vectors, "features", width=2):
        assert flat(each.spec.code_shape) == 2


@pytest.mark.parametrize("width", [0, 12, 100])
def test_a_width_that_is_none_is_refused(facts_of: dict[str, Facts], width: int) -> None:
    with pytest.raises(UsageError, match=f"--width {width}: a code of 12 values has 1 to 11"):
        proposals(facts_of["vectors"], "features", width=width)


def test_bits_have_a_density_of_bits(facts_of: dict[str, Facts]) -> None:
    for name in ("bits", "binary images"):
        assert {each.spec.likelihood.tag() for each in proposals(facts_of[name], "anomaly")} == {"bernoulli"}
    assert {each.spec.likelihood.tag() for each in proposals(facts_of["signals"], "anomaly")} == {"gaussian"}


def test_words_get_a_density_for_classes(tmp_path: Path) -> None:
    pytest.importorskip("aezoo_tables")
    facts = look(SAMPLES["table with words"](tmp_path), words=True)
    for purpose in ("features", "anomaly", "compress", "generate"):
        for each in proposals(facts, purpose):
            spec, lints = check(tomllib.loads(each.text()))
            assert lints == []
            assert spec.likelihood.tag() == "tables:mixed"
