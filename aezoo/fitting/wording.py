"""Wording: figures as sentences."""

from __future__ import annotations

import math

from aezoo.fitting.comparison import Compared


def verdict(compared: Compared, *, linear: bool = False) -> str:
    """Whether a model is better than the linear baseline, by what figures, and what follows if not.

    Args:
        compared: The purpose's own figure.
        linear: Whether the model is linear itself.
    """
    rival = compared.rivals[0]
    figures = f"{compared.figure}: {number(compared.value)} against {number(rival.value)}"
    chance = f"the difference of {number(rival.ahead, signed=True)} has a standard error of {number(rival.error)}"
    samples = f"on {compared.n:,} test samples"
    if compared.verdict == "better":
        return f"Better than {rival.name}: {figures} {samples}; {chance}."
    own = "the best candidate is linear itself" if linear else f"take {rival.name}, which is simpler"
    if compared.verdict == "equal":
        return f"No better than {rival.name}: {figures} {samples}; {chance}. {own[0].upper()}{own[1:]}."
    cures = "more samples, or --force with more --minutes or another --width, may help"
    return f"Worse than {rival.name}: {figures} {samples}; {chance}. {own[0].upper()}{own[1:]}; {cures}."


def number(value: float, *, signed: bool = False) -> str:
    """Three digits."""
    if not math.isfinite(value):
        return "unknown"
    text = f"{value:+.3g}" if signed else f"{value:.3g}"
    return text
