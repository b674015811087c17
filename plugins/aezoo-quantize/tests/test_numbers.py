"""Codebooks, counts and terms on paper."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from aezoo_quantize.codebook import Codebook
from aezoo_quantize.counts import Perplexity, Usage, entropies
from aezoo_quantize.fsq import FSQ
from aezoo_quantize.kmeans import kmeans, nearest
from aezoo_quantize.lfq import LFQ
from aezoo_quantize.terms import Entropy, Sum, evenness, undecided
from aezoo_quantize.vq import VQ, ResidualVQ
from torch import Generator, Tensor, nn


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def standing(*codes: float, **settings: object) -> Codebook:
    """A codebook of scalars at these positions."""
    book = Codebook(len(codes), 1, kmeans=False, **settings)  # type: ignore[arg-type]
    with torch.no_grad():
        book.codes.copy_(torch.tensor(codes)[:, None])
        if not book.learned:
            book.sums.copy_(book.codes)
    return book


def column(*values: float) -> Tensor:
    return torch.tensor(values)[:, None]


# --- codebooks -----------------------------------------------------------------------------------------------


def test_the_nearest_code_is_looked_up_and_of_equals_the_first() -> None:
    assert nearest(column(0.4, 0.6, 5.0, 0.5), column(0.0, 1.0)).tolist() == [0, 1, 1, 0]
    lookup = standing(0.0, 1.0).eval()(column(0.4, 0.6))
    assert lookup.codes.flatten().tolist() == [0.0, 1.0]
    assert lookup.vectors.flatten().tolist() == pytest.approx([0.4, 0.6])


def test_two_batches_move_a_code_by_the_running_means() -> None:
    book = standing(0.0, 10.0, decay=0.5, restart=0.0)
    book(column(1.0, 3.0), seeded())  # counts 1.5 and 0.5, sums 2 and 5
    assert book.counts.tolist() == [1.5, 0.5]
    assert book.codes.flatten().tolist() == pytest.approx([2 / 1.5, 10.0])
    book(column(2.0, 9.0), seeded())  # counts 1.25 and 0.75, sums 2 and 7
    assert book.counts.tolist() == [1.25, 0.75]
    assert book.codes.flatten().tolist() == pytest.approx([2 / 1.25, 7 / 0.75])


def test_a_learned_codebook_counts_and_does_not_follow() -> None:
    book = standing(0.0, 10.0, decay=0.5, restart=0.0, learned=True)
    book(column(1.0, 3.0), seeded())
    assert book.counts.tolist() == [1.5, 0.5]
    assert book.codes.flatten().tolist() == [0.0, 10.0]


@pytest.mark.parametrize(("share", "restarts"), [(0.45, False), (0.55, True)])
def test_a_code_is_restarted_below_its_share_of_the_mean_count(share: float, restarts: bool) -> None:
    book = standing(0.0, 10.0, decay=0.5, restart=share)
    x = column(1.0, 1.0, 3.0)  # counts 2 and 1/2: the mean is 5/4, of which the second has two fifths
    book.counts.copy_(torch.tensor([1.0, 0.25 + 0.125 + 0.75]))  # 2 and 0.5625 after the batch: 0.44 of the mean
    book.counts[1] = 1.25  # 2 and 0.625: 0.476 of the mean 1.3125
    book(x, seeded(4))
    row = int(torch.randint(3, (2,), generator=seeded(4))[1])
    assert (book.codes[1].item() == x[row].item()) is restarts
    if restarts:
        assert book.counts.tolist() == pytest.approx([2.0, 1.3125])
        assert book.sums[1].item() == pytest.approx(1.3125 * x[row].item())
    else:
        assert book.counts.tolist() == pytest.approx([2.0, 0.625])


def test_codes_start_evenly_within_one_over_their_number() -> None:
    torch.manual_seed(0)
    codes = Codebook(50, 40).codes
    assert codes.min() >= -0.02
    assert codes.max() <= 0.02
    assert codes.std().item() == pytest.approx(0.04 / math.sqrt(12), rel=0.05)


def test_the_first_batch_is_where_codes_start() -> None:
    book = Codebook(2, 1, decay=0.5, restart=0.0)
    assert not book.started
    book(column(0.0, 2.0, 10.0), None)
    assert book.started
    # Two clusters of 2 and 1 vectors; then a step of running means, which stay where they are.
    assert sorted(book.codes.flatten().tolist()) == [1.0, 10.0]
    assert sorted(book.counts.tolist()) == [1.0, 2.0]
    before = book.codes.clone()
    book(column(0.5, 9.0), None)
    assert not torch.equal(before, book.codes)
    assert sorted(book.counts.tolist()) == [1.0, 1.5]


# --- k-means -------------------------------------------------------------------------------------------------


def test_without_a_generator_seeds_are_the_farthest_and_centres_the_means() -> None:
    centres, counts = kmeans(column(0.0, 1.0, 10.0, 11.0, 12.0, 50.0), 3, None)
    assert dict(zip(centres.flatten().tolist(), counts.tolist(), strict=True)) == {0.5: 2.0, 11.0: 3.0, 50.0: 1.0}


def test_seeds_are_drawn_by_squared_distance() -> None:
    x, drawn = [0.0, 1.0, 3.0], set()
    for seed in range(200):
        generator = seeded(seed)
        one, other = (torch.rand(1, generator=generator, dtype=torch.float64).item() for _ in range(2))
        first = int(3 * one)
        squares = [(value - x[first]) ** 2 for value in x]
        second = next(i for i in range(3) if sum(squares[: i + 1]) > other * sum(squares))
        drawn.add((first, second))
        # Lloyd's algorithm ends at 0.5 and 3; but from the seeds 1, 0 at 2 and 0, as 1 is as near to the first.
        centres, _ = kmeans(column(*x), 2, seeded(seed))
        expected = [2.0, 0.0] if (first, second) == (1, 0) else [0.5, 3.0]
        assert sorted(centres.flatten().tolist()) == sorted(expected), seed
    assert len(drawn) == 6


def test_a_cluster_that_has_no_vector_stays_where_it_is() -> None:
    centres, counts = kmeans(column(5.0, 5.0, 6.0), 4, None)
    assert sorted(set(centres.flatten().tolist())) == [5.0, 6.0]
    assert sorted(counts.tolist()) == [0.0, 0.0, 1.0, 2.0]


def test_angles_are_clustered_on_the_sphere() -> None:
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    centres, counts = kmeans(x, 2, None, cosine=True)
    torch.testing.assert_close(centres.norm(dim=1), torch.ones(2))
    assert sorted(counts.tolist()) == [1.0, 2.0]


def test_vectors_that_are_all_seeds_are_drawn_alike() -> None:
    x = torch.tensor([[0.0], [1.0]])
    thirds = {kmeans(x, 3, torch.Generator().manual_seed(seed))[0][2].item() for seed in range(20)}
    assert thirds == {0.0, 1.0}


def test_centres_move_twenty_times() -> None:
    x = torch.linspace(0, 1, 4000, dtype=torch.float64).square()[:, None]
    seeds = [x[:1]]
    for _ in range(9):  # each the farthest from those before
        distances = torch.cat([(x - seed).abs() for seed in seeds], dim=1).amin(dim=1)
        seeds.append(x[distances.argmax()][None])
    centres, moves = torch.cat(seeds), []
    for _ in range(21):
        moves.append(centres)
        own = nearest(x, centres)
        centres = torch.stack([x[own == i].mean(dim=0) for i in range(10)])
    torch.testing.assert_close(kmeans(x, 10, None)[0], moves[20])
    assert (moves[20] - centres).abs().max() > 1e-6  # the next move would still be one


@pytest.mark.parametrize(("n", "k", "seed"), [(7, 3, 71), (8, 2, 91), (10, 4, 63)])
def test_a_cluster_moves_to_the_last_vector_that_it_has(n: int, k: int, seed: int) -> None:
    x = torch.randn(n, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    centres, counts = kmeans(x, k, None)
    own = nearest(x, centres)
    assert 1 in counts.tolist()
    for i in range(k):  # so few vectors are at rest after twenty rounds
        torch.testing.assert_close(centres[i], x[own == i].mean(dim=0))


# --- residual codes --------------------------------------------------------------------------------------------


def residual(dropout: float) -> ResidualVQ:
    books = [standing(-4.0, 4.0), standing(-2.0, 2.0), standing(-1.0, 1.0)]
    layer = ResidualVQ(nn.Identity(), books, dropout=dropout)
    layer.codebooks.eval()
    return layer


def test_each_code_is_the_nearest_to_what_is_left() -> None:
    code = residual(0.0)(column(4.5, -7.5))
    assert code.indices.tolist() == [[1, 1, 0], [0, 0, 0]]
    assert code.z.flatten().tolist() == [5.0, -7.0]
    # 4.5 leaves 0.5, -1.5 and -0.5; -7.5 leaves -3.5, -1.5 and -0.5.
    assert code.commitment.flatten().tolist() == [0.25 + 2.25 + 0.25, 12.25 + 2.25 + 0.25]
    assert code.codebook.flatten().tolist() == code.commitment.flatten().tolist()


@pytest.mark.parametrize("dropout", [0.4, 1.0])
def test_dropout_draws_how_many_and_then_whether(dropout: float) -> None:
    layer, x = residual(dropout), torch.linspace(-8, 8, 40)[:, None]
    code = layer(x, seeded(9))
    generator = seeded(9)
    fewer = torch.randint(1, 4, (40,), generator=generator)
    dropped = torch.rand(40, generator=generator) < dropout
    depths = torch.where(dropped, fewer, 3)
    whole = residual(0.0)(x)
    steps = [layer.embed(whole.indices[:, :n]) for n in (1, 2, 3)]
    expected = torch.stack([steps[n - 1][row] for row, n in enumerate(depths.tolist())])
    assert code.z.equal(expected)
    errors = torch.stack([(x - step).square() for step in steps])  # [3, B, 1]
    commitment = torch.stack([errors[:n, row].sum(dim=0) for row, n in enumerate(depths.tolist())])
    torch.testing.assert_close(code.commitment, commitment)
    assert code.indices.equal(whole.indices)  # all are looked up, whether they are used or not


def test_one_codebook_has_the_two_terms_of_its_distance() -> None:
    code = VQ(nn.Identity(), standing(0.0, 10.0).eval())(column(3.0, 9.0))
    assert code.z.flatten().tolist() == [0.0, 10.0]
    assert code.commitment.flatten().tolist() == code.codebook.flatten().tolist() == [9.0, 1.0]


# --- levels and signs --------------------------------------------------------------------------------------------


def test_levels_count_in_mixed_radix_the_first_fastest() -> None:
    project = nn.Linear(3, 3, bias=False)
    nn.init.eye_(project.weight)
    layer = FSQ(project, (3, 4, 5))
    named = layer.embed(torch.tensor([0, 1, 3, 12, 59]))
    assert named.tolist() == [[-1, -1, -1], [0, -1, -1], [-1, -0.5, -1], [-1, -1, -0.5], [1, 0.5, 1]]
    assert layer(torch.zeros(1, 3)).indices.tolist() == [1 + 3 * 2 + 12 * 2]


@pytest.mark.parametrize("temperature", [1.0, 0.5, 1.5])
def test_signs_have_log_odds_of_four_over_the_temperature(temperature: float) -> None:
    code = LFQ(nn.Identity(), 2, temperature=temperature)(torch.tensor([[0.5, -2.0], [0.0, 3.0]]))
    assert code.z.tolist() == [[1, -1], [-1, 1]]
    assert code.indices.tolist() == [1, 2]
    assert code.commitment.tolist() == [[0.25, 1.0], [1.0, 4.0]]
    assert torch.equal(code.logits, torch.tensor([[2.0, -8.0], [0.0, 12.0]]) / temperature)


def output(**fields: Tensor) -> SimpleNamespace:
    code = SimpleNamespace(**fields)
    return SimpleNamespace(code=code, x=next(iter(fields.values())))


def test_a_field_is_summed_over_a_sample_and_averaged_over_the_batch() -> None:
    out = output(commitment=torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [2.0, 0.0]]]))
    assert Sum("commitment")(out).item() == 6.0  # type: ignore[arg-type]


def test_the_entropy_term_is_summed_over_the_places_of_a_sample() -> None:
    logits = torch.randn(2, 3, 5, generator=seeded()).double()  # three signs at five places
    flat = logits.movedim(1, -1).reshape(10, 3)
    for gamma in (1.0, 0.25):
        expected = 5 * (undecided(flat).mean() - gamma * evenness(flat))
        torch.testing.assert_close(Entropy(gamma=gamma)(output(logits=logits)), expected)  # type: ignore[arg-type]
    torch.testing.assert_close(Entropy()(output(logits=logits)), Entropy(gamma=1.0)(output(logits=logits)))  # type: ignore[arg-type]


# --- counts ------------------------------------------------------------------------------------------------------


def test_perplexity_and_usage_are_of_the_counts_over_the_split() -> None:
    perplexity, usage = Perplexity(4), Usage(4)
    for indices in (torch.tensor([0, 0, 1]), torch.tensor([2])):
        for metric in (perplexity, usage):
            metric.update(output(indices=indices))  # type: ignore[arg-type]
    # Shares 1/2, 1/4, 1/4 and 0.
    assert perplexity.result() == pytest.approx(2**1.5)
    assert usage.result() == 0.75


def test_several_codebooks_are_counted_each_for_itself() -> None:
    perplexity, usage = Perplexity(3, codebooks=2), Usage(3, codebooks=2)
    indices = torch.tensor([[[0, 1]], [[2, 2]], [[0, 1]], [[2, 2]]]).reshape(2, 2, 2)  # [B, codebooks, places]
    for metric in (perplexity, usage):
        metric.update(output(indices=indices))  # type: ignore[arg-type]
    # The first holds 0, 1, 0, 1; the second 2 four times: the geometric mean of 2 and 1.
    assert perplexity.counts.tolist() == [[2, 2, 0], [0, 0, 4]]
    assert perplexity.result() == pytest.approx(2**0.5)
    assert usage.result() == pytest.approx((2 / 3 + 1 / 3) / 2)


def test_nothing_counted_has_no_entropy() -> None:
    assert entropies(torch.zeros(1, 3)).tolist() == [0.0]


# --- what a code is made of -----------------------------------------------------------------------------------


def test_codes_by_angle_start_on_the_sphere_and_are_looked_up_on_it_wherever_they_have_moved() -> None:
    book = Codebook(8, 4, cosine=True, learned=True, kmeans=False)
    torch.testing.assert_close(book.codes.norm(dim=1), torch.ones(8))
    with torch.no_grad():
        book.codes.mul_(torch.linspace(0.5, 3.0, 8)[:, None])
    torch.testing.assert_close(book.embed(torch.arange(8)).norm(dim=1), torch.ones(8))


def test_codes_by_angle_start_from_centres_on_the_sphere() -> None:
    book = Codebook(2, 2, cosine=True)
    angles = torch.tensor([0.0, 0.4, 2.0, 2.6])
    book.train()(torch.stack([angles.cos(), angles.sin()], dim=1))
    torch.testing.assert_close(book.codes.norm(dim=-1), torch.ones(2))


def test_what_a_declaration_says_is_not_saved() -> None:
    assert not FSQ(nn.Identity(), (3, 4)).state_dict()
    assert not LFQ(nn.Identity(), 2).state_dict()


@pytest.mark.parametrize(("pre", "level"), [(0.0, 0.0), (0.5, 0.5), (-0.2, 0.0), (-0.5, -0.5), (-1.5, -1.0)])
def test_an_even_number_of_levels_is_shifted_by_half_a_step(pre: float, level: float) -> None:
    half = 1.5 * 1.001
    bounded = half * math.tanh(pre + math.atanh(0.5 / half)) - 0.5
    assert round(bounded) / 2 == level
    assert FSQ(nn.Identity(), (4,))(torch.tensor([[pre]])).z.item() == level


def test_signs_on_a_grid_have_an_index_at_each_place() -> None:
    pre = torch.tensor([[[[1.0, -1.0]], [[1.0, 1.0]]]])  # [1, 2, 1, 2]
    assert LFQ(nn.Identity(), 2)(pre).indices.tolist() == [[[3, 2]]]
    values = torch.randn(2, 2, 3, 4, generator=seeded())
    indices = LFQ(nn.Identity(), 2)(values).indices
    assert indices.equal((values[:, 0] > 0) + 2 * (values[:, 1] > 0).long())


def test_commitments_of_a_sum_move_no_code_and_each_codebook_learns_from_its_own_distance_alone() -> None:
    books = [standing(-4.0, 4.0, learned=True), standing(-2.0, 2.0, learned=True)]
    layer = ResidualVQ(nn.Identity(), books).eval()
    x = column(4.5, -7.5).requires_grad_()
    code = layer(x)
    codes = [book.codes for book in books]
    gradients = torch.autograd.grad(code.commitment.sum(), [x, *codes], retain_graph=True, allow_unused=True)
    # 4.5 leaves 0.5 and -1.5, -7.5 leaves -3.5 and -1.5.
    assert gradients[0].flatten().tolist() == [2 * (0.5 - 1.5), 2 * (-3.5 - 1.5)]
    assert gradients[1:] == (None, None)
    gradients = torch.autograd.grad(code.codebook.sum(), [x, *codes], allow_unused=True)
    assert gradients[0] is None
    assert gradients[1].flatten().tolist() == [7.0, -1.0]
    assert gradients[2].flatten().tolist() == [3.0, 3.0]


def test_entropies_are_in_double_precision_and_one_code_alone_has_none() -> None:
    values = entropies(torch.tensor([[1, 2, 0], [1, 0, 0]]))
    assert values.dtype == torch.float64
    assert values[0].item() == pytest.approx(math.log(3) - 2 / 3 * math.log(2), rel=1e-12)
    assert values[1].item() == 0.0
