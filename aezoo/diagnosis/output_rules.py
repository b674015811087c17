"""Rules about what a model makes of samples. `docs/diagnosis.md` gives the reason for each threshold."""

from __future__ import annotations

import math

from aezoo.diagnosis import cures
from aezoo.diagnosis.causes import is_fast, suspect
from aezoo.diagnosis.finding import Verdict
from aezoo.diagnosis.model_figures import ModelFigures
from aezoo.diagnosis.rule import Rule
from aezoo.spec.document import Spec

#: Share of the variance that a model leaves, from which on it is no better than the mean.
MEAN = 0.9
#: How many times the error of PCA, and by how much of the variance more; where a model is restrained, by how much.
LINEAR, MORE, RESTRAINED = 2.0, 0.1, 0.3
#: Share of the samples' variance that outputs have at least.
CONSTANT = 0.01
#: Share of the variance that only a model that went astray leaves.
ASTRAY = 10.0
#: Share of a column's variance that is left, where that of all columns together looks good.
COLUMN = 0.5
#: How many times too large or small a variance is.
WRONG_VARIANCE = 4.0
#: How many times the error of the training split, and by how much of the variance more.
OVERFIT, LEARNT = 2.0, 0.1
#: How much more fine detail one phase of a grid has than another, as a multiple of the same of the samples.
GRID = 2.0
#: Share of outputs that are at an end of their range, beyond that of the samples.
SATURATED = 0.4


def _no_better(spec: Spec, figures: ModelFigures) -> Verdict | None:
    fvu = _fvu(figures)
    if not fvu >= MEAN:
        return None
    why = suspect(spec, figures)
    return Verdict(f"fvu is {fvu:.3g}, where the mean of the samples has 1", *why)


def _worse_than_linear(spec: Spec, figures: ModelFigures) -> Verdict | None:
    fvu, linear = _fvu(figures), figures.baseline.get("pca", {}).get("fvu", math.inf)
    latent = spec.latent
    restrained = bool(spec.corruption or spec.regularizers or latent.sparse or latent.quantized or latent.noisy)
    if not (LINEAR * linear < fvu < MEAN and fvu - linear > (RESTRAINED if restrained else MORE)):
        return None
    why = suspect(spec, figures)
    return Verdict(f"fvu is {fvu:.3g}; PCA with a code of the same width has {linear:.3g}", *why)


def _constant(spec: Spec, figures: ModelFigures) -> Verdict | None:
    output = figures.output
    if output is None or not output.spread < CONSTANT:
        return None
    why = suspect(spec, figures)
    return Verdict(f"outputs have {output.spread:.2g} of the variance of the samples", *why)


def _astray(spec: Spec, figures: ModelFigures) -> Verdict | None:
    fvu = _fvu(figures)
    if not fvu >= ASTRAY:
        return None
    patches = [*cures.slower(spec)] if is_fast(spec) else [cures.STANDARDIZE, *cures.longer(spec)]
    return Verdict(
        f"fvu is {fvu:.3g}: outputs lie farther from the samples than the samples from each other",
        "the training diverged, although every loss stayed finite" if is_fast(spec) else "it diverged or hardly began",
        "lower the learning rate" if is_fast(spec) else "bring the data to the scale of the network, train longer",
        patches,
    )


def _one_column(spec: Spec, figures: ModelFigures) -> Verdict | None:
    output = figures.output
    if output is None or len(spec.target_shape) != 1 or spec.target_range is not None or len(output.columns) < 2:
        return None
    middle, fvu = output.columns.median().item(), _fvu(figures)
    if not (middle > COLUMN and fvu < middle / 2):
        return None
    bad = int((output.columns > COLUMN).sum())
    return Verdict(
        f"fvu is {fvu:.2g}, but {bad} of {len(output.columns)} columns keep more than {COLUMN:.0%} of their variance",
        "errors are in the units of the data, and a few columns have the largest numbers",
        "standardize the columns",
        [cures.STANDARDIZE],
    )


def _variance(spec: Spec, figures: ModelFigures) -> Verdict | None:
    drawn = figures.output.drawn if figures.output else None
    if drawn is None or 1 / WRONG_VARIANCE < drawn < WRONG_VARIANCE:
        return None
    size = "too large" if drawn > 1 else "too small"
    return Verdict(
        f"the variance of the likelihood is {drawn:.2g} times the squared error",
        f"it is {size}: nats, and with them the balance with every penalty, are off by as much",
        "let it follow the errors",
        cures.FITTED_VARIANCE,
    )


def _overfit(spec: Spec, figures: ModelFigures) -> Verdict | None:
    before = figures.train_fvu
    if figures.output is None or before is None:
        return None
    fvu = figures.output.fvu
    if not (fvu > OVERFIT * before and fvu - before > LEARNT):
        return None
    return Verdict(
        f"fvu is {fvu:.3g} here and {before:.3g} on the training split",
        "the network remembers samples instead of what they have in common",
        "restrain it: weight decay, corruption, a smaller network, or more data",
        [
            *cures.decayed(spec),
            ('corruption=[{type = "gaussian_noise", std = 0.1}]',),
        ],
    )


def _grid(spec: Spec, figures: ModelFigures) -> Verdict | None:
    output = figures.output
    if output is None or output.grid < GRID or _fvu(figures) >= MEAN:
        return None
    return Verdict(
        f"fine detail at one of four phases of a grid is {output.grid:.2g} times that at another, relative to the data",
        "strided transposed convolutions overlap unevenly (Odena et al. 2016, doi:10.23915/distill.00003)",
        "resize, then convolve",
        [("decoder.upsampling=resize",)],
    )


def _saturated(spec: Spec, figures: ModelFigures) -> Verdict | None:
    if figures.output is None:
        return None
    of_outputs, of_samples = figures.output.at_ends
    if of_outputs - of_samples < SATURATED:
        return None
    return Verdict(
        f"{of_outputs:.0%} of the outputs are at an end of their range, and {of_samples:.0%} of the samples",
        "the function of the output is saturated: no gradient comes through",
        "lower the learning rate, or let the output be any number",
        [*cures.slower(spec), cures.IDENTITY] if is_fast(spec) else [cures.IDENTITY, *cures.slower(spec)],
    )


def _fvu(figures: ModelFigures) -> float:
    return figures.metrics.get("fvu", figures.output.fvu if figures.output else math.nan)


OUTPUT_RULES: tuple[Rule[ModelFigures], ...] = (
    Rule("AZ721", "No better than the mean", f"fvu is {MEAN:g} or more", _no_better),
    Rule(
        "AZ722",
        "Worse than a linear model",
        f"fvu is more than {LINEAR:g} times that of PCA, and larger by {MORE:g};"
        f" by {RESTRAINED:g} beside noise or a penalty",
        _worse_than_linear,
    ),
    Rule(
        "AZ723",
        "Outputs that do not vary",
        f"the variance of the outputs over samples is below {CONSTANT:.0%} of that of the samples",
        _constant,
    ),
    Rule("AZ724", "A training that went astray", f"fvu is {ASTRAY:g} or more", _astray),
    Rule(
        "AZ725",
        "One column instead of all",
        f"the median column keeps more than {COLUMN:.0%} of its variance, and all together look twice as good",
        _one_column,
    ),
    Rule(
        "AZ726",
        "A wrong variance",
        f"the likelihood's variance is {WRONG_VARIANCE:g} times the squared error, or a {WRONG_VARIANCE:g}th of it",
        _variance,
    ),
    Rule(
        "AZ727",
        "Overfit",
        f"fvu is more than {OVERFIT:g} times that on the training split, and larger by {LEARNT:g}",
        _overfit,
    ),
    Rule("AZ728", "A checkerboard", f"fine detail differs {GRID:g} times between phases of a grid of 2 x 2", _grid),
    Rule(
        "AZ729",
        "A saturated output",
        f"{SATURATED:.0%} more of the outputs than of the samples are at an end of their range",
        _saturated,
    ),
)
