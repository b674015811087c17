"""Causes: why a model explains nothing, most probably; the first that its spec and figures speak for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aezoo.diagnosis import cures
from aezoo.diagnosis.finding import Patch
from aezoo.diagnosis.model_figures import ModelFigures
from aezoo.reading.modelling_lints import order_forgotten
from aezoo.spec.document import Spec
from aezoo.spec.shape import flat

#: From which learning rate on it is the first to be suspected, and below which the length of the run is.
FAST = 0.02
#: Share of the variance that lies outside of what the output can give.
LOST = 0.01
#: A deviation that is far from 1, from below and, as its reciprocal, from above.
SMALL = 0.1
#: Deviation of a code that has all but vanished.
SHRUNK = 0.01
#: Share of units that may be silent, or below which share of its codes a codebook is used.
DEAD, UNUSED = 0.5, 0.05


class Suspect(NamedTuple):
    """A cause of an illness, and what to do.

    Attributes:
        cause: Why it is so.
        cure: What to do.
        patches: Changes of the spec that do it.
    """

    cause: str
    cure: str
    patches: Sequence[Patch]


def suspect(spec: Spec, figures: ModelFigures) -> Suspect:
    """The most probable reason why outputs depend on the sample little or not at all."""
    return next(_suspects(spec, figures))


def _suspects(spec: Spec, figures: ModelFigures) -> Iterator[Suspect]:
    if is_fast(spec):
        yield Suspect(
            f"a learning rate of {_rate(spec):g} throws the weights about, or far away",
            "lower it",
            [*cures.slower(spec)],
        )
    if pools := order_forgotten(spec):
        yield Suspect(
            f"encoder.{pools[0]} makes one vector of all positions, and with it the place of everything is lost",
            "leave it out",
            [cures.without_layers(spec, pools)],
        )
    yield from _unreachable(figures)
    yield from _rate_beside_no_density(spec)
    yield from _another_scale(spec, figures)
    yield from _heavy(spec, figures)
    if spec.latent.quantized and figures.code.deviation < 1:
        yield Suspect(
            "the encoder's vectors lie too near each other for a codebook to tell them apart",
            "standardize the input, and train longer",
            [cures.STANDARDIZE, *cures.longer(spec)],
        )
    if spec.latent.sparse and figures.code.dead > DEAD:
        yield Suspect(
            "a few units win every selection, so that the others never learn: values far from zero make that",
            "standardize the input",
            [cures.STANDARDIZE],
        )
    if is_collapsed(figures) and (names := cures.rates(spec)):
        yield Suspect(
            "the rate was paid off before the decoder had learnt to use the code",
            "leave every value of the code some nats that cost nothing",
            free_nats(spec, names),
        )
    yield Suspect("it was not trained for long enough, or cannot do better", "train longer", [*cures.longer(spec)])


def _unreachable(figures: ModelFigures) -> Iterator[Suspect]:
    if figures.output is not None and figures.output.lost > LOST:
        yield Suspect(
            f"{figures.output.lost:.0%} of the variance lies outside of what the function of the output can give",
            "let the output be any number",
            [cures.IDENTITY, ("input.normalize=standardize", "likelihood.output=identity")],
        )


def _another_scale(spec: Spec, figures: ModelFigures) -> Iterator[Suspect]:
    """Weights begin at a scale that suits values of deviation 1; far from it the first thing learnt takes all steps."""
    if figures.output is None or spec.input.normalize == "standardize":
        return
    deviation = (figures.output.variance / flat(spec.target_shape)) ** 0.5
    if not SMALL < deviation < 1 / SMALL:
        yield Suspect(
            f"values have a deviation of {deviation:.2g}, far from the scale at which networks begin",
            "standardize the input",
            [cures.STANDARDIZE, (*cures.STANDARDIZE, *cures.IDENTITY)],
        )


def _rate_beside_no_density(spec: Spec) -> Iterator[Suspect]:
    if not spec.likelihood.density and (names := cures.rates(spec)):
        yield Suspect(
            f"{spec.likelihood.tag()} beside {names[0]} is a Gaussian of a fixed variance, which drowns these data",
            "let the variance of the likelihood follow the errors",
            [*cures.FITTED_VARIANCE, *free_nats(spec, names)],
        )


def _heavy(spec: Spec, figures: ModelFigures) -> Iterator[Suspect]:
    factor = spec.likelihood.error_factor()
    if factor is None or figures.output is None:
        return
    for name, term in spec.regularizers.items():
        price = term.price(spec)
        # The largest direction seldom has more than half of the variance.
        if price is not None and price / (2 * factor) > figures.output.variance / 4:
            yield Suspect(
                f"{name} costs more than the errors that a code saves, in samples of variance"
                f" {figures.output.variance:.3g}",
                "lower its weight",
                [cures.lighter(spec, factor * figures.output.variance / 100, name)],
            )


def free_nats(spec: Spec, names: Sequence[str]) -> list[Patch]:
    """Patches that keep a rate from taking all of the code's nats."""
    return [
        tuple(f"regularizers.{name}.free_bits=0.1" for name in names),
        cures.lighter(spec, 0.1, *names),
    ]


def is_collapsed(figures: ModelFigures) -> bool:
    """Whether no value of a posterior's mean depends on the sample."""
    return figures.metrics.get("active_units", 1.0) == 0


def is_fast(spec: Spec) -> bool:
    """Whether the learning rate is one at which most networks diverge."""
    return _rate(spec) > FAST


def _rate(spec: Spec) -> float:
    schedule = getattr(spec.training.optimizer, "lr", None)
    bounds = None if schedule is None else schedule.bounds()
    return bounds[1] if bounds else 0.0
