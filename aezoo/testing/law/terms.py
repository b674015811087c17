"""Laws of regularizers and objectives: the terms of a loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from aezoo.nn.code import Output
from aezoo.nn.distributed import Layout, sharing
from aezoo.nn.objective import player_parameters
from aezoo.nn.row_noise import RowNoise
from aezoo.spec.kinds import ConstantSpec
from aezoo.testing.law.adapters import TermAdapter, adapters_of, generator, run_copy, same
from aezoo.testing.law.definition import law
from aezoo.testing.law.rng_state import seed_global
from aezoo.testing.law.under_test import PartUnderTest

#: Samples in a batch.
BATCH_SIZE = 6


@law(
    "L40",
    "regularizer",
    "objective",
    says="Each term is one finite number, in training and in evaluation.",
    hint="sum over a sample's axes, average over the batch, return a tensor without axes",
)
def one_number(tested: PartUnderTest) -> Iterator[str]:
    for adapter in _terms(tested):
        for training in (True, False):
            module = adapter.build().train(training)
            terms = adapter.run(module, adapter.inputs(BATCH_SIZE, generator(1)), generator(2))
            for name, value in terms.items():
                if value.ndim:
                    yield f"{adapter}: {name} has the axes {list(value.shape)}"
                elif not bool(value.isfinite()):
                    yield f"{adapter}: {name} is {float(value)}"


@law(
    "L41",
    "regularizer",
    "objective",
    says="A term is an average over the batch: the same samples twice do not double it.",
    hint="divide by `len(values)`, or take `.mean(dim=0)` of what each sample costs",
)
def averaged(tested: PartUnderTest) -> Iterator[str]:
    for adapter in _terms(tested):
        module = adapter.build().double().eval()
        ratios: dict[str, list[float]] = {}
        for seed in range(3):
            for name, once, twice in _doubled(adapter, module, seed):
                ratios.setdefault(name, []).append(twice / once if once else 0.0)
        for name, values in ratios.items():
            if all(abs(ratio - 2) < 1e-6 for ratio in values):
                yield f"{adapter}: {name} doubles with the batch: it is summed over the samples"


def _doubled(adapter: TermAdapter, module: nn.Module, seed: int) -> Iterator[tuple[str, float, float]]:
    """Each term for a batch, and for the same samples twice."""
    x = adapter.inputs(BATCH_SIZE, generator(seed))[0].double()
    with torch.no_grad():
        once, twice = (adapter.terms(module, adapter.out(module, batch)) for batch in (x, torch.cat([x, x])))
    for name, value in once.items():
        yield name, float(value), float(twice[name])


@law(
    "L47",
    "regularizer",
    "objective",
    says="A term whose module says `by_sample` is the mean of what each sample costs, with its share of the noise.",
    hint="leave `by_sample` out: the term is then computed from the whole batch in each of several processes",
)
def by_sample(tested: PartUnderTest) -> Iterator[str]:
    for adapter in _terms(tested):
        module = adapter.build().double().eval()
        term: Any = module["term"]  # type: ignore[index]
        if not getattr(term, "by_sample", False):
            continue
        x = adapter.inputs(BATCH_SIZE, generator(1))[0].double()
        with torch.no_grad():
            whole = adapter.terms(module, adapter.out(module, x))
            alone = [adapter.terms(module, out) for out in _each_alone(adapter, module, x)]
        for name, value in whole.items():
            mean = torch.stack([terms[name] for terms in alone]).mean()
            if not torch.isclose(mean, value, rtol=1e-6, atol=1e-9):
                yield f"{adapter}: {name} is {float(value):g} for a batch, {float(mean):g} on average for its samples"


def _each_alone(adapter: TermAdapter, module: nn.Module, x: Tensor) -> Iterator[Output]:
    """A pass of each sample, with its share of the noise of the batch while the pass is used."""
    for row in range(len(x)):
        with sharing(Layout((1,) * len(x), row)), RowNoise():
            yield adapter.out(module, x[row : row + 1])


@law(
    "L42",
    "regularizer",
    "objective",
    says="Each player has terms, an objective's first those that are declared; each of the others has weights, which "
    "they move.",
    hint="let `terms` name the terms of the first player, and `own(player)` give the weights of the others",
)
def players(tested: PartUnderTest) -> Iterator[str]:
    for adapter in _terms(tested):
        module: Any = adapter.build()
        out = adapter.out(module, adapter.inputs(BATCH_SIZE, generator(1))[0], generator(2))
        for index, player in enumerate(adapter.part.players):
            terms = adapter.terms_of(module, out, player)
            if not terms:
                yield f"{adapter}: player {player!r} has no terms"
            elif index or adapter.part.kind == "regularizer":
                yield from _unmoved_weights(adapter, module, player, terms)
            elif set(terms) != adapter.part.terms:
                yield f"{adapter}: it declares {sorted(adapter.part.terms)}, {player!r} has {sorted(terms)}"


@law(
    "L46",
    "objective",
    says="A score is one finite number for each sample, of that sample alone, and depends on the model alone.",
    hint="let `score(out)` give [B]; weights that it needs belong to the model, a latent's say, which is what is saved",
)
def scored(tested: PartUnderTest) -> Iterator[str]:
    for adapter in _terms(tested):
        if not adapter.part.scores:
            continue
        module: Any = adapter.build().eval()
        x = adapter.inputs(BATCH_SIZE, generator(1))[0]
        with torch.no_grad():
            score = module["term"].score(adapter.out(module, x))
            alone = module["term"].score(adapter.out(module, x[:1]))
            seed_global(1)
            anew = adapter.term().eval().score(adapter.out(module, x))  # type: ignore[operator]
        if tuple(score.shape) != (BATCH_SIZE,) or not bool(score.isfinite().all()):
            numbers = "finite numbers" if bool(score.isfinite().all()) else "numbers that are not finite"
            yield f"{adapter}: its score of {BATCH_SIZE} samples is {numbers} of the shape {list(score.shape)}"
        elif not torch.allclose(score[:1], alone, rtol=1e-4, atol=1e-5):
            yield f"{adapter}: the score of a sample is {float(score[0]):.4g} in a batch, {float(alone[0]):.4g} alone"
        elif not same(score, anew):
            yield f"{adapter}: built anew, its score is another: it depends on weights of its own"


def _unmoved_weights(adapter: TermAdapter, module: Any, player: str, terms: dict[str, Tensor]) -> Iterator[str]:
    own = list(player_parameters(player, module["term"], module["model"], first=False))
    if not own:
        yield f"{adapter}: player {player!r} has no weights"
        return
    gradients = torch.autograd.grad(torch.stack([*terms.values()]).sum(), own, allow_unused=True)
    if any(gradient is None for gradient in gradients):
        yield f"{adapter}: the terms of {player!r} reach not all of its weights"


@law(
    "L45",
    "regularizer",
    says="The weight is applied elsewhere: whatever it is, the term is the same.",
    hint="leave `weight` out of `build()`: the objective multiplies by it",
)
def unweighted(tested: PartUnderTest) -> Iterator[str]:
    for adapter in _terms(tested):
        weights = (ConstantSpec(value=value) for value in (1.0, 3.0))
        one, two = (_term_at(adapter, weight) for weight in weights)
        if not same(one, two):
            yield f"{adapter}: its term is {float(one):.4g} at weight 1 and {float(two):.4g} at weight 3"


def _term_at(adapter: TermAdapter, weight: ConstantSpec) -> Tensor:
    weighted = TermAdapter(adapter.part.model_copy(update={"weight": weight}), adapter.spec, adapter.shape)
    return run_copy(weighted, weighted.build().eval(), weighted.inputs(BATCH_SIZE, generator(1)))["term"]


def _terms(tested: PartUnderTest) -> Iterator[TermAdapter]:
    for adapter in adapters_of(tested):
        assert isinstance(adapter, TermAdapter)
        yield adapter


LAWS = [one_number, averaged, by_sample, players, unweighted, scored]
