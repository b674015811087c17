import torch
from torch import nn

from aezoo.nn.freezing import frozen


def test_gradients_pass_through_frozen_weights_and_do_not_reach_them():
    layer, x = nn.Linear(3, 2), torch.ones(1, 3, requires_grad=True)
    with frozen(layer):
        inside = layer(x).sum()
    inside.backward()
    assert x.grad is not None
    assert layer.weight.grad is None


def test_what_was_computed_before_still_reaches_the_weights():
    layer, x = nn.Linear(3, 2), torch.ones(1, 3)
    before = layer(x).sum()
    with frozen(layer):
        inside = layer(x.requires_grad_()).sum()
    (before + inside).backward()
    torch.testing.assert_close(layer.weight.grad, torch.ones(2, 3))


def test_weights_that_were_frozen_before_stay_so_and_the_others_move_again_even_after_an_error():
    layer = nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    try:
        with frozen(layer):
            raise KeyError
    except KeyError:
        pass
    assert layer.weight.requires_grad
    assert not layer.bias.requires_grad
