"""Rules about codes. `docs/diagnosis.md` gives the reason for each threshold."""

from __future__ import annotations

import math

from aezoo.diagnosis import cures
from aezoo.diagnosis.causes import DEAD, SHRUNK, UNUSED, free_nats, is_collapsed, suspect
from aezoo.diagnosis.finding import Verdict
from aezoo.diagnosis.model_figures import ModelFigures
from aezoo.diagnosis.output_rules import MEAN
from aezoo.diagnosis.rule import Rule
from aezoo.spec.document import Spec
from aezoo.spec.shape import flat

#: Nats above which a rate claims to tell something, and what share of them it tells at least.
SOMETHING, TOLD = 1.0, 0.1
#: How often a unit should have been active, were all alike, before its silence means anything.
EXPECTED = 5.0
#: Nats by which one value of the codes may be off the prior.
MISFIT = 0.5


def _collapsed(spec: Spec, figures: ModelFigures) -> Verdict | None:
    if not spec.latent.posterior or spec.levels or not is_collapsed(figures):
        return None
    rate = figures.metrics.get("rate")
    evidence = f"0 of {flat(spec.code_shape)} values of the code depend on the sample"
    return Verdict(evidence + (f"; the rate is {rate:.2g} nats" if rate is not None else ""), *suspect(spec, figures))


def _uninformative(spec: Spec, figures: ModelFigures) -> Verdict | None:
    rate, information = figures.metrics.get("rate", 0.0), figures.code.information
    if information is None or not rate > SOMETHING or information > TOLD * rate:
        return None
    names = cures.rates(spec)
    why = suspect(spec, figures)
    return Verdict(
        f"the rate is {rate:.3g} nats, of which at most {max(information, 0.0):.2g} tell of the sample",
        f"the posterior of every sample is the same, and not the prior; {why.cause}",
        why.cure,
        [*why.patches, *free_nats(spec, names)],
    )


def _dead(spec: Spec, figures: ModelFigures) -> Verdict | None:
    code = figures.code
    if code.dead <= DEAD or figures.n * code.activity < EXPECTED:
        return None
    width = flat(spec.code_shape)
    return Verdict(
        f"{round(code.dead * width)} of {width} units are 0 for all of {figures.n:,} samples",
        "they never win, so no gradient reaches them: values far from zero, or a rate too high, silence them for ever",
        "standardize the input, lower the learning rate, or take a latent that wakes silent units up",
        [cures.STANDARDIZE, *cures.slower(spec), (f"latent.dim={max(1, width // 4)}",)],
    )


def _codebook(spec: Spec, figures: ModelFigures) -> Verdict | None:
    used, alphabet = figures.code.used, spec.latent.alphabet()
    if used is None or alphabet < 4:
        return None
    if used > max(2.0, UNUSED * min(alphabet, figures.n)):
        return None
    return Verdict(
        f"codes are used as if there were {used:.3g} of {alphabet}",
        "the encoder's vectors lie too near each other for a codebook to tell them apart",
        "standardize the input, or train longer",
        [cures.STANDARDIZE, *cures.longer(spec)],
    )


def _shrunk(spec: Spec, figures: ModelFigures) -> Verdict | None:
    deviation = figures.code.deviation
    if not deviation < SHRUNK or (spec.latent.posterior and is_collapsed(figures)):
        return None
    evidence = f"values of the code have a deviation of {deviation:.2g} over samples"
    if figures.metrics.get("fvu", 0.0) >= MEAN:
        return Verdict(evidence, *suspect(spec, figures))
    priced = [name for name, term in spec.regularizers.items() if term.price(spec) is not None]
    return Verdict(
        evidence,
        "a penalty or a codebook draws codes together, and the decoder has to magnify what is left",
        "lower the penalty, tie the decoder, or standardize the input",
        [("decoder.tied=true",), cures.lighter(spec, 0.01, *priced), cures.STANDARDIZE],
    )


def _misfit(spec: Spec, figures: ModelFigures) -> Verdict | None:
    misfit = figures.code.misfit
    if misfit is None or not misfit > MISFIT or spec.levels or is_collapsed(figures):
        return None
    names = cures.rates(spec)
    return Verdict(
        f"codes are off the prior by {misfit:.2g} nats for each of {math.prod(spec.code_shape)} values",
        "what `sample` draws from the prior lies where no code lies, and is decoded to nothing that was learnt",
        "raise the weight of what keeps codes near the prior, or fit a prior to the codes",
        [cures.heavier(spec, 1.0, *names), ("latent.prior=fitted_gaussian",)],
    )


CODE_RULES: tuple[Rule[ModelFigures], ...] = (
    Rule("AZ731", "A collapsed posterior", "no value of the code's mean varies over samples", _collapsed),
    Rule(
        "AZ732",
        "A rate that carries no information",
        f"at most {TOLD:.0%} of a rate above {SOMETHING:g} nat can tell of the sample",
        _uninformative,
    ),
    Rule("AZ733", "Dead units", f"more than {DEAD:.0%} of the units are 0 for every sample", _dead),
    Rule("AZ734", "A collapsed codebook", f"the perplexity is 2, or {UNUSED:.0%} of the codes, or less", _codebook),
    Rule("AZ735", "An encoder that shrank", f"values of the code vary by less than {SHRUNK:g}", _shrunk),
    Rule(
        "AZ736",
        "A prior that does not fit the codes",
        f"a Gaussian of the moments of the codes is more than {MISFIT:g} nats a value off the prior",
        _misfit,
    ),
)
