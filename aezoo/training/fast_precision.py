"""Fast precision: what `training.precision = "fast"` stands for on a device, chosen once, before a run's first step.

    what the device multiplies --candidates--> times of passes --fastest--> Choice: in the record, and in each state

The clock decides, so that another run may get another one; a run that goes on has the one that it began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from aezoo.hardware.processes import count
from aezoo.hardware.products import Products, products_of
from aezoo.nn.lower_products import can_be_set
from aezoo.spec.document import Spec
from aezoo.training.arithmetic import Arithmetic, Choice
from aezoo.training.distributed.ranks import Ranks
from aezoo.training.probe import LEAST, PASSES, Measured, measure
from aezoo.training.setup import Setup

#: Of the time of float32, what a lower precision may take at most: fewer digits are not given for less. Of the time of
#: one order in memory, what another may take at most: a difference below is as likely noise.
WORTH, ORDER = 0.9, 0.97
#: Of the samples of a whole run, what the passes of a probe take at most.
SHARE = 0.01


def chosen(
    spec: Spec,
    setup: Setup,
    known: Mapping[str, Any] | None = None,
    *,
    stacked: bool = False,
    ranks: Ranks | None = None,
) -> Choice | None:
    """The arithmetic of a run; None where its spec says it.

    Args:
        spec: What is trained.
        setup: Its data and device.
        known: The facts of the state that the run goes on from, which names the one that it began with.
        stacked: Whether runs of equal shape are to be trained as one, which is float32.
        ranks: Of several processes all have the one of the first.
    """
    if spec.training.precision != "fast":
        return None
    if ranks is None:
        return _chosen(spec, setup, known, stacked=stacked)
    of_first = ranks.of_first(lambda: _chosen(spec, setup, known, stacked=stacked))
    return Choice.read(ranks.told(of_first.document() if of_first else None))


def _chosen(spec: Spec, setup: Setup, known: Mapping[str, Any] | None, *, stacked: bool) -> Choice:
    if known:
        return Choice.read(known["arithmetic"])
    plain = Arithmetic(channels_last=spec.training.channels_last)
    if stacked:
        return Choice(plain, "trained in a stack")
    products = products_of(setup.device.device)
    tried = candidates(spec, products)
    if len(tried) == 1:
        return Choice(plain, facts(products))
    batches = setup.batches["train"]
    steps = spec.training.total_steps(batches.steps_per_epoch(spec.training.batch_size))
    most = min(len(batches), spec.training.pass_size)
    samples = steps * min(len(batches), spec.training.batch_size)
    rows = rows_of_a_pass(samples, most, len(tried))
    if not rows:
        return Choice(plain, f"{facts(products)}; too short a run to measure in: {steps:,} steps")
    return fastest(measure(spec, batches, tried, rows), products)


def candidates(spec: Spec, products: Products) -> list[Arithmetic]:
    """What is worth a measurement, plain float32 first."""
    precisions = ["float32"]
    if products.of_float32 is not None and can_be_set():
        precisions.append("tf32" if products.of_float32 == "tf32" else "bfloat16_products")
    if products.bfloat16:
        precisions.append("bfloat16")
    orders = (True,) if spec.training.channels_last else (False, True) if _has_image_layers(spec) else (False,)
    return [Arithmetic(precision, order) for precision in precisions for order in orders]


def _has_image_layers(spec: Spec) -> bool:
    """Whether a layer makes an image of an image: else no order of channels in memory makes a difference."""
    stacks = [spec.encoder_shapes, spec.decoder_shapes if spec.reconstructs else []]
    return any(len(before) == len(after) == 3 for shapes in stacks for before, after in pairwise(shapes))


def rows_of_a_pass(samples: int, most: int, tried: int) -> int:
    """How many samples a pass of the probe has at most; 0: the run is too short for one.

    Args:
        samples: Of all steps of the run.
        most: Samples in a pass of the run.
        tried: How many candidates there are.
    """
    least = min(LEAST, most)
    rows = int(SHARE * samples / (tried * PASSES))
    return min(max(least, most // count()), rows) if rows >= least else 0


def fastest(measured: Mapping[Arithmetic, Measured], products: Products) -> Choice:
    """The choice by what was measured; float32 in plain order where nothing else is worth it.

    Args:
        measured: Of each candidate, the plain one first.
        products: What the device multiplies.
    """
    seconds = {arithmetic: found.seconds for arithmetic, found in measured.items() if found.seconds is not None}
    plain = next(iter(measured))
    taken = _worth(seconds, plain) if plain in seconds else plain
    shown = ", ".join(f"{a} {found}" for a, found in measured.items())
    rows = next(iter(measured.values())).rows
    lacks = "" if products.bfloat16 else f"{facts(products)}; "
    return Choice(taken, f"{lacks}passes of {rows} samples: {shown}")


def _worth(seconds: Mapping[Arithmetic, float], plain: Arithmetic) -> Arithmetic:
    precisions = {a.precision for a in seconds}
    best = {name: min(seconds[a] for a in seconds if a.precision == name) for name in precisions}
    precision = min(best, key=best.__getitem__)
    if best[precision] > WORTH * best["float32"]:
        precision = "float32"
    orders = sorted(a for a in seconds if a.precision == precision)  # the plain one first
    first, *others = orders
    return next((a for a in others if seconds[a] <= ORDER * seconds[first]), first)


def facts(products: Products) -> str:
    """What a device multiplies, in words."""
    lower = [name for name, has in (("TF32", products.of_float32 == "tf32"), ("bfloat16", products.bfloat16)) if has]
    return f"{products.device} multiplies {' and '.join(lower) or 'no bfloat16'}"
