import pytest
import torch
from pydantic import ValidationError

from aezoo.builtins.latents import DeterministicSpec, GaussianLatentSpec, TopKSpec
from aezoo.builtins.priors import FittedGaussianSpec, MixtureSpec, StandardNormalSpec
from aezoo.errors import ShapeError
from aezoo.plugin import Style

FLAT = [
    DeterministicSpec(dim=4, activation="sigmoid"),
    GaussianLatentSpec(dim=4),
    GaussianLatentSpec(dim=4, logvar="per_dim"),
    TopKSpec(dim=4, k=2),
]
SPATIAL = [
    DeterministicSpec(dim=4, layout="spatial"),
    GaussianLatentSpec(dim=4, layout="spatial"),
    GaussianLatentSpec(dim=4, layout="spatial", logvar="per_dim"),
]
CASES = [
    *((spec, shape) for spec in FLAT for shape in [(6,), (3, 5), (3, 4, 4), (2, 3, 2, 2)]),
    *((spec, shape) for spec in SPATIAL for shape in [(3, 5), (3, 4, 4), (2, 3, 2, 2)]),
]


@pytest.mark.parametrize(("spec", "shape"), CASES)
def test_a_code_has_the_shape_and_the_fields_that_are_declared(spec, shape):
    code = spec.build(shape)(torch.randn(5, *shape), torch.Generator().manual_seed(0))
    assert code.z.shape == (5, *spec.code_shape(shape))
    for field in spec.provides:
        assert getattr(code, field).shape == (5, *spec.tap_shape(field, shape))
    assert hasattr(code, spec.point)


@pytest.mark.parametrize(("spec", "shape"), CASES)
def test_weights_are_counted_without_torch(spec, shape):
    assert sum(p.numel() for p in spec.build(shape).parameters()) == spec.parameters(shape)


@pytest.mark.parametrize(("spec", "shape"), CASES)
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_mirror_leads_back_to_the_features(spec, shape, norm):
    back = spec.mirror(shape, style=Style(activation="relu", norm=norm))
    x = torch.randn(5, *spec.code_shape(shape))
    at = spec.code_shape(shape)
    for layer in back:
        x, at = layer.build(at)(x), layer.output_shape(at)
        assert x.shape == (5, *at)
    assert at == shape
    assert x.min() == 0  # it ends in the style's activation


@pytest.mark.parametrize(("spec", "shape"), CASES)
def test_without_a_generator_nothing_is_drawn(spec, shape):
    latent, h = spec.build(shape), torch.randn(5, *shape)
    assert latent(h).z.equal(latent(h).z)


def test_a_spatial_code_of_a_vector_is_refused():
    with pytest.raises(ShapeError, match="takes signals"):
        SPATIAL[0].code_shape((6,))


def test_more_active_units_than_units_are_refused():
    with pytest.raises(ValidationError, match="take k up to 4"):
        TopKSpec(dim=4, k=5)


def test_only_a_posterior_has_a_prior_by_itself():
    assert GaussianLatentSpec(dim=2).prior == StandardNormalSpec()
    assert DeterministicSpec(dim=2).prior is None
    assert TopKSpec(dim=2, k=1).prior is None


@pytest.mark.parametrize(
    "prior", [StandardNormalSpec(), MixtureSpec(), FittedGaussianSpec()], ids=lambda prior: prior.type
)
@pytest.mark.parametrize("shape", [(4,), (2, 3, 3)])
def test_a_prior_draws_and_judges_codes_of_its_shape(prior, shape):
    density = prior.build(shape, None)
    density.fit(torch.randn(64, *shape))
    z = density.sample(5, torch.Generator().manual_seed(0))
    assert z.shape == (5, *shape)
    assert density.log_prob(z).shape == (5,)
    assert density.sample(5, torch.Generator().manual_seed(0)).equal(z)
