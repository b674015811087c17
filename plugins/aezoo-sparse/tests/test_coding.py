"""Codes: which units are active, what the threshold remembers, and where gradients go."""

import pytest
import torch
from aezoo_sparse.coding import BatchTopK, Gated, JumpReLU, ReLU, TopK, straight_through
from hypothesis import given
from hypothesis import strategies as st


def features(rows, width=6, seed=0):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


@given(rows=st.integers(1, 9), k=st.integers(1, 12))
def test_a_batch_has_k_active_units_for_each_sample_on_average(rows, k):
    coder = BatchTopK(6, 12, k=k)
    code = coder(features(rows))
    positive = int((code.pre > 0).sum())
    assert int((code.z != 0).sum()) == min(k * rows, positive)
    kept, left = code.z[code.z != 0], code.pre[code.z == 0]
    assert not len(kept) or not len(left) or kept.min() >= left.max()


def test_batches_share_their_active_units_unevenly_and_top_k_evenly():
    h = torch.cat([10 * features(4), 0.1 * features(4, seed=1)])
    shared, even = BatchTopK(6, 12, k=3), TopK(6, 12, k=3)
    even.load_state_dict({name: value for name, value in shared.state_dict().items() if name in even.state_dict()})
    assert (shared(h).z != 0).sum(dim=1)[:4].sum() > (even(h).z != 0).sum(dim=1)[:4].sum()
    assert ((even(h).z != 0).sum(dim=1) <= 3).all()


def test_the_threshold_of_constant_batches_is_their_smallest_active_value_at_once():
    coder = BatchTopK(6, 12, k=3)
    z = coder(features(5)).z
    smallest = z[z > 0].min()
    torch.testing.assert_close(coder.threshold, smallest)
    for _ in range(3):
        coder(features(5))
    torch.testing.assert_close(coder.threshold, smallest)


def test_the_threshold_is_a_running_mean_once_it_is_old():
    coder = BatchTopK(6, 12, k=3, momentum=0.9)
    coder.batches.fill_(1000)
    coder.threshold.fill_(2.0)
    z = coder(features(5)).z
    torch.testing.assert_close(coder.threshold, 0.9 * torch.tensor(2.0) + 0.1 * z[z > 0].min())


def test_a_young_threshold_forgets_how_the_run_began():
    coder = BatchTopK(6, 12, k=3)
    seen = []
    for step in range(400):
        z = coder((1 + step / 400) * features(5, seed=step)).z
        seen.append(z[z > 0].min())
    late = torch.stack(seen[-100:]).mean()
    assert abs(coder.threshold - late) < 0.1 * late


def test_evaluation_uses_the_threshold_and_changes_nothing():
    coder = BatchTopK(6, 12, k=3)
    coder(features(5))
    before = {name: value.clone() for name, value in coder.state_dict().items()}
    code = coder.eval()(features(7, seed=3))
    torch.testing.assert_close(code.z, code.pre * (code.pre > coder.threshold))
    assert all(torch.equal(before[name], value) for name, value in coder.state_dict().items())


def test_a_batch_without_a_positive_unit_leaves_the_threshold_alone():
    coder = BatchTopK(6, 12, k=3)
    coder(features(5))
    before = coder.threshold.clone()
    torch.nn.init.constant_(coder.project.bias, -100.0)
    assert not coder(features(5)).z.any()
    assert torch.equal(coder.threshold, before)
    assert coder.batches == 1


def test_jumprelu_passes_what_is_above_and_nothing_else():
    coder = JumpReLU(6, 12, threshold=0.3, bandwidth=0.1)
    code = coder(features(5))
    torch.testing.assert_close(code.z, code.pre * (code.pre > 0.3))
    torch.testing.assert_close(code.active, (code.pre > 0.3).float())


def test_gradients_of_thresholds_are_the_estimates_of_the_paper():
    coder = JumpReLU(6, 12, threshold=0.3, bandwidth=0.4).double()
    h = features(50).double()
    code = coder(h)
    threshold = coder.log_threshold.exp().detach()
    inside = ((code.pre - threshold).abs() < 0.2).double().sum(dim=0)
    assert inside.max() > 0
    for value, each in ((code.active, -1 / 0.4), (code.z, -0.3 / 0.4)):
        (gradient,) = torch.autograd.grad(value.sum(), coder.log_threshold, retain_graph=True)
        torch.testing.assert_close(gradient, each * inside * threshold)  # d threshold / d log threshold


def test_the_step_sends_nothing_to_what_is_before_it_and_the_code_sends_what_passes():
    coder = JumpReLU(6, 12, threshold=0.3, bandwidth=0.4)
    code = coder(features(5))
    assert torch.autograd.grad(code.active.sum(), coder.project.weight, retain_graph=True, allow_unused=True) == (None,)
    (bias,) = torch.autograd.grad(code.z.sum(), coder.project.bias)
    torch.testing.assert_close(bias, (code.pre > 0.3).float().sum(dim=0))


def test_the_estimate_is_the_slope_of_how_many_pass_for_values_spread_evenly():
    # n values spread over [0, 1]: raising a threshold by d leaves d n fewer above.
    pre = torch.linspace(0, 1, 100_001, dtype=torch.float64)[:, None]
    threshold = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(straight_through(pre, threshold, 0.1).sum(), threshold)
    assert slope.item() == pytest.approx(-100_000, rel=1e-3)  # the rectangle contains a whole number of values


def test_gates_say_which_and_magnitudes_how_much():
    coder = Gated(6, 12)
    torch.nn.init.normal_(coder.log_scale)
    torch.nn.init.normal_(coder.offset)
    h = features(20)
    code = coder(h)
    linear = (h - coder.center) @ coder.project.weight.t()
    gate, magnitude = linear + coder.project.bias, linear * coder.log_scale.exp() + coder.offset
    torch.testing.assert_close(code.z, magnitude.relu() * (gate > 0))
    torch.testing.assert_close(code.gate, gate.relu())


def test_gates_learn_nothing_from_the_code_alone():
    coder = Gated(6, 12)
    code = coder(features(5))
    (bias,) = torch.autograd.grad(code.z.sum(), coder.project.bias, allow_unused=True, retain_graph=True)
    assert bias is None or not bias.abs().max() > 1e-6
    (bias,) = torch.autograd.grad(code.gate.sum(), coder.project.bias)
    assert bias.any()


def test_without_a_center_nothing_is_subtracted():
    coder = ReLU(6, 12, center=False)
    h = features(5)
    torch.testing.assert_close(coder(h).pre, coder.project(h))
    assert coder.center is None


@pytest.mark.parametrize("k", [0, 13])
def test_more_active_units_than_there_are_and_none_are_refused(k):
    from aezoo_sparse.latents import BatchTopKSpec, TopKSpec
    from pydantic import ValidationError

    for spec in (TopKSpec, BatchTopKSpec):
        with pytest.raises(ValidationError):
            spec(dim=12, k=k)
