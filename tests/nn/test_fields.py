"""Fields in a pass: what is hidden has no part in the loss, and a target has units of its own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import aezoo
from aezoo.building.builder import objective_of
from aezoo.model import Model
from aezoo.nn.corruption import Hide
from aezoo.nn.data_normalizer import Normalizer
from aezoo.nn.metrics import Mean, PerValue, nll, squared_errors
from aezoo.nn.objective import Noise

LIKELIHOODS: list[Any] = [
    "mse",
    "bernoulli",
    "continuous_bernoulli",
    "laplace",
    "huber",
    {"type": "gaussian", "variance": "learned"},
    {"type": "gaussian", "variance": "per_value"},
]


def model(**written: Any) -> Model:
    document = {
        "name": "drawn",
        "input": {"shape": [4], "range": [0, 1]},
        "encoder": [{"type": "linear", "features": 6}],
        "latent": {"type": "gaussian", "dim": 2},
        "regularizers": {"kl": {}},
        "training": {"precision": "float64"},
    }
    return aezoo.build({**document, **written})


def noise() -> Noise:
    return Noise(torch.Generator().manual_seed(0), torch.Generator().manual_seed(1))


def loss_and_gradient(made: Model, x: Tensor, **fields: Tensor) -> tuple[Tensor, Tensor]:
    objective = objective_of(made, steps=1)
    made.network.zero_grad()
    total = objective(x, "model", 0, noise(), fields).total
    total.backward()
    return total.detach(), torch.cat([p.grad.flatten() for p in made.network.parameters() if p.grad is not None])


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
@pytest.mark.parametrize("shape", [[4], [1]])
def test_what_the_mask_leaves_out_of_the_target_changes_neither_loss_nor_gradient(likelihood: Any, shape: Any) -> None:
    torch.manual_seed(0)
    fields = {"after": {"shape": [4], "range": [0, 1]}, "seen": {"shape": shape}}
    made = model(fields=fields, target="fields.after", mask="fields.seen", likelihood=likelihood)
    x, after = torch.rand(5, 4).double(), torch.rand(5, 4).double()
    seen = (torch.rand(5, *shape) < 0.5).double()
    counted = seen.expand_as(after) != 0
    first = loss_and_gradient(made, x, after=after, seen=seen)
    hidden = loss_and_gradient(made, x, after=torch.where(counted, after, torch.rand_like(after)), seen=seen)
    shown = loss_and_gradient(made, x, after=torch.where(counted, torch.rand_like(after), after), seen=seen)
    for one, same, other in zip(first, hidden, shown, strict=True):
        assert torch.equal(one, same)
        assert not torch.equal(one, other)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_a_mask_of_ones_is_no_mask(likelihood: Any) -> None:
    plain = model(likelihood=likelihood)
    masked = model(likelihood=likelihood, fields={"seen": {"shape": [4]}}, mask="fields.seen")
    x = torch.rand(5, 4).double()
    for one, same in zip(
        loss_and_gradient(plain, x), loss_and_gradient(masked, x, seen=torch.ones(5, 4).double()), strict=True
    ):
        torch.testing.assert_close(one, same)


def test_a_target_that_is_the_input_is_no_other_target() -> None:
    plain, aimed = model(), model(fields={"again": {"shape": [4]}}, target="fields.again")
    x = torch.rand(5, 4).double()
    for one, same in zip(loss_and_gradient(plain, x), loss_and_gradient(aimed, x, again=x), strict=True):
        assert torch.equal(one, same)


def test_metrics_compare_with_the_target_where_the_mask_counts() -> None:
    fields = {"after": {"shape": [3]}, "seen": {"shape": [3]}}
    made = model(fields=fields, target="fields.after", mask="fields.seen")
    x, after = torch.rand(6, 4).double(), torch.rand(6, 3).double()
    seen = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 1, 1]] * 2).double()
    out = made.network.eval()(x, fields={"after": after, "seen": seen})
    errors = ((out.raw - after).square() * seen).sum(dim=1)
    torch.testing.assert_close(squared_errors(out), errors)
    total, each = Mean(squared_errors), PerValue(squared_errors)
    for metric in (total, each):
        metric.update(out)
    assert total.result() == pytest.approx(errors.mean().item())
    assert each.result() == pytest.approx((errors.sum() / seen.sum()).item())


def test_a_target_has_moments_of_its_own_and_comes_out_in_its_units() -> None:
    likelihood = {"type": "gaussian", "variance": "learned"}
    fields = {"after": {"shape": [3]}}
    standardized = {"shape": [4], "normalize": "standardize"}
    made = model(input=standardized, fields=fields, target="fields.after", likelihood=likelihood)
    network = made.network
    x, after = torch.randn(9, 4).double(), 100 + 10 * torch.randn(9, 3).double()
    network.target_normalizer.fit(after)  # type: ignore[operator]
    out = network(x, fields={"after": after})
    torch.testing.assert_close(out.target.mean(dim=0), torch.zeros(3).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(network.decode(out.code.z), network.target_normalizer.inverse(out.raw))  # type: ignore[operator]
    # A density of the target's own units: that of a normal distribution around the decoded mean.
    scale = network.likelihood.log_scale.exp() * network.target_normalizer.scale  # type: ignore[union-attr, operator]
    expected = -torch.distributions.Normal(network.decode(out.code.z), scale).log_prob(after).sum(dim=1)
    torch.testing.assert_close(nll(out), expected)
    assert {"target_normalizer.shift", "target_normalizer.scale"} <= network.state_dict().keys()


def test_values_that_nobody_knows_are_the_mean_to_the_model_and_not_in_the_moments() -> None:
    x, known = torch.randn(50, 4).double() + 7, (torch.rand(50, 4) < 0.6).double()
    normalizer, plain = Normalizer([4]).double(), Normalizer([4]).double()
    normalizer.fit(x * known, known)
    column = x[:, 2][known[:, 2] != 0]
    assert normalizer.shift[2].item() == pytest.approx(column.mean().item())
    assert normalizer.scale[2].item() == pytest.approx(column.std(correction=0).item())
    plain.fit(x, torch.ones(50, 1).double())
    everything = Normalizer([4]).double()
    everything.fit(x)
    assert torch.equal(plain.shift, everything.shift)
    made = model(
        input={"shape": [4], "normalize": "standardize", "observed": "fields.known"}, fields={"known": {"shape": [4]}}
    )
    made.network.normalizer.fit(x * known, known)  # type: ignore[operator]
    out = made.network(x, fields={"known": known})
    assert (out.x[known == 0] == 0).all()
    other = made.network(torch.where(known != 0, x, torch.rand_like(x)), fields={"known": known})
    assert torch.equal(out.code.mean, other.code.mean)


def test_a_column_of_gaps_alone_is_refused() -> None:
    with pytest.raises(aezoo.errors.DataError, match=r"feature 1 .* has no known value"):
        Normalizer([2]).fit(torch.rand(3, 2), torch.tensor([[1.0, 0.0]]).expand(3, 2))


def test_hidden_values_are_the_mean_and_the_others_stay() -> None:
    made = model(input={"shape": [4], "normalize": "standardize"}, fields={"kept": {"shape": [4]}})
    made.network.normalizer.fit(torch.rand(9, 4).double() + 3)  # type: ignore[operator]
    hide = Hide("kept")
    hide.attach(made.network)
    x, kept = torch.rand(5, 4).double(), (torch.rand(5, 4) < 0.5).double()
    hidden = made.network.normalizer(hide(x, None, {"kept": kept}))
    torch.testing.assert_close(hidden, kept * made.network.normalizer(x), atol=1e-12, rtol=0)
    assert not [*hide.parameters()]
    assert not hide.state_dict()


def test_a_corruption_that_reads_a_field_hides_from_the_encoder_alone() -> None:
    made = model(fields={"kept": {"shape": [4]}}, corruption=[{"type": "hide", "on": "fields.kept"}])
    x, kept = torch.rand(5, 4).double(), (torch.rand(5, 4) < 0.5).double()
    objective = objective_of(made, steps=1)
    losses = objective(x, "model", 0, noise(), {"kept": kept})
    expected = made.network(x, x * kept, torch.Generator().manual_seed(1))
    assert torch.equal(losses.raw["reconstruction"], (expected.raw - x).square().sum(dim=1).mean())


def test_a_pass_repeated_holds_each_sample_again() -> None:
    made = model(fields={"seen": {"shape": [4]}, "after": {"shape": [4]}}, mask="fields.seen", target="fields.after")
    fields = {"seen": torch.rand(3, 4).double(), "after": torch.rand(3, 4).double()}
    out = made.network(torch.rand(3, 4).double(), fields=fields)
    again = out.repeated(2)
    assert again.corrupted is again.x
    for one, two in ((out.x, again.x), (out.target, again.target), (out.mask, again.mask)):
        assert torch.equal(torch.cat([one, one]), two)
    assert torch.equal(again.tap("fields.after")[3:], fields["after"])
