"""Laws of regularizers and objectives: the terms of a loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from aezoo.nn.objective import player_parameters
from aezoo.spec.kinds import ConstantSpec
from aezoo.testing.law.adapters import Term, generator, passed, same, specimens
from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import Subject

#: Samples in a batch.
MANY = 6


@law(
    "L40",
    "regularizer",
    "objective",
    says="Each term is one finite number, in training and in evaluation.",
    hint="sum over a sample's axes, average over the batch, return a tensor without axes",
)
def one_number(subject: Subject) -> Iterator[str]:
    for specimen in _terms(subject):
        for training in (True, False):
            module = specimen.build().train(training)
            given = specimen.run(module, specimen.inputs(MANY, generator(1)), generator(2))
            for name, value in given.items():
                if value.ndim:
                    yield f"{specimen}: {name} has the axes {list(value.shape)}"
                elif not bool(value.isfinite()):
                    yield f"{specimen}: {name} is {float(value)}"


@law(
    "L41",
    "regularizer",
    "objective",
    says="A term is an average over the batch: the same samples twice do not double it.",
    hint="divide by `len(values)`, or take `.mean(dim=0)` of what each sample costs",
)
def averaged(subject: Subject) -> Iterator[str]:
    for specimen in _terms(subject):
        module = specimen.build().double().eval()
        ratios: dict[str, list[float]] = {}
        for seed in range(3):
            for name, once, twice in _doubled(specimen, module, seed):
                ratios.setdefault(name, []).append(twice / once if once else 0.0)
        for name, found in ratios.items():
            if all(abs(ratio - 2) < 1e-6 for ratio in found):
                yield f"{specimen}: {name} doubles with the batch: it is summed over the samples"


def _doubled(specimen: Term, module: nn.Module, seed: int) -> Iterator[tuple[str, float, float]]:
    """Each term for a batch, and for the same samples twice."""
    x = specimen.inputs(MANY, generator(seed))[0].double()
    with torch.no_grad():
        once, twice = (specimen.terms(module, specimen.out(module, batch)) for batch in (x, torch.cat([x, x])))
    for name, value in once.items():
        yield name, float(value), float(twice[name])


@law(
    "L42",
    "objective",
    says="Each player has terms, the first those that are declared; each after the first has weights, which they move.",
    hint="let `terms` name what the first player is told, and `own(player)` give the weights of the others",
)
def players(subject: Subject) -> Iterator[str]:
    for specimen in _terms(subject):
        module: Any = specimen.build()
        out = specimen.out(module, specimen.inputs(MANY, generator(1))[0], generator(2))
        for index, player in enumerate(specimen.part.players):
            told = module["term"](out, player)
            if not told:
                yield f"{specimen}: player {player!r} is told nothing"
            elif index:
                yield from _moves(specimen, module, player, told)
            elif set(told) != specimen.part.terms:
                yield f"{specimen}: it declares {sorted(specimen.part.terms)}, {player!r} is told {sorted(told)}"


def _moves(specimen: Term, module: Any, player: str, told: dict[str, Tensor]) -> Iterator[str]:
    own = list(player_parameters(player, module["term"], module["model"], first=False))
    if not own:
        yield f"{specimen}: player {player!r} has no weights"
        return
    gradients = torch.autograd.grad(torch.stack([*told.values()]).sum(), own, allow_unused=True)
    if any(gradient is None for gradient in gradients):
        yield f"{specimen}: the terms of {player!r} reach not all of its weights"


@law(
    "L45",
    "regularizer",
    says="The weight is applied elsewhere: whatever it is, the term is the same.",
    hint="leave `weight` out of `build()`: the objective multiplies by it",
)
def unweighted(subject: Subject) -> Iterator[str]:
    for specimen in _terms(subject):
        weights = (ConstantSpec(value=value) for value in (1.0, 3.0))
        one, two = (_at(specimen, weight) for weight in weights)
        if not same(one, two):
            yield f"{specimen}: its term is {float(one):.4g} at weight 1 and {float(two):.4g} at weight 3"


def _at(specimen: Term, weight: ConstantSpec) -> Tensor:
    weighted = Term(specimen.part.model_copy(update={"weight": weight}), specimen.spec, specimen.shape)
    return passed(weighted, weighted.build().eval(), weighted.inputs(MANY, generator(1)))["term"]


def _terms(subject: Subject) -> Iterator[Term]:
    for specimen in specimens(subject):
        assert isinstance(specimen, Term)
        yield specimen


LAWS = [one_number, averaged, players, unweighted]
