"""Discrete codes: what a latent says of them is enough to give, take and check them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

import aezoo
from aezoo.data.indices import Indices
from aezoo.errors import DataError, SpecError, UsageError
from aezoo.model import Model
from aezoo.plugin import LatentSpec, LayerSpec, Shape, Style, dense, flat
from aezoo.spec.samples import Samples
from tests.registries import registry_with


class RoundedCode(NamedTuple):
    z: Tensor
    digits: Tensor


class Rounded(nn.Module):
    """Each value to 0, 1 or 2."""

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, dim)

    def forward(self, h: Tensor, generator: Generator | None = None) -> RoundedCode:
        digits = (3 * self.project(h.flatten(1)).sigmoid()).long().clamp(0, 2)
        return RoundedCode(self.embed(digits), digits)

    def embed(self, indices: Tensor) -> Tensor:
        return indices.to(self.project.weight.dtype) - 1


class RoundedSpec(LatentSpec):
    """Three levels."""

    type: Literal["rounded"] = "rounded"
    provides: ClassVar[frozenset[str]] = frozenset({"digits"})
    quantized: ClassVar[bool] = True
    discrete: ClassVar[str] = "digits"

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def alphabet(self) -> int:
        return 3

    def parameters(self, shape: Shape) -> int:
        return (flat(shape) + 1) * self.dim

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return dense(shape, style)

    def build(self, shape: Shape) -> nn.Module:
        return Rounded(flat(shape), self.dim)


def rounded(**changes: Any) -> Model:
    registry = registry_with(RoundedSpec, namespace="odd")
    spec = {"name": "tiny", "input": [1, 2, 2], "latent": {"type": "odd:rounded", "dim": 4}, **changes}
    return aezoo.build(aezoo.read(spec, registry=registry), seed=0)


def images(n: int = 5) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).random((n, 1, 2, 2), np.float32)


def test_indices_are_whole_numbers_that_decode_as_their_code_does() -> None:
    model, x = rounded(), images()
    digits = model.encode(x, what="digits")
    assert digits.dtype == np.int64
    assert digits.shape == (5, 4)
    np.testing.assert_array_equal(model.decode(digits), model.decode(model.encode(x)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64])
def test_any_type_of_whole_number_names_a_code(dtype: type[np.generic]) -> None:
    model, x = rounded(), images()
    digits = model.encode(x, what="digits")
    np.testing.assert_array_equal(model.decode(digits.astype(dtype)), model.decode(digits))


def test_one_sample_a_tensor_and_a_file_are_taken_as_codes_are(tmp_path: Any) -> None:
    model, x = rounded(), images()
    digits = model.encode(x, what="digits")
    decoded = model.decode(digits)
    np.testing.assert_allclose(model.decode(digits[0]), decoded[0], atol=1e-6)
    tensor = model.decode(torch.from_numpy(digits))
    assert isinstance(tensor, Tensor)
    np.testing.assert_array_equal(tensor.numpy(), decoded)
    np.save(tmp_path / "digits.npy", digits)
    np.testing.assert_array_equal(model.decode(tmp_path / "digits.npy"), decoded)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_an_index_without_a_code_is_refused_with_its_value(wrong: int) -> None:
    digits = np.full((2, 4), 1)
    digits[1, 2] = wrong
    with pytest.raises(DataError, match=f"index {wrong} names no code: they go from 0 to 2"):
        rounded().decode(digits)


def test_indices_of_another_shape_are_refused_with_both_shapes() -> None:
    with pytest.raises(DataError, match="indices are 3, the model's are 4"):
        rounded().decode(np.ones((2, 3), np.int64))


def test_floating_codes_are_still_codes() -> None:
    model = rounded()
    np.testing.assert_array_equal(model.decode(np.zeros((2, 4), np.float32)), model.decode(np.ones((2, 4), np.int64)))


def test_whole_numbers_are_no_code_of_a_latent_without_one() -> None:
    model = rounded(latent={"type": "deterministic", "dim": 2})
    with pytest.raises(DataError, match="codes take finite floating values, got int64"):
        model.decode(np.ones((2, 2), np.int64))


def test_any_field_of_the_code_can_be_had() -> None:
    model = rounded(latent={"type": "gaussian", "dim": 2}, regularizers={"kl": {}})
    x = images()
    np.testing.assert_array_equal(model.encode(x, what="mean"), model.encode(x))
    assert model.encode(x, what="logvar").shape == (5, 2)


def test_a_field_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="latent 'odd:rounded' provides no 'digit'") as caught:
        rounded().encode(images(), what="digit")
    assert "digits" in caught.value.hint


def test_a_penalty_of_the_indices_is_refused() -> None:
    with pytest.raises(SpecError, match="'digits' are names of codes, not sizes"):
        rounded(regularizers={"l2": {"on": "digits"}})


def test_one_sample_of_indices_is_a_batch_of_its_own() -> None:
    samples = Samples(np.array([[1, 0], [2, 1], [0, 2]]), "made up")
    spec: Any = SimpleNamespace(
        latent=SimpleNamespace(tap_shape=lambda field, shape: (2,), alphabet=lambda: 3, discrete="indices"),
        feature_shape=(4,),
    )
    indices = Indices(samples, spec, device=torch.device("cpu"))
    assert indices.row(1).x.tolist() == [[2, 1]]
    assert [batch.x.tolist() for batch in indices.sequential(2)] == [[[1, 0], [2, 1]], [[0, 2]]]
    assert len(indices) == 3
