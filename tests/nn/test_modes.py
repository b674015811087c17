"""Evaluation mode within a context."""

from contextlib import suppress

from torch import nn

from aezoo.nn.modes import evaluating


def test_modules_evaluate_within_and_each_part_has_its_mode_back_after_an_error():
    first, second = nn.Sequential(nn.Dropout(), nn.Dropout()), nn.Dropout()
    first[1].eval()
    with suppress(KeyError), evaluating(first, second):
        assert not any(part.training for module in (first, second) for part in module.modules())
        raise KeyError
    assert [part.training for part in (first, first[0], first[1], second)] == [True, True, False, True]
