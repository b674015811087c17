import pytest
import torch

from aezoo.nn.corruption import Block, GaussianNoise, Mask, SaltAndPepper

SHAPES = [(50,), (3, 40), (3, 12, 12), (2, 4, 4, 4)]
UNIT = (0.0, 1.0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def data(shape=(3, 12, 12), batch=200):
    return torch.rand(batch, *shape, generator=seeded(9)) * 0.8 + 0.1


def every(level=0.3):
    return [
        Mask(level),
        Mask((0.0, level)),
        GaussianNoise(level),
        GaussianNoise((0.0, level), range=UNIT),
        SaltAndPepper(level, range=UNIT),
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_shape_is_kept_and_the_input_is_not_written_to(shape):
    x = data(shape)
    kept = x.clone()
    corruptions = every() + ([Block(2)] if len(shape) > 1 else [])
    for corruption in corruptions:
        corrupted = corruption(x, seeded())
        assert corrupted.shape == x.shape
        assert not corrupted.equal(x)
        assert x.equal(kept)


@pytest.mark.parametrize("corruption", every(0.0), ids=lambda c: type(c).__name__)
def test_level_zero_changes_nothing(corruption):
    assert corruption(data(), seeded()).equal(data())


@pytest.mark.parametrize("corruption", [*every(), Block(3)], ids=lambda c: type(c).__name__)
def test_the_generator_alone_decides(corruption):
    x = data()
    assert corruption(x, seeded(1)).equal(corruption(x, seeded(1)))
    assert not corruption(x, seeded(1)).equal(corruption(x, seeded(2)))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_a_mask_hides_its_share_and_rescales_nothing(p):
    x = data()
    corrupted = Mask(p, value=-1.0)(x, seeded())
    hidden = corrupted == -1
    # 4 sigma of a binomial
    assert abs(hidden.float().mean().item() - p) < 4 * (p * (1 - p) / x.numel()) ** 0.5
    assert corrupted[~hidden].equal(x[~hidden])


def test_a_mask_by_pixel_hides_all_channels_together():
    hidden = Mask(0.5, per_pixel=True)(data(), seeded()) == 0
    assert (hidden.all(1) == hidden.any(1)).all()
    assert hidden.any()


def test_a_mask_of_all_hides_all():
    assert not Mask(1.0)(data(), seeded()).any()


def test_a_range_gives_each_sample_a_level_of_its_own():
    share = (Mask((0.2, 0.6))(data((5000,)), seeded()) == 0).float().mean(1)
    assert 0.15 < share.min() < 0.25  # 0.2, and 4 sigma of 5,000 values
    assert 0.55 < share.max() < 0.65


@pytest.mark.parametrize("std", [0.1, 1.0])
def test_gaussian_noise_has_its_deviation(std):
    x = data()
    noise = GaussianNoise(std)(x, seeded()) - x
    # 4 standard errors
    assert noise.std().item() == pytest.approx(std, rel=4 / (2 * x.numel()) ** 0.5)
    assert abs(noise.mean().item()) < 4 * std / x.numel() ** 0.5


def test_clipped_noise_stays_in_the_range():
    corrupted = GaussianNoise(2.0, range=UNIT)(data(), seeded())
    assert corrupted.min() == 0
    assert corrupted.max() == 1


def test_salt_and_pepper_share_their_odds():
    x = data()
    corrupted = SaltAndPepper(0.2, range=(-1.0, 2.0))(x, seeded())
    sigma = (0.1 * 0.9 / x.numel()) ** 0.5
    assert abs((corrupted == -1).float().mean().item() - 0.1) < 4 * sigma
    assert abs((corrupted == 2).float().mean().item() - 0.1) < 4 * sigma
    untouched = (corrupted != -1) & (corrupted != 2)
    assert corrupted[untouched].equal(x[untouched])


@pytest.mark.parametrize(("shape", "count"), [((3, 40), 5), ((3, 12, 12), 25), ((2, 6, 6, 6), 125)])
def test_a_block_hides_one_cube_of_every_channel(shape, count):
    hidden = Block(5, value=-1.0)(data(shape), seeded()) == -1
    assert (hidden.flatten(2).sum(2) == count).all()


def test_a_block_may_stand_anywhere():
    hidden = Block(9)(data(), seeded()) == 0
    corners = hidden[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.any(0).all()


@pytest.mark.parametrize("corruption", [*every(), Block(3)], ids=lambda c: type(c).__name__)
def test_double_precision_is_kept(corruption):
    assert corruption(data().double(), seeded()).dtype == torch.float64


def test_a_mask_hides_where_the_generators_uniform_numbers_are_below_p():
    x = data(batch=4)
    u = torch.rand(4, 3, 12, 12, generator=seeded(3))
    assert Mask(0.3, value=5.0)(x, seeded(3)).equal(torch.where(u < 0.3, torch.tensor(5.0), x))
    u = torch.rand(4, 1, 12, 12, generator=seeded(3))
    assert Mask(0.3, per_pixel=True)(x, seeded(3)).equal(torch.where(u < 0.3, torch.zeros(()), x))


def test_a_range_of_levels_draws_one_for_each_sample_first():
    x = data(batch=4)
    generator = seeded(3)
    p = 0.2 + 0.5 * torch.rand(4, 1, 1, 1, generator=generator)
    u = torch.rand(x.shape, generator=generator)
    torch.testing.assert_close(Mask((0.2, 0.7))(x, seeded(3)), torch.where(u < p, torch.zeros(()), x))
    generator = seeded(3)
    std = 0.2 + 0.5 * torch.rand(4, 1, 1, 1, generator=generator)
    expected = x + std * torch.randn(x.shape, generator=generator)
    torch.testing.assert_close(GaussianNoise((0.2, 0.7))(x, seeded(3)), expected)


def test_gaussian_noise_is_the_generators_noise_times_its_deviation():
    x = data(batch=4)
    noise = torch.randn(x.shape, generator=seeded(3))
    torch.testing.assert_close(GaussianNoise(0.3)(x, seeded(3)), x + 0.3 * noise)
    clipped = GaussianNoise(0.3, range=(0.2, 0.7))(x, seeded(3))
    torch.testing.assert_close(clipped, (x + 0.3 * noise).clamp(0.2, 0.7))


@pytest.mark.parametrize("per_pixel", [False, True])
def test_salt_and_pepper_share_the_lower_and_the_upper_half_of_p(per_pixel):
    x = data(batch=4)
    u = torch.rand(4, 1 if per_pixel else 3, 12, 12, generator=seeded(3)).expand(x.shape)
    corrupted = SaltAndPepper(0.4, range=(-1.0, 2.0), per_pixel=per_pixel)(x, seeded(3))
    expected = torch.where(u < 0.2, torch.tensor(-1.0), torch.where(u < 0.4, torch.tensor(2.0), x))
    assert corrupted.equal(expected)


def test_a_block_starts_anywhere_from_the_first_position_to_the_last_that_fits():
    rows = Block(3, value=9.0)(torch.zeros(500, 2, 5), seeded()) == 9
    assert rows[:, 0].equal(rows[:, 1])
    starts = rows[:, 0].int().argmax(dim=1)
    assert sorted(set(starts.tolist())) == [0, 1, 2]
    # Each of three starts is as likely: 4 sigma of a binomial of 500.
    assert ((torch.bincount(starts) - 500 / 3).abs() < 4 * (500 * 2 / 9) ** 0.5).all()


def test_a_block_of_a_picture_has_a_place_of_its_own_along_each_axis():
    hidden = Block(2, value=9.0)(torch.zeros(100, 1, 4, 5), seeded())[:, 0] == 9
    tops, lefts = hidden.any(2).int().argmax(1), hidden.any(1).int().argmax(1)
    assert len(set(zip(tops.tolist(), lefts.tolist(), strict=True))) == 3 * 4
    assert (hidden.sum((1, 2)) == 4).all()


@pytest.mark.parametrize("corruption", [*every(), Block(2)], ids=lambda c: type(c).__name__)
def test_what_is_drawn_follows_the_generator_and_moves_it_on(corruption):
    generator = seeded(5)
    first, second = corruption(data(batch=4), generator), corruption(data(batch=4), generator)
    assert not first.equal(second)


def test_a_chance_of_nothing_hides_nothing_even_where_the_draw_is_the_least(monkeypatch):
    x = data(batch=2)
    monkeypatch.setattr(torch, "rand", lambda size, **options: torch.zeros(size))
    assert Mask(0.0)(x).equal(x)
    assert SaltAndPepper(0.0, range=(-1.0, 2.0))(x).equal(x)
    assert (SaltAndPepper(0.5, range=(-1.0, 2.0))(x) == -1).all()
