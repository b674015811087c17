"""Selections: products of active units are those of dense codes, in values, gradients and gradients of gradients."""

from functools import partial
from unittest import mock

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck

import aezoo
from aezoo.nn import selection
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.latent import ActivatedCode, TopK
from aezoo.nn.layers import Linear, Tied
from aezoo.nn.likelihood import SquaredError
from aezoo.nn.selection import (
    BATCH,
    SPARSITY,
    WIDTH,
    SelectedCode,
    largest_of_all,
    largest_of_each,
    pays,
    reads_selections,
    select,
)

FEATURES, K = 12, 4
CHOICES = pytest.mark.parametrize("choice", [largest_of_each, largest_of_all])


def maps(width=10, features=5, dtype=torch.float64):
    torch.manual_seed(0)
    return Linear(features, width).to(dtype), Linear(width, features).to(dtype)


def wide(*, decoder=None, dtype=torch.float32):
    """A model at the size from which active units alone are touched, and a batch."""
    torch.manual_seed(0)
    latent = TopK(nn.Linear(FEATURES, WIDTH), k=K)
    decoder = decoder or [nn.Sequential(Linear(WIDTH, FEATURES))]
    model = Autoencoder(
        input_shape=(FEATURES,), encoder=[], latent=latent, decoder=decoder, likelihood=SquaredError()
    ).to(dtype)
    return model, torch.randn(BATCH, FEATURES, dtype=dtype)


def dense():
    return mock.patch.object(selection, "WIDTH", WIDTH + 1)


def gradients(model, x, loss):
    model.zero_grad()
    out = model(x)
    loss(out).backward()
    return out, {name: weight.grad.clone() for name, weight in model.named_parameters()}


def error(out):
    return (out.raw - out.x).square().sum()


@CHOICES
def test_gradients_of_selection_and_readout_are_those_of_finite_differences(choice):
    encoder, decoder = maps()

    def run(h, weight, bias, back, offset):
        project = mock.Mock(weight=weight, bias=bias)
        code = select(h, project, partial(choice, k=3))
        return code.selection.readout(back, offset), code.values, code.z, code.pre

    h = torch.randn(6, 5, dtype=torch.float64).requires_grad_()
    inputs = (h, encoder.weight, encoder.bias, decoder.weight, decoder.bias)
    assert gradcheck(run, inputs)
    assert gradgradcheck(run, inputs)
    # Nothing reads `pre`: then its gradient is None, and no dense one is made.
    assert gradcheck(lambda *given: run(*given)[0], inputs)
    assert gradgradcheck(lambda *given: run(*given)[0], inputs)


def test_the_readout_of_known_units_is_their_weighted_sum():
    code = selection.Selection(
        torch.tensor([2.0, 3.0, 0.5]), torch.tensor([0, 2, 1]), torch.tensor([0, 0, 2]), torch.tensor([0, 2, 2])
    )
    weight = torch.tensor([[1.0, 10.0, 100.0], [0.0, 1.0, 2.0]])
    expected = torch.tensor([[302.0, 6.0], [0.0, 0.0], [5.0, 0.5]])
    torch.testing.assert_close(code.readout(weight, None), expected)
    torch.testing.assert_close(code.readout(weight, torch.tensor([1.0, -1.0])), expected + torch.tensor([1.0, -1.0]))


@CHOICES
def test_units_that_are_not_positive_are_zero_and_have_no_gradient(choice):
    encoder, _ = maps()
    code = select(-torch.ones(3, 5, dtype=torch.float64), encoder, partial(choice, k=10))
    torch.testing.assert_close(code.z, code.pre.relu())
    code.selection.values.sum().backward()
    assert torch.equal(encoder.bias.grad, (code.pre > 0).double().sum(dim=0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "loss",
    [
        error,
        lambda out: error(out) + out.tap("latent").abs().sum(),
        lambda out: error(out) + out.tap("pre").square().sum(),
        lambda out: out.tap("pre").square().sum() + 0 * error(out),
    ],
    ids=["reconstruction", "latent", "pre", "pre alone"],
)
def test_a_wide_model_has_the_losses_and_gradients_of_dense_products(loss, dtype):
    model, x = wide(dtype=dtype)
    sparse, sparse_gradients = gradients(model, x, loss)
    with dense():
        full, full_gradients = gradients(model, x, loss)
    assert type(sparse.code) is SelectedCode
    assert type(full.code) is ActivatedCode
    assert torch.equal(sparse.code.z, full.code.z)
    # Sums of the same products in another order: a few roundings of the type, of values of this size.
    rounding = 64 * torch.finfo(dtype).eps
    for name, gradient in full_gradients.items():
        bound = rounding * gradient.abs().max().item()
        torch.testing.assert_close(sparse_gradients[name], gradient, rtol=0, atol=bound)
        assert sparse_gradients[name].is_contiguous()


def test_units_that_no_sample_activates_have_no_gradient():
    model, x = wide()
    out, found = gradients(model, x, error)
    silent = (out.code.z == 0).all(dim=0)
    assert silent.any()
    assert not found["latent.project.weight"][silent].any()
    assert not found["decoder.0.0.weight"][:, silent].any()
    assert found["latent.project.weight"][~silent].any(dim=1).all()


def test_a_tied_decoder_gathers_the_weights_that_it_borrows():
    model, x = wide()
    model.decoder[0][0] = Tied(model.latent.project, model.decoder[0][0])
    assert reads_selections(model.decoder[0])
    sparse, sparse_gradients = gradients(model, x, error)
    with dense():
        full, full_gradients = gradients(model, x, error)
    torch.testing.assert_close(sparse.raw, full.raw)
    for name, gradient in full_gradients.items():
        torch.testing.assert_close(sparse_gradients[name], gradient, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("first", [nn.Identity(), nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, 3)])
def test_a_decoder_that_begins_otherwise_reads_the_dense_code(first):
    width = getattr(first, "out_features", WIDTH)
    model, x = wide(decoder=[nn.Sequential(first, nn.Linear(width, FEATURES))])
    assert not reads_selections(model.decoder[0])
    sparse, sparse_gradients = gradients(model, x, error)
    with dense():
        full, full_gradients = gradients(model, x, error)
    assert type(sparse.code) is SelectedCode
    torch.testing.assert_close(sparse.raw, full.raw)
    for name, gradient in full_gradients.items():
        torch.testing.assert_close(sparse_gradients[name], gradient, rtol=1e-3, atol=1e-3)


def test_layers_after_the_first_follow_it():
    layers = [nn.Sequential(Linear(WIDTH, 7), nn.ReLU()), nn.Linear(7, FEATURES)]
    model, x = wide(decoder=layers)
    with dense():
        expected = model(x).raw
    torch.testing.assert_close(model(x).raw, expected)


def test_a_pass_with_taps_reads_the_dense_code():
    model, x = wide()
    out = model(x, taps=("decoder.0",))
    torch.testing.assert_close(out.taps["decoder.0"], model(x).raw)


def test_small_models_and_large_selections_keep_dense_products():
    h = torch.zeros(BATCH, FEATURES)
    wide = nn.Linear(FEATURES, WIDTH)
    assert pays(h, wide, WIDTH // SPARSITY)
    assert not pays(h, wide, WIDTH // SPARSITY + 1)
    assert not pays(h[1:], wide, 1)
    assert not pays(h, nn.Linear(FEATURES, WIDTH - 1), 1)
    assert not pays(h.double(), wide, 1)
    assert not pays(h.half(), wide.half(), 1)


def test_use_without_training_keeps_dense_products():
    model, x = wide()
    assert type(model.eval()(x).code) is ActivatedCode
    model.train()
    with torch.no_grad():
        assert type(model(x).code) is ActivatedCode
    with torch.autocast("cpu", torch.bfloat16):
        assert type(model(x).code) is ActivatedCode
    assert type(model(x).code) is SelectedCode


def test_a_transform_of_torch_keeps_dense_products():
    model, x = wide()
    state = {name: torch.stack([value.detach()] * 2) for name, value in model.state_dict().items()}
    both = torch.func.vmap(lambda given: torch.func.functional_call(model, given, (x,)).raw)(state)
    with dense():
        expected = model(x).raw
    torch.testing.assert_close(both[1], expected)


def test_a_wide_spec_trains_to_the_weights_of_dense_products(tmp_path):
    document = {
        "name": "wide",
        "input": [1, 28, 28],
        "encoder": [{"type": "flatten"}, {"type": "linear", "features": 24}],
        "latent": {"type": "topk", "dim": WIDTH, "k": K},
        "data": {"type": "digits"},
        # Not Adam, which makes a step of full length of a rounding where there is no gradient.
        "training": {"steps": 3, "batch_size": BATCH, "optimizer": {"type": "sgd", "lr": 1e-4}},
    }
    sparse = aezoo.train(aezoo.read(document), out=tmp_path / "sparse", device="cpu")
    with dense():
        full = aezoo.train(aezoo.read(document), out=tmp_path / "dense", device="cpu")
    for name, weight in full.model.network.state_dict().items():
        torch.testing.assert_close(sparse.model.network.state_dict()[name], weight, rtol=1e-3, atol=1e-4)
