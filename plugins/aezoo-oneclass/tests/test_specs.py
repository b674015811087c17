"""Specs drawn around the objective are valid, have no decoder, and read back as they were."""

from __future__ import annotations

from typing import Any

from aezoo_oneclass.parts import SVDDSpec
from hypothesis import HealthCheck, given, settings

from aezoo.reading.reader import check
from aezoo.testing import specs


# Most encoders that are drawn have biases, which the objective refuses.
@settings(max_examples=10, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(specs(containing=SVDDSpec))
def test_specs_with_the_objective_have_no_decoder(document: dict[str, Any]) -> None:
    spec, _ = check(document)
    assert not spec.reconstructs
    assert check(spec.document())[0] == spec
