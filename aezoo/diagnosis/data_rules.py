"""Rules about the data of a run, where they are opened. `docs/diagnosis.md` gives the reason for each threshold."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from aezoo.diagnosis import cures
from aezoo.diagnosis.causes import LOST, SMALL
from aezoo.diagnosis.count_likelihoods import count_likelihoods
from aezoo.diagnosis.data_figures import DataFigures
from aezoo.diagnosis.finding import Patch, Verdict
from aezoo.diagnosis.rule import Rule
from aezoo.spec.document import Spec

#: How many times the deviation of one column may be that of another.
SCALES = 100.0
#: Counts with a larger deviation are so nearly normal that a Gaussian describes them well.
LARGE_COUNTS = 20.0
#: Bytes of images reach the upper half of their range in any set of 16 pictures that were not divided.
DARK, PICTURES = 100, 16
#: What bytes span unless somebody has thought of other numbers.
PLAIN = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))


def _unreachable(spec: Spec, data: DataFigures) -> Verdict | None:
    if data.reach is None or data.lost <= LOST or spec.input.range is not None:  # of a declared range, `check` tells
        return None
    low, high = data.reach
    evidence = f"{data.beyond:.0%} of the values, with {data.lost:.0%} of the variance, lie outside of"
    return Verdict(
        f"{evidence} [{low:g}, {high:g}]; they go from {data.least:.3g} to {data.most:.3g}",
        "the mean of the output passes through a function that cannot give them",
        "let the output be any number",
        [cures.IDENTITY, *_last_activation(spec)],
    )


def _last_activation(spec: Spec) -> Iterator[Patch]:
    if spec.decoder.layers:
        yield (f"decoder.layers.{len(spec.decoder.layers) - 1}.activation=identity",)


def _scales(spec: Spec, data: DataFigures) -> Verdict | None:
    if not _columns(spec) or spec.input.normalize == "standardize":
        return None
    varying = data.deviations[data.deviations > 0]
    if len(varying) < 2 or varying.max() < SCALES * varying.min():
        return None
    widest, narrowest = int(data.deviations.argmax()), _position(data.deviations, varying.min().item())
    ratio = (varying.max() / varying.min()).item()
    return Verdict(
        f"column {widest} has {ratio:,.0f} times the deviation of column {narrowest} (counted from 0)",
        "errors are compared in the units of the data, so the loss sees the columns of large numbers alone",
        "standardize the columns",
        [cures.STANDARDIZE],
    )


def _heavy(spec: Spec, data: DataFigures) -> Verdict | None:
    factor = spec.likelihood.error_factor()
    if factor is None or not data.variance:
        return None
    prices = {name: term.price(spec) for name, term in spec.regularizers.items()}
    least = {name: price / (2 * factor) for name, price in prices.items() if price is not None}
    heaviest = max(least, key=lambda name: least[name], default="")
    if not heaviest or (leading := data.leading) > least[heaviest]:
        return None
    weight = 2 * factor * leading / 20
    is_rate = heaviest in cures.rates(spec)
    # Beside values of deviation 1 a weight means what it meant to whoever proposed it.
    small = (data.variance / len(data.deviations)) ** 0.5 < SMALL
    scaled = [cures.STANDARDIZE] if small and spec.input.normalize == "none" else []
    fitted: list[Patch] = [patch for patch in cures.FITTED_VARIANCE if is_rate]
    return Verdict(
        f"{heaviest} keeps directions whose variance is above {least[heaviest]:.3g}; the largest is {leading:.3g}",
        "to code anything costs more than the error that it saves: the best model gives the mean for every sample",
        "let the variance of the likelihood follow the errors" if is_rate else "lower the weight",
        [*fitted, *scaled, cures.lighter(spec, weight, heaviest)],
    )


def _counts(spec: Spec, data: DataFigures) -> Verdict | None:
    if not _columns(spec) or not spec.likelihood.density or spec.likelihood.support or spec.target_domains:
        return None
    counts = data.whole & (data.deviations > 0) & (data.deviations < LARGE_COUNTS) & ~_binary(data)
    if int(counts.sum()) * 2 <= int((data.deviations > 0).sum()):
        return None
    whole = data.whole & (data.deviations > 0)
    of_counts = [f"likelihood={text}" for text in count_likelihoods(whole.tolist())]
    return Verdict(
        f"{int(counts.sum())} of {len(counts)} columns hold whole numbers from {data.least:g} to {data.most:g}",
        "they are counts: a Gaussian gives them one variance whatever their mean, and density between the numbers",
        "give them a likelihood of counts"
        if of_counts
        else "install a plugin with a likelihood of counts, or standardize",
        [*((text,) for text in of_counts), cures.STANDARDIZE],
    )


def _binary(data: DataFigures) -> Tensor:
    """Which columns hold 0 and 1 alone: bits, of which a Gaussian is at least not far."""
    mean: Tensor = data.means
    return data.whole & ((mean * (1 - mean) - data.deviations.square()).abs() < 1e-9)


def _constants(spec: Spec, data: DataFigures) -> Verdict | None:
    still = (data.deviations == 0).nonzero().flatten().tolist()
    if not still or not (_columns(spec) or len(still) == len(data.deviations)):
        return None
    if len(still) == len(data.deviations):
        evidence, cure = f"no value differs between {data.n:,} samples", "give other data"
    else:
        shown = ", ".join(map(str, still[:8])) + (f" and {len(still) - 8} more" if len(still) > 8 else "")
        evidence = f"column{'s' * (len(still) > 1)} {shown} (counted from 0) in {data.n:,} samples"
        cure = "leave them out: `data.exclude` names columns of a table"
    return Verdict(evidence, "there is nothing to learn of a value that never changes", cure)


def _bytes(spec: Spec, data: DataFigures) -> Verdict | None:
    if data.bytes_read is None or data.bytes_read > DARK or data.n < PICTURES or not data.variance:
        return None
    low, high = spec.input.range or (0.0, 1.0)
    if (low, high) not in PLAIN:  # somebody has thought of it
        return None
    whole = low + (high - low) * 255 / data.bytes_read
    return Verdict(
        f"bytes go from 0 to {data.bytes_read} and are read as 0 to 255: values reach {data.most:.3g} of {high:g}",
        f"the samples are numbers from 0 to {data.bytes_read} that were stored as uint8",
        f"divide them by {data.bytes_read} and save them as float32, or let bytes span a wider range",
        [(f"input.range=[{low:g}, {whole:.6g}]",)],
    )


def _columns(spec: Spec) -> bool:
    """Whether a sample is a row of numbers that have nothing to do with each other: no grid, no declared range."""
    return len(spec.target_shape) == 1 and spec.target_range is None


def _position(values: Tensor, value: float) -> int:
    return int((values - value).abs().argmin())


DATA_RULES: tuple[Rule[DataFigures], ...] = (
    Rule(
        "AZ711",
        "Values that the output cannot give",
        f"more than {LOST:.0%} of the variance lies outside of what the function of the output can give",
        _unreachable,
    ),
    Rule(
        "AZ712",
        "Columns of different scale",
        f"one column has {SCALES:g} times the deviation of another, and nothing standardizes them",
        _scales,
    ),
    Rule(
        "AZ713",
        "A penalty heavier than the data",
        "weight / (2 factor of the squared error) is at least the largest variance of a direction of the data",
        _heavy,
    ),
    Rule(
        "AZ714",
        "Counts under a Gaussian",
        f"most columns hold whole numbers from 0 on, with deviations below {LARGE_COUNTS:g}",
        _counts,
    ),
    Rule("AZ715", "Values that never change", "a column, or all data, are the same in every sample", _constants),
    Rule(
        "AZ716",
        "Small numbers read as bytes",
        f"the largest of all bytes is {DARK} or less, and they span a declared range",
        _bytes,
    ),
)
