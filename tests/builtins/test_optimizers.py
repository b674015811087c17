import pytest
import torch
from pydantic import ValidationError

from aezoo.builtins.adam import AdamSpec, AdamWSpec, fusible
from aezoo.builtins.optimizers import AdafactorSpec, LBFGSSpec, NAdamSpec, RAdamSpec, RMSpropSpec, SGDSpec
from aezoo.builtins.ramps import LinearScheduleSpec

SPECS = [
    AdamSpec(),
    AdamWSpec(),
    RAdamSpec(),
    NAdamSpec(),
    AdafactorSpec(),
    SGDSpec(),
    SGDSpec(momentum=0.9, nesterov=True),
    RMSpropSpec(),
    LBFGSSpec(),
]


def bowl(spec, dtype=torch.float32):
    """One step on the squared distance from 3; returns the loss before and after."""
    weight = torch.zeros(4, dtype=dtype, requires_grad=True)
    optimizer = spec.build([weight], lr=spec.lr.value(0, 1))

    def closure():
        optimizer.zero_grad()
        loss = (weight - 3).square().sum()
        loss.backward()
        return loss

    before = optimizer.step(closure).item()
    return before, closure().item()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.type)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_step_goes_downhill(spec, dtype):
    before, after = bowl(spec, dtype)
    assert after < before


def test_lbfgs_solves_a_quadratic_in_one_step():
    assert bowl(LBFGSSpec(), torch.float64)[1] < 1e-20


def test_adam_moves_by_its_rate_at_first():
    weight = torch.zeros(2, requires_grad=True)
    optimizer = AdamSpec(betas=(0.5, 0.9)).build([weight], lr=0.25)
    (weight * torch.tensor([3.0, -7.0])).sum().backward()
    optimizer.step()
    torch.testing.assert_close(weight.detach(), torch.tensor([-0.25, 0.25]))
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.9)


def test_adamw_decays_what_has_no_gradient():
    weight = torch.ones(2, requires_grad=True)
    optimizer = AdamWSpec(weight_decay=0.1).build([weight], lr=0.5)
    weight.grad = torch.zeros(2)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), torch.full((2,), 0.95))


@pytest.mark.parametrize("spec", [AdamSpec(), AdamWSpec(), SGDSpec()], ids=lambda spec: spec.type)
def test_updates_are_fused_where_torch_can(spec):
    assert spec.build([torch.zeros(1, requires_grad=True)], lr=0.1).defaults["fused"]
    assert not spec.build([torch.zeros(1, device="meta", requires_grad=True)], lr=0.1).defaults["fused"]


def test_complex_weights_are_not_fused():
    assert not fusible([torch.zeros(1), torch.zeros(1, dtype=torch.complex64)])


def test_a_momentum_of_one_is_refused():
    with pytest.raises(ValidationError, match="less than 1"):
        SGDSpec(momentum=1.0)
    with pytest.raises(ValidationError, match="less than 1"):
        AdamSpec(betas=(0.9, 1.0))


def test_a_tolerance_that_would_end_a_run_before_its_first_step_is_refused():
    assert LBFGSSpec(tolerance_grad=1.0).tolerance_grad == 1.0
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        LBFGSSpec(tolerance_grad=1.01)


def test_nesterov_without_momentum_says_what_to_write():
    (remark,) = SGDSpec(nesterov=True).remarks(None)
    assert remark.level == "error"
    assert remark.hint == "momentum = 0.9"
    assert not list(SGDSpec(nesterov=True, momentum=0.9).remarks(None))


@pytest.mark.parametrize("spec", [AdamSpec, SGDSpec, LBFGSSpec])
@pytest.mark.parametrize("lr", [-1.0, LinearScheduleSpec(start=-0.1, end=0.1), LinearScheduleSpec(start=0.1, end=-0.1)])
def test_a_rate_below_zero_is_refused(spec, lr):
    with pytest.raises(ValidationError, match="a learning rate is 0 or more"):
        spec(lr=lr)


def walked(build, steps=4):
    """Where four weights are after some steps down a bowl that is not round."""
    weight = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64, requires_grad=True)
    optimizer = build([weight])

    def closure():
        optimizer.zero_grad()
        loss = (torch.tensor([1.0, 3.0, 0.2, 5.0]).double() * (weight - 1).square()).sum() + weight.prod().cos()
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return weight.detach()


ADAM = {"betas": (0.7, 0.9), "eps": 0.1, "weight_decay": 0.3}
MOMENTUM = {"momentum": 0.8, "weight_decay": 0.3}
REFERENCES = [
    (AdamSpec(), torch.optim.Adam, {}),
    (AdamSpec(**ADAM), torch.optim.Adam, ADAM),
    (AdamWSpec(), torch.optim.AdamW, {"weight_decay": 0.01}),
    (AdamWSpec(**ADAM), torch.optim.AdamW, ADAM),
    (RAdamSpec(), torch.optim.RAdam, {}),
    (RAdamSpec(**ADAM), torch.optim.RAdam, {**ADAM, "decoupled_weight_decay": True}),
    (NAdamSpec(), torch.optim.NAdam, {}),
    (
        NAdamSpec(**ADAM, momentum_decay=0.2),
        torch.optim.NAdam,
        {**ADAM, "momentum_decay": 0.2, "decoupled_weight_decay": True},
    ),
    (AdafactorSpec(), torch.optim.Adafactor, {}),
    (
        AdafactorSpec(beta_decay=0.5, clip=1.05, weight_decay=0.2),
        torch.optim.Adafactor,
        {"beta2_decay": -0.5, "d": 1.05, "weight_decay": 0.2},
    ),
    (SGDSpec(), torch.optim.SGD, {}),
    (SGDSpec(**MOMENTUM), torch.optim.SGD, MOMENTUM),
    (SGDSpec(**MOMENTUM, nesterov=True), torch.optim.SGD, {**MOMENTUM, "nesterov": True}),
    (RMSpropSpec(), torch.optim.RMSprop, {}),
    (RMSpropSpec(**MOMENTUM, alpha=0.6, eps=0.1), torch.optim.RMSprop, {**MOMENTUM, "alpha": 0.6, "eps": 0.1}),
    (LBFGSSpec(), torch.optim.LBFGS, {"max_iter": 20, "history_size": 10, "line_search_fn": "strong_wolfe"}),
    (LBFGSSpec(max_iter=3, history_size=1, line_search="none"), torch.optim.LBFGS, {"max_iter": 3, "history_size": 1}),
    (LBFGSSpec(tolerance_grad=0.75), torch.optim.LBFGS, {"tolerance_grad": 0.75, "line_search_fn": "strong_wolfe"}),
    (LBFGSSpec(tolerance_change=0.5), torch.optim.LBFGS, {"tolerance_change": 0.5, "line_search_fn": "strong_wolfe"}),
]


@pytest.mark.parametrize(
    ("spec", "reference", "options"), REFERENCES, ids=lambda value: getattr(value, "type", None) and str(value)
)
def test_every_setting_reaches_the_optimizer(spec, reference, options):
    steps = 1 if spec.type == "lbfgs" else 4
    ours = walked(lambda weights: spec.build(weights, lr=0.05), steps)
    theirs = walked(lambda weights: reference(weights, lr=0.05, **options), steps)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    assert not ours.equal(walked(lambda weights: spec.build(weights, lr=0.1), steps))


def test_the_learning_rates_that_are_not_said():
    rates = {spec.type: spec.lr.value(0, 1) for spec in SPECS}
    assert rates == {
        **dict.fromkeys(("adam", "adamw", "radam", "nadam", "rmsprop"), 1e-3),
        **dict.fromkeys(("adafactor", "sgd"), 1e-2),
        "lbfgs": 1.0,
    }


def values_held(spec):
    """Numbers that an optimizer holds for each weight, after a few steps."""
    weight = torch.ones(4, requires_grad=True)
    optimizer = spec.build([weight], lr=1e-3)
    for step in range(3):
        weight.grad = torch.full((4,), 1.0 + step)
        optimizer.step()
    (state,) = optimizer.state.values()
    return sum(value.numel() for value in state.values() if value is not None and value.numel() == 4) // 4


@pytest.mark.parametrize(
    "spec",
    [
        AdamSpec(),
        AdamWSpec(),
        RAdamSpec(),
        NAdamSpec(),
        AdafactorSpec(),
        SGDSpec(),
        SGDSpec(momentum=0.9),
        RMSpropSpec(),
        RMSpropSpec(momentum=0.9),
    ],
    ids=lambda spec: spec.model_dump_json(exclude_defaults=True),
)
def test_what_an_optimizer_holds_is_counted(spec):
    assert spec.state() == (values_held(spec) if spec.type != "sgd" or spec.momentum else 0)


def test_lbfgs_holds_two_vectors_for_each_past_step_and_two_more():
    assert LBFGSSpec(history_size=3).state() == 8
