"""Laws of densities: likelihoods and priors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from aezoo.errors import AezooError
from aezoo.nn.code import Attached
from aezoo.spec.component import Range
from aezoo.spec.domain import Domain
from aezoo.spec.kinds import LikelihoodSpec, PriorSpec
from aezoo.spec.shape import Shape
from aezoo.testing.generate.minimal import minimal_spec
from aezoo.testing.law.adapters import adapters_of, generator
from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import PartUnderTest

#: Draws of an estimate, and how many standard errors it may be off: once in 10^8 for a normal one.
DRAWS, ERRORS = 4096, 6.0
#: Points of an integral along the one axis of a sample, and along each of two. The finer rule is for densities whose
#: integral by the coarser one is not close to 1; most are smooth, and a flow is costly at each point.
POINTS = {1: (20_001,), 2: (151, 501)}
#: How far a density's integral may be from 1: what the finest rule misses at the tip of a Laplace density.
INTEGRAL = 0.02
CLOSE = INTEGRAL / 10
#: Of so many draws, a density of finitely many values has fewer.
ATOMS = DRAWS // 8
#: Values of a sample that is drawn so often.
WIDEST = 256

LogDensity = Callable[[Tensor], Tensor]


@law(
    "L30",
    "likelihood",
    says="exp(-nll) sums, or integrates, to one over all data, of one value or of two.",
    hint="put in the constants and sum over the axes of a sample; or declare `density = False`",
)
def likelihood_sums_to_one(tested: PartUnderTest) -> Iterator[str]:
    for part in _parts(tested):
        for shape in ((1,), (2,)):
            if part.density and _fits(tested, part, shape):
                yield from (f"{_label(part)} over {list(shape)}: {fault}" for fault in _off(part, shape))


def _off(part: LikelihoodSpec, shape: Shape) -> Iterator[str]:
    """How far the density is from one, for two outputs of a decoder."""
    module: Any = part.build(shape).double().eval()
    for seed in range(2):
        raw = torch.randn(1, *part.raw_shape(shape), generator=generator(seed), dtype=torch.double)
        drawn = module.sample(raw.expand(DRAWS, *raw.shape[1:]), generator(seed))

        def log_density(x: Tensor, raw: Tensor = raw) -> Tensor:
            return -module.nll(raw.expand(len(x), *raw.shape[1:]), x)  # type: ignore[no-any-return]

        if abs((total := _total(log_density, drawn, part.support)) - 1) > INTEGRAL:
            yield f"its density sums to {total:.4f}"


@law(
    "L31",
    "prior",
    says="exp(log_prob) sums, or integrates, to one over all codes, of one value or of two.",
    hint="put in the constants and sum over the axes of a code; or declare `density = False`, or `euclidean = False`",
)
def prior_sums_to_one(tested: PartUnderTest) -> Iterator[str]:
    for part in _parts(tested):
        for shape in ((1,), (2,)) if part.density and part.euclidean and part.space == "" else ():
            module: Any = part.build(shape, tested.example).double()
            if isinstance(module, Attached):  # whose density is of codes of its model alone
                continue
            module.fit(0.5 + 2 * torch.randn(64, *shape, generator=generator(0), dtype=torch.double))
            total = _total(module.log_prob, module.sample(DRAWS, generator(1)), None)
            if abs(total - 1) > INTEGRAL:
                yield f"{_label(part)} over {list(shape)}: its density sums to {total:.4f}"


def _total(log_density: LogDensity, drawn: Tensor, support: Range | None) -> float:
    """The sum of a density over the values that were drawn if these are few, else its integral; for each axis by itself
    where all together are many."""
    flat = drawn.detach().double().flatten(1)
    atoms: Tensor = flat.unique(dim=0)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        if len(atoms) < ATOMS:
            return float(log_density(atoms.reshape(-1, *drawn.shape[1:])).exp().sum())
        for count in POINTS[flat.shape[1]]:
            axes = [_atoms(column) or _axis(column, support, count) for column in flat.T]
            points = torch.cartesian_prod(*(points for points, _ in axes)).reshape(-1, *drawn.shape[1:])
            widths = torch.cartesian_prod(*(width for _, width in axes)).reshape(len(points), -1).prod(dim=1)
            total = float((log_density(points).exp() * widths).sum())
            if abs(total - 1) < CLOSE:
                break
        return total


def _atoms(values: Tensor) -> tuple[Tensor, Tensor] | None:
    """The values of an axis that has finitely many, and a width of 1 for each; None for another."""
    atoms: Tensor = values.unique()  # type: ignore[no-untyped-call]
    return (atoms, torch.ones_like(atoms)) if len(atoms) < ATOMS else None


def _axis(values: Tensor, support: Range | None, count: int) -> tuple[Tensor, Tensor]:
    """Points of an axis and how wide each one is: even over a support, else denser where the values are."""
    even = (torch.arange(count, dtype=torch.double) + 0.5) / count
    if support is not None and not math.isinf(support[0]) and not math.isinf(support[1]):
        low, high = support
        return low + (high - low) * even, torch.full_like(even, (high - low) / count)
    # x = m + s tan(u): the tails of any density fit into a finite axis.
    middle, spread = values.median(), values.quantile(0.9) - values.quantile(0.1)
    angle = math.pi * (even - 0.5)
    points, width = middle + spread * angle.tan(), spread * math.pi / count / angle.cos().square()
    inside = (points >= support[0]) & (points <= support[1]) if support is not None else torch.ones_like(points).bool()
    return points[inside], width[inside]


@law(
    "L32",
    "likelihood",
    says="Means and samples are possible data: they lie in the support, and in the domains of their features.",
    hint="let `mean` and `sample` end in a function onto the `support` and `domains` that are declared",
)
def within_support(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        low, high = adapter.part.support or (-math.inf, math.inf)
        domains = adapter.part.domains(adapter.shape)
        module: Any = adapter.build().eval()
        for scale in (1.0, 30.0):
            raw = scale * adapter.inputs(16, generator(1))[0]
            with torch.no_grad():
                outputs = {"mean": module.mean(raw), "sample": module.sample(raw, generator(2))}
            for name, value in outputs.items():
                if not bool(((value >= low) & (value <= high)).all()):
                    ends = [float(value.min()), float(value.max())]
                    yield f"{adapter}: its {name} lies in {ends}, its support is [{low:g}, {high:g}]"
                elif domains is not None and (fault := _outside(value, domains, whole=name == "sample")):
                    yield f"{adapter}: its {name} of {fault}"


def _outside(values: Tensor, domains: Sequence[Domain], *, whole: bool) -> str:
    """The first feature with a value outside of its domain, and that value; a mean of counts may be a fraction."""
    for index, (feature, domain) in enumerate(zip(values.movedim(1, 0).flatten(1), domains, strict=True)):
        bad = (feature < domain.low) | (feature > domain.high)
        if whole and domain.whole:
            bad |= feature != feature.round()
        if bool(bad.any()):
            return f"feature {index} is {float(feature[bad][0]):g}, and is to be {domain}"
    return ""


@law(
    "L33",
    "likelihood",
    says="The mean of many samples is the mean, where data are quantities.",
    hint="let `sample` draw from the density whose `mean` it is; or declare `quantities = False`",
)
def samples_match_the_mean(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        module: Any = adapter.build().eval()
        raw = adapter.inputs(1, generator(1))[0]
        if math.prod(adapter.shape) > WIDEST or not adapter.part.quantities:
            continue
        with torch.no_grad():
            drawn = module.sample(raw.expand(DRAWS, *raw.shape[1:]), generator(2)).double()
            mean = module.mean(raw).double()[0]
        if not agree(drawn, mean):
            yield f"{adapter}: the samples' mean is off by up to {float((drawn.mean(dim=0) - mean).abs().max()):.3g}"


@law(
    "L36",
    "likelihood",
    says="The values of a likelihood add up to its nll, and each depends on its own data alone.",
    hint="let `nll` be the sum of `nll_values(raw, x)`, constants and all; or declare `valuewise = False`",
)
def values_add_up(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        if not adapter.part.valuewise:
            continue
        for training in (True, False):
            module: Any = adapter.build().double().train(training)
            raw, x = (value.double() for value in adapter.inputs(3, generator(1)))
            with torch.no_grad():
                values, nll = module.nll_values(raw, x), module.nll(raw, x)
                # Half of the values, in an order without pattern, have other data.
                other = torch.rand(x.shape, generator=generator(2)) < 0.5
                changed = module.nll_values(raw, torch.where(other, x.flip(0), x))
            if not torch.allclose(values.flatten(1).sum(dim=1), nll, rtol=1e-6, atol=1e-6):
                yield f"{adapter}: its values sum to {float(values[0].sum()):.6g}, its nll is {float(nll[0]):.6g}"
            elif not torch.allclose(changed[~other], values[~other], rtol=1e-9, atol=1e-12):
                yield f"{adapter}: a value changes with the data of others"


def agree(drawn: Tensor, mean: Tensor) -> bool:
    """Whether the mean of the draws is this one, up to what their number allows."""
    error = drawn.std(dim=0) / math.sqrt(len(drawn))
    return bool(((drawn.mean(dim=0) - mean).abs() <= ERRORS * error + 1e-5 * (1 + mean.abs())).all())


def _parts(tested: PartUnderTest) -> list[Any]:
    """The part in each of its settings."""
    parts: dict[Any, None] = {}
    for _, _, part in tested.occurrences:
        if isinstance(part, (LikelihoodSpec, PriorSpec)):
            parts[part] = None
    return list(parts)


def _fits(tested: PartUnderTest, part: LikelihoodSpec, shape: Shape) -> bool:
    """Whether a spec may have the likelihood for data of this shape."""
    support = part.support or (0.0, 1.0)
    source = {"shape": list(shape), **({} if math.isinf(support[0] + support[1]) else {"range": list(support)})}
    written = part.model_dump(mode="json", exclude_none=True)
    table = {"input": source, "latent": {"type": "deterministic", "dim": 1}, "likelihood": written}
    try:
        minimal_spec(table, registry=tested.plugin.registry, inputs=[shape], rests=[{}], lints=True)
    except AezooError:
        return False
    return True


def _label(part: Any) -> str:
    return f"{part.tag()} {part.model_dump(mode='json', exclude_none=True, exclude_defaults=True)}"


LAWS = [likelihood_sums_to_one, prior_sums_to_one, within_support, samples_match_the_mean, values_add_up]
