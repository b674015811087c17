"""The codebook: running means, starts and restarts, all of them from the generator alone."""

from __future__ import annotations

import pytest
import torch
from aezoo_quantize.codebook import Codebook
from aezoo_quantize.kmeans import kmeans, nearest
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def normal(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=seeded(seed))


def on_line(codes: list[float], **settings: object) -> Codebook:
    """A codebook of scalars at these positions."""
    book = Codebook(len(codes), 1, kmeans=False, **settings)  # type: ignore[arg-type]
    values = torch.tensor(codes)[:, None]
    book.codes.data.copy_(values)
    if not book.learned:
        book.sums.copy_(values)
    return book


def test_codes_follow_the_running_means_of_the_paper() -> None:
    book = on_line([0.0, 10.0], decay=0.9, restart=0.0)
    book(torch.tensor([[1.0], [3.0], [8.0]]), seeded())
    counts = [0.9 + 0.1 * 2, 0.9 + 0.1 * 1]
    assert book.counts.tolist() == pytest.approx(counts)
    assert book.codes.flatten().tolist() == pytest.approx([0.1 * 4 / counts[0], (9 + 0.1 * 8) / counts[1]])


def test_codes_are_looked_up_before_they_move() -> None:
    book = on_line([0.0, 10.0])
    lookup = book(torch.tensor([[4.0]]), seeded())
    assert lookup.codes.item() == 0.0
    assert book.codes[0].item() > 0.0


def test_a_code_out_of_use_stays_where_it_is() -> None:
    book = on_line([0.0, 10.0], decay=0.5, restart=0.0)
    for _ in range(200):  # its count falls to 2^-200, and out of float32
        book(torch.tensor([[1.0]]), seeded())
    assert book.codes[1].item() == pytest.approx(10.0, rel=1e-6)


def test_a_code_out_of_use_starts_anew_on_a_vector_of_the_batch() -> None:
    book = on_line([0.0, 1.0, 99.0], decay=0.5, restart=0.5)
    x = torch.tensor([[0.1], [0.2], [0.9], [1.1]])
    for _ in range(3):
        book(x, seeded())
    assert torch.isclose(book.codes[2], x.flatten()).any()
    assert book.codes[:2].flatten().tolist() == pytest.approx([0.15, 1.0], abs=0.2)


def test_a_used_code_is_never_restarted() -> None:
    book, plain = (on_line([-1.0, 1.0], restart=share) for share in (0.9, 0.0))
    x = torch.tensor([[-1.1], [-0.9], [0.9], [1.1]])
    for step in range(50):
        book(x, seeded(step))
        plain(x, seeded(step))
    assert torch.equal(book.codes, plain.codes)


def test_nothing_changes_in_evaluation() -> None:
    book = Codebook(8, 4).eval()
    before = {name: value.clone() for name, value in book.state_dict().items()}
    book(normal(32, 4), seeded())
    assert all(torch.equal(value, before[name]) for name, value in book.state_dict().items())


@pytest.mark.parametrize("generator", [None, seeded()])
@pytest.mark.parametrize("learned", [True, False])
def test_the_global_generator_is_neither_used_nor_moved(generator: Generator | None, learned: bool) -> None:
    book = Codebook(8, 4, learned=learned, restart=0.5)
    before = torch.get_rng_state()
    book(normal(32, 4), generator)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("cosine", [True, False])
@pytest.mark.parametrize("learned", [True, False])
def test_a_run_that_was_stopped_and_loaded_ends_in_the_same_bits(cosine: bool, learned: bool) -> None:
    straight = Codebook(16, 3, restart=0.5, decay=0.8, cosine=cosine, learned=learned)
    stopped = Codebook(16, 3, restart=0.5, decay=0.8, cosine=cosine, learned=learned)
    stopped.load_state_dict(straight.state_dict())
    for step in range(10):
        if step == 5:
            kept = stopped.state_dict()
            stopped = Codebook(16, 3, restart=0.5, decay=0.8, cosine=cosine, learned=learned)
            stopped.load_state_dict(kept)
        for book in (straight, stopped):
            book(normal(40, 3, seed=step), seeded(step))
    assert all(torch.equal(value, stopped.state_dict()[name]) for name, value in straight.state_dict().items())


def test_codes_by_angle_have_norm_one() -> None:
    book = Codebook(8, 4, cosine=True, restart=0.5, decay=0.5)
    for step in range(5):
        lookup = book(3 * normal(64, 4, seed=step), seeded(step))
        torch.testing.assert_close(lookup.codes.norm(dim=-1), torch.ones(64))
        torch.testing.assert_close(lookup.vectors.norm(dim=-1), torch.ones(64))


@pytest.mark.parametrize("cosine", [False, True])
def test_the_gradient_is_that_of_the_codes_looked_up_though_a_restart_moves_them(cosine: bool) -> None:
    gradients = []
    for restart in (0.0, 0.9):
        torch.manual_seed(0)
        book = Codebook(8, 4, learned=True, kmeans=False, cosine=cosine, restart=restart, decay=0.5)
        before = book.codes.detach().clone()
        (book(normal(16, 4), seeded()).codes * normal(16, 4, seed=1)).sum().backward()
        assert torch.equal(book.codes, before) is (restart == 0.0)
        gradients.append(book.codes.grad)
    assert torch.equal(*gradients)


# --- k-means ---------------------------------------------------------------------------------------------------


@given(n=st.integers(1, 20), k=st.integers(1, 20), d=st.integers(1, 6), seed=st.integers(0, 999))
def test_the_nearest_code_is_the_nearest(n: int, k: int, d: int, seed: int) -> None:
    x, codes = normal(n, d, seed).double(), normal(k, d, seed + 1).double()
    distances = torch.cdist(x, codes)
    torch.testing.assert_close(distances.gather(1, nearest(x, codes)[:, None])[:, 0], distances.min(dim=1).values)


def test_neighbours_far_from_the_origin_are_told_apart() -> None:
    codes = 4096.0 + torch.arange(8)[:, None]
    assert nearest(codes + 0.25, codes).tolist() == list(range(8))


@pytest.mark.parametrize("generator", [None, seeded()])
def test_clusters_far_apart_are_all_found(generator: Generator | None) -> None:
    centres = 100 * torch.eye(6)
    x = (centres[:, None] + normal(60, 6).view(6, 10, 6)).flatten(0, 1)
    actual, counts = kmeans(x, 6, generator)
    assert sorted(counts.tolist()) == [10.0] * 6
    assert torch.cdist(centres, actual).min(dim=1).values.max() < 2


@pytest.mark.parametrize("generator", [None, seeded()])
def test_fewer_vectors_than_codes_give_codes_that_are_alike(generator: Generator | None) -> None:
    x = torch.tensor([[0.0], [1.0]])
    actual, counts = kmeans(x, 5, generator)
    assert set(actual.flatten().tolist()) == {0.0, 1.0}
    assert counts.sum() == 2
