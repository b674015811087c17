"""The density of a row: against torch.distributions, sums over all values, closed moments; what is checked of it."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import exp, isclose

import pytest
import torch
from aezoo_tables.likelihoods import MixedSpec
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, NegativeBinomial, Normal, Poisson

from aezoo.errors import ShapeError, SpecError
from aezoo.testing.law.densities import _off

KINDS = [
    {"kind": "gaussian"},
    {"kind": "categorical", "classes": 4},
    {"kind": "ordinal", "classes": 5},
    {"kind": "poisson"},
    {"kind": "negative_binomial"},
    {"kind": "zinb"},
]
PAIRS = [*combinations_with_replacement(KINDS, 2)]
NAMES = [column["kind"] for column in KINDS]


def double(values):
    return torch.tensor(values, dtype=torch.double)


def mixed(*columns, unit=3.0, log_r=0.4, log_scale=-0.7):
    """The module in float64, with weights that are not those it starts with."""
    spec = MixedSpec.model_validate({"columns": columns})
    module = spec.build((len(columns),)).double().eval()
    with torch.no_grad():
        for family in module.families:
            for name, value in (("unit", unit), ("log_dispersion", log_r), ("log_scale", log_scale)):
                if hasattr(family, name):
                    getattr(family, name).fill_(value)
            if hasattr(family, "thresholds"):
                family.thresholds.add_(0.3 * torch.randn(family.thresholds.shape, dtype=torch.double))
    return module


def probability(module, raw, x):
    """exp(-nll) of one column, [n, P] and [n]."""
    return (-module.nll(raw, x[:, None])).exp()


def rate(raw, unit=3.0):
    return unit * torch.log1p(raw.exp()) / torch.log(double(2.0))


# --- densities -----------------------------------------------------------------------------------------------------


@given(raw=st.floats(-5, 5), x=st.floats(-8, 8))
def test_a_number_has_the_density_of_torch_distributions(raw, x):
    raw, x = double([[raw]]), double([[x]])
    expected = -Normal(raw, exp(-0.7)).log_prob(x)
    torch.testing.assert_close(mixed(KINDS[0]).nll_values(raw, x), expected)


def test_a_class_has_the_probability_of_torch_distributions():
    raw, x = torch.randn(7, 4).double(), torch.arange(7) % 4
    expected = -Categorical(logits=raw).log_prob(x)
    torch.testing.assert_close(mixed(KINDS[1]).nll(raw, x[:, None].double()), expected)


@given(raw=st.floats(-8, 8), x=st.integers(0, 200))
def test_a_poisson_count_has_the_probability_of_torch_distributions(raw, x):
    raw, x = double([[raw]]), double([[x]])
    torch.testing.assert_close(mixed(KINDS[3]).nll_values(raw, x), -Poisson(rate(raw)).log_prob(x))


@given(raw=st.floats(-8, 8), x=st.integers(0, 200), log_r=st.floats(-3, 6))
def test_a_negative_binomial_count_has_the_probability_of_torch_distributions(raw, x, log_r):
    raw, x = double([[raw]]), double([[x]])
    r = double(exp(log_r))
    expected = -NegativeBinomial(r, probs=rate(raw) / (rate(raw) + r)).log_prob(x)
    torch.testing.assert_close(mixed(KINDS[4], log_r=log_r).nll_values(raw, x), expected, rtol=1e-8, atol=1e-8)


@given(raw=st.floats(-4, 4), logit=st.floats(-4, 4), x=st.integers(0, 50))
def test_a_zero_inflated_count_mixes_zero_and_a_negative_binomial(raw, logit, x):
    raw, zero = double([[raw, logit]]), 1 / (1 + exp(-logit))
    counted = probability(mixed(KINDS[4]), raw[:, :1], double([x])).item()
    expected = zero * (x == 0) + (1 - zero) * counted
    assert isclose(probability(mixed(KINDS[5]), raw, double([x])).item(), expected, rel_tol=1e-9)


def test_the_probability_of_an_ordered_class_is_the_difference_of_two_sigmoids():
    module, raw = mixed(KINDS[2]), double([[-30.0], [-2.0], [0.3], [4.0], [30.0]])
    (family,) = module.families
    cuts = torch.cat([family.thresholds[0, :1], family.thresholds[0, 1:].exp()]).cumsum(0)
    below = torch.cat([torch.zeros(5, 1), (cuts - raw).sigmoid(), torch.ones(5, 1)], dim=1)
    for k in range(5):
        found = probability(module, raw, torch.full((5,), float(k)).double())
        torch.testing.assert_close(found[1:4], (below[:, k + 1] - below[:, k])[1:4])
        assert module.nll(raw, torch.full((5, 1), float(k)).double()).isfinite().all()


def test_ordered_classes_are_equally_probable_at_first():
    module = MixedSpec.model_validate({"columns": [KINDS[2]]}).build((1,)).double()
    x = torch.arange(5).double()
    torch.testing.assert_close(probability(module, torch.zeros(5, 1).double(), x), torch.full((5,), 0.2).double())


@pytest.mark.parametrize("column", KINDS[1:], ids=NAMES[1:])
def test_the_probabilities_of_all_values_sum_to_one(column):
    module, most = mixed(column), column.get("classes", 3000)
    for seed in range(3):
        raw = torch.randn(1, MixedSpec.model_validate({"columns": [column]}).raw_shape((1,))[0], dtype=torch.double)
        total = probability(module, raw.expand(most, -1), torch.arange(most).double()).sum()
        assert isclose(total.item(), 1.0, abs_tol=1e-9), seed


@pytest.mark.parametrize("pair", PAIRS, ids=lambda two: "-".join(one["kind"] for one in two))
def test_the_density_of_two_columns_sums_and_integrates_to_one(pair):
    assert list(_off(MixedSpec.model_validate({"columns": pair}), (2,))) == []


# --- moments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["poisson", "negative_binomial", "zinb"])
def test_the_moments_of_a_count_are_the_closed_ones(kind):
    module, raw = mixed({"kind": kind}), double([[0.8, -0.9]])
    raw, mu, r = raw if kind == "zinb" else raw[:, :1], rate(double(0.8)).item(), exp(0.4)
    zero = 1 / (1 + exp(0.9)) if kind == "zinb" else 0.0
    mean = (1 - zero) * mu
    of_counts = mu if kind == "poisson" else mu + mu**2 / r
    variance = (1 - zero) * of_counts + zero * (1 - zero) * mu**2
    counts = torch.arange(2000).double()
    p = probability(module, raw.expand(2000, -1), counts)
    assert isclose((p * counts).sum().item(), mean, rel_tol=1e-9)
    assert isclose((p * (counts - mean) ** 2).sum().item(), variance, rel_tol=1e-9)
    assert isclose(module.mean(raw).item(), mean, rel_tol=1e-12)
    n = 200_000
    drawn = module.sample(raw.expand(n, -1), torch.Generator().manual_seed(0))[:, 0]
    assert abs(drawn.mean().item() - mean) < 5 * (variance / n) ** 0.5
    fourth = (p * (counts - mean) ** 4).sum().item()
    assert abs(drawn.var().item() - variance) < 5 * ((fourth - variance**2) / n) ** 0.5


@pytest.mark.parametrize("column", KINDS[1:3], ids=NAMES[1:3])
def test_classes_are_drawn_as_often_as_they_are_probable(column):
    module = mixed(column)
    raw = torch.randn(1, column["classes"] if column["kind"] == "categorical" else 1).double()
    p = probability(module, raw.expand(column["classes"], -1), torch.arange(column["classes"]).double())
    n = 100_000
    drawn = module.sample(raw.expand(n, -1), torch.Generator().manual_seed(0))[:, 0].long()
    assert (torch.bincount(drawn, minlength=len(p)) / n - p).abs().max() < 5 * (0.25 / n) ** 0.5
    assert module.mean(raw).item() == p.argmax().item()


def test_counts_in_the_millions_keep_their_digits_in_single_precision():
    x = torch.tensor([[1e6]])
    module = mixed({"kind": "negative_binomial"}, unit=1e6).float()
    raw = torch.zeros(1, 1)
    log_odds = double(1e6).log() - 0.4
    expected = -NegativeBinomial(double(exp(0.4)), logits=log_odds).log_prob(x.double())
    assert isclose(module.nll(raw, x).item(), expected.item(), rel_tol=1e-6)


@pytest.mark.parametrize("kind", ["poisson", "negative_binomial", "zinb"])
@pytest.mark.parametrize("raw", [-80.0, 80.0])
def test_counts_far_out_have_finite_densities_and_gradients(kind, raw):
    module = mixed({"kind": kind}).float()
    values = torch.full((1, 2 if kind == "zinb" else 1), raw, requires_grad=True)
    loss = module.nll(values, torch.zeros(1, 1)) + module.nll(values, torch.full((1, 1), 5.0))
    loss.backward()
    assert loss.isfinite().all()
    assert values.grad.isfinite().all()


# --- columns -------------------------------------------------------------------------------------------------------


def test_each_column_has_its_own_parameters_whatever_the_order_of_kinds():
    columns = [KINDS[i] for i in (3, 1, 0, 5, 1, 2, 0, 4)]
    module = mixed(*columns)
    spec = MixedSpec.model_validate({"columns": columns})
    (width,) = spec.raw_shape((8,))
    raw, x = torch.randn(5, width).double(), torch.arange(40).reshape(5, 8).double() % 4
    found, start = module.nll_values(raw, x), 0
    for index, column in enumerate(columns):
        given = MixedSpec.model_validate({"columns": [column]}).raw_shape((1,))[0]
        alone = mixed(column)
        if column["kind"] == "ordinal":
            alone.families[0].load_state_dict(module.families[4].state_dict())
        torch.testing.assert_close(alone.nll(raw[:, start : start + given], x[:, [index]]), found[:, index])
        start += given
    assert start == width


def test_several_columns_alike_are_one_table_with_a_count():
    short = MixedSpec.model_validate({"columns": [{"kind": "categorical", "classes": 3, "count": 2}, {"kind": "zinb"}]})
    assert short.raw_shape((3,)) == (8,)
    assert [domain.high for domain in short.domains((3,))] == [2, 2, float("inf")]
    assert short.parameters((3,)) == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([{"kind": "categorical"}], "takes classes"),
        ([{"kind": "poisson", "classes": 3}], "has no classes"),
        ([{"kind": "ordinal", "classes": 1}], "greater than or equal to 2"),
        ([], "at least 1"),
    ],
)
def test_a_column_that_means_nothing_is_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        MixedSpec.model_validate({"columns": columns})


def test_columns_have_to_be_those_of_the_input():
    with pytest.raises(ShapeError, match="tells of 1 columns, and gets 3"):
        MixedSpec.model_validate({"columns": [{"kind": "poisson"}]}).raw_shape((3,))


def test_a_spec_of_other_columns_is_refused_with_its_place():
    import aezoo

    document = {
        "name": "wrong",
        "input": {"shape": [3], "kind": "tabular"},
        "latent": {"type": "gaussian", "dim": 1},
        "likelihood": {"type": "tables:mixed", "columns": [{"kind": "poisson"}]},
    }
    with pytest.raises(SpecError, match="likelihood: tells of 1 columns, and gets 3"):
        aezoo.read(document)
