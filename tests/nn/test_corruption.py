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
    spoilers = every() + ([Block(2)] if len(shape) > 1 else [])
    for corruption in spoilers:
        spoiled = corruption(x, seeded())
        assert spoiled.shape == x.shape
        assert not spoiled.equal(x)
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
    spoiled = Mask(p, value=-1.0)(x, seeded())
    hidden = spoiled == -1
    # 4 sigma of a binomial
    assert abs(hidden.float().mean().item() - p) < 4 * (p * (1 - p) / x.numel()) ** 0.5
    assert spoiled[~hidden].equal(x[~hidden])


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
    spoiled = GaussianNoise(2.0, range=UNIT)(data(), seeded())
    assert spoiled.min() == 0
    assert spoiled.max() == 1


def test_salt_and_pepper_share_their_odds():
    x = data()
    spoiled = SaltAndPepper(0.2, range=(-1.0, 2.0))(x, seeded())
    sigma = (0.1 * 0.9 / x.numel()) ** 0.5
    assert abs((spoiled == -1).float().mean().item() - 0.1) < 4 * sigma
    assert abs((spoiled == 2).float().mean().item() - 0.1) < 4 * sigma
    untouched = (spoiled != -1) & (spoiled != 2)
    assert spoiled[untouched].equal(x[untouched])


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
