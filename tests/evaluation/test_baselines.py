"""Baselines against closed forms: PCA loses the tail of the spectrum, the Wiener filter is the best linear answer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from aezoo.evaluation import baselines
from aezoo.evaluation.baselines import Batched, Linear, moments_of, pca, wiener
from aezoo.nn.corruption import Block, GaussianNoise, Mask, SaltAndPepper

EIGENVALUES = torch.tensor([4.0, 2.0, 1.0, 0.5, 0.1, 0.02], dtype=torch.float64)
D, N = 6, 400


@pytest.fixture(scope="module")
def x() -> Tensor:
    """Samples whose mean is not zero and whose covariance has exactly these eigenvalues, in a turned frame."""
    generator = torch.Generator().manual_seed(0)
    white = torch.randn(N, D, generator=generator, dtype=torch.float64)
    white = white - white.mean(dim=0)
    white = torch.linalg.qr(white).Q * N**0.5
    turn = torch.linalg.qr(torch.randn(D, D, generator=generator, dtype=torch.float64)).Q
    return (white * EIGENVALUES.sqrt()) @ turn + torch.arange(D)


def batched(x: Tensor, size: int = 150) -> Batched:
    return lambda: iter(x.split(size))


def error(filtered: Linear, x: Tensor, corrupted: Tensor) -> float:
    return (filtered.apply(corrupted) - x).square().flatten(1).sum(-1).mean().item()


# --- PCA -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 3, 5])
def test_pca_loses_the_tail_of_the_spectrum(x: Tensor, dim: int) -> None:
    assert error(pca(batched(x), dim), x, x) == pytest.approx(EIGENVALUES[dim:].sum().item(), rel=1e-9)


def test_a_constant_value_and_a_rank_below_the_width_are_no_trouble(x: Tensor) -> None:
    wide = torch.cat([x, torch.full((N, 1), 3.0), x[:, :1]], dim=1)
    assert error(pca(batched(wide), D), wide, wide) == pytest.approx(0.0, abs=1e-9)


def test_wide_samples_get_the_same_axes_by_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    decay = 0.9 ** torch.arange(60)
    images = (torch.randn(200, 60, generator=generator) * decay).reshape(200, 3, 4, 5)
    exact = error(pca(batched(images), 7), images, images)
    monkeypatch.setattr(baselines, "WIDEST", 10)
    assert not moments_of(batched(images)).full
    # The iteration converges as the ratio of neighbouring eigenvalues; 1e-4 is far below any score's last digit.
    assert error(pca(batched(images), 7), images, images) == pytest.approx(exact, rel=1e-4)


@pytest.fixture(scope="module")
def wide() -> Tensor:
    """Samples whose variances fall by 5 % from value to value, in float32, as data are, and in a turned frame."""
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(baselines.NARROW, baselines.NARROW, generator=generator)).Q
    return (torch.randn(900, baselines.NARROW, generator=generator) * 0.95 ** torch.arange(baselines.NARROW)) @ turn + 3


def test_axes_of_wide_samples_in_float32_have_the_errors_of_exact_ones_to_six_digits(wide: Tensor) -> None:
    fitted, others = wide[:600], wide[600:]
    exact = error(pca(batched(fitted), 8, moments=moments_of(batched(fitted))), others, others)
    rough = moments_of(batched(fitted), exact=False)
    assert rough.products == torch.float32
    assert baselines._in_float32(rough.covariance(), 8) is not None
    assert error(pca(batched(fitted), 8), others, others) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(
    "scale",
    [
        pytest.param(
            torch.cat([torch.tensor([1e4]), torch.ones(baselines.NARROW - 1)]), id="one value drowns the rest"
        ),
        pytest.param(torch.full((baselines.NARROW,), 1e25), id="squares leave float32"),
        pytest.param(torch.full((baselines.NARROW,), 1e-25), id="squares vanish"),
    ],
)
def test_where_float32_could_be_seen_the_axes_are_exact(wide: Tensor, scale: Tensor) -> None:
    x = (wide - 3) * scale
    assert baselines._in_float32(moments_of(batched(x), exact=False).covariance(), 8) is None
    exact = error(pca(batched(x), 8, moments=moments_of(batched(x))), x, x)
    assert error(pca(batched(x), 8), x, x) == exact


@pytest.mark.parametrize("dim", [1, 8, 20, 39])
def test_axes_of_fewer_samples_than_values_are_those_of_the_covariance(wide: Tensor, dim: int) -> None:
    few = torch.cat([wide[:20], wide[:20] + 1])  # of rank 20
    axes = baselines._leading(moments_of(batched(few)).covariance(), min(dim, 20))
    mean = few.double().mean(dim=0)
    exact = Linear(mean, mean, (axes, axes.T))
    others = wide[20:]
    assert error(pca(batched(few), dim), few, few) == pytest.approx(error(exact, few, few), rel=1e-9, abs=1e-9)
    if dim <= 20:
        assert error(pca(batched(few), dim), others, others) == pytest.approx(error(exact, others, others), rel=1e-9)


def test_axes_of_samples_that_are_all_alike_leave_no_error() -> None:
    x = torch.full((20, baselines.NARROW), 3.0)
    assert error(pca(batched(x), 8), x, x) == 0.0


# --- the Wiener filter -----------------------------------------------------------------------------------


def filtered(x: Tensor, *corruptions: nn.Module, shape: tuple[int, ...] = (D,)) -> Linear:
    linear = wiener(moments_of(batched(x)), corruptions, shape)
    assert linear is not None
    return linear


def test_gaussian_noise_leaves_the_classical_error(x: Tensor) -> None:
    variance = 0.49
    linear = filtered(x, GaussianNoise(0.7))
    gain = linear.maps[0]
    covariance = torch.cov(x.T, correction=0)
    expected = (EIGENVALUES * variance / (EIGENVALUES + variance)).sum().item()
    rest = torch.eye(D, dtype=torch.float64) - gain
    exact = (rest.T @ covariance @ rest).trace() + variance * gain.square().sum()
    assert exact.item() == pytest.approx(expected, rel=1e-7)


def test_masking_about_zero_has_the_known_optimum(x: Tensor) -> None:
    centred, p = x - x.mean(dim=0), 0.3
    covariance = torch.cov(x.T, correction=0)
    expected = torch.linalg.solve((1 - p) * covariance + p * covariance.diagonal().diag(), covariance)
    linear = filtered(centred, Mask(p))
    torch.testing.assert_close(linear.maps[0], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "corruptions",
    [
        [GaussianNoise((0.2, 1.0))],
        [Mask(0.4, value=2.0)],
        [Mask((0.1, 0.9), value=-1.0)],
        [Mask(0.3, per_pixel=True)],
        [SaltAndPepper(0.3, range=(-2.0, 6.0))],
        [SaltAndPepper((0.0, 0.6), range=(0.0, 1.0), per_pixel=True)],
        [Mask(0.2), GaussianNoise(0.5), SaltAndPepper(0.1, range=(-3.0, 3.0))],
    ],
    ids=["noise range", "mask", "mask range", "mask pixels", "salt", "salt range pixels", "chain"],
)
def test_the_moments_agree_with_what_the_corruption_does(x: Tensor, corruptions: list[nn.Module]) -> None:
    shape = (2, 3)
    clean = x.reshape(N, *shape).repeat(500, 1, 1)  # 200,000 draws
    generator, corrupted = torch.Generator().manual_seed(0), clean
    for corruption in corruptions:
        corrupted = corruption(corrupted, generator)
    state = baselines.CorruptedMoments(x.mean(dim=0), torch.cov(x.T, correction=0), 1.0)
    for corruption in corruptions:
        after = baselines.corrupt_moments(corruption, state, shape)
        assert after is not None
        state = after
    clean, corrupted = clean.flatten(1), corrupted.flatten(1).double()
    centred = corrupted - corrupted.mean(dim=0)
    cross = (clean - clean.mean(dim=0)).T @ centred / len(clean)
    # A moment of 200,000 draws of values up to about 10 has a standard error of about 0.02.
    torch.testing.assert_close(corrupted.mean(dim=0), state.mean, rtol=0, atol=0.05)
    torch.testing.assert_close(centred.T @ centred / len(clean), state.covariance, rtol=0.01, atol=0.12)
    torch.testing.assert_close(cross, state.gain * torch.cov(x.T, correction=0), rtol=0.01, atol=0.08)


def test_nothing_linear_does_better(x: Tensor) -> None:
    corruption = Mask(0.4, value=2.0)
    clean = x.repeat(100, 1)
    corrupted = corruption(clean, torch.Generator().manual_seed(1))
    with_bias = torch.cat([corrupted, torch.ones(len(corrupted), 1, dtype=torch.float64)], dim=1)
    best = torch.linalg.lstsq(with_bias, clean).solution
    fitted = (with_bias @ best - clean).square().sum(-1).mean().item()
    # The fit has seen this very noise: with 40,000 samples and 7 weights it gains next to nothing from that.
    assert fitted <= error(filtered(x, corruption), clean, corrupted) <= fitted * 1.002


def test_values_that_never_change_are_no_trouble(x: Tensor) -> None:
    wide = torch.cat([x, torch.zeros(N, 1)], dim=1)
    linear = filtered(wide, Mask(0.4), shape=(D + 1,))
    assert torch.isfinite(linear.apply(wide)).all()


@pytest.mark.parametrize("corruption", [GaussianNoise(0.5, range=(0.0, 1.0)), Block(2), nn.Identity()])
def test_what_has_no_closed_form_has_no_filter(x: Tensor, corruption: nn.Module) -> None:
    assert wiener(moments_of(batched(x)), [GaussianNoise(0.1), corruption], (D,)) is None


# --- on paper --------------------------------------------------------------------------------------------


def moments_after(
    corruption: nn.Module, shape: tuple[int, ...], mean: list[float], covariance: Tensor
) -> baselines.CorruptedMoments:
    state = baselines.CorruptedMoments(torch.tensor(mean).double(), covariance.double(), 1.0)
    after = baselines.corrupt_moments(corruption, state, shape)
    assert after is not None
    return after


COVARIANCE = torch.tensor([[2.0, 1.0], [1.0, 3.0]])


def test_noise_adds_its_variance_and_a_range_of_levels_its_mean_square() -> None:
    eye = torch.eye(2).double()
    after = moments_after(GaussianNoise(0.5), (2,), [1.0, -1.0], COVARIANCE)
    torch.testing.assert_close(after.covariance, COVARIANCE + 0.25 * eye, rtol=1e-12, atol=0)
    assert (after.mean.tolist(), after.gain) == ([1.0, -1.0], 1.0)
    after = moments_after(GaussianNoise((2.0, 3.0)), (2,), [1.0, -1.0], COVARIANCE)
    torch.testing.assert_close(after.covariance, COVARIANCE + 19 / 3 * eye, rtol=1e-12, atol=0)


def test_a_mask_shrinks_towards_its_value() -> None:
    # y = x with 3/4, else 2: about 2 the mean is (-1, -3), and E xx' = [[3, 4], [4, 12]].
    after = moments_after(Mask(0.25, value=2.0), (2,), [1.0, -1.0], COVARIANCE)
    assert after.mean.tolist() == [2 - 0.75, 2 - 2.25]
    q, square = 0.75, 0.5625
    expected = torch.tensor([[q * 3, square * 4], [square * 4, q * 12]]) - square * torch.tensor([[1.0, 3], [3, 9]])
    torch.testing.assert_close(after.covariance, expected.double(), rtol=1e-12, atol=0)
    assert after.gain == 0.75


def test_values_of_one_pixel_share_their_fate_and_those_of_others_do_not() -> None:
    # Two channels of two places, flat: 0 and 2 are one place, 1 and 3 the other.
    covariance = torch.ones(4, 4) + torch.eye(4)
    after = moments_after(Mask(0.5, per_pixel=True), (2, 2), [0.0] * 4, covariance)
    expected = torch.tensor([[1, 0.25, 0.5, 0.25], [0.25, 1, 0.25, 0.5], [0.5, 0.25, 1, 0.25], [0.25, 0.5, 0.25, 1]])
    torch.testing.assert_close(after.covariance, expected.double(), rtol=1e-12, atol=0)


def test_salt_and_pepper_add_the_variance_of_a_coin() -> None:
    # About the middle 1 of [-1, 3] the mean is 0; a coin has the variance 4.
    after = moments_after(SaltAndPepper(0.25, range=(-1.0, 3.0)), (1,), [1.0], torch.tensor([[2.0]]))
    assert (after.mean.item(), after.gain) == (1.0, 0.75)
    assert after.covariance.item() == pytest.approx(0.75 * 2 + 0.25 * 4)


def test_a_range_of_shares_has_the_mean_square_of_what_is_kept() -> None:
    # p uniform on [0, 1/2]: E q = 3/4, E q^2 = 7/12.
    after = moments_after(Mask((0.0, 0.5)), (2,), [0.0, 0.0], COVARIANCE)
    expected = torch.tensor([[0.75 * 2, 7 / 12], [7 / 12, 0.75 * 3]], dtype=torch.float64)
    torch.testing.assert_close(after.covariance, expected, rtol=1e-6, atol=0)


def test_the_wiener_filter_of_one_value_is_the_textbook_gain() -> None:
    x = torch.tensor([[1.0], [3.0]])  # mean 2, variance 1
    linear = wiener(moments_of(batched(x)), [GaussianNoise(0.5)], (1,))
    assert linear is not None
    assert linear.apply(torch.tensor([[7.0]])).item() == pytest.approx(2 + 5 / 1.25, rel=1e-6)
    masked = wiener(moments_of(batched(x)), [Mask(0.5)], (1,))
    assert masked is not None
    # y has mean 1 and E y^2 = 5/2, so variance 3/2; Cov(x, y) = 1/2.
    assert masked.apply(torch.tensor([[4.0]])).item() == pytest.approx(2 + 3 * (0.5 / 1.5), rel=1e-6)


def test_chained_corruptions_multiply_their_gains() -> None:
    x = torch.tensor([[-1.0], [1.0]])
    linear = wiener(moments_of(batched(x)), [Mask(0.5), Mask(0.5), GaussianNoise(1.0)], (1,))
    assert linear is not None
    # A quarter is left: variance 1/4 and 1 of noise, covariance 1/4.
    assert linear.apply(torch.tensor([[1.0]])).item() == pytest.approx(0.2, rel=1e-6)


def test_the_first_axis_of_a_known_scatter_is_the_longest() -> None:
    x = torch.tensor([[3.0, 1.0], [-3.0, 1.0], [0.0, 2.0], [0.0, 0.0]])  # mean (0, 1), variances 9/2 and 1/2
    assert pca(batched(x), 1).apply(torch.tensor([[5.0, 7.0]])).flatten().tolist() == pytest.approx([5.0, 1.0])


def test_samples_wider_than_the_bound_keep_no_covariance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "WIDEST", 3)
    assert moments_of(batched(torch.zeros(4, 3))).full
    assert not moments_of(batched(torch.zeros(4, 1, 4))).full


@pytest.mark.parametrize("corruption", [GaussianNoise(0.5, range=(0.0, 1.0)), Block(2), nn.Identity()])
def test_what_has_no_closed_form_has_no_filter_wherever_it_stands(x: Tensor, corruption: nn.Module) -> None:
    assert wiener(moments_of(batched(x)), [corruption, GaussianNoise(0.1)], (D,)) is None


def test_samples_that_are_all_alike_have_a_filter_that_answers_with_them() -> None:
    for value in (0.0, 3.0):
        x = torch.full((4, 2), value)
        linear = wiener(moments_of(batched(x)), [Mask(0.5, value=value)], (2,))
        assert linear is not None
        assert linear.apply(x).equal(x)


def test_a_tiny_variance_is_not_drowned_by_what_keeps_the_matrix_regular() -> None:
    x = torch.tensor([[-1e-6], [1e-6]], dtype=torch.float64)
    linear = wiener(moments_of(batched(x)), [GaussianNoise(1e-6)], (1,))
    assert linear is not None
    assert linear.apply(torch.tensor([[2e-6]], dtype=torch.float64)).item() == pytest.approx(1e-6, rel=1e-6)


def test_without_corruption_the_filter_changes_nothing(x: Tensor) -> None:
    # A billionth of the mean variance is added to each; the least variance is fifty times smaller than the mean.
    torch.testing.assert_close(filtered(x).apply(x), x, rtol=0, atol=1e-6)
