import pytest
import torch
from pydantic import ValidationError

from aezoo.builtins.optimizers import AdamSpec, AdamWSpec, LBFGSSpec, RMSpropSpec, SGDSpec, fusible
from aezoo.builtins.schedules import LinearScheduleSpec

SPECS = [AdamSpec(), AdamWSpec(), SGDSpec(), SGDSpec(momentum=0.9, nesterov=True), RMSpropSpec(), LBFGSSpec()]


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
