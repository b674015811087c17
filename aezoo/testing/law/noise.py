"""Laws of batches and noise: a sample's outputs depend on that sample and the generator alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from aezoo.spec.kinds import CorruptionSpec, LayerSpec
from aezoo.testing.law.adapters import Adapter, adapters_of, generator, run_copy, same
from aezoo.testing.law.definition import MODULES, law
from aezoo.testing.law.rng_state import reseed, rng_state
from aezoo.testing.law.under_test import PartUnderTest

#: Of double precision, for sums that a library may order as it likes.
SLACK = {"rtol": 1e-9, "atol": 1e-9, "equal_nan": True}


@law(
    "L21",
    *MODULES,
    says="What becomes of a sample does not depend on the others in its batch; in training, too, unless declared.",
    hint="keep the batch axis out of sums, sorts and reshapes; a layer that normalizes over it says so in `batch_norm`",
)
def independence(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        for training in (False, True) if _must_be_independent(adapter) else (False,):
            module = adapter.build().double().train(training)
            yield from (f"{adapter}: {fault}" for fault in _batch_dependence(adapter, module))


def _must_be_independent(adapter: Adapter) -> bool:
    """Whether a layer, and all inside it, declares no norm over the batch."""
    part, shape = adapter.part, adapter.shape
    return isinstance(part, LayerSpec) and not _over_batch(part, shape)


def _over_batch(layer: LayerSpec, shape: tuple[int, ...]) -> bool:
    inner = (_over_batch(inner, inner_shape) for _, inner, inner_shape in layer.inside(shape))
    return layer.batch_norm(shape) is not None or any(inner)


def _batch_dependence(adapter: Adapter, module: nn.Module) -> Iterator[str]:
    """Outputs that change with the other samples of a batch, or with a batch of one."""
    inputs = [x.double() for x in adapter.inputs(4, generator(5))]
    others = [x.double() for x in adapter.inputs(4, generator(6))]
    changed = [torch.cat([x[:2], y[2:]]) for x, y in zip(inputs, others, strict=True)]
    noise = None if getattr(adapter.part, "rejection", False) else 7
    before, after = (run_copy(adapter, module, batch, noise) for batch in (inputs, changed))
    for name, value in before.items():
        if not torch.allclose(value[:2], after[name][:2], **SLACK):  # type: ignore[arg-type]
            yield f"{name} of a sample changes with the other samples"
    if module.training or isinstance(adapter.part, CorruptionSpec):  # which draws otherwise for another batch
        return
    together, single = (run_copy(adapter, module, batch) for batch in (inputs, [x[:1] for x in inputs]))
    for name, value in together.items():
        if not torch.allclose(value[:1], single[name], **SLACK):  # type: ignore[arg-type]
            yield f"{name} of a sample alone is not what it is among others"


@law(
    "L22",
    "layer",
    "latent",
    "likelihood",
    "prior",
    "regularizer",
    "objective",
    says="In evaluation and without a generator the part draws nothing: the same input gives the same bits.",
    hint="draw only in training, or only if a generator is given; look for `torch.rand` without `generator=`",
)
def determinism(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        module = adapter.build().eval()
        yield from _pass_differences(adapter, module, seeded=False)


@law(
    "L23",
    *MODULES,
    "regularizer",
    "objective",
    says="Noise comes from the generator that is given, and from nowhere else.",
    hint="hand `generator=` to every draw; a layer that uses the global one in training says so in `draws()`",
)
def noise(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        if isinstance(adapter.part, LayerSpec) and _draws(adapter.part, adapter.shape):
            continue
        module = adapter.build()
        yield from _pass_differences(adapter, module, seeded=True)
        drawing = getattr(adapter.part, "noisy", False) or getattr(adapter.part, "stochastic", False)
        if drawing and not _varies(adapter, module):
            yield f"{adapter}: it declares noise, and another generator changes nothing"


def _draws(layer: LayerSpec, shape: tuple[int, ...]) -> bool:
    return layer.draws() or any(_draws(inner, inner_shape) for _, inner, inner_shape in layer.inside(shape))


def _pass_differences(adapter: Adapter, module: nn.Module, *, seeded: bool) -> Iterator[str]:
    """Two passes under different global generators, which neither may touch."""
    inputs = adapter.inputs(4, generator(8))
    passes: list[dict[str, Tensor]] = []
    for seed in (1, 2):
        reseed(seed)
        before = rng_state()
        passes.append(run_copy(adapter, module, inputs, 9 if seeded else None, seed))
        if changed := rng_state().changed_since(before):
            yield f"{adapter}: it draws from the global generator of {', '.join(changed)}"
            return
    for name, value in passes[0].items():
        if not same(value, passes[1][name]):
            yield f"{adapter}: {name} differs between two passes over the same input"


def _varies(adapter: Adapter, module: nn.Module) -> bool:
    inputs = adapter.inputs(4, generator(8))
    one, two = (run_copy(adapter, module, inputs, seed) for seed in (1, 2))
    return any(not torch.equal(value, two[name]) for name, value in one.items())


LAWS = [independence, determinism, noise]
