"""Codes, penalties, starts and metrics on paper."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from aezoo_sparse.accumulators import ExplainedVariance, Recovery, active_count, directions
from aezoo_sparse.coding import BatchTopK, Gated, JumpReLU, ReLU, TopK
from aezoo_sparse.dictionary import CHUNK, DictionarySpec
from aezoo_sparse.penalties import ActiveCount, AuxK, GateReconstruction
from aezoo_sparse.prefixes import NestedReconstruction
from aezoo_sparse.sphere import Sphere, make_tangent
from aezoo_sparse.start import couple, geometric_median
from torch import Tensor, nn

from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Code, Output
from aezoo.nn.latent import ActivatedCode, Deterministic
from aezoo.nn.layers import tie
from aezoo.nn.likelihood import Bernoulli, SquaredError
from aezoo.nn.metrics import DeadShare


def coder(kind: type[Any], **settings: Any) -> Any:
    """One that takes features as they are, less a centre of (1, -1, 0), plus a bias of (0, 0, 0.5)."""
    made = kind(3, 3, **settings)
    with torch.no_grad():
        made.project.weight.copy_(torch.eye(3))
        made.project.bias.copy_(torch.tensor([0.0, 0.0, 0.5]))
        if made.center is not None:
            made.center.copy_(torch.tensor([1.0, -1.0, 0.0]))
    return made


H = torch.tensor([[3.0, 0.0, 0.0], [0.0, 3.0, 1.0]])
PRE = [[2.0, 1.0, 0.5], [-1.0, 4.0, 1.5]]


# --- codes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "settings", "z"),
    [
        (ReLU, {}, [[2, 1, 0.5], [0, 4, 1.5]]),
        (TopK, {"k": 1}, [[2, 0, 0], [0, 4, 0]]),
        (TopK, {"k": 2}, [[2, 1, 0], [0, 4, 1.5]]),
        (BatchTopK, {"k": 1}, [[2, 0, 0], [0, 4, 0]]),
        (BatchTopK, {"k": 2}, [[2, 1, 0], [0, 4, 1.5]]),
        (JumpReLU, {"threshold": 1.2, "bandwidth": 0.1}, [[2, 0, 0], [0, 4, 1.5]]),
    ],
)
def test_what_is_selected_is_less_its_centre_and_passes_as_it_is(kind: Any, settings: Any, z: Any) -> None:
    code = coder(kind, **settings)(H)
    torch.testing.assert_close(code.pre, torch.tensor(PRE))
    torch.testing.assert_close(code.z, torch.tensor(z, dtype=torch.float32))


def test_a_grid_of_features_is_taken_as_a_vector() -> None:
    assert coder(ReLU)(H[:, :, None]).pre.tolist() == PRE


def test_the_threshold_of_batches_weighs_the_last_eighth_and_then_a_thousandth() -> None:
    made = coder(BatchTopK, k=1)
    seen = []
    for scale in (1.0, 2.0, 4.0):
        made(H * scale + torch.tensor([1.0, -1.0, 0.0]) * (1 - scale))  # codes times scale, but for the bias
        seen.append(2.0 * scale)
    first, second = seen[0], seen[0] + 8 / 9 * (seen[1] - seen[0])
    assert made.threshold.item() == pytest.approx(second + 8 / 10 * (seen[2] - second))
    assert made.batches.item() == 3
    made.batches.fill_(10**6)
    made.threshold.fill_(1.0)
    made(H)
    assert made.threshold.item() == pytest.approx(1.0 + 0.001 * (2.0 - 1.0))
    assert first == 2.0


def test_outside_training_a_unit_at_the_threshold_is_off() -> None:
    made = coder(BatchTopK, k=1).eval()
    made.threshold.fill_(1.0)
    assert made(H).z.tolist() == [[2, 0, 0], [0, 4, 1.5]]


def test_thresholds_start_where_they_are_said_to_and_a_unit_at_its_own_is_off() -> None:
    made = coder(JumpReLU, threshold=1.0, bandwidth=0.5)
    torch.testing.assert_close(made.log_threshold.exp(), torch.ones(3))
    with torch.no_grad():
        made.log_threshold.fill_(0.0)
    assert made(H).active.tolist() == [[1, 0, 0], [0, 1, 1]]


def test_gates_are_open_above_zero_and_magnitudes_are_scaled_and_offset() -> None:
    made = coder(Gated)
    with torch.no_grad():
        made.log_scale.fill_(math.log(2))
        made.offset.copy_(torch.tensor([-1.0, 0.0, 1.0]))
    code = made(H)
    assert code.gate.tolist() == [[2, 1, 0.5], [0, 4, 1.5]]
    torch.testing.assert_close(code.pre, torch.tensor([[3.0, 2.0, 1.0], [-3.0, 8.0, 3.0]]))  # the bias is the gate's
    torch.testing.assert_close(code.z, torch.tensor([[3.0, 2.0, 1.0], [0.0, 8.0, 3.0]]))


# --- penalties -----------------------------------------------------------------------------------------------


def network(weight: Tensor, bias: Tensor) -> Autoencoder:
    decoder = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        decoder.weight.copy_(weight)
        decoder.bias.copy_(bias)
    return Autoencoder(
        input_shape=(2,),
        encoder=[],
        latent=Deterministic(nn.Identity(), nn.Identity()),
        decoder=[decoder],
        likelihood=SquaredError(),
    )


WEIGHT = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
BIAS = torch.tensor([0.5, 0.0])


def passed(x: Tensor, z: Tensor, pre: Tensor) -> Output:
    model = network(WEIGHT, BIAS)
    return Output(model, x, x, ActivatedCode(z, pre), model.expand(z), {})


def test_dead_units_explain_what_is_left() -> None:
    x = torch.tensor([[3.5, 0.0], [0.5, 2.0]])
    z = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    pre = torch.tensor([[1.0, 0.25, 2.0], [1.0, 3.0, -1.0]])
    out = passed(x, z, pre)  # decoded as (1.5, 0): errors (2, 0) and (-1, 2)
    term = AuxK(3, k=1, after=10, relative=False)
    term.silent.copy_(torch.tensor([0, 10 - 2, 10 - 2]))
    # Two samples more make two units dead: the first adds 2 of the third unit, the second 3 of the second.
    assert term(out).item() == pytest.approx((0 + 4 + 1 + 1) / 2)
    assert term.silent.tolist() == [0, 10, 10]
    relative = AuxK(3, k=1, after=10)
    relative.silent.copy_(torch.tensor([0, 100, 100]))
    # Variances: of x 1.5^2 + 1, of the error 1.5^2 + 1.
    assert relative(out).item() == pytest.approx(3.0)
    two = AuxK(3, k=2, after=10, relative=False)
    two.silent.copy_(torch.tensor([0, 100, 100]))
    # The first adds 2 (1, 1) and 0.25 (0, 1), the second 3 (0, 1).
    assert two(out).item() == pytest.approx((0 + 2.25**2 + 1 + 1) / 2)


def test_unless_said_half_the_inputs_width_of_dead_units_may_try() -> None:
    x, z = torch.tensor([[3.5, 0.0]]), torch.zeros(1, 3)
    out = passed(x, z, torch.tensor([[1.0, 0.25, 2.0]]))  # half of two: one unit, the third
    term = AuxK(3, k=None, after=1, relative=False).eval()
    term.silent.fill_(1)
    assert term(out).item() == pytest.approx((3 - 2) ** 2 + (0 - 2) ** 2)
    assert term.silent.tolist() == [1, 1, 1]


def test_no_unit_is_dead_one_sample_before_its_time() -> None:
    out = passed(torch.ones(2, 2), torch.zeros(2, 3), torch.ones(2, 3))
    term = AuxK(3, k=1, after=3)
    assert term(out).item() == 0
    assert term(out).item() > 0


def test_an_error_that_is_nothing_costs_nothing() -> None:
    z = torch.tensor([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    x = z[:, :2] + BIAS
    term = AuxK(3, k=1, after=1).eval()
    term.silent.copy_(torch.tensor([0, 5, 5]))
    assert term(passed(x, z, -torch.ones(2, 3))).item() == 0


def test_active_units_are_counted_for_each_sample() -> None:
    out: Any = SimpleNamespace(code=SimpleNamespace(active=torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])))
    assert ActiveCount()(out).item() == 2.5
    assert ActiveCount(target=2.0)(out).item() == pytest.approx(0.0625)
    assert ActiveCount(target=5.0)(out).item() == pytest.approx(0.25)


def test_gates_are_decoded_as_codes_are() -> None:
    code = SimpleNamespace(gate=torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]))
    x = torch.tensor([[3.0, 0.0], [0.0, 0.0]])  # decoded as (3.5, 2) and (0.5, 1)
    out = Output(network(WEIGHT, BIAS), x, x, code, x, {})
    assert GateReconstruction()(out).item() == pytest.approx((0.25 + 4 + 0.25 + 1) / 2)


def test_prefixes_are_decoded_each_for_itself_and_the_whole_beside_them() -> None:
    x, z = torch.zeros(1, 2), torch.tensor([[1.0, 2.0, 3.0]])
    # Decoded as (1.5, 0), (1.5, 2) and (4.5, 5).
    losses = NestedReconstruction([1, 2])(passed(x, z, z), "model")
    assert {name: value.item() for name, value in losses.items()} == {
        "reconstruction": pytest.approx((2.25 + 6.25 + 45.25) / 3)
    }


# --- the sphere ----------------------------------------------------------------------------------------------


def test_what_points_along_a_column_is_taken_out_of_a_gradient() -> None:
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 0.0], [4.0, 2.0]]))
    layer.weight.grad = torch.tensor([[1.0, 5.0], [2.0, 7.0]])
    with torch.no_grad():
        make_tangent(layer)
    # (1, 2) . (3, 4) = 11: 11 / 25 of the first column.
    torch.testing.assert_close(layer.weight.grad, torch.tensor([[1 - 33 / 25, 5.0], [2 - 44 / 25, 0.0]]))


@pytest.mark.parametrize("first", [True, False])
def test_the_first_map_alone_is_kept_on_the_sphere_if_so_asked(first: bool) -> None:
    stack = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    stack(torch.ones(1, 2)).sum().backward()
    before = [layer.weight.grad.clone() for layer in stack]
    sphere = Sphere(first=first)
    sphere.tangent(stack)
    sphere(stack)
    for layer, gradient, meant in zip(stack, before, (True, not first), strict=True):
        assert (not torch.equal(layer.weight.grad, gradient)) is meant
        assert torch.allclose(layer.weight.norm(dim=0), torch.ones(layer.in_features)) is meant


def test_a_tied_map_has_its_columns_in_the_weight_it_borrows() -> None:
    source = nn.Linear(2, 3)
    layer = tie(nn.Linear(3, 2), source)
    source.weight.grad = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        make_tangent(layer)  # type: ignore[arg-type]
    torch.testing.assert_close((source.weight.grad * source.weight).sum(dim=1), torch.zeros(3), rtol=0, atol=1e-6)


# --- the start -----------------------------------------------------------------------------------------------


def test_the_median_of_a_triangle_is_fermats_point() -> None:
    height = math.sqrt(3)
    x = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, height]], dtype=torch.float64)
    expected = torch.tensor([0.0, height / 3], dtype=torch.float64)
    torch.testing.assert_close(geometric_median(x, tolerance=1e-15), expected, rtol=0, atol=1e-6)


def test_the_median_stops_after_so_many_rounds_or_where_the_sum_stands_still() -> None:
    x = torch.tensor([[0.0], [1.0], [10.0]])
    mean = 11 / 3
    assert geometric_median(x, iterations=0).item() == pytest.approx(mean)
    weights = [1 / mean, 1 / (mean - 1), 1 / (10 - mean)]
    step = (weights[1] + 10 * weights[2]) / sum(weights)
    assert geometric_median(x, iterations=1).item() == pytest.approx(step)
    # From 3.67 to there the sum of distances falls by less than half: it stops at once.
    assert geometric_median(x, tolerance=0.9).item() == pytest.approx(step)


@pytest.mark.parametrize("centered", [True, False])
def test_a_coupled_map_is_the_transpose_of_unit_directions_and_its_bias_says_where_the_data_are(centered: bool) -> None:
    project, decoder = nn.Linear(2, 3), nn.Linear(3, 2)
    with torch.no_grad():
        decoder.weight.copy_(torch.tensor([[3.0, 0.0, 1.0], [4.0, 2.0, 0.0]]))
    center = nn.Parameter(torch.zeros(2)) if centered else None
    couple(project, center, nn.Sequential(decoder), torch.tensor([[1.0, 2.0]] * 3))
    unit = torch.tensor([[0.6, 0.0, 1.0], [0.8, 1.0, 0.0]])
    torch.testing.assert_close(decoder.weight.detach(), unit)
    torch.testing.assert_close(project.weight.detach(), unit.t())
    assert decoder.bias.tolist() == pytest.approx([1.0, 2.0])
    if center is None:
        assert project.bias.tolist() == pytest.approx([-2.2, -2.0, -1.0])
    else:
        assert project.bias.tolist() == [0.0, 0.0, 0.0]
        assert center.tolist() == pytest.approx([1.0, 2.0])


def test_a_decoder_of_another_shape_or_without_a_bias_is_left_alone() -> None:
    project, center = nn.Linear(2, 3), nn.Parameter(torch.zeros(2))
    other = nn.Linear(4, 2)
    weight, bias = other.weight.clone(), project.weight.clone()
    couple(project, center, nn.Sequential(other), torch.tensor([[1.0, 2.0]] * 3))
    assert other.weight.equal(weight)
    assert project.weight.equal(bias)
    assert center.tolist() == pytest.approx([1.0, 2.0])
    bare = nn.Linear(3, 2, bias=False)
    couple(project, center, nn.Sequential(bare), torch.tensor([[1.0, 2.0]] * 3))
    torch.testing.assert_close(project.weight, bare.weight.t())


# --- metrics -------------------------------------------------------------------------------------------------


def coded(z: list[list[float]]) -> Output:
    code = torch.tensor(z)
    x = torch.zeros(len(code), 2)
    return Output(network(WEIGHT, BIAS), x, x, Code(code), x, {})


def test_active_values_are_counted_and_a_unit_is_dead_if_no_sample_of_any_batch_has_it() -> None:
    assert active_count(coded([[1.0, 0.0, -1.0], [0.0, 0.0, 2.0]])).tolist() == [2, 1]
    share = DeadShare()
    assert math.isnan(share.result())
    share.update(coded([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    assert share.result() == pytest.approx(2 / 3)
    share.update(coded([[0.0, 0.0, 3.0]]))
    assert share.result() == pytest.approx(1 / 3)


def test_what_is_explained_is_one_less_what_is_not() -> None:
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    metric = ExplainedVariance()
    metric.update(Output(network(WEIGHT, BIAS), x, x, Code(x), x / 2, {}))
    assert metric.result() == pytest.approx(0.75)


def test_directions_are_columns_in_data_units_and_recovery_is_the_mean_of_the_best_cosines() -> None:
    model = network(WEIGHT, BIAS)
    assert directions(model).tolist() == [[1, 0], [0, 1], [1, 1]]
    true = np.array([[2.0, 0.0], [3.0, 4.0]])
    metric = Recovery(true)
    assert math.isnan(metric.result())
    out = coded([[0.0, 0.0, 0.0]])
    metric.update(out)
    assert metric.result() == pytest.approx((1 + 7 / (5 * math.sqrt(2))) / 2)
    scaled = Autoencoder(
        input_shape=(2,),
        encoder=[],
        latent=nn.Identity(),
        decoder=list(model.decoder),
        likelihood=SquaredError(),
        standardize=True,
    )
    scaled.normalizer.scale.copy_(torch.tensor([2.0, 3.0]))  # type: ignore[union-attr,operator]
    assert directions(scaled).tolist() == [[2, 0], [0, 3], [2, 3]]


# --- the data ------------------------------------------------------------------------------------------------


def test_every_chunk_of_samples_has_draws_of_its_own() -> None:
    made = DictionarySpec(n=2 * CHUNK + 3, features=2, atoms=3, active=1).load()
    assert made.values.shape == (2 * CHUNK + 3, 2)
    first, second, last = (made.factors[start : start + 3] for start in (0, CHUNK, 2 * CHUNK))
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, last)


def test_the_seed_decides_directions_and_coefficients_apart() -> None:
    settings: dict[str, Any] = {"n": 50, "features": 4, "atoms": 6, "active": 2}
    one, same, other = (DictionarySpec(seed=seed, **settings) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.load().values, same.load().values)
    assert not np.allclose(one.directions(), other.directions())
    assert not np.array_equal(one.load().factors, other.load().factors)
    assert one.directions().shape == (6, 4)
    exact = DictionarySpec(n=50, features=4, atoms=6, active=6, exact=True).load().factors
    assert (exact > 0).all()


# --- settings ------------------------------------------------------------------------------------------------

KINDS = [
    (ReLU, {}),
    (TopK, {"k": 1}),
    (BatchTopK, {"k": 1}),
    (JumpReLU, {"threshold": 1.0, "bandwidth": 0.1}),
    (Gated, {}),
]


@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_every_code_may_do_without_a_centre_and_without_a_start(kind: Any, settings: dict[str, Any]) -> None:
    bare = kind(3, 3, center=False, coupled=False, **settings)
    assert bare.center is None
    assert kind(3, 3, **settings).center.tolist() == [0, 0, 0]
    model = network(torch.eye(2, 3), BIAS)
    for made, moves in ((kind(2, 3, coupled=False, **settings), False), (kind(2, 3, **settings), True)):
        before = made.project.weight.clone()
        made.prepare(torch.ones(4, 2), model=model, generator=torch.Generator())
        assert made.project.weight.equal(before) is not moves


def test_a_start_takes_features_on_a_grid_as_vectors() -> None:
    flat, grid = ReLU(2, 3), ReLU(2, 3)
    x = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    for made, first_input in ((flat, x), (grid, x[:, :, None])):
        made.prepare(first_input, model=network(WEIGHT, BIAS), generator=torch.Generator())
    assert flat.center.equal(grid.center)
    assert flat.center.tolist() == pytest.approx(geometric_median(x).tolist())


def test_before_training_every_positive_unit_passes_the_threshold() -> None:
    made = coder(BatchTopK, k=1).eval()
    assert made(H).z.tolist() == [[2, 1, 0.5], [0, 4, 1.5]]


def test_the_threshold_is_a_running_mean_of_the_smallest_active_value() -> None:
    made = coder(BatchTopK, k=2)
    made(H)  # four are active: 2, 4, 1.5 and 1
    assert made.threshold.item() == 1.0
    assert not made.threshold.requires_grad


def test_gates_start_with_magnitudes_as_they_are_and_a_gate_of_nothing_is_shut() -> None:
    fresh = Gated(3, 3)
    assert fresh.log_scale.tolist() == fresh.offset.tolist() == [0, 0, 0]
    made = coder(Gated)
    with torch.no_grad():
        made.offset.fill_(7.0)
    code = made(torch.tensor([[1.0, 0.0, -0.5]]))  # gates 0, 1 and 0
    assert code.z.tolist() == [[0, 8, 0]]


def test_what_dead_units_leave_is_measured_by_the_variance_of_x_over_that_of_the_error() -> None:
    x = torch.tensor([[4.5, 0.0], [0.5, 2.0]])
    z = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    pre = torch.tensor([[1.0, 0.25, 2.0], [1.0, 3.0, -1.0]])
    out = passed(x, z * torch.tensor([[2.0], [1.0]]), pre)
    error = x - out.raw
    term = AuxK(3, k=1, after=10)
    term.silent.copy_(torch.tensor([0, 100, 100]))
    added = torch.tensor([[2.0, 2.0], [0.0, 3.0]])
    missed = (error - added).square().sum(dim=1).mean()
    expected = missed * x.var(dim=0, correction=0).sum() / error.var(dim=0, correction=0).sum()
    torch.testing.assert_close(term(out), expected)
    assert x.var(dim=0).sum() != error.var(dim=0).sum()


def test_the_error_that_dead_units_explain_is_held_constant() -> None:
    x, pre = torch.tensor([[4.5, 0.0], [0.5, 2.0]]), torch.tensor([[1.0, 0.25, 2.0], [1.0, 3.0, -1.0]])
    z = torch.tensor([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]], requires_grad=True)
    term = AuxK(3, k=1, after=10, relative=False)
    term.silent.copy_(torch.tensor([0, 100, 100]))
    out = passed(x, z, pre)
    term(out).backward()  # type: ignore[no-untyped-call]
    assert z.grad is None
    bias = next(part for part in out.model.modules() if isinstance(part, nn.Linear)).bias
    assert not bias.grad.any()  # type: ignore[union-attr]


def test_a_map_without_a_gradient_is_left_alone_and_so_is_a_column_of_zeros() -> None:
    layer = nn.Linear(2, 2)
    make_tangent(layer)
    assert layer.weight.grad is None
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    layer.weight.grad = torch.ones(2, 2)
    with torch.no_grad():
        make_tangent(layer)
    assert layer.weight.grad.tolist() == [[1, 0], [1, 1]]


def test_gates_of_pictures_are_measured_over_all_values() -> None:
    decoder = nn.Sequential(nn.Linear(1, 4, bias=False), nn.Unflatten(1, (1, 2, 2)))
    nn.init.ones_(decoder[0].weight)  # type: ignore[arg-type]
    model = Autoencoder(
        input_shape=(1, 2, 2), encoder=[], latent=nn.Identity(), decoder=[decoder], likelihood=SquaredError()
    )
    code = SimpleNamespace(gate=torch.tensor([[1.0], [2.0]]))
    x = torch.zeros(2, 1, 2, 2)
    out = Output(model, x, x, code, x, {})
    assert GateReconstruction()(out).item() == pytest.approx((4 + 16) / 2)


def test_prefixes_are_averaged_over_the_batch_and_compared_with_the_sample_by_the_likelihood() -> None:
    z = torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]])
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    out = passed(x, z, z)
    out.model.likelihood = Bernoulli()
    raws = [torch.cat([z[:, :m], torch.zeros(2, 3 - m)], dim=1) @ WEIGHT.t() + BIAS for m in (1, 3)]
    expected = sum(nn.functional.binary_cross_entropy_with_logits(raw, x, reduction="sum") / 2 for raw in raws) / 2
    torch.testing.assert_close(NestedReconstruction([1])(out, "model")["reconstruction"], expected)


def test_coefficients_may_all_be_one() -> None:
    made = DictionarySpec(n=20, features=4, atoms=4, active=2, exact=True, coefficients=(1.0, 1.0))
    assert not list(made.faults())
    assert set(np.unique(made.load().factors)) == {0.0, 1.0}


def test_how_many_are_active_varies_unless_it_is_exact_and_a_fault_says_which_field_it_is_of() -> None:
    counts = (DictionarySpec(n=200, features=4, atoms=8, active=3).load().factors > 0).sum(axis=1)
    assert len(set(counts.tolist())) > 3
    faults: list[tuple[dict[str, Any], str]] = [
        ({"active": 9}, "active"),
        ({"orthonormal": True}, "orthonormal"),
        ({"coefficients": (2.0, 1.0)}, "coefficients"),
    ]
    for settings, field in faults:
        (fault,) = DictionarySpec(features=4, atoms=8, **{"active": 3, **settings}).faults()
        assert fault.at == field
