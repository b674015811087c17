"""Vector quantization: where gradients go, and what residual codes add up to."""

from __future__ import annotations

import pytest
import torch
from aezoo_quantize.codebook import Codebook
from aezoo_quantize.vq import VQ, ResidualVQ
from torch import Generator, nn


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def images(n: int = 6) -> torch.Tensor:
    return torch.randn(n, 3, 4, 5, generator=seeded())


def vq(**settings: object) -> VQ:
    torch.manual_seed(0)
    return VQ(nn.Conv2d(3, 2, 1), Codebook(7, 2, **settings))  # type: ignore[arg-type]


def residual(depth: int = 4, **settings: object) -> ResidualVQ:
    torch.manual_seed(0)
    books = [Codebook(8, 2, restart=0.0) for _ in range(depth)]
    return ResidualVQ(nn.Conv2d(3, 2, 1), books, **settings)  # type: ignore[arg-type]


def test_each_place_has_the_code_nearest_to_its_channels() -> None:
    layer = vq(kmeans=False).eval()
    code = layer(images())
    b, i, j = 2, 3, 1
    distances = (layer.codebook.codes - code.pre[b, :, i, j]).square().sum(dim=-1)
    assert code.indices[b, i, j] == distances.argmin()
    torch.testing.assert_close(code.z[b, :, i, j], layer.codebook.codes[code.indices[b, i, j]])
    torch.testing.assert_close(code.commitment[b, :, i, j].sum(), distances.min())


def test_a_vector_has_one_code() -> None:
    code = VQ(nn.Linear(60, 2), Codebook(7, 2))(images())
    assert code.z.shape == (6, 2)
    assert code.indices.shape == (6,)


@pytest.mark.parametrize("cosine", [True, False])
def test_indices_lead_back_to_the_code(cosine: bool) -> None:
    layer = vq(cosine=cosine)
    layer(images(), seeded())
    code = layer.eval()(images())
    assert torch.equal(layer.embed(code.indices), code.z)


def test_the_gradient_of_the_code_goes_straight_through() -> None:
    layer = vq(learned=True, kmeans=False)
    code = layer(images())
    slope = torch.randn_like(code.z)
    (gradient,) = torch.autograd.grad(code.z, code.pre, slope, retain_graph=True)
    assert torch.equal(gradient, slope)
    assert torch.autograd.grad(code.z, layer.codebook.codes, slope, allow_unused=True) == (None,)


def test_each_term_moves_its_own_side() -> None:
    layer = vq(learned=True, kmeans=False)
    code, codes = layer(images()), layer.codebook.codes
    ends = [code.pre, codes]
    to_pre, to_codes = torch.autograd.grad(code.commitment.sum(), ends, allow_unused=True, retain_graph=True)
    assert to_codes is None
    torch.testing.assert_close(to_pre, 2 * (code.pre - layer.embed(code.indices)))
    to_pre, to_codes = torch.autograd.grad(code.codebook.sum(), ends, allow_unused=True)
    assert to_pre is None
    members = nn.functional.one_hot(code.indices.flatten(), 7).float()
    expected = 2 * (members.sum(dim=0)[:, None] * codes - members.t() @ code.pre.movedim(1, -1).flatten(0, 2))
    torch.testing.assert_close(to_codes, expected)


# --- residual ----------------------------------------------------------------------------------------------------


def test_one_residual_code_is_the_nearest_code() -> None:
    one, plain = residual(depth=1), vq(restart=0.0)
    plain = VQ(one.project, one.codebooks[0])  # type: ignore[arg-type]
    one(images(), seeded())
    for ours, theirs in zip(one.eval()(images()), plain.eval()(images()), strict=True):
        torch.testing.assert_close(ours.reshape(theirs.shape), theirs)


def test_each_prefix_of_the_indices_comes_nearer() -> None:
    layer = residual()
    for step in range(20):
        layer(images(), seeded(step))
    code = layer.eval()(images())
    errors = [(code.pre - layer.embed(code.indices[:, :n])).square().mean().item() for n in (1, 2, 3, 4)]
    assert code.indices.shape == (6, 4, 4, 5)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.1 * errors[0]
    assert torch.equal(layer.embed(code.indices), code.z)


def test_the_commitment_is_what_each_code_leaves() -> None:
    layer = residual().eval()
    code = layer(images())
    left = [(code.pre - layer.embed(code.indices[:, :n])).square() for n in (1, 2, 3, 4)]
    torch.testing.assert_close(code.commitment, sum(left))


def test_dropout_decodes_prefixes_of_every_length_in_training_alone() -> None:
    layer = residual(dropout=1.0)
    layer(images(), seeded())
    layer.codebooks.eval()  # the codes stand still, and so do the prefixes
    code = layer(images(200), seeded(1))
    prefixes = torch.stack([layer.embed(code.indices[:, :n]) for n in (1, 2, 3, 4)])
    far = (prefixes - code.z).abs().flatten(2).amax(dim=-1)  # [4, B]
    assert far.min(dim=0).values.max() < 1e-5
    shares = torch.bincount(far.argmin(dim=0), minlength=4) / 200
    assert shares.tolist() == pytest.approx([0.25] * 4, abs=0.12)  # four standard errors
    code = layer.eval()(images(200), seeded(1))
    assert torch.equal(layer.embed(code.indices), code.z)


def test_dropout_leaves_out_the_share_that_was_asked_for() -> None:
    layer = residual(dropout=0.5)
    layer(images(), seeded())
    layer.codebooks.eval()
    code = layer(images(400), seeded(1))
    whole = (layer.embed(code.indices) - code.z).abs().flatten(1).amax(dim=-1) < 1e-6
    assert whole.float().mean().item() == pytest.approx(1 - 0.5 * 0.75, abs=0.1)  # a quarter draws all four


def test_without_a_generator_nothing_is_dropped() -> None:
    layer = residual(dropout=1.0)
    layer(images(), seeded())
    layer.codebooks.eval()
    code = layer(images())
    assert torch.equal(layer.embed(code.indices), code.z)
