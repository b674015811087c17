"""The starter that `init` writes: a fragment of text for each choice, put together in the order of a spec."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from aezoo.cli import fragments
from aezoo.spec.shape import Shape, flat

FAMILIES = ("vanilla", "denoising", "variational", "convolutional", "sparse", "contractive", "vdc")
LONG = {"vdc": "variational deep convolutional"}
#: The embedded digits fit this input; any other needs the user's own data.
DIGITS: Shape = (1, 28, 28)
#: Convolutions halve a grid until its longest side has no more positions than this, and so often at most.
COARSE, HALVINGS = 8, 5


def starter(
    name: str,
    families: Collection[str],
    shape: Shape,
    *,
    file: str = "",
    variants: Sequence[str] = (),
    filled: Collection[str] = (),
) -> str:
    """The text of a spec that trains once it has data.

    Args:
        name: Of the model.
        families: Any mixture of `FAMILIES`; none is `vanilla`.
        shape: Of one sample.
        file: What it will be called; NAME.toml by default.
        variants: Names of plugins' variants to build on.
        filled: The slots that these fill: the starter leaves them alone.
    """
    plan = Plan(set(families) or {"vanilla"}, shape, frozenset(filled))
    own = [fragment for slot, fragment in _fragments(plan) if slot not in plan.filled]
    return _filled(
        "".join([fragments.HEAD, fragments.VARIANTS if variants else "", *own, fragments.TRAINING]),
        NAME=name,
        FILE=file or f"{name}.toml",
        DATA="" if shape == DIGITS else " --data PATH",
        FAMILIES=", ".join(LONG.get(family, family) for family in FAMILIES if family in plan.families),
        VARIANTS=json.dumps([*variants]),
        LIST=str([*shape]),
        SIDES=", ".join(map(str, shape)),
    )


def _filled(template: str, **words: str) -> str:
    """The template with its words in capitals replaced, all at once: no value is taken for a word."""
    return re.sub("|".join(words), lambda match: words[match[0]], template)


class Plan(NamedTuple):
    """What a starter is for."""

    families: Collection[str]
    shape: Shape
    filled: frozenset[str]

    def has(self, *families: str) -> bool:
        """Whether one of these families is in the mixture."""
        return bool({*families} & {*self.families})

    @property
    def variational(self) -> bool:
        return self.has("variational", "vdc")

    @property
    def single(self) -> bool:
        """Whether one layer is enough: a contractive code of one tied layer is the classical one."""
        classical = self.has("contractive") and {*self.families} <= {"contractive", "denoising"}
        return classical and not {"encoder", "latent", "decoder"} & self.filled

    @property
    def narrow(self) -> int:
        """Width of a code that has to leave something out."""
        return max(1, min(16 if self.variational else 32, flat(self.shape) // 4))


def _fragments(plan: Plan) -> Iterator[tuple[str, str]]:
    """Each slot of the spec and its text."""
    image = len(plan.shape) == 3
    yield "input", fragments.IMAGES if image else fragments.OTHERS
    if plan.has("denoising"):
        yield "corruption", fragments.DENOISING
    yield "encoder", _encoder(plan)
    yield "", _latent(plan)
    if not plan.single:
        yield "decoder", fragments.DECODER
    binary = plan.variational and plan.shape[0] == 1
    yield "likelihood", fragments.BERNOULLI if image and binary else fragments.LIKELIHOODS[image, plan.variational]
    yield from (("", term) for term in _terms(plan))
    yield "data", _data(plan.shape)


# --- the encoder -------------------------------------------------------------------------------------------


def _encoder(plan: Plan) -> str:
    vector = len(plan.shape) == 1
    if plan.single:
        return _filled(fragments.SINGLE, FLATTEN="" if vector else fragments.FLATTEN)
    if not plan.has("convolutional", "vdc"):
        dense = _filled(fragments.DENSE, WIDTHS=str([512, 256] if flat(plan.shape) >= 512 else [128, 64]))
        return _layers([dense] if vector else [fragments.FLATTEN, dense])
    stack = (_blocks if plan.has("vdc") else _convolutions)((1, *plan.shape) if vector else plan.shape)
    return _layers([fragments.SIGNAL, *stack], fragments.NEIGHBOURS) if vector else _layers(stack)


def _layers(lines: Sequence[str], note: str = "") -> str:
    return _filled(fragments.LAYERS, NOTE=note, LINES="\n".join(f"    {line}," for line in lines))


def _convolutions(shape: Shape) -> list[str]:
    channels = _channels(shape)
    down = fragments.DOWN if channels else ""
    return [_filled(fragments.CONV, DOWN=down, CHANNELS=str(channels or [32, 32]))]


def _blocks(shape: Shape) -> list[str]:
    channels = _channels(shape)
    down = fragments.DOWN if channels else ""
    first, *others = channels or [32]
    lines = [_filled(line, DOWN=down, CHANNELS=str(first)) for line in (fragments.BLOCK, fragments.RESIDUAL)]
    if len(others) == 1:
        return [*lines, _filled(fragments.BLOCK, DOWN=down, CHANNELS=str(others[0]))]
    return [*lines, _filled(fragments.BLOCKS, DOWN=down, CHANNELS=str(others))] if others else lines


def _channels(shape: Shape) -> list[int]:
    """Channels of the convolutions that halve the grid: none, if it has nothing to halve."""
    channels: list[int] = []
    least, most = min(shape[1:]), max(shape[1:])
    while least >= 2 and most > COARSE and len(channels) < HALVINGS:
        least, most = least // 2, most // 2
        channels.append(min(32 << len(channels), 256))
    return channels


# --- the code, its terms, the data -------------------------------------------------------------------------


def _latent(plan: Plan) -> str:
    kind = "gaussian" if plan.variational else "tied" if plan.single else "relu" if plan.has("sparse") else "plain"
    return _filled(fragments.LATENTS["given" if "latent" in plan.filled else kind], WIDTH=str(plan.narrow))


def _terms(plan: Plan) -> Iterator[str]:
    if plan.variational:
        yield fragments.KL
    if plan.has("sparse"):
        yield fragments.SPARSITY
    if plan.has("contractive"):
        yield _filled(fragments.CONTRACTION, ESTIMATOR="" if plan.single else ', estimator = "hutchinson"')
        if not plan.single and not plan.has("sparse"):
            yield fragments.BOUND


def _data(shape: Shape) -> str:
    if shape == DIGITS:
        return fragments.DIGITS
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        return fragments.PICTURES
    return fragments.ARRAYS + (fragments.TABLE if len(shape) == 1 else "")
