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


def known(mean, logvar):
    """A Gaussian latent whose map gives these numbers, whatever its input."""
    project = nn.Linear(1, 2 * len(mean))
    with torch.no_grad():
        project.weight.zero_()
        project.bias.copy_(torch.tensor([*mean, *logvar]))
    return Gaussian(project)


def test_the_first_half_of_the_map_is_the_mean_and_the_second_the_log_variance():
    code = known([1.0, 2.0], [0.0, 0.5])(torch.zeros(3, 1))
    assert code.mean.tolist() == [[1.0, 2.0]] * 3
    assert code.logvar.tolist() == [[0.0, 0.5]] * 3


def test_a_draw_is_the_mean_and_the_deviation_times_the_generators_noise():
    latent, h = known([1.0, -2.0], [1.0, -3.0]), torch.zeros(4, 1)
    noise = torch.randn(4, 2, generator=torch.Generator().manual_seed(7))
    expected = torch.tensor([1.0, -2.0]) + torch.tensor([0.5, -1.5]).exp() * noise
    torch.testing.assert_close(latent(h, torch.Generator().manual_seed(7)).z, expected)


@pytest.mark.parametrize(("logvar", "clamped"), [(-31.0, -30.0), (-29.0, -29.0), (19.0, 19.0), (21.0, 20.0)])
def test_a_log_variance_is_clamped_to_the_bounds_that_are_set(logvar, clamped):
    from aezoo.builtins.latents import GaussianLatentSpec

    latent = GaussianLatentSpec(dim=1, logvar="per_dim", logvar_range=(-30.0, 20.0)).build((3,))
    with torch.no_grad():
        latent.logvar.fill_(logvar)
    assert latent(torch.zeros(1, 3)).logvar.item() == clamped


@pytest.mark.parametrize("bounds", [(20.0, -30.0), (1.0, 1.0), (-81.0, 0.0), (0.0, 81.0)])
def test_bounds_of_a_log_variance_are_an_interval_whose_variances_float32_can_hold(bounds):
    from aezoo.builtins.latents import GaussianLatentSpec

    with pytest.raises(ValueError, match=r"logvar_range takes the lower end first, within \[-80, 80\]"):
        GaussianLatentSpec(dim=1, logvar_range=bounds)


@pytest.mark.parametrize(("logvar", "clamped"), [(-11.0, -10.0), (-9.5, -9.5), (9.5, 9.5), (11.0, 10.0)])
def test_a_log_variance_is_clamped_between_minus_ten_and_ten_and_has_no_gradient_outside(logvar, clamped):
    latent = known([0.0], [logvar])
    code = latent(torch.zeros(1, 1))
    assert code.logvar.item() == clamped
    code.logvar.sum().backward()
    assert latent.project.bias.grad.tolist() == [0.0, float(logvar == clamped)]


def test_a_spatial_gaussian_splits_its_channels():
    project = projection((3, 5), 4, spatial=True)
    latent, h = Gaussian(project), torch.randn(2, 3, 5)
    code, both = latent(h), project(h)
    assert code.mean.equal(both[:, :2])
    assert code.logvar.equal(both[:, 2:])
    assert project.kernel_size == (1,)


def test_a_shared_log_variance_takes_part_in_the_draw():
    latent = Gaussian(nn.Identity(), shared=(2,))
    with torch.no_grad():
        latent.logvar.copy_(torch.tensor([1.0, 20.0]))
    code = latent(torch.zeros(3, 2), torch.Generator().manual_seed(7))
    noise = torch.randn(3, 2, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(code.z, noise * torch.tensor([0.5, 5.0]).exp())
    assert code.logvar.tolist() == [[1.0, 10.0]] * 3


def test_a_deterministic_code_is_the_activation_of_its_map():
    project, h = nn.Linear(6, 3), torch.randn(4, 2, 3)
    code = Deterministic(project, nn.Tanh())(h)
    assert code.pre.equal(project(h.flatten(1)))
    assert code.z.equal(code.pre.tanh())
    plain = Deterministic(project, nn.Identity())(h)
    assert plain.z.equal(plain.pre)


def test_topk_takes_features_of_any_shape_and_keeps_what_it_selected_from():
    project, h = nn.Linear(6, 5), torch.randn(4, 2, 3)
    code = TopK(project, k=2)(h)
    assert code.pre.equal(project(h.flatten(1)))
    assert ((code.z != 0).sum(1) == (code.pre > 0).sum(1).clamp_max(2)).all()
