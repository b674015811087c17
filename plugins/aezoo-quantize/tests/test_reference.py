"""Against `vector-quantize-pytorch`, where it is installed: the same numbers from another hand."""

from __future__ import annotations

import pytest
import torch
from aezoo_quantize.codebook import Codebook
from aezoo_quantize.fsq import FSQ
from aezoo_quantize.lfq import LFQ
from aezoo_quantize.terms import evenness, undecided
from torch import Generator, nn

library = pytest.importorskip("vector_quantize_pytorch")


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed))


def through(width: int) -> nn.Linear:
    layer = nn.Linear(width, width, bias=False)
    nn.init.eye_(layer.weight)
    return layer


@pytest.mark.parametrize("cosine", [True, False])
def test_running_means_are_the_same(cosine: bool) -> None:
    ours = Codebook(8, 4, decay=0.9, kmeans=False, restart=0.0, cosine=cosine)
    theirs = library.VectorQuantize(
        dim=4, codebook_size=8, decay=0.9, use_cosine_sim=cosine, threshold_ema_dead_code=0, rotation_trick=False
    )
    start = nn.functional.normalize(normal(8, 4), dim=-1) if cosine else normal(8, 4)
    for values in (ours.codes, ours.sums, theirs._codebook.embed.data[0], theirs._codebook.embed_avg[0]):
        values.copy_(start)
    for step in range(1, 30):
        x = normal(5, 12, 4, seed=step)
        _, indices, _ = theirs(x)
        assert torch.equal(ours(x.flatten(0, 1)).indices, indices.flatten())
        torch.testing.assert_close(ours.codes, theirs.codebook, rtol=1e-4, atol=1e-4)  # its counts are smoothed


@pytest.mark.parametrize("levels", [[8, 6, 5], [7, 5, 5, 5, 5], [4, 3]])
def test_levels_are_the_same(levels: list[int]) -> None:
    x = 3 * normal(2, 500, len(levels))
    z, indices = library.FSQ(levels)(x)
    code = FSQ(through(len(levels)), levels)(x.flatten(0, 1))
    torch.testing.assert_close(code.z, z.flatten(0, 1))
    assert torch.equal(code.indices, indices.flatten().long())


def test_signs_and_entropies_are_the_same() -> None:
    x = normal(2, 50, 6)
    layer = library.LFQ(codebook_size=64, dim=6)
    ret, losses = layer(x, inv_temperature=2.0, return_loss_breakdown=True)
    code = LFQ(through(6), 6, temperature=0.5)(x.flatten(0, 1))
    torch.testing.assert_close(code.z, ret.quantized.flatten(0, 1))
    flipped = sum(((ret.indices >> bit) & 1) << (5 - bit) for bit in range(6))  # its first sign is the highest bit
    assert torch.equal(code.indices, flipped.flatten().long())
    # It clamps probabilities at 1e-5 inside the logarithm.
    torch.testing.assert_close(undecided(code.logits).mean(), losses.per_sample_entropy, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(evenness(code.logits), losses.batch_entropy, rtol=1e-3, atol=1e-3)
