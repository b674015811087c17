import math
from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError

from aezoo.builtins.likelihoods import BernoulliSpec, ContinuousBernoulliSpec, MSESpec
from aezoo.builtins.objectives import StandardSpec
from aezoo.builtins.scaled_likelihoods import GaussianSpec, HuberSpec, LaplaceSpec
from aezoo.nn.code import Code, Output

SPECS = [
    BernoulliSpec(),
    ContinuousBernoulliSpec(),
    MSESpec(),
    GaussianSpec(),
    GaussianSpec(variance="fixed", sigma=0.5),
    GaussianSpec(variance="learned"),
    GaussianSpec(variance="learned", per_channel=True, output="sigmoid"),
    GaussianSpec(variance="per_value"),
    LaplaceSpec(),
    LaplaceSpec(scale="learned", per_channel=True),
    HuberSpec(),
]


def name(spec):
    return spec.model_dump_json(exclude_defaults=True)


def spec_of(shape=(1, 4, 4), range=(0.0, 1.0), normalize="none"):
    return SimpleNamespace(input=SimpleNamespace(shape=shape, normalize=normalize), target_range=range)


@pytest.mark.parametrize("spec", SPECS, ids=name)
@pytest.mark.parametrize("shape", [(5,), (3, 8), (3, 4, 4)])
def test_shapes_are_as_declared(spec, shape):
    likelihood = spec.build(shape)
    raw, x = torch.randn(6, *spec.raw_shape(shape)), torch.rand(6, *shape)
    assert likelihood.nll(raw, x).shape == (6,)
    assert likelihood.mean(raw).shape == likelihood.sample(raw, torch.Generator()).shape == x.shape


@pytest.mark.parametrize("spec", SPECS, ids=name)
def test_the_weights_of_a_likelihood_are_counted(spec):
    declared = spec.parameters((3, 4, 4)) if hasattr(spec, "parameters") else 0
    assert sum(p.numel() for p in spec.build((3, 4, 4)).parameters()) == declared


@pytest.mark.parametrize("spec", SPECS, ids=name)
def test_the_reconstruction_term_does_not_change_when_the_batch_doubles(spec):
    likelihood = spec.build((3, 4, 4))
    raw, x = torch.randn(6, *spec.raw_shape((3, 4, 4))).double(), torch.rand(6, 3, 4, 4).double()
    play = StandardSpec().build(None)
    model = SimpleNamespace(likelihood=likelihood)
    once = play(Output(model, x, x, Code(x), raw, {}), "model")
    raw, x = raw.repeat(2, 1, 1, 1), x.repeat(2, 1, 1, 1)
    twice = play(Output(model, x, x, Code(x), raw, {}), "model")
    torch.testing.assert_close(twice, once)
    assert list(once) == ["reconstruction"]


def test_the_default_gaussian_is_the_sigma_vae():
    x = torch.zeros(4, 2)
    raw = torch.full((4, 2), 0.5)
    expected = 1 + math.log(2 * math.pi * 0.25)  # D / 2 (1 + ln 2 pi s^2) with D = 2
    assert GaussianSpec().build((2,)).nll(raw, x).mean().item() == pytest.approx(expected)


@pytest.mark.parametrize("spec", [BernoulliSpec(), ContinuousBernoulliSpec()], ids=name)
@pytest.mark.parametrize("wrong", [{"range": None}, {"range": (0.0, 255.0)}, {"normalize": "standardize"}])
def test_densities_on_the_unit_interval_want_it_declared(spec, wrong):
    assert not list(spec.remarks(spec_of()))
    (remark,) = spec.remarks(spec_of(**wrong))
    assert remark.level == "error"
    assert "[0, 1]" in remark.message


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"variance": "optimal", "sigma": 0.5}, "sigma has no meaning"),
        ({"variance": "fixed", "per_channel": True}, "per_channel goes with"),
        ({"variance": "fixed", "sigma": 0.0}, "greater than or equal to 0.0000"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(fields, says):
    with pytest.raises(ValidationError, match=says):
        GaussianSpec(**fields)


def test_a_laplace_of_fixed_scale_has_none_per_channel():
    with pytest.raises(ValidationError, match="per_channel goes with"):
        LaplaceSpec(per_channel=True)


@pytest.mark.parametrize("scale", [{"sigma": 1e-96}, {"delta": 1e-96}, {"delta": 1e96}])
def test_a_scale_that_a_32_bit_float_cannot_hold_is_refused(scale):
    with pytest.raises(ValidationError, match=next(iter(scale))):
        HuberSpec(**scale)


@pytest.mark.parametrize("delta", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("sigma", [1e-12, 1.0, 1e12])
def test_a_huber_likelihood_is_finite_at_the_ends_of_its_scales(delta, sigma):
    huber = HuberSpec(delta=delta, sigma=sigma).build((3,))
    raw, x = torch.randn(4, 3, requires_grad=True), torch.rand(4, 3)
    huber.nll(raw, x).sum().backward()
    assert raw.grad.isfinite().all()
    assert huber.sample(raw.detach(), torch.Generator().manual_seed(0)).isfinite().all()
