"""Values: what is refused, what is warned of, and what float32 loses."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from aezoo.data import values
from aezoo.data.sources import check, open_samples
from aezoo.data.values import warn_of_precision
from aezoo.errors import DataError, DataWarning
from aezoo.spec.document import InputSpec
from aezoo.spec.domain import Domain
from aezoo.spec.fields import FieldSpec
from aezoo.spec.samples import Samples


def spec_of(shape: tuple[int, ...] = (4,), *, precision: str = "float32", **fields: Any) -> Any:
    """As much of a spec as values are concerned with."""
    fields = {"kind": "tabular", **fields}
    return SimpleNamespace(
        input=InputSpec(shape=shape, **fields),
        data=None,
        training=SimpleNamespace(precision=precision),
        fields={},
        mask=None,
        target=None,
        input_domains=(),
    )


def warnings_of(array: np.ndarray, spec: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warn_of_precision(Samples(array, "mine"), spec)
    assert all(each.category is DataWarning for each in seen)
    return [str(each.message) for each in seen]


# --- beyond float32 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1e39, -1e39, 3.5e38, 1e300])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_value_beyond_float32_is_refused_by_sample_position_and_value(value: float, precision: str) -> None:
    array = np.zeros((9, 4))
    array[7, 2] = value
    with pytest.raises(DataError) as caught:
        check(Samples(array, "mine"), spec_of(precision=precision))
    assert f"mine: sample 7, position [2]: {value} is beyond float32" in str(caught.value)
    assert "float64" in caught.value.hint
    check(Samples(array, "mine"), spec_of(precision="float64"))


def test_the_largest_float32_is_taken() -> None:
    check(Samples(np.full((2, 4), np.finfo(np.float32).max, np.float64), "mine"), spec_of())


def test_tensors_that_numpy_lacks_are_read_exactly_or_refused_in_words() -> None:
    for dtype in (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2):
        tensor = torch.tensor([[0.5, -1.75]]).to(dtype)
        assert open_samples(tensor, spec_of((2,))).values.tolist() == tensor.float().tolist()
    for tensor in (torch.eye(2).to_sparse(), torch.empty(2, 2, device="meta")):
        with pytest.raises(DataError, match="tensor: it is"):
            open_samples(tensor, spec_of((2,)))
    with pytest.raises(DataError, match="complex64"):
        check(open_samples(torch.zeros(2, 2, dtype=torch.complex64), spec_of((2,))), spec_of((2,)))


# --- what float32 loses --------------------------------------------------------------------------------

NORMAL = np.random.default_rng(0).normal(size=(200, 4))


@pytest.mark.parametrize(
    ("offset", "scale", "lost"),
    [
        (0, 1, False), (0, 1e-9, False), (0, 1e-30, False), (0, 1e15, False), (1e6, 1e3, False),
        (1e9, 1e5, False), (1e6, 1e-3, True), (1e9, 1, True), (1e9, 1e2, True), (-1e9, 1, True),
        (0, 1e-50, True), (0, 1e-40, True),
    ],
)  # fmt: skip
def test_columns_that_fall_together_in_float32_are_named(offset: float, scale: float, lost: bool) -> None:
    array = NORMAL.copy()
    array[:, 2] = offset + scale * array[:, 2]
    messages = warnings_of(array, spec_of())
    assert bool(messages) is lost
    assert all("column 2 (counted from 0)" in message and "float64" in message for message in messages)
    assert warnings_of(array, spec_of(precision="float64")) == []


def test_a_column_that_float32_flushes_to_zero_is_named_whether_it_is_flushed_or_not() -> None:
    array = NORMAL.astype(np.float32)
    array[:, 1] *= np.float32(1e-40)
    for flushed in (False, True):
        torch.set_flush_denormal(flushed)
        assert len(warnings_of(array, spec_of())) == 1


def test_constant_columns_and_channels_without_loss_are_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "_CHUNK", 7)
    array = NORMAL.copy()
    array[:, 0] = 1e9 + 0.3
    assert warnings_of(array, spec_of()) == []
    assert warnings_of(NORMAL.reshape(50, 2, 2, 4), spec_of((2, 2, 4), kind="image")) == []
    lost = NORMAL.reshape(50, 2, 2, 4) + np.array([0, 1e9]).reshape(1, 2, 1, 1)
    assert "channel 1" in warnings_of(lost, spec_of((2, 2, 4), kind="image"))[0]


def test_values_with_squares_beyond_float32_are_told_unless_they_are_standardized() -> None:
    array = (NORMAL * 1e25).astype(np.float32)
    assert "squares beyond float32" in warnings_of(array, spec_of())[0]
    assert warnings_of(array, spec_of(normalize="standardize")) == []


# --- hints ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "eight_bits"), [(0, 255, True), (3, 120, True), (0, 9, False), (0, 16, False), (-3, 255, False)]
)
def test_only_what_looks_like_eight_bits_is_taken_for_them(low: float, high: float, eight_bits: bool) -> None:
    array = np.linspace(low, high, 32, dtype=np.float32).reshape(2, 1, 4, 4)
    for widths in (0.0, 5.0):
        with pytest.raises(DataError) as caught:
            check(Samples(array, "mine"), spec_of((1, 4, 4), kind="image"), widths=widths)
        assert ("looks like 0..255" in caught.value.hint) is eight_bits
        assert "outside of [0, 1]" in str(caught.value)


@pytest.mark.parametrize(
    "array", [np.float64([[1e9, 0], [1e9 + 1e-3, 1]]), np.full((2, 2), 1e25)], ids=["lost", "large"]
)
def test_a_warning_of_precision_names_the_line_that_called_who_checks(array: np.ndarray) -> None:
    def checks() -> None:
        warn_of_precision(Samples(array, "mine"), spec_of((2,)))

    with pytest.warns(DataWarning) as seen:
        line, _ = sys._getframe().f_lineno, checks()
    assert {(each.filename, each.lineno) for each in seen} == {(__file__, line)}


@pytest.mark.parametrize(("bits", "lost"), [(0x007FFFFF, True), (0x00800000, False)])
def test_a_column_is_lost_where_its_largest_value_is_below_the_smallest_normal_number(bits: int, lost: bool) -> None:
    largest = np.uint32(bits).view(np.float32)
    array = np.array([[0.0, 1.0], [largest, 2.0]], np.float32)
    assert bool(warnings_of(array, spec_of((2,)))) is lost


# --- domains: what a part says that the values of a feature are ---------------------------------------------------


DOMAINS = [Domain(), Domain(0, 2, whole=True), Domain(0, whole=True)]


@pytest.mark.parametrize(
    ("row", "column", "bad", "message"),
    [
        (3, 1, 3.0, "feature 1 (counted from 0): 3 is not a whole number from 0 to 2"),
        (1, 1, 0.5, "feature 1 (counted from 0): 0.5 is not a whole number from 0 to 2"),
        (0, 2, -1.0, "feature 2 (counted from 0): -1 is not a whole number from 0"),
    ],
)
def test_a_value_that_a_part_does_not_take_is_refused_by_sample_and_feature(row, column, bad, message):
    array = np.tile(np.array([-7.5, 2.0, 900.0], np.float32), (5, 1))
    spec = spec_of((3,))
    spec.input_domains = (None, DOMAINS)
    check(Samples(array, "t"), spec)
    array[row, column] = bad
    array[4, column] = bad
    with pytest.raises(DataError) as caught:
        check(Samples(array, "t"), spec)
    assert str(caught.value).startswith(f"t: sample {row}, {message}, nor are 1 more")


def test_domains_judge_bytes_in_the_units_of_the_declared_range():
    spec = spec_of((3,), range=(0.0, 2.0))
    spec.input_domains = (DOMAINS,)
    check(Samples(np.array([[9, 255, 0]], np.uint8), "t"), spec)
    with pytest.raises(DataError, match=r"feature 1 .counted from 0.: 1.00392 is not a whole number"):
        check(Samples(np.array([[9, 128, 0]], np.uint8), "t"), spec)


def test_a_target_is_held_to_the_domains_of_the_likelihood():
    spec = spec_of((3,))
    spec.target, spec.target_domains, spec.fields = "fields.after", DOMAINS[1:2], {"after": FieldSpec(shape=(1,))}
    check(Samples(np.full((2, 3), 0.5), "t", fields={"after": np.array([[0.0], [2.0]])}), spec)
    with pytest.raises(DataError, match=r"sample 1, field 'after', feature 0 .counted from 0.: 3 is not a whole"):
        check(Samples(np.full((2, 3), 0.5), "t", fields={"after": np.array([[0.0], [3.0]])}), spec)
