from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError

from aezoo.builtins.corruptions import BlockSpec, GaussianNoiseSpec, MaskSpec, SaltAndPepperSpec

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
def test_a_declared_corruption_spoils_images_and_reads_back_equal(spec):
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
