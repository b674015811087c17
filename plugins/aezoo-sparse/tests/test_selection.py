"""Wide dictionaries touch active units alone: the losses, gradients and thresholds are those of dense products."""

from unittest import mock

import pytest
import torch
from aezoo_sparse import coding

import aezoo
from aezoo.building.builder import objective_of
from aezoo.nn import selection
from aezoo.nn.latent import ActivatedCode
from aezoo.nn.objective import Noise
from aezoo.nn.selection import BATCH, WIDTH, SelectedCode

LATENTS = pytest.mark.parametrize("kind", ["sparse:topk", "sparse:batch_topk"])


AFFINE = {"type": "linear", "features": 16, "activation": "identity"}
RELU = {"type": "linear", "features": 16, "activation": "relu"}


def dense():
    return mock.patch.object(selection, "WIDTH", WIDTH + 1)


def losses_and_gradients(document, *, silent=()):
    """One step's losses by name, gradients and buffers of a model drawn from its seed."""
    model = aezoo.build(document)
    objective = objective_of(model, steps=3).train()
    if len(silent):
        with torch.no_grad():
            model.network.latent.project.bias[silent] = -100.0
    x = torch.randn(BATCH, 16, generator=torch.Generator().manual_seed(0))
    noise = Noise(torch.Generator(), torch.Generator())
    code = model.network.train()(x).code
    for _ in range(2):
        objective.zero_grad()
        losses = objective(x, "model", 0, noise)
        losses.total.backward()
    found = {name: weight.grad for name, weight in model.network.named_parameters()}
    return type(code), losses.raw, found, dict(model.network.named_buffers())


@LATENTS
@pytest.mark.parametrize(
    "slots",
    [
        {},
        {"regularizers": {"revive": {"type": "sparse:auxk", "after": 100}}},
        {"objective": {"type": "sparse:matryoshka", "prefixes": [64, 512]}},
        {"decoder": [RELU, AFFINE]},
        {"decoder": [{**AFFINE, "weight_norm": True}], "constraints": {}},
    ],
    ids=["plain", "dead units", "nested", "two layers", "weight norm"],
)
def test_a_wide_dictionary_has_the_gradients_of_dense_products(dictionary, kind, slots):
    document = dictionary({"type": kind, "dim": WIDTH, "k": 4, "start": "random"}, **slots)
    silent = range(0, WIDTH, 2) if "regularizers" in slots else ()
    code, losses, found, buffers = losses_and_gradients(document, silent=silent)
    with dense():
        full, full_losses, full_found, full_buffers = losses_and_gradients(document, silent=silent)
    assert (code, full) == (SelectedCode, ActivatedCode)
    if silent:
        assert losses["revive"] > 0
    torch.testing.assert_close(losses, full_losses)
    torch.testing.assert_close(buffers, full_buffers)
    # Sums of the same products in another order: roundings of values of this size.
    for name, gradient in full_found.items():
        bound = 1e-5 * gradient.abs().max().item()
        torch.testing.assert_close(found[name], gradient, rtol=0, atol=bound)


def test_a_penalty_makes_dense_products_only_once_units_are_dead(dictionary):
    slots = {"regularizers": {"revive": {"type": "sparse:auxk"}}}
    document = dictionary({"type": "sparse:topk", "dim": WIDTH, "k": 4}, **slots)
    with mock.patch.object(selection, "_dense", wraps=selection._dense) as products:
        code, losses, _, _ = losses_and_gradients(document)
        assert code is SelectedCode
        assert losses["revive"] == 0
        products.assert_not_called()
        document["regularizers"]["revive"]["after"] = 100
        losses_and_gradients(document, silent=[0, 1])
        products.assert_called()


def test_of_a_batch_that_processes_share_no_process_chooses_alone(monkeypatch):
    latent = coding.BatchTopK(16, WIDTH, k=2).train()
    h = torch.randn(BATCH, 16, generator=torch.Generator().manual_seed(0))
    assert type(latent(h)) is SelectedCode
    monkeypatch.setattr(coding, "count_of_all", lambda values: 2 * len(values))
    monkeypatch.setattr(coding, "largest_of_batch", lambda pre, k: pre)
    assert type(latent(h)) is ActivatedCode
