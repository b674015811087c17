"""Proposal: facts and a purpose -> commented specs, of which each statement says why it is there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from aezoo.errors import UsageError
from aezoo.fitting import networks
from aezoo.fitting.classes import Density, density_of
from aezoo.fitting.commented import commented
from aezoo.fitting.facts import Facts, rounded
from aezoo.fitting.networks import Network
from aezoo.fitting.purposes import MEANINGS, Purpose
from aezoo.reading.reader import check
from aezoo.spec.document import Spec
from aezoo.spec.shape import text

Document = dict[str, Any]
#: Widest code that is proposed.
WIDEST = 256
#: Widest samples of which a linear filter of all values is a candidate.
FILTERED = 1024
#: Widest code of a model that is to be a density.
DENSITY = 64
#: Values of a full batch up to which a linear model is trained by L-BFGS, to many digits.
HELD = 2_000_000
#: Share of the values that a code for new samples has at most.
NEARLY = 0.85
#: Values of a sample up to which learning rates are as they are.
NARROW = 64
#: Passes over the samples, and the steps that these are at least and at most.
EPOCHS, LEAST, MOST = 60, 1500, 20_000
#: Deviation of the noise that a denoising model is trained with, as a share of that of the samples.
NOISE = 0.5
#: Of fewer than 1,000 samples, what is held out.
SHARES = {"validation": 0.15, "test": 0.2}
#: How many times the deviations of columns may differ where one noise is to suit all.
ALIKE = 4.0


class Variant(NamedTuple):
    """How a network is trained.

    Attributes:
        name: Short, for a folder.
        rate: Learning rate that it begins with.
        decay: Pull of weights to zero.
    """

    name: str
    rate: float
    decay: float


class Proposal(NamedTuple):
    """A spec that suits samples.

    Attributes:
        name: Of its network and variant.
        shape: Of its network alone: equal ones are trained as one.
        why: What the network can do.
        document: Of the spec.
        comments: Why it says what it says, by path.
    """

    name: str
    shape: str
    why: str
    document: Document
    comments: dict[str, str]

    def text(self, head: Sequence[str] = ()) -> str:
        """The spec as commented TOML."""
        return commented(self.document, self.comments, head)

    @property
    def spec(self) -> Spec:
        """What the text says."""
        return check(self.document)[0]

    def lasting(self, steps: int) -> Proposal:
        """The same with another length."""
        training = {**self.document["training"], "steps": steps}
        return self._replace(document={**self.document, "training": training})


def proposals(
    facts: Facts, purpose: Purpose, *, name: str = "fit", width: int | None = None, seed: int = 0
) -> list[Proposal]:
    """Specs for samples, the linear one first.

    Args:
        facts: What the samples are.
        purpose: What the model is for.
        name: Of the model.
        width: Of the code; by default what samples and purpose suggest.
        seed: Of all of them: one split, one start for each shape.

    Raises:
        UsageError: The samples do not suit the purpose, or the width does not suit the samples.
    """
    _refuse(facts, purpose, width)
    dim, why = code_width(facts, purpose) if width is None else (width, "as it was asked for")
    found = []
    for network in _networks(facts, purpose, dim):
        for variant in _variants(facts, purpose, network):
            found.append(_proposal(facts, purpose, network, variant, dim, why, name, seed))
    return found


def starter(facts: Facts, purpose: Purpose, *, name: str, width: int | None = None, seed: int = 0) -> Proposal:
    """The one spec to begin with: the first that is not linear."""
    found = proposals(facts, purpose, name=name, width=width, seed=seed)
    return next((each for each in found if each.shape != "linear"), found[0])


def code_width(facts: Facts, purpose: Purpose) -> tuple[int, str]:
    """How wide the code should be, and why."""
    meaning = MEANINGS[purpose]
    by_pca = facts.linear[meaning.share]
    most = max(1, facts.width - 1 if facts.width < 6 else facts.width // 2)
    why = f"{by_pca} principal components have {meaning.share:.0%} of the variance"
    dim = by_pca
    if meaning.manifold and not math.isnan(facts.intrinsic):
        # A quarter: what an estimate may be above a whole number without another dimension being there.
        own = max(1, math.ceil(facts.intrinsic - 0.25))
        why += f"; by their nearest neighbours samples have a dimension of {rounded(facts.intrinsic)}"
        dim = min(dim, own)
    if purpose == "denoise":
        return dim, "wide enough to keep all that is not noise"
    if purpose == "anomaly":
        return _of_densities(facts)
    share = "half of the values"
    if purpose == "generate":  # what a code leaves out, draws lack
        most, share = max(most, int(NEARLY * facts.width)), f"{NEARLY:.0%} of the values"
    if dim > min(most, WIDEST):
        dim = min(most, WIDEST)
        why += f"; {dim} is {share}, beyond which a code is all but a copy" if dim == most else ""
    return dim, why


def _of_densities(facts: Facts) -> tuple[int, str]:
    """A code that may hold every direction: the rate shuts off those that tell nothing."""
    if facts.width - 1 <= DENSITY:
        return facts.width - 1, "one value less than a sample: its rate shuts off what tells nothing"
    dim = min(DENSITY, facts.linear[0.99])
    return dim, f"{facts.linear[0.99]} principal components have 99% of the variance, and {DENSITY} values are the most"


def _refuse(facts: Facts, purpose: Purpose, width: int | None) -> None:
    if facts.width < 2:
        raise UsageError(f"{facts.source}: samples of one value cannot be coded in fewer", hint="give more columns")
    if width is not None and not 1 <= width < facts.width:
        raise UsageError(f"--width {width}: a code of {facts.width} values has 1 to {facts.width - 1}")
    columns = facts.kind in ("table", "vector")
    if purpose == "denoise" and (facts.words or facts.gaps or (columns and facts.spread > ALIKE)):
        reason = "gaps" if facts.gaps else "words" if facts.words else f"scales that differ {facts.spread:,.0f}-fold"
        raise UsageError(
            f"{facts.source}: its columns have {reason}, and no one noise suits them all",
            hint="--for denoise is for images, recordings, and columns of one unit",
        )


# --- which networks, trained how ----------------------------------------------------------------------------


def _networks(facts: Facts, purpose: Purpose, dim: int) -> list[Network]:
    hidden = 64 if facts.n < 1000 else 128 if facts.width <= 256 else 256
    convolves = networks.can_convolve(facts)
    if purpose == "denoise" and convolves:
        filters = [networks.filtering(facts, "filter", 16), networks.filtering(facts, "filter-wide", 32)]
        return [networks.linear(facts), *filters] if facts.width <= FILTERED else filters
    found = [networks.linear(facts), networks.dense(facts, "dense", hidden, dim)]
    if convolves:
        found.append(networks.convolutional(facts, "conv", 32 if len(facts.shape) == 3 else 48))
    else:
        found.append(networks.dense(facts, "dense-wide", 4 * hidden, dim))
    return found


def _variants(facts: Facts, purpose: Purpose, network: Network) -> list[Variant]:
    if network.name == "linear":
        return [Variant("", 1e-2, 0.0)]  # trained alone, from random weights: a fit has it in closed form
    # Adam moves every weight by its rate: of maps of many values, which add up, the same rate moves the sum farther.
    slower = 1.0 if network.outputs is None else math.sqrt(NARROW / max(NARROW, facts.width))
    if facts.n < 5000:  # few samples: what restrains a network decides
        return [Variant("", _digits(5e-3 * slower), 0.03), Variant("decay", _digits(5e-3 * slower), 0.5)]
    return [Variant("", _digits(1e-3 * slower), 0.01), Variant("fast", _digits(3e-3 * slower), 0.01)]


def _digits(rate: float) -> float:
    """A rate as one would write it."""
    return float(f"{rate:.1g}")


# --- statements ---------------------------------------------------------------------------------------------


def _proposal(
    facts: Facts, purpose: Purpose, network: Network, variant: Variant, dim: int, why: str, name: str, seed: int
) -> Proposal:
    document: Document = {"aezoo": 1, "name": name}
    document["description"] = f"{facts.source}: {MEANINGS[purpose].wish}"
    comments: dict[str, str] = {}
    density = density_of(facts.description.columns) if facts.words else None
    if density is not None:
        document["requires"] = [density.requires]
        comments["requires"] = "Columns of words need a density for classes."
    _input(facts, document, comments)
    _corruption(facts, purpose, document, comments)
    _layers(facts, purpose, network, dim, density, document, comments)
    comments["encoder"] = f"{network.why[0].upper()}{network.why[1:]}."
    comments["latent"] = f"The code: {why}."
    _losses(facts, density, document, comments)
    _data(facts, document, comments)
    _training(facts, purpose, network, variant, seed, document, comments)
    full = "-".join(filter(None, (network.name, variant.name)))
    return Proposal(full, network.name, network.why, document, comments)


def _input(facts: Facts, document: Document, comments: dict[str, str]) -> None:
    table: Document = {"kind": "tabular"} if facts.kind == "table" else {"kind": facts.kind}
    table["shape"] = [*facts.shape]
    what = f"{facts.n:,} samples of {text(facts.shape)}, {facts.stored}, from {facts.least:.4g} to {facts.most:.4g}"
    notes = [what]
    if (span := _range(facts)) is not None:
        table["range"] = [*span]
    if not _in_bits(facts):
        table["normalize"] = "standardize"
        notes.append(
            f"deviations differ {facts.spread:,.3g}-fold: standardized, so that each value counts as much as another"
            if len(facts.shape) == 1
            else f"the deviation is {facts.deviation:.3g}: standardized, since networks begin at a deviation of 1"
        )
    if facts.constant:
        notes.append(f"{facts.constant:,} values never change")
    if facts.gaps:
        table["observed"] = "fields.observed"
        document["fields"] = {"observed": {"shape": [*facts.shape]}}
        document["mask"] = "fields.observed"
        comments["mask"] = "Values that are missing count neither in the loss nor in any figure."
        comments["fields"] = "1 where a value is known, 0 where it is missing."
        notes.append(f"{facts.gaps:.1%} of the values are missing: to the model they are the mean")
    document["input"] = table
    comments["input"] = f"{'; '.join(notes)}."
    if facts.description.shape_reason and facts.kind == "signal":
        comments["input"] += f" {facts.description.shape_reason[0].upper()}{facts.description.shape_reason[1:]}."


def _range(facts: Facts) -> tuple[float, float] | None:
    """The range that is declared: of images always, and of bytes and bits."""
    if facts.stored == "uint8" or (facts.binary and facts.kind != "table"):
        return (0.0, 1.0)
    if facts.kind != "image":
        return None
    if facts.least >= 0 and facts.most <= 1:
        return (0.0, 1.0)
    # Of the samples that were looked at: others may lie a little outside.
    low, high = facts.least, facts.most
    return (math.floor(low - 0.1 * (high - low)) if low < 0 else 0.0, float(math.ceil(high + 0.1 * (high - low))))


def _in_bits(facts: Facts) -> bool:
    return facts.binary and not facts.gaps and not facts.words


def _corruption(facts: Facts, purpose: Purpose, document: Document, comments: dict[str, str]) -> None:
    if purpose != "denoise":
        return
    std = float(f"{NOISE * facts.deviation:.2g}")
    document["corruption"] = [{"type": "gaussian_noise", "std": std}]
    comments["corruption"] = (
        f"Noise that it learns to take away, in units of the data: {NOISE:g} of their deviation. If you know the noise"
        " of your samples, write its deviation here."
    )


def _layers(
    facts: Facts,
    purpose: Purpose,
    network: Network,
    dim: int,
    density: Density | None,
    document: Document,
    comments: dict[str, str],
) -> None:
    before: list[Document] = []
    if density is not None:
        before += [{**layer} for layer in density.parts.encoder]
    if facts.gaps and network.name != "linear":
        before.append({"type": "join", "reads": "fields.observed"})
    if layers := [*before, *network.encoder]:
        document["encoder"] = layers
    variational = purpose == "anomaly" or (purpose == "generate" and network.name != "linear")
    latent: Document = {"type": "gaussian" if variational else "deterministic", "dim": dim}
    if purpose == "denoise" and network.name == "linear":
        latent["dim"] = facts.width  # a filter of all values
    if network.spatial:
        latent |= {"dim": max(4, int(network.encoder[-1]["channels"]) // 4), "layout": "spatial"}
    if purpose == "generate" and not variational:
        latent["prior"] = "fitted_gaussian"
    document["latent"] = latent
    if before and network.outputs is not None:
        document["decoder"] = _filled(network.outputs, facts.width if density is None else density.parts.outputs)
        comments["decoder"] = "Of its own: not every layer of the encoder has a mirror."


def _filled(outputs: list[Document], given: int) -> list[Document]:
    """The layers of a decoder with so many outputs."""
    if not outputs:
        return [{"type": "linear", "features": given, "activation": "identity"}]
    *body, last = outputs[-1]["body"]
    return [*outputs[:-1], {**outputs[-1], "body": [*body, {**last, "features": given}]}]


def _losses(facts: Facts, density: Density | None, document: Document, comments: dict[str, str]) -> None:
    variational = document["latent"]["type"] == "gaussian"
    if density is not None:
        document["likelihood"] = {**density.parts.likelihood}
        comments["likelihood"] = "A density for each column: numbers around a mean, classes by their probabilities."
    elif _in_bits(facts):
        document["likelihood"] = {"type": "bernoulli"}
        comments["likelihood"] = "All values are 0 or 1."
    elif variational:
        per_channel = {"per_channel": True} if len(facts.shape) == 1 else {}
        document["likelihood"] = {"type": "gaussian", "variance": "learned", **per_channel}
        comments["likelihood"] = "A variance that follows the errors: beside a rate a squared error has no unit."
    else:
        document["likelihood"] = {"type": "mse"}
        comments["likelihood"] = "Squared errors of standardized values; nothing here needs a density."
    if variational:
        document["regularizers"] = {"kl": {"weight": 1.0}}
        comments["regularizers"] = "With weight 1 the loss is a bound of -log p(x), which scores a sample."


def _data(facts: Facts, document: Document, comments: dict[str, str]) -> None:
    dataset = facts.dataset
    table = dataset.model_dump(mode="json", exclude_defaults=True)
    table = {"type": dataset.tag(), **{key: value for key, value in table.items() if key != "type"}}
    known = type(dataset).model_fields
    if facts.n < 1000 and {"validation", "test"} <= known.keys():
        larger = {name: share for name, share in SHARES.items() if name not in table}
        table |= larger
        if larger:
            why = "Of so few samples larger shares: figures of a few dozen mean something."
            comments[f"data.{next(iter(larger))}"] = why
    document["data"] = table
    for key, why in facts.description.reasons.items():
        comments[f"data.{key}"] = f"{why[0].upper()}{why[1:]}."


def _training(
    facts: Facts,
    purpose: Purpose,
    network: Network,
    variant: Variant,
    seed: int,
    document: Document,
    comments: dict[str, str],
) -> None:
    noisy = document["latent"]["type"] == "gaussian" or "corruption" in document
    if network.name == "linear" and not noisy and facts.n * facts.width <= HELD and not facts.words:
        # Of a likelihood in a batch of all samples nothing is random.
        document["training"] = {"steps": 30, "batch_size": facts.n, "optimizer": {"type": "lbfgs"}, "seed": seed}
        comments["training"] = "All samples at once and nothing random: L-BFGS finds the optimum to many digits."
        return
    batch = _batch(facts)
    rate = {"type": "cosine", "start": variant.rate, "end": variant.rate / 100}
    optimizer: Document = {"type": "adamw", "lr": rate, "weight_decay": variant.decay}
    per_epoch = max(1, int(facts.n * 0.8) // batch)
    steps = wanted_steps(facts)
    document["training"] = {
        "steps": steps,
        "batch_size": batch,
        "optimizer": optimizer,
        "clip": 100.0 if document["latent"]["type"] == "gaussian" else 10.0,
        "patience": max(10, steps // per_epoch // 3),
        "seed": seed,
    }
    comments["training"] = f"{steps * batch / max(1, facts.n * 0.8):.0f} passes over the training samples."
    comments["training.optimizer"] = f"Weights decay by {variant.decay:g}: of few samples a network learns noise, too."
    comments["training.patience"] = "Epochs without a better validation value that end it; the best weights are kept."


def wanted_steps(facts: Facts) -> int:
    """How many steps a network needs that has time."""
    return int(min(MOST, max(LEAST, EPOCHS * facts.n * 0.8 / _batch(facts))))


def _batch(facts: Facts) -> int:
    return 64 if facts.n < 4000 else 128
