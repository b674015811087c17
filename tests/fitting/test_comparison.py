"""Comparison: figures and the errors of their differences, by hand and in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from aezoo.fitting.comparison import Compared, Kernel, Rival, auroc, by_ranking, by_samples, discrepancies, simplest
from aezoo.fitting.wording import verdict


def test_auroc_is_the_share_of_pairs_in_order_with_ties_as_halves() -> None:
    scores = torch.tensor([1.0, 2.0, 2.0, 3.0, 0.5])
    strange = torch.tensor([False, False, True, True, False])
    # Of six pairs five are in order, and one is a tie.
    assert auroc(scores, strange) == pytest.approx(5.5 / 6)
    assert auroc(-scores, strange) == pytest.approx(0.5 / 6)
    assert math.isnan(auroc(scores, torch.zeros(5)))


def test_auroc_agrees_with_all_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randint(0, 20, (300,), generator=generator).double()
    strange = torch.rand(300, generator=generator) < 0.2
    above, below = scores[strange][:, None], scores[~strange][None]
    expected = ((above > below).double() + 0.5 * (above == below).double()).mean().item()
    assert auroc(scores, strange) == pytest.approx(expected, abs=1e-12)


def test_a_difference_has_the_standard_error_of_its_pairs() -> None:
    own = torch.tensor([1.0, 2.0, 3.0, 4.0])
    other = own + torch.tensor([1.0, 1.0, 2.0, 2.0])
    compared = by_samples("error", own, {"other": other}, better="lower")
    (rival,) = compared.rivals
    assert (compared.value, rival.value, rival.ahead) == (2.5, 4.0, 1.5)
    # Deviation of (1, 1, 2, 2) by n - 1, over the root of n.
    assert rival.error == pytest.approx(math.sqrt(1 / 3) / 2)
    assert by_samples("right", own, {"other": other}, better="higher").rivals[0].ahead == -1.5


@pytest.mark.parametrize(
    ("ahead", "error", "word"),
    [
        (0.1, 0.04, "better"),
        (0.1, 0.06, "equal"),
        (-0.1, 0.04, "worse"),
        (0.005, 0.0001, "equal"),
        (math.nan, 0, "equal"),
    ],
)
def test_a_difference_is_one_beyond_two_errors_and_a_hundredth(ahead: float, error: float, word: str) -> None:
    compared = Compared("share", "lower", 1.0 - ahead, (Rival("PCA", 1.0, ahead, error),), 50)
    assert compared.verdict == word
    said = verdict(compared)
    assert said.startswith(
        {"better": "Better than PCA", "equal": "No better than PCA", "worse": "Worse than PCA"}[word]
    )
    assert "on 50 test samples" in said


def test_a_bootstrap_gives_an_error_that_shrinks_with_the_samples() -> None:
    generator = torch.Generator().manual_seed(0)
    errors = []
    for n in (100, 1600):
        strange = torch.arange(n) % 2 == 0
        scores, other = strange + torch.randn(n, generator=generator), torch.randn(n, generator=generator)
        compared = by_ranking("AUROC", scores, {"chance": other}, strange)
        # AUROC of N(1, 1) against N(0, 1) is Phi(1 / sqrt 2) = 0.760; of equal ones 0.5.
        assert compared.value == pytest.approx(0.760, abs=4 / math.sqrt(n) / 2)
        assert compared.rivals[0].value == pytest.approx(0.5, abs=4 / math.sqrt(n) / 2)
        errors.append(compared.rivals[0].error)
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.3)  # the root of sixteen; 200 draws tell it to 5 %


def test_the_simplest_is_chosen_that_is_no_worse_than_chance_makes_it() -> None:
    best = torch.zeros(100)
    noise = torch.arange(100) % 2 - 0.5  # of a mean of 0, and a standard error of 0.05
    assert simplest([best + 0.2 + noise, best + 0.04 + noise, best]) == 1
    assert simplest([best + 0.2 + noise, best + 0.06 + noise, best]) == 2
    assert simplest([best, best - 1]) == 1
    assert simplest([torch.full((3,), math.nan), torch.ones(3)]) == 1
    assert simplest([torch.ones(3)]) == 0


def test_discrepancies_have_the_mean_that_the_closed_form_has() -> None:
    generator = torch.Generator().manual_seed(0)
    x, drawn = torch.randn(1500, 1, generator=generator).double(), torch.randn(1500, 1, generator=generator).double()
    x, drawn = ((values - values.mean()) / values.std() for values in (x, drawn))  # else their moments have errors, too
    kernel = Kernel((1.0,))
    # Of k = exp(-d^2 / 2) and differences of variance v and mean m, E k = exp(-m^2 / (2 (1 + v))) / sqrt(1 + v).
    within, across = 1 / math.sqrt(3), math.exp(-1 / 6) / math.sqrt(3)
    assert discrepancies(x, drawn + 1, kernel).mean().item() == pytest.approx(2 * (within - across), abs=0.005)
    assert abs(discrepancies(x, drawn, kernel).mean().item()) < 0.005
    # The widths follow the samples: a unit does not matter.
    small, large = Kernel.of(x), Kernel.of(1000 * x)
    assert discrepancies(1000 * x, 1000 * drawn + 500, large).mean() == pytest.approx(
        discrepancies(x, drawn + 0.5, small).mean().item()
    )
