import pytest
import torch
from torch import nn
from torch.func import jacrev, vmap

from aezoo.errors import UsageError
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Output
from aezoo.nn.contraction import AutogradJacobian, Contraction, chain
from aezoo.nn.latent import Deterministic, Gaussian, TopK, projection
from aezoo.nn.likelihood import SquaredError
from aezoo.nn.sequences import Attention, Recurrent

POINTWISE = [nn.Sigmoid, nn.Tanh, nn.ReLU, nn.Identity]


def model(encoder, latent, shape=(6,), point="z"):
    return Autoencoder(
        input_shape=shape, encoder=encoder, latent=latent, decoder=[], likelihood=SquaredError(), point=point
    ).double()


def one_layer(activation=nn.Sigmoid):
    return model([], Deterministic(nn.Linear(6, 4), activation()))


def deep():
    encoder = [nn.Flatten(), nn.Sequential(nn.Linear(6, 5), nn.Tanh()), nn.Linear(5, 5), nn.Sigmoid()]
    return model(encoder, Gaussian(nn.Linear(5, 6)), shape=(2, 3), point="mean")


def convolutional():
    encoder = [nn.Conv1d(2, 3, 2), nn.GELU(), nn.Flatten(), nn.Linear(6, 4), nn.Softplus()]
    return model(encoder, Deterministic(nn.Linear(4, 3), nn.Tanh()), shape=(2, 3))


def over_positions(layer):
    return model([layer, nn.Flatten()], Deterministic(nn.Linear(6, 3), nn.Tanh()), shape=(2, 3))


def attentive():
    return over_positions(Attention(2, heads=1))


def recurrent():
    return over_positions(Recurrent("gru", 2, 2, bidirectional=True))


def spatial():
    return model([nn.Tanh()], Deterministic(projection((2, 3), 2, spatial=True), nn.Sigmoid()), shape=(2, 3))


def shared():
    return model([nn.Linear(6, 5), nn.Tanh()], Gaussian(nn.Linear(5, 4), shared=(4,)), point="mean")


def selecting():
    return model([nn.Linear(6, 5), nn.Tanh()], TopK(nn.Linear(5, 4), k=2))


def softplus():
    return model([nn.Linear(6, 5), nn.Tanh()], Deterministic(nn.Linear(5, 4), nn.Softplus()))


def twice_activated():
    return model([nn.Linear(6, 5), nn.Tanh(), nn.Sigmoid()], Deterministic(nn.Linear(5, 4), nn.Tanh()))


def activated_first():
    return model([nn.Tanh(), nn.Linear(6, 5)], Deterministic(nn.Linear(5, 4), nn.Tanh()))


MODELS = {
    "one_layer": one_layer,
    "deep": deep,
    "convolutional": convolutional,
    "spatial": spatial,
    "shared": shared,
    "selecting": selecting,
    "softplus": softplus,
    "twice_activated": twice_activated,
    "activated_first": activated_first,
}


def passed(net, batch=7):
    x = torch.randn(batch, *net.input_shape, generator=torch.Generator().manual_seed(1)).double()
    return net(x)


def drawing(out, seed=0):
    """The pass with a generator, from which every call of a term draws other signs."""
    return out._replace(generator=torch.Generator().manual_seed(seed))


def reference(net, x):
    """Squared Frobenius norms by torch.func, one per sample."""
    jacobian = vmap(jacrev(lambda one: net.code_of(one[None])[0]))(x)
    return jacobian.square().flatten(1).sum(1)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("activation", POINTWISE)
def test_the_closed_form_is_the_jacobian(activation):
    net = one_layer(activation)
    out = passed(net)
    torch.testing.assert_close(Contraction(estimator="closed_form")(out), reference(net, out.x).mean())


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_the_exact_penalty_is_the_jacobian(build):
    net = build()
    out = passed(net)
    torch.testing.assert_close(Contraction(estimator="exact")(out), reference(net, out.x).mean())


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_hutchinson_agrees_with_the_jacobian_within_its_spread(build):
    net = build()
    out = drawing(passed(net))
    term = Contraction(estimator="hutchinson")
    values = torch.stack([term(out).detach() for _ in range(400)])
    standard_error = values.std() / 20
    assert (values.mean() - reference(net, out.x).mean()).abs() < 3 * standard_error + 1e-9


def test_more_probes_spread_less():
    out = drawing(passed(deep()))
    spread = {}
    for probes in (1, 16):
        term = Contraction(estimator="hutchinson", probes=probes)
        spread[probes] = torch.stack([term(out).detach() for _ in range(200)]).std()
    assert 3 < spread[1] / spread[16] < 5.5  # 4, known to about 7 %


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh, nn.ReLU])
def test_all_estimators_have_the_same_parameter_gradient(activation):
    net = one_layer(activation)
    weights = (net.latent.project.weight, net.latent.project.bias)
    unused = activation is nn.ReLU  # whose slope does not depend on the bias
    x = passed(net).x
    gradients = {}
    for estimator in ("closed_form", "exact"):
        gradients[estimator] = torch.autograd.grad(
            Contraction(estimator=estimator)(net(x)), weights, allow_unused=unused, materialize_grads=unused
        )
    gradients["reference"] = torch.autograd.grad(
        reference(net, x).mean(), weights, allow_unused=unused, materialize_grads=unused
    )
    torch.testing.assert_close(gradients["closed_form"], gradients["reference"])
    torch.testing.assert_close(gradients["exact"], gradients["reference"])


def test_the_gradient_of_hutchinson_is_unbiased():
    net = deep()
    weight = net.latent.project.weight
    out = drawing(passed(net))
    term = Contraction(estimator="hutchinson")
    draws = torch.stack([torch.autograd.grad(term(out), weight)[0] for _ in range(600)])
    (exact,) = torch.autograd.grad(Contraction(estimator="exact")(out), weight)
    off = (draws.mean(0) - exact).abs() / (draws.std(0) / 600**0.5 + 1e-12)
    assert off.max() < 4.5  # of 30 entries, half of which are zero


@pytest.mark.parametrize("build", [one_layer, deep])
def test_a_product_by_hand_is_the_product_by_autograd(build, monkeypatch):
    net = build()
    out = passed(net)
    by_hand = Contraction(estimator="hutchinson")(out)
    monkeypatch.setattr("aezoo.nn.contraction.chain", lambda *_: None)
    torch.testing.assert_close(Contraction(estimator="hutchinson")(out), by_hand)


def test_a_chain_is_recognised_only_where_it_is_one():
    assert len(chain(one_layer())) == 1
    assert len(chain(deep())) == 3
    assert chain(convolutional()) is None
    assert chain(spatial()) is None
    assert len(chain(shared())) == 2
    assert chain(selecting()) is None
    assert chain(softplus()) is None
    assert chain(twice_activated()) is None
    assert chain(activated_first()) is None
    last_axis_alone = nn.Linear(3, 3)
    assert chain(model([last_axis_alone], Deterministic(nn.Linear(6, 2), nn.Tanh()), shape=(2, 3))) is None


@pytest.mark.parametrize("crowded", [False, True])
def test_what_the_pass_has_left_is_used_again_and_changes_nothing(crowded):
    encoder = [nn.Sequential(nn.Linear(6, 5), nn.Tanh()), nn.Linear(5, 5), nn.Sigmoid()]
    net = model([nn.Sequential(*encoder)] if crowded else encoder, Deterministic(nn.Linear(5, 3), nn.Tanh()))
    x = passed(net).x
    taps = [f"encoder.{i}" for i in range(len(net.encoder))]
    wanted = reference(net, x).mean()
    torch.testing.assert_close(Contraction(estimator="exact")(net(x, taps=taps)), wanted)
    torch.testing.assert_close(Contraction(estimator="exact")(net(x, torch.zeros_like(x), taps=taps)), wanted)


def test_the_penalty_is_taken_at_the_clean_input():
    net = one_layer()
    out = passed(net)
    corrupted = net(out.x, torch.zeros_like(out.x))
    assert Contraction()(corrupted).equal(Contraction()(out))


def test_signs_come_from_the_generator_of_the_pass_alone():
    out = passed(deep())
    term = Contraction(estimator="hutchinson")
    torch.manual_seed(1)
    first = term(drawing(out))
    torch.manual_seed(2)
    assert term(drawing(out)).equal(first)
    assert not term(drawing(out, seed=1)).equal(first)
    assert term(out).equal(term(out))


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("build", [one_layer, deep, convolutional])
def test_the_penalty_can_be_read_where_nothing_is_recorded(build, guard):
    net = build()
    wanted = Contraction()(passed(net))
    with guard():
        torch.testing.assert_close(Contraction()(passed(net)), wanted.detach())


@pytest.mark.parametrize("build", [convolutional, attentive, recurrent])
def test_the_penalty_has_the_gradient_of_its_finite_differences(build):
    net = build()
    weight = next(p for p in net.parameters() if p.ndim > 1)
    x = passed(net).x

    def penalty():
        return Contraction(estimator="exact")(net(x))

    (slope,) = torch.autograd.grad(penalty(), weight)
    step = 1e-5 * torch.randn_like(weight)
    with torch.no_grad():
        weight.add_(step)
        above = penalty()
        weight.sub_(2 * step)
        below = penalty()
    # Central differences err by the third derivative times the step squared, some 1e-10 of the value.
    torch.testing.assert_close((above - below) / 2, (slope * step).sum(), rtol=1e-5, atol=1e-12)


def test_a_closed_form_where_there_is_none_is_refused():
    with pytest.raises(UsageError, match="one affine map"):
        Contraction(estimator="closed_form")(passed(deep()))


def test_autograd_does_not_touch_the_gradient_of_the_input():
    net = convolutional()
    out = passed(net)
    AutogradJacobian(net, out.x).product(torch.ones(7, 3).double())
    assert out.x.grad is None
    assert isinstance(out, Output)


def test_the_penalty_of_two_known_maps_is_the_squared_norm_of_their_product():
    net = model([nn.Linear(2, 2)], Deterministic(nn.Linear(2, 1), nn.Identity()), shape=(2,))
    with torch.no_grad():
        net.encoder[0].weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        net.latent.project.weight.copy_(torch.tensor([[1.0, -1.0]]))
    out = passed(net)  # J = (1, -1) W = (-2, -2)
    assert Contraction(estimator="exact")(out).item() == pytest.approx(8)
    assert Contraction()(out).item() == pytest.approx(8)  # of one value, a sign changes nothing


def test_a_probe_is_signs_and_many_are_averaged():
    net = one_layer(nn.Identity)
    weight = net.latent.project.weight.detach()
    out = passed(net)
    generator = torch.Generator().manual_seed(3)
    signs = [2 * torch.randint(2, (7, 4), generator=generator).double() - 1 for _ in range(3)]
    expected = sum((v @ weight).square().sum(1).mean() for v in signs) / 3
    term = Contraction(estimator="hutchinson", probes=3)
    torch.testing.assert_close(term(drawing(out, seed=3)), expected)
    by_default = Contraction(estimator="hutchinson")
    torch.testing.assert_close(by_default(drawing(out, seed=3)), (signs[0] @ weight).square().sum(1).mean())
    fixed = torch.Generator().manual_seed(0)
    signs = 2 * torch.randint(2, (7, 4), generator=fixed).double() - 1
    torch.testing.assert_close(by_default(out), (signs @ weight).square().sum(1).mean())


@pytest.mark.parametrize("estimator", ["auto", "hutchinson"])
def test_a_chain_of_several_maps_is_estimated_where_its_norm_is_not_asked_for_exactly(estimator):
    net = deep()
    out = passed(net)
    assert not Contraction(estimator=estimator)(drawing(out)).isclose(reference(net, out.x).mean(), rtol=1e-6)


def test_a_chain_of_one_map_has_its_closed_form_by_default():
    net = one_layer()
    out = passed(net)
    torch.testing.assert_close(Contraction()(out), reference(net, out.x).mean())
