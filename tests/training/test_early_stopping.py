"""Early stopping: which epochs are better, and when patience ends."""

from __future__ import annotations

import pytest

from aezoo.errors import RunFailed
from aezoo.training.early_stopping import EarlyStopping


def test_an_epoch_is_better_only_if_its_value_is_lower_than_every_one_before() -> None:
    stopping = EarlyStopping("kl")
    values = [2.0, 3.0, 2.0, 1.5, 1.75]
    assert [stopping.improves({"kl": value}, step) for step, value in enumerate(values, 1)] == [
        *(True, False, False, True, False)
    ]


def test_by_last_each_epoch_is_better_whatever_its_terms() -> None:
    stopping = EarlyStopping("last")
    assert [stopping.improves({"total": value}, step) for step, value in [(5, 1.0), (10, 9.0)]] == [True, True]


def test_a_term_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(RunFailed, match=r"training\.best_by: no term is called 'klx'") as caught:
        EarlyStopping("klx").improves({"total": 1.0, "kl": 1.0}, 1)
    assert caught.value.hint == "there are: last, total, kl"


def test_a_run_ends_after_as_many_epochs_without_a_better_one_as_patience_says() -> None:
    stopping = EarlyStopping("total", patience=2)
    improved = [True, False, True, False, False]
    assert [stopping.ends_run(improved=each) for each in improved] == [False, False, False, False, True]


def test_without_patience_no_run_ends_early() -> None:
    stopping = EarlyStopping("total")
    assert not any(stopping.ends_run(improved=False) for _ in range(100))
