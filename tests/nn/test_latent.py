import pytest
import torch
from torch import nn

from aezoo.nn.latent import Deterministic, Gaussian, TopK, projection


def test_without_a_generator_a_gaussian_gives_its_mean():
    code = Gaussian(nn.Linear(4, 6))(torch.randn(5, 4))
    assert code.z.equal(code.mean)
    assert code.logvar.shape == (5, 3)


def test_a_gaussian_draws_with_the_mean_and_variance_it_says():
    latent = Gaussian(nn.Linear(2, 4))
    h = torch.tensor([[1.0, -2.0]]).expand(40_000, 2)
    code = latent(h, torch.Generator().manual_seed(0))
    std = (code.logvar[0] / 2).exp()
    # 4 standard errors of a mean and of a standard deviation of 40,000 draws
    assert ((code.z.mean(0) - code.mean[0]).abs() < 4 * std / 200).all()
    assert ((code.z.std(0) / std - 1).abs() < 4 / (200 * 2**0.5)).all()


def test_the_same_generator_gives_the_same_code():
    latent, h = Gaussian(nn.Linear(2, 4)), torch.randn(5, 2)
    first, second = (latent(h, torch.Generator().manual_seed(3)).z for _ in range(2))
    assert first.equal(second)


def test_the_log_variance_stays_in_its_range():
    latent = Gaussian(nn.Linear(1, 2))
    h = torch.tensor([[1e6], [-1e6]])
    assert latent(h).logvar.abs().max() <= 10


def test_a_shared_log_variance_is_one_parameter_per_value():
    latent = Gaussian(projection((3, 4, 4), 2, spatial=True), shared=(2, 1, 1))
    code = latent(torch.randn(5, 3, 4, 4))
    assert latent.logvar.shape == (2, 1, 1)
    assert code.logvar.shape == code.mean.shape == (5, 2, 4, 4)
    assert code.logvar.unique().tolist() == [0.0]


@pytest.mark.parametrize("shape", [(3, 5), (3, 4, 4), (3, 2, 2, 2)])
def test_a_spatial_projection_keeps_the_grid(shape):
    assert projection(shape, 2, spatial=True)(torch.randn(1, *shape)).shape == (1, 2, *shape[1:])


def test_a_flat_code_flattens_features_of_any_shape():
    latent = Deterministic(projection((3, 4, 4), 2, spatial=False), nn.Sigmoid())
    code = latent(torch.randn(5, 3, 4, 4))
    assert code.z.shape == (5, 2)
    torch.testing.assert_close(code.z, code.pre.sigmoid())


def test_topk_keeps_the_largest_and_zeroes_the_rest():
    project = nn.Linear(4, 4, bias=False)
    nn.init.eye_(project.weight)
    code = TopK(project, k=2)(torch.tensor([[1.0, 4.0, 3.0, 2.0], [-1.0, -2.0, 5.0, -3.0]]))
    assert code.z.tolist() == [[0.0, 4.0, 3.0, 0.0], [0.0, 0.0, 5.0, 0.0]]


@pytest.mark.parametrize("k", [1, 3, 8])
def test_topk_has_at_most_k_active_units(k):
    code = TopK(nn.Linear(6, 8), k=k)(torch.randn(50, 6))
    assert (code.z != 0).sum(1).max() <= k
    assert (code.z >= 0).all()
    assert (code.z == code.pre)[code.z != 0].all()
