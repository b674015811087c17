"""Memory: how many bytes a model takes, at rest and in training, in plain arithmetic. Without torch."""

from __future__ import annotations

from typing import NamedTuple

from aezoo.spec.document import Spec
from aezoo.spec.limits import size_of

#: Bytes of a weight, and of a value on the way: under bfloat16 and float16 the weights stay in float32. What a fast
#: precision will be is not known before the run: it is counted as float32, the most that it takes.
WEIGHT = {"float32": 4, "float64": 8, "bfloat16": 4, "float16": 4, "fast": 4}
VALUE = {"float32": 4, "float64": 8, "bfloat16": 2, "float16": 2, "fast": 4}


class Memory(NamedTuple):
    """Bytes that a model takes.

    Activations are counted as the limit on them counts: what comes out of each layer, and of each layer inside one;
    the code, with all that the latent provides; the parameters of the likelihood; and whatever else a layer says
    that it keeps, as attention does of its maps. Norms and activations at the end of a layer are not counted apart,
    nor is what torch needs on top: its own code, workspaces, what an allocator holds back.

    Attributes:
        weights: All parameters.
        gradients: As many values again, in training.
        optimizer: What the optimizer keeps from step to step; None if it does not say.
        averages: The averaged weights of `training.ema`.
        activations: Of one sample's way forward.
        batch: The same for a batch of `training.batch_size`, or a pass of `training.micro_batch`.
        in_use: Of a sample, what a pass without gradients holds at once: the input, and what goes into a layer, is made
            inside it and comes out.
    """

    weights: int
    gradients: int
    optimizer: int | None
    averages: int
    activations: int
    batch: int
    in_use: int


def memory(spec: Spec) -> Memory:
    """The bytes of a spec's model, for the optimizer, precision and batch size of its training."""
    training, weights = spec.training, spec.parameters * WEIGHT[spec.training.precision]
    kept = training.optimizer.state()
    size, value = size_of(spec), VALUE[training.precision]
    sample = size.activations * value
    return Memory(
        weights=weights,
        gradients=weights,
        optimizer=None if kept is None else kept * weights,
        averages=weights if training.ema else 0,
        activations=sample,
        batch=sample * training.pass_size,
        # A model in use computes in the type of its weights.
        in_use=size.in_use * WEIGHT[training.precision],
    )
