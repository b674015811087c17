"""Laws of batches and noise: nothing but what is given decides what comes out."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from aezoo.spec.kinds import CorruptionSpec, LayerSpec
from aezoo.testing.law.adapters import Specimen, generator, passed, same, specimens
from aezoo.testing.law.definition import MODULES, law
from aezoo.testing.law.rng_state import chance, reseed
from aezoo.testing.law.under_test import Subject

#: Of double precision, for sums that a library may order as it likes.
SLACK = {"rtol": 1e-9, "atol": 1e-9, "equal_nan": True}


@law(
    "L21",
    *MODULES,
    says="What becomes of a sample does not depend on the others in its batch; in training, too, unless declared.",
    hint="keep the batch axis out of sums, sorts and reshapes; a layer that normalizes over it says so in `batch_norm`",
)
def independence(subject: Subject) -> Iterator[str]:
    for specimen in specimens(subject):
        for training in (False, True) if _alone(specimen) else (False,):
            module = specimen.build().double().train(training)
            yield from (f"{specimen}: {fault}" for fault in _mixed(specimen, module))


def _alone(specimen: Specimen) -> bool:
    """Whether a layer, and all inside it, says nothing of a norm over the batch."""
    part, shape = specimen.part, specimen.shape
    return isinstance(part, LayerSpec) and not _over_batch(part, shape)


def _over_batch(layer: LayerSpec, shape: tuple[int, ...]) -> bool:
    inner = (_over_batch(held, given) for _, held, given in layer.inside(shape))
    return layer.batch_norm(shape) is not None or any(inner)


def _mixed(specimen: Specimen, module: nn.Module) -> Iterator[str]:
    """Change the last two of four samples, and see what becomes of the first two; then take one alone."""
    given = [x.double() for x in specimen.inputs(4, generator(5))]
    others = [x.double() for x in specimen.inputs(4, generator(6))]
    changed = [torch.cat([x[:2], y[2:]]) for x, y in zip(given, others, strict=True)]
    before, after = (passed(specimen, module, batch, 7) for batch in (given, changed))
    for name, value in before.items():
        if not torch.allclose(value[:2], after[name][:2], **SLACK):  # type: ignore[arg-type]
            yield f"{name} of a sample changes with the other samples"
    if module.training or isinstance(specimen.part, CorruptionSpec):  # which draws otherwise for another batch
        return
    together, single = (passed(specimen, module, batch) for batch in (given, [x[:1] for x in given]))
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
def determinism(subject: Subject) -> Iterator[str]:
    for specimen in specimens(subject):
        module = specimen.build().eval()
        yield from _noisy(specimen, module, seeded=False)


@law(
    "L23",
    *MODULES,
    "regularizer",
    "objective",
    says="Noise comes from the generator that is given, and from nowhere else.",
    hint="hand `generator=` to every draw; a layer that uses the global one in training says so in `draws()`",
)
def noise(subject: Subject) -> Iterator[str]:
    for specimen in specimens(subject):
        if isinstance(specimen.part, LayerSpec) and _draws(specimen.part, specimen.shape):
            continue
        module = specimen.build()
        yield from _noisy(specimen, module, seeded=True)
        if getattr(specimen.part, "noisy", False) and not _varies(specimen, module):
            yield f"{specimen}: it declares noise, and another generator changes nothing"


def _draws(layer: LayerSpec, shape: tuple[int, ...]) -> bool:
    return layer.draws() or any(_draws(held, given) for _, held, given in layer.inside(shape))


def _noisy(specimen: Specimen, module: nn.Module, *, seeded: bool) -> Iterator[str]:
    """Two passes under different global generators, which neither may touch."""
    given = specimen.inputs(4, generator(8))
    passes: list[dict[str, Tensor]] = []
    for seed in (1, 2):
        reseed(seed)
        before = chance()
        passes.append(passed(specimen, module, given, 9 if seeded else None, seed))
        if moved := chance().moved(before):
            yield f"{specimen}: it draws from the global generator of {', '.join(moved)}"
            return
    for name, value in passes[0].items():
        if not same(value, passes[1][name]):
            yield f"{specimen}: {name} differs between two passes over the same input"


def _varies(specimen: Specimen, module: nn.Module) -> bool:
    given = specimen.inputs(4, generator(8))
    one, two = (passed(specimen, module, given, seed)["z"] for seed in (1, 2))
    return not torch.equal(one, two)


LAWS = [independence, determinism, noise]
