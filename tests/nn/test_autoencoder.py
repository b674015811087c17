"""The normalizer on known numbers, and a pass through a model whose maps are known."""

from __future__ import annotations

import math
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from aezoo.errors import DataWarning
from aezoo.nn.autoencoder import Autoencoder, Normalizer
from aezoo.nn.latent import Deterministic, Gaussian
from aezoo.nn.likelihood import SquaredError


def fitted(values: torch.Tensor) -> Normalizer:
    normalizer = Normalizer(values.shape[1:]).to(values.dtype)
    normalizer.fit(values)
    return normalizer


def test_each_feature_of_a_vector_gets_its_own_mean_and_its_deviation_over_all_samples():
    # Means 2 and 20; squared distances 1, 1, 4 and 0 of the first: 6 / 4, over N and not N - 1.
    normalizer = fitted(torch.tensor([[1.0, 10.0], [3.0, 20.0], [4.0, 20.0], [0.0, 30.0]]).double())
    assert normalizer.shift.tolist() == pytest.approx([2.0, 20.0], rel=1e-15)
    assert normalizer.scale.tolist() == pytest.approx([math.sqrt(10 / 4), math.sqrt(200 / 4)], rel=1e-12)


def test_each_channel_of_an_image_gets_one_mean_and_one_deviation():
    first, second = torch.arange(8.0).double().view(2, 1, 2, 2), torch.full((2, 1, 2, 2), 5.0).double()
    second[0, 0, 1, 1] = 13.0
    normalizer = fitted(torch.cat([first, second], dim=1))
    assert normalizer.shift.flatten().tolist() == [3.5, 6.0]
    # Of 0..7: (8^2 - 1) / 12; of seven fives and a thirteen: (7 * 1 + 49) / 8.
    assert normalizer.scale.flatten().tolist() == pytest.approx([math.sqrt(63 / 12), math.sqrt(7)], rel=1e-12)
    assert normalizer.shift.shape == normalizer.scale.shape == (2, 1, 1)


def test_a_constant_feature_keeps_scale_one():
    normalizer = fitted(torch.tensor([[0.1, 1e-3], [0.1, 2e-3], [0.1, 3e-3]]))
    assert normalizer.scale[0].item() == 1
    assert normalizer.scale[1].item() == pytest.approx(1e-3 * math.sqrt(2 / 3), rel=1e-4)


EPS = torch.finfo(torch.float64).eps


@pytest.mark.parametrize(
    ("mean", "deviation", "constant"),
    [
        (0.0, EPS, False),
        (0.0, 1e-300, False),
        (8192.0 + 4096.0, 8192 * EPS, True),  # the next number there is 8192 EPS away
        (-8192.0 - 4096.0, 8192 * EPS, True),
        (-8192.0 - 4096.0, 2 * 8192 * EPS, False),
    ],
)
def test_a_feature_is_constant_where_it_varies_by_no_more_than_rounding(mean, deviation, constant):
    values = torch.tensor([[mean - deviation], [mean + deviation]], dtype=torch.float64)
    with pytest.warns(DataWarning, match="rounding") if constant else nullcontext():
        normalizer = fitted(values)
    assert normalizer.scale.item() == pytest.approx(1 if constant else deviation, rel=1e-9)


def test_normalized_values_come_back():
    values = torch.tensor([[1.0, 10.0], [3.0, 20.0], [4.0, 20.0], [0.0, 30.0]]).double()
    normalizer = fitted(values)
    normal = normalizer(values)
    torch.testing.assert_close(normal.mean(0), torch.zeros(2).double())
    torch.testing.assert_close(normal.std(0, correction=0), torch.ones(2).double())
    torch.testing.assert_close(normalizer.inverse(normal), values)


def test_before_the_fit_a_normalizer_changes_nothing():
    x = torch.randn(3, 2, 4)
    assert Normalizer((2, 4))(x).equal(x)
    assert Normalizer((2, 4)).inverse(x).equal(x)


class Plus(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.value


def model(latent: nn.Module, *, point: str = "z", standardize: bool = False) -> Autoencoder:
    """x -> (x + 1) * 2 -> latent -> (z + 3) * 2"""
    return Autoencoder(
        input_shape=(2,),
        encoder=[Plus(1), Doubled()],
        latent=latent,
        decoder=[Plus(3), Doubled()],
        likelihood=SquaredError(),
        point=point,
        standardize=standardize,
    )


class Doubled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


def identity() -> nn.Module:
    return Deterministic(nn.Identity(), nn.Identity())


X = torch.tensor([[1.0, -2.0], [0.5, 3.0], [4.0, 0.0]])


def test_layers_are_applied_in_order_and_the_taps_hold_what_each_gives():
    out = model(identity())(X, taps={"encoder.0", "decoder.0", "decoder.1"})
    code = 2 * (X + 1)
    assert out.code.z.equal(code)
    assert out.raw.equal(2 * (code + 3))
    assert set(out.taps) == {"encoder.0", "decoder.0", "decoder.1"}
    assert out.tap("encoder.0").equal(X + 1)
    assert out.tap("decoder.0").equal(code + 3)
    assert out.tap("decoder.1").equal(out.raw)


@pytest.mark.parametrize("taps", [(), ("encoder.0",)])
def test_a_corrupted_pass_encodes_what_is_corrupted_and_compares_with_what_is_clean(taps):
    noisy = X + 10
    out = model(identity())(X, noisy, taps=taps)
    assert out.x is X
    assert out.corrupted is noisy
    assert out.tap("input.clean") is X
    assert out.tap("input.corrupted") is noisy
    assert out.code.z.equal(2 * (noisy + 1))
    assert out.tap("output").equal(out.raw)


@pytest.mark.parametrize("taps", [(), ("encoder.0",)])
def test_a_standardizing_model_normalizes_on_the_way_in_and_back_on_the_way_out(taps):
    network = model(identity(), standardize=True)
    network.normalizer.fit(X)
    normal = network.normalizer(X)
    noisy = X + 10
    out = network(X, noisy, taps=taps)
    assert out.x.equal(normal)
    assert out.corrupted.equal(network.normalizer(noisy))
    assert out.code.z.equal(2 * (network.normalizer(noisy) + 1))
    assert network.encode(X).z.equal(2 * (normal + 1))
    assert network.code_of(normal).equal(2 * (normal + 1))
    z = torch.ones(1, 2)
    torch.testing.assert_close(network.decode(z), 8 * network.normalizer.scale[None] + network.normalizer.shift[None])
    clean = network(X, taps=taps)
    assert clean.corrupted.equal(normal)


@pytest.mark.parametrize("taps", [(), ("encoder.0",)])
def test_the_code_of_a_posterior_is_its_mean_and_is_drawn_with_a_generator_alone(taps):
    network = model(Gaussian(nn.Identity(), shared=(2,)), point="mean")
    mean = 2 * (X + 1)
    assert network.encode(X).z.equal(mean)
    assert network.code_of(X).equal(mean)
    noise = torch.randn(3, 2, generator=torch.Generator().manual_seed(4))
    out = network(X, generator=torch.Generator().manual_seed(4), taps=taps)
    torch.testing.assert_close(out.code.z, mean + noise, rtol=0, atol=1e-6)
    assert out.tap("latent").equal(mean)
    assert out.tap("logvar").equal(torch.zeros(3, 2))
    torch.testing.assert_close(network.encode(X, torch.Generator().manual_seed(4)).z, mean + noise)
