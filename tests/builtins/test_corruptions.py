from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError

from aezoo.builtins.corruptions import BlockSpec, GaussianNoiseSpec, MaskSpec, SaltAndPepperSpec
from aezoo.nn.corruption import Block, GaussianNoise, Mask, SaltAndPepper

SPECS = [
    MaskSpec(),
    MaskSpec(p=(0.1, 0.5), per="pixel"),
    GaussianNoiseSpec(clip=True),
    GaussianNoiseSpec(std=(0.0, 1.0)),
    SaltAndPepperSpec(per="pixel"),
    BlockSpec(size=2),
]


def spec_of(shape=(1, 4, 4), range=(0.0, 1.0)):
    return SimpleNamespace(input=SimpleNamespace(shape=shape, range=range))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.model_dump_json(exclude_defaults=True))
def test_a_declared_corruption_changes_images_and_reads_back_equal(spec):
    assert not list(spec.remarks(spec_of()))
    x = torch.rand(8, 3, 4, 4) * 0.5 + 0.25
    assert not spec.build((3, 4, 4), (0.0, 1.0))(x, torch.Generator()).equal(x)
    assert type(spec).model_validate(spec.model_dump(mode="json")) == spec


def test_a_level_is_a_number_or_a_rising_range():
    assert MaskSpec(p=1).p == 1.0
    assert MaskSpec(p=[0.1, 0.5]).p == (0.1, 0.5)
    with pytest.raises(ValidationError, match="lower end first"):
        MaskSpec(p=[0.5, 0.1])
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        MaskSpec(p=1.5)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        GaussianNoiseSpec(std=-1.0)


@pytest.mark.parametrize("spec", [SaltAndPepperSpec(), GaussianNoiseSpec(clip=True)], ids=lambda spec: spec.type)
def test_what_needs_the_ends_of_the_range_says_so(spec):
    (remark,) = spec.remarks(spec_of(range=None))
    assert remark.level == "error"
    assert "range = [0, 1]" in remark.hint


@pytest.mark.parametrize("spec", [SaltAndPepperSpec(per="pixel"), MaskSpec(per="pixel")], ids=lambda spec: spec.type)
def test_a_vector_has_no_pixels(spec):
    (remark,) = spec.remarks(spec_of(shape=(12,)))
    assert "vector has no pixels" in remark.message


def test_a_block_has_to_fit():
    (remark,) = BlockSpec(size=5).remarks(spec_of())
    assert remark.message == "a block of 5 does not fit into 4x4"
    (remark,) = BlockSpec(size=2).remarks(spec_of(shape=(12,)))
    assert "mask" in remark.hint


X = torch.linspace(0.1, 0.9, 6 * 3 * 4).reshape(6, 3, 2, 2)


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        (MaskSpec(), Mask(0.25)),
        (MaskSpec(p=0.5, value=0.7), Mask(0.5, value=0.7)),
        (MaskSpec(p=0.5, per="pixel"), Mask(0.5, per_pixel=True)),
        (GaussianNoiseSpec(), GaussianNoise(0.5)),
        (GaussianNoiseSpec(std=(0.1, 2.0)), GaussianNoise((0.1, 2.0))),
        (GaussianNoiseSpec(std=2.0, clip=True), GaussianNoise(2.0, range=(0.0, 1.0))),
        (SaltAndPepperSpec(), SaltAndPepper(0.1, range=(0.0, 1.0))),
        (SaltAndPepperSpec(p=0.5, per="pixel"), SaltAndPepper(0.5, range=(0.0, 1.0), per_pixel=True)),
        (BlockSpec(size=1), Block(1)),
        (BlockSpec(size=1, value=0.7), Block(1, value=0.7)),
    ],
    ids=lambda value: value.model_dump_json(exclude_defaults=True) if hasattr(value, "model_dump_json") else "",
)
def test_every_setting_reaches_the_module(spec, reference):
    built = spec.build((3, 2, 2), (0.0, 1.0))
    generators = [torch.Generator().manual_seed(8) for _ in range(2)]
    assert built(X, generators[0]).equal(reference(X, generators[1]))


def test_salt_and_pepper_cannot_be_built_without_a_range():
    with pytest.raises(ValueError, match="needs the range"):
        SaltAndPepperSpec().build((3, 2, 2), None)


@pytest.mark.parametrize(
    ("spec", "messages"),
    [
        (MaskSpec(p=0.0), ["a mask of p = 0 changes nothing"]),
        (MaskSpec(p=(0.0, 0.1)), []),
        (MaskSpec(p=1.0), ["a mask of p = 1 leaves nothing of any input"]),
        (MaskSpec(p=(0.5, 1.0)), []),
        (MaskSpec(value=1.0), []),
        (MaskSpec(value=1.5), ["a mask fills in 1.5, and no value of the data lies outside [0, 1]"]),
        (MaskSpec(value=-0.5), ["a mask fills in -0.5, and no value of the data lies outside [0, 1]"]),
        (BlockSpec(size=2, value=1.5), ["a block fills in 1.5, and no value of the data lies outside [0, 1]"]),
        (SaltAndPepperSpec(p=0.0), ["salt and pepper of p = 0 changes nothing"]),
        (SaltAndPepperSpec(p=1.0), ["salt and pepper of p = 1 leaves nothing of any input"]),
        (GaussianNoiseSpec(std=0.0), ["noise of std = 0 changes nothing"]),
        (GaussianNoiseSpec(std=1.0), []),
        (GaussianNoiseSpec(std=1.5), ["noise of std 1.5 on values in [0, 1]: little of any input is left"]),
        (GaussianNoiseSpec(std=(0.5, 1.5)), []),
        (BlockSpec(size=4), ["a block of 4 hides all of 4x4"]),
        (BlockSpec(size=3), []),
    ],
    ids=lambda value: value.model_dump_json(exclude_defaults=True) if hasattr(value, "model_dump_json") else "",
)
def test_a_strength_that_changes_nothing_or_all_draws_a_warning(spec, messages):
    remarks = list(spec.remarks(spec_of()))
    assert [remark.message for remark in remarks] == messages
    assert all(remark.level == "warning" for remark in remarks)


def test_without_a_range_any_noise_and_any_value_will_do():
    assert not list(GaussianNoiseSpec(std=1e6).remarks(spec_of(range=None)))
    assert not list(MaskSpec(value=1e6).remarks(spec_of(range=None)))


def test_a_range_may_be_one_strength_and_a_remark_says_which_field_it_is_of():
    assert MaskSpec(p=[0.3, 0.3]).p == (0.3, 0.3)
    for spec, field in (
        (MaskSpec(p=0.0), "p"),
        (MaskSpec(p=1.0), "p"),
        (MaskSpec(value=2.0), "value"),
        (GaussianNoiseSpec(std=0.0), "std"),
        (GaussianNoiseSpec(std=3.0), "std"),
        (BlockSpec(size=4), "size"),
    ):
        (remark,) = spec.remarks(spec_of())
        assert remark.at == field
    (remark,) = MaskSpec(per="pixel").remarks(spec_of(shape=(12,)))
    assert remark.at == "per"
