"""Laws of inputs that stay unchanged, and of state dicts that hold everything."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from aezoo.storage.weights import weights_from_bytes, weights_in_bytes
from aezoo.testing.law.adapters import Adapter, adapters_of, generator, run_copy, same
from aezoo.testing.law.definition import MODULES, law
from aezoo.testing.law.rng_state import seed_global
from aezoo.testing.law.under_test import PartUnderTest

#: Samples in a batch.
BATCH_SIZE = 8


@law(
    "L24",
    *MODULES,
    "regularizer",
    "objective",
    says="What the part is given is left as it is.",
    hint="an operation that ends in `_` writes to its input: take the one without, or clone first",
)
def input_kept(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        for training in (True, False):
            module = adapter.build().train(training)
            inputs = adapter.inputs(4, generator(11))
            kept = [x.clone() for x in inputs]
            with torch.no_grad():
                adapter.run(module, inputs, generator(12))
            if not all(map(torch.equal, inputs, kept)):
                yield f"{adapter}: its input is another one after a pass in {'training' if training else 'evaluation'}"


@law(
    "L25",
    "layer",
    "latent",
    "likelihood",
    "prior",
    says="The state dict holds all: written to safetensors and read into a new module, it gives the same bits.",
    hint="keep what is learned in parameters and persistent buffers of fixed shape, not in attributes",
)
def state(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        module = adapter.build()
        with torch.no_grad():
            for seed in range(2):
                adapter.run(module, adapter.inputs(BATCH_SIZE, generator(seed)), generator(seed))
        yield from (f"{adapter}: {fault}" for fault in _reloaded(adapter, module.eval()))


def _reloaded(adapter: Adapter, module: nn.Module) -> Iterator[str]:
    stored = weights_from_bytes(weights_in_bytes(module.state_dict(), "a law"))  # a file would wait for the disk
    fresh = _fresh(adapter)
    missing, unexpected = fresh.load_state_dict(stored, strict=False)
    if missing or unexpected:
        yield f"a new module has other names: {', '.join([*missing, *unexpected])}"
        return
    for name, value in fresh.state_dict().items():
        if not torch.equal(value, module.state_dict()[name]):
            yield f"{name} is another after a round trip"
    inputs = adapter.inputs(4, generator(13))
    before, after = (run_copy(adapter, one, inputs, 14) for one in (module, fresh))
    for name, value in before.items():
        if not same(value, after[name]):
            yield f"{name} of a new module with the same state dict is another: something is kept beside it"


def _fresh(adapter: Adapter) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        seed_global(99)
        return adapter.build_unseeded().eval()


LAWS = [input_kept, state]
