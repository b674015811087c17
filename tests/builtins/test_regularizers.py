from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from aezoo.builtins.adam import AdamSpec
from aezoo.builtins.ramps import LinearScheduleSpec
from aezoo.builtins.regularizers import ContractiveSpec, KLSparsitySpec, KLSpec, L1Spec, L2Spec
from aezoo.builtins.residual import ResidualSpec
from aezoo.layers.basic import FlattenSpec, LinearSpec, NormSpec
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.latent import Deterministic, Gaussian
from aezoo.nn.likelihood import SquaredError
from aezoo.nn.schedule_buffers import changes
from aezoo.spec.kinds import ConstantSpec

TERMS = [
    KLSpec(),
    KLSpec(free_bits=0.01),
    KLSpec(capacity=2.0),
    KLSparsitySpec(),
    L1Spec(),
    L1Spec(on="encoder.0"),
    L2Spec(),
    ContractiveSpec(estimator="exact"),
]


def network(term):
    latent = Gaussian(nn.Linear(5, 6)) if "posterior" in term.needs else Deterministic(nn.Linear(5, 3), nn.Sigmoid())
    model = Autoencoder(
        input_shape=(6,),
        encoder=[nn.Linear(6, 5), nn.Tanh()],
        latent=latent,
        decoder=[nn.Linear(3, 6)],
        likelihood=SquaredError(),
    )
    return model.double()


def spec_of(**parts):
    blank = {
        "encoder": (),
        "reconstructs": True,
        "latent": SimpleNamespace(activation="sigmoid", tag=lambda: "deterministic"),
        "decoder": SimpleNamespace(tied=False),
        "constraints": {},
        "code_shape": (4,),
        "training": SimpleNamespace(batch_size=128, optimizer=AdamSpec()),
        "input": SimpleNamespace(shape=(6,)),
        "decoder_layers": lambda: (),
    }
    whole = SimpleNamespace(**(blank | parts))
    whole.encoder_layers = lambda: whole.encoder
    return whole


def ending_in(activation):
    return SimpleNamespace(style=lambda: SimpleNamespace(activation=activation))


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.model_dump_json(exclude_defaults=True))
def test_doubling_the_batch_changes_nothing(term):
    torch.manual_seed(0)
    net, x = network(term), torch.randn(7, 6).double()
    penalty = term.build((3,) if term.on == "latent" else (5,))
    once = penalty(net(x, taps=("encoder.0",)))
    assert once.shape == ()
    torch.testing.assert_close(penalty(net(torch.cat([x, x]), taps=("encoder.0",))), once)


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.model_dump_json(exclude_defaults=True))
def test_every_penalty_moves_the_encoder(term):
    torch.manual_seed(0)
    net = network(term)
    term.build((3,))(net(torch.randn(7, 6).double(), taps=("encoder.0",))).backward()
    assert net.encoder[0].weight.grad.abs().sum() > 0


def test_the_needs_of_a_kl_are_a_posterior():
    assert KLSpec.needs == {"posterior"}
    assert not any(part.needs for part in (ContractiveSpec, KLSparsitySpec, L1Spec, L2Spec))


def test_two_cures_at_once_are_refused():
    with pytest.raises(ValidationError, match="choose one"):
        KLSpec(free_bits=0.1, capacity=3.0)


def test_a_capacity_that_is_a_number_is_written_as_one_and_a_schedule_is_built_into_the_term():
    assert KLSpec(capacity=2.0).model_dump(exclude_defaults=True)["capacity"] == 2.0
    assert "capacity" not in KLSpec(capacity=0.0).model_dump(exclude_defaults=True)
    rising = KLSpec(capacity=LinearScheduleSpec(start=0.0, end=10.0, steps=100)).build((3,))
    for step, capacity in ((0, 0.0), (50, 5.0), (1000, 10.0)):
        for change in changes([rising]):
            change(step, 1000)
        assert rising.capacity == capacity


@pytest.mark.parametrize("name", ["capacity", "free_bits"])
def test_no_code_carries_less_than_0_nats(name):
    with pytest.raises(ValidationError, match="takes 0 or more, and the schedule gets to -1"):
        KLSpec(**{name: LinearScheduleSpec(start=-1.0, end=10.0, steps=100)})


def test_a_small_batch_cannot_estimate_a_rate():
    (remark,) = KLSparsitySpec().remarks(spec_of(training=SimpleNamespace(batch_size=32)))
    assert (remark.level, remark.message) == ("error", "a batch of 32 is too small to estimate a rate")
    assert "momentum = 0.9" in remark.hint
    assert not list(KLSparsitySpec(momentum=0.9).remarks(spec_of(training=SimpleNamespace(batch_size=32))))


@pytest.mark.parametrize("activation", ["identity", "relu", "tanh"])
def test_rates_want_a_sigmoid(activation):
    (remark,) = KLSparsitySpec().remarks(spec_of(latent=SimpleNamespace(activation=activation)))
    assert activation in remark.message
    assert remark.hint == 'latent: activation = "sigmoid"'


def test_rates_of_a_layer_want_a_sigmoid_there():
    spec = spec_of(encoder=(ending_in("sigmoid"), ending_in("relu")))
    assert not list(KLSparsitySpec(on="encoder.0").remarks(spec))
    assert list(KLSparsitySpec(on="encoder.1").remarks(spec))
    assert list(KLSparsitySpec(on="input.clean").remarks(spec))


@pytest.mark.parametrize("term", [ContractiveSpec(), L1Spec()], ids=lambda term: term.type)
def test_a_free_decoder_draws_a_warning(term):
    (remark,) = term.remarks(spec_of())
    assert remark.level == "warning"
    assert "unit_norm" in remark.hint
    assert remark.code == ("AZ516" if term.type == "contractive" else "AZ505")
    bounded = {"unit_norm": SimpleNamespace(on="decoder.0", bounding=True)}
    assert not list(term.remarks(spec_of(constraints=bounded)))
    elsewhere = {"unit_norm": SimpleNamespace(on="encoder.0", bounding=True)}
    assert list(term.remarks(spec_of(constraints=elsewhere)))
    decaying = SimpleNamespace(batch_size=128, optimizer=AdamSpec(weight_decay=0.1))
    assert not list(term.remarks(spec_of(training=decaying)))
    assert not list(term.remarks(spec_of(decoder=SimpleNamespace(tied=True))))


NORMED = LinearSpec(features=6, norm="batch")


@pytest.mark.parametrize("layer", [NORMED, ResidualSpec(body=[NORMED]), NormSpec(norm="batch")], ids=lambda x: x.tag())
def test_batch_norm_under_a_contraction_draws_a_warning(layer):
    spec = spec_of(decoder=SimpleNamespace(tied=True), encoder=(LinearSpec(features=6), layer))
    (remark,) = ContractiveSpec().remarks(spec)
    assert remark.level == "warning"
    assert "depends on its batch" in remark.message


def test_a_closed_form_of_a_deep_encoder_is_refused_when_it_is_read():
    tied = SimpleNamespace(tied=True)
    term = ContractiveSpec(estimator="closed_form")
    assert not list(term.remarks(spec_of(decoder=tied, encoder=(FlattenSpec(),))))
    (remark,) = term.remarks(spec_of(decoder=tied, encoder=(LinearSpec(features=3),)))
    assert remark.hint == 'estimator = "auto"'


@pytest.mark.parametrize("term", [KLSpec(on="encoder.0"), ContractiveSpec(on="output")], ids=lambda term: term.type)
def test_a_term_of_the_latent_refuses_another_tap(term):
    (remark,) = term.remarks(spec_of(decoder=SimpleNamespace(tied=True)))
    assert remark.message == f"{term.type} reads the latent and nothing else, got on = {term.on!r}"


def test_a_hundred_samples_are_enough_to_read_a_rate_from():
    (remark,) = KLSparsitySpec().remarks(spec_of(training=SimpleNamespace(batch_size=99)))
    assert "training.batch_size = 100 or more" in remark.hint
    assert not list(KLSparsitySpec().remarks(spec_of(training=SimpleNamespace(batch_size=100))))


def test_a_layer_that_is_not_there_ends_in_no_sigmoid():
    spec = spec_of(encoder=(ending_in("sigmoid"),))
    (remark,) = KLSparsitySpec(on="encoder.1").remarks(spec)
    assert remark.message == "rates are of units in (0, 1), and 'encoder.1' ends in no sigmoid"
    assert remark.hint == 'encoder.1: activation = "sigmoid"'


def test_rates_of_a_decoders_layer_are_those_of_its_own_sigmoid():
    spec = spec_of(encoder=(ending_in("relu"),), decoder_layers=lambda: (ending_in("sigmoid"),))
    assert not list(KLSparsitySpec(on="decoder.0").remarks(spec))


def test_a_penalty_of_a_layer_needs_no_bounded_decoder():
    assert not list(L1Spec(on="encoder.0").remarks(spec_of()))


@pytest.mark.parametrize("activation", ["identity", "sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("tag", ["deterministic", "gaussian"])
def test_one_affine_map_and_a_pointwise_function_have_a_closed_form(tag, activation):
    latent = SimpleNamespace(activation=activation, tag=lambda: tag)
    term = ContractiveSpec(estimator="closed_form")
    assert not list(term.remarks(spec_of(decoder=SimpleNamespace(tied=True), latent=latent)))


@pytest.mark.parametrize(
    "parts",
    [
        {"latent": SimpleNamespace(activation="elu", tag=lambda: "deterministic")},
        {"latent": SimpleNamespace(activation="relu", tag=lambda: "topk")},
        {"code_shape": (4, 2, 2)},
        {"encoder": (FlattenSpec(), LinearSpec(features=3))},
    ],
    ids=["elu", "topk", "grid", "two maps"],
)
def test_other_codes_have_no_closed_form_and_the_field_is_named(parts):
    term = ContractiveSpec(estimator="closed_form")
    (remark,) = term.remarks(spec_of(decoder=SimpleNamespace(tied=True), **parts))
    assert (remark.level, remark.at) == ("error", "estimator")


def test_a_term_that_reads_the_latent_alone_says_which_field_is_wrong():
    (remark,) = KLSpec(on="encoder.0").remarks(spec_of())
    assert (remark.hint, remark.at) == ("leave 'on' out", "on")


def test_batch_norm_two_layers_deep_is_seen_with_the_shape_it_is_given():
    class Counting(NormSpec):
        def batch_norm(self, shape):
            shapes.append(shape)
            return super().batch_norm(shape)

    shapes = []
    spec = spec_of(decoder=SimpleNamespace(tied=True), encoder=(LinearSpec(features=5), Counting(norm="batch")))
    assert list(ContractiveSpec().remarks(spec))
    assert shapes == [(5,)]


@pytest.mark.parametrize(
    ("term", "field", "refused", "kept"),
    [
        (KLSpec, "free_bits", -0.1, ConstantSpec(value=0.0)),
        (KLSpec, "capacity", -0.1, ConstantSpec(value=0.0)),
        (KLSparsitySpec, "rho", 0.0, 0.001),
        (KLSparsitySpec, "rho", 1.0, 0.999),
        (KLSparsitySpec, "momentum", 0.0, 0.001),
        (KLSparsitySpec, "momentum", 1.0, 0.999),
        (ContractiveSpec, "probes", 0, 1),
        (ContractiveSpec, "probes", 1025, 1024),
    ],
)
def test_the_fields_of_penalties_have_the_ranges_of_their_formulas(term, field, refused, kept):
    assert getattr(term(**{field: kept}), field) == kept
    with pytest.raises(ValidationError):
        term(**{field: refused})


def test_penalties_start_from_the_values_of_their_papers():
    assert (KLSpec().free_bits, KLSpec().capacity) == (ConstantSpec(value=0.0),) * 2
    assert (KLSparsitySpec().rho, KLSparsitySpec().momentum) == (0.05, None)
    assert (ContractiveSpec().estimator, ContractiveSpec().probes) == ("auto", 1)
    assert [part.sparsifies for part in (KLSparsitySpec, L1Spec, L2Spec, KLSpec)] == [True, True, False, False]
    assert [part.rate for part in (KLSpec, L2Spec)] == [True, False]
