"""Normalizer: what it makes of features of any scale."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
import torch

from aezoo.errors import DataError, DataWarning
from aezoo.nn.autoencoder import Normalizer

Z = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
FLOAT32, FLOAT64 = torch.float32, torch.float64


@pytest.fixture(autouse=True, params=[False, True])
def flushing(request: pytest.FixtureRequest) -> Iterator[None]:
    """With and without denormals, as in and outside of a run."""
    torch.set_flush_denormal(request.param)
    yield
    torch.set_flush_denormal(False)


def fitted(x: torch.Tensor) -> tuple[Normalizer, list[str]]:
    """A normalizer of these samples, and what it warned of."""
    normalizer = Normalizer(x.shape[1:]).to(x.dtype)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        normalizer.fit(x)
    assert all(each.category is DataWarning for each in seen)
    return normalizer, [str(each.message) for each in seen]


@pytest.mark.parametrize(
    ("offset", "scale", "dtype"),
    [
        (0, 1, FLOAT32), (0, 1e-9, FLOAT32), (0, 1e-30, FLOAT32), (0, 1e-35, FLOAT32), (0, 1e30, FLOAT32),
        (0, 3e37, FLOAT32), (1, 1e-3, FLOAT32), (-5e-9, 1e-9, FLOAT32), (1e6, 1e2, FLOAT32),
        (1e6, 1e-3, FLOAT64), (1e9, 1e-3, FLOAT64), (0, 1e-200, FLOAT64), (0, 1e200, FLOAT64),
    ],
)  # fmt: skip
def test_a_feature_that_varies_gets_zero_mean_and_unit_variance_at_any_scale(
    offset: float, scale: float, dtype: torch.dtype
) -> None:
    x = (offset + scale * Z).to(dtype)
    normalizer, messages = fitted(x)
    assert messages == []
    y = normalizer(x).double()
    # The mean of 1e6 +- 1e2 is stored in float32, to 0.06 at best.
    assert abs(y.mean().item()) < 1e-3
    assert y.std(correction=0).item() == pytest.approx(1, rel=1e-3)
    torch.testing.assert_close(normalizer.inverse(normalizer(x)), x, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0, 1e6, 1e30, 3.4e38, 1e-30])
def test_a_constant_feature_keeps_scale_1_and_becomes_zero(value: float) -> None:
    x = torch.full((1000, 1), value)
    normalizer, messages = fitted(x)
    assert messages == []
    assert normalizer.scale.item() == 1
    assert not normalizer(x).any()


def test_features_are_fitted_each_for_itself_and_channels_over_all_positions() -> None:
    scales = torch.tensor([1e-9, 1.0, 1e9])
    normalizer, _ = fitted((Z.float() * scales) + scales)
    torch.testing.assert_close(normalizer.scale / scales, torch.ones(3), rtol=0.05, atol=0)
    torch.testing.assert_close(normalizer.shift / scales, torch.ones(3), rtol=0.05, atol=0)
    normalizer, _ = fitted(torch.tensor([[[1.0, 3.0], [5.0, 5.0]], [[1.0, 3.0], [5.0, 5.0]]]))
    assert normalizer.shift.flatten().tolist() == [2, 5]
    assert normalizer.scale.flatten().tolist() == [1, 1]


def test_a_feature_that_varies_by_rounding_alone_is_named_and_not_scaled() -> None:
    x = torch.tensor([[1.0, 1e9], [2.0, 1e9 + 64], [3.0, 1e9]])
    normalizer, messages = fitted(x)
    assert normalizer.scale.tolist()[1] == 1
    assert "features 1 (counted from 0) vary by no more than rounding" in messages[0]
    assert "float64" in messages[0]


def test_a_feature_that_spans_more_than_a_float_holds_is_refused_by_its_number() -> None:
    x = torch.tensor([[0.0, -3.4e38], [1.0, 3.4e38], [2.0, 3.4e38]])
    with pytest.raises(DataError, match=r"feature 1 .counted from 0. spans more than float32 can hold"):
        fitted(x)


@pytest.mark.parametrize(("count", "shown"), [(8, "0, 1, 2, 3, 4, 5, 6, 7"), (9, "0, 1, 2, 3, 4, 5, 6, 7 and 1 more")])
def test_eight_features_that_are_not_scaled_are_named(count: int, shown: str) -> None:
    near = torch.full((4, count), 1e6)
    near[0] = torch.nextafter(near[0], torch.tensor(torch.inf))
    (message,) = fitted(near)[1]
    assert message.startswith(f"features {shown} (counted from 0)")


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
def test_a_feature_that_spans_just_what_its_type_can_hold_is_taken(dtype: torch.dtype) -> None:
    largest = torch.finfo(dtype).max
    assert fitted(torch.tensor([[largest], [-largest]], dtype=dtype))[1] == []


def test_features_that_are_kept_stay_as_they_are():
    x = torch.tensor([[1.0, 5.0, 2.0], [3.0, 7.0, 2.0]])
    normalizer = Normalizer((3,))
    normalizer.fit(x, kept=[False, True, False])
    torch.testing.assert_close(normalizer(x), torch.tensor([[-1.0, 5.0, 0.0], [1.0, 7.0, 0.0]]))
    torch.testing.assert_close(normalizer.inverse(normalizer(x)), x)
