"""What is wrong with a spec's fields is reported where it stands, with what to write instead."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

import aezoo
from aezoo.builtins.regularizers import L1Spec
from aezoo.errors import SpecError
from aezoo.reading.reader import check
from aezoo.spec.document import Spec

TINY = {"name": "tiny", "input": [8], "latent": {"type": "deterministic", "dim": 2}}
SEEN = {"seen": {"shape": [8]}, "label": {"classes": 3}, "after": {"shape": [3]}}


def read(**written: Any) -> Spec:
    return check({**TINY, **written})[0]


@pytest.mark.parametrize(
    ("written", "code", "place", "hint"),
    [
        ({"mask": "fields.sen"}, "AZ531", "mask", "did you mean 'fields.seen'?"),
        ({"mask": "seen"}, "AZ531", "mask", "write fields.seen"),
        ({"target": "fields.x9"}, "AZ531", "target", "declare it: fields.x9 = {shape = [...]}, or {classes = ...}"),
        (
            {"input": {"shape": [8], "observed": "fields.known9"}},
            "AZ531",
            "input.observed",
            "declare it: fields.known9",
        ),
        ({"corruption": [{"type": "hide", "on": "fields.seem"}]}, "AZ531", "corruption[0].on", "'fields.seen'"),
        ({"mask": "fields.label"}, "AZ532", "mask", "fields.label = {shape = [3]}"),
        ({"target": "fields.label"}, "AZ532", "target", "fields.label = {shape = [3]}"),
        ({"mask": "fields.after"}, "AZ532", "mask", "fields.after.shape = [8]"),
        ({"mask": "fields.seen", "target": "fields.after"}, "AZ532", "mask", "fields.seen.shape = [3]"),
        ({"corruption": [{"type": "hide", "on": "fields.after"}]}, "AZ532", "corruption[0].on", "shape = [8]"),
        ({"data": {"type": "gaussian", "eigenvalues": [1.0] * 8}}, "AZ533", "data", "leave fields."),
        ({"mask": "fields.seen", "likelihood": "gaussian"}, "AZ534", "mask", 'variance = "learned"'),
        ({"regularizers": {"l1": {"on": "fields.label"}}}, "AZ502", "regularizers.l1.on", 'on = "latent"'),
        ({"regularizers": {"l1": {"on": "fields.labl"}}}, "AZ502", "regularizers.l1.on", "'fields.label'"),
    ],
)
def test_a_fault_of_a_field_has_a_place_and_a_cure(written: Any, code: str, place: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(fields=SEEN, **written)
    assert {(fault.code, fault.place) for fault in caught.value.faults} == {(code, place)}
    assert all(hint in fault.hint for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({}, "takes either classes or a shape"),
        ({"classes": 3, "shape": [2]}, "takes either classes or a shape"),
        ({"shape": []}, "one to four positive axes"),
        ({"shape": [2], "range": [1, 0]}, "lower end first"),
        ({"classes": 3, "range": [0, 2]}, "classes have no range"),
    ],
)
def test_a_field_is_one_of_two(field: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        read(fields={"mine": field})


def test_a_name_is_one_that_a_tap_can_have() -> None:
    with pytest.raises(SpecError, match="takes letters, digits and _"):
        read(fields={"my label": {"classes": 3}})


def test_the_decoder_and_the_likelihood_are_of_the_targets_shape() -> None:
    spec = read(fields=SEEN, target="fields.after")
    assert spec.target_shape == spec.raw_shape == spec.decoder_shapes[-1] == spec.taps["output"] == (3,)
    assert spec.taps["fields.after"] == (3,)
    assert spec.taps["fields.label"] == ()
    with pytest.raises(SpecError) as caught:
        read(fields=SEEN, target="fields.after", decoder=[{"type": "linear", "features": 8}])
    assert caught.value.faults[0].code == "AZ406"


def test_a_likelihood_of_an_interval_asks_the_target_for_it() -> None:
    with pytest.raises(SpecError, match="AZ519"):
        read(fields=SEEN, target="fields.after", likelihood="bernoulli")
    after = {"after": {"shape": [3], "range": [0, 1]}}
    assert read(fields=after, target="fields.after", likelihood="bernoulli").target_range == (0, 1)


def test_a_penalty_that_reads_classes_may() -> None:
    class Reads(L1Spec):
        reads_classes: ClassVar[bool] = True

    spec = read(fields=SEEN).model_copy(update={"regularizers": {"l1": Reads(on="fields.label")}})
    assert not [fault for fault in aezoo.reading.checks.examine(spec) if fault.code == "AZ502"]


def test_gaps_that_a_spec_would_take_for_values_are_told_of() -> None:
    data = {"type": "arrays", "path": "a.npy", "missing": "mask"}
    fields = {"observed": {"shape": [8]}}
    (lint,) = check({**TINY, "fields": fields, "data": data})[1]
    assert lint.hint == 'mask = "fields.observed"'
    standardized = {"shape": [8], "normalize": "standardize"}
    with pytest.raises(SpecError) as caught:
        read(input=standardized, fields=fields, data=data, mask="fields.observed")
    assert caught.value.faults[0].hint == 'input.observed = "fields.observed"'
    observed = {**standardized, "observed": "fields.observed"}
    assert check({**TINY, "input": observed, "fields": fields, "data": data, "mask": "fields.observed"})[1] == []


def test_what_a_spec_does_not_say_changes_no_document_and_no_fingerprint() -> None:
    spec = read()
    assert not {"fields", "target", "mask"} & spec.document().keys()
    assert "observed" not in spec.document()["input"]
    labelled = read(fields={"label": {"classes": 3}})
    assert labelled.arch == spec.arch  # no weight depends on a field that nothing reads
    assert labelled.run != spec.run
    assert read(fields=SEEN, target="fields.after").arch != spec.arch


def test_a_document_with_fields_is_read_as_it_was_written() -> None:
    spec = read(fields=SEEN, target="fields.after", corruption=[{"type": "hide", "on": "fields.seen"}])
    assert aezoo.read(spec.document()) == spec


def test_the_limits_hold_for_a_field() -> None:
    with pytest.raises(SpecError, match=r"AZ604.*fields.mine"):
        read(fields={"mine": {"shape": [100_000, 100_000]}})
