"""Laws of tensors: gradients, batches, noise, state."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from aezoo.spec.kinds import CorruptionSpec, LayerSpec
from aezoo.testing.chance import chance, reseed
from aezoo.testing.law import MODULES, law
from aezoo.testing.specimen import Specimen, Tensors, Term, generator, specimens
from aezoo.testing.subject import Subject
from aezoo.weights import read_weights, write_weights

#: Samples in a batch.
MANY = 8
#: Of double precision, for sums that a library may order as it likes.
SLACK = {"rtol": 1e-9, "atol": 1e-9, "equal_nan": True}


# --- gradients ----------------------------------------------------------------------------------------------


@law(
    "L20",
    "layer",
    "latent",
    "likelihood",
    "regularizer",
    "objective",
    says="A gradient reaches what the part is given and every weight of its own, and all of it is finite, at zero too.",
    hint="look for `detach`, `no_grad`, rounding, a weight that is never used, or a root or logarithm at zero",
)
def gradients(subject: Subject) -> Iterator[str]:
    for index, specimen in enumerate(specimens(subject)):
        module = _stirred(specimen.build())
        given = specimen.inputs(MANY, generator(1))
        found = [*_unreached(specimen, module, given)] or [*_unreached(specimen, module, _zeros(given), finite=True)]
        yield from (f"{specimen}: {fault}" for fault in found)
        if index == 0 and not found and not any(_moved(specimen, module, seed) for seed in range(5)):
            yield f"{specimen}: every gradient is zero, whatever it is given"


def _stirred(module: nn.Module) -> nn.Module:
    """Weights moved a little: some parts begin with zeros, behind which nothing gets a gradient."""
    noise = generator(2)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=noise))
    return module


def _zeros(given: Tensors) -> Tensors:
    return (torch.zeros_like(given[0]), *given[1:])


def _backward(specimen: Specimen, module: nn.Module, given: Tensors) -> tuple[Tensor, bool]:
    """What the part is given, with its gradient; and whether there is one."""
    module.zero_grad()
    x = given[0].clone().requires_grad_()
    outputs = specimen.run(module, (x, *given[1:]), generator(3))
    noise = generator(4)
    loss = [
        (value * torch.randn(value.shape, generator=noise)).sum() for value in outputs.values() if value.requires_grad
    ]
    if loss:
        torch.stack(loss).sum().backward()  # type: ignore[no-untyped-call]
    return x, bool(loss)


def _unreached(specimen: Specimen, module: nn.Module, given: Tensors, *, finite: bool = False) -> Iterator[str]:
    """What no gradient reaches, or one that is not finite; with `finite`, these alone."""
    x, any_ = _backward(specimen, module, given)
    own = _own(specimen, module)
    reached = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    if not any_ and not finite:
        yield "nothing that it gives depends on anything that is learned"
    elif not finite:
        yield from (f"no gradient reaches its weight {name}" for name in own if name not in reached)
        if isinstance(specimen, Term):  # it need not depend on the samples, as a contraction of a linear map does not
            yield from ["no gradient reaches any weight"] if not reached else []
        elif x.grad is None:
            yield "no gradient reaches what it is given"
    at = "at zero " if finite else ""
    gradients = {"what it is given": x.grad, **reached}
    yield from (f"{at}the gradient of {name} is not finite" for name, g in gradients.items() if _bad(g))


def _own(specimen: Specimen, module: nn.Module) -> list[str]:
    """Names of the weights that the part itself has: of a term, not those of the model."""
    own = [name for name, p in module.named_parameters() if p.requires_grad]
    return [name for name in own if not name.startswith("model.")] if isinstance(specimen, Term) else own


def _bad(gradient: Tensor | None) -> bool:
    return gradient is not None and not bool(gradient.isfinite().all())


def _moved(specimen: Specimen, module: nn.Module, seed: int) -> bool:
    x, _ = _backward(specimen, module, specimen.inputs(MANY, generator(10 + seed)))
    gradients = [x.grad, *(p.grad for p in module.parameters())]
    return any(bool(g.count_nonzero()) for g in gradients if g is not None)


# --- batches ------------------------------------------------------------------------------------------------


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
    before, after = _seeded(specimen, module, given), _seeded(specimen, module, changed)
    for name, value in before.items():
        if not torch.allclose(value[:2], after[name][:2], **SLACK):  # type: ignore[arg-type]
            yield f"{name} of a sample changes with the other samples"
    if module.training or isinstance(specimen.part, CorruptionSpec):  # which draws otherwise for another batch
        return
    with torch.no_grad():
        together, single = specimen.run(module, given), specimen.run(module, [x[:1] for x in given])
    for name, value in together.items():
        if not torch.allclose(value[:1], single[name], **SLACK):  # type: ignore[arg-type]
            yield f"{name} of a sample alone is not what it is among others"


def _seeded(specimen: Specimen, module: nn.Module, given: list[Tensor]) -> dict[str, Tensor]:
    """A pass whose noise is that of every other such pass, on a copy: training may move buffers."""
    reseed(0)
    with torch.no_grad():
        return specimen.run(deepcopy(module), given, generator(7))


# --- noise --------------------------------------------------------------------------------------------------


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
        with torch.no_grad():
            passes.append(specimen.run(deepcopy(module), given, generator(9) if seeded else None))
        if moved := chance().moved(before):
            yield f"{specimen}: it draws from the global generator of {', '.join(moved)}"
            return
    for name, value in passes[0].items():
        if not _same(value, passes[1][name]):
            yield f"{specimen}: {name} differs between two passes over the same input"


def _varies(specimen: Specimen, module: nn.Module) -> bool:
    given = specimen.inputs(4, generator(8))
    with torch.no_grad():
        one, two = (specimen.run(deepcopy(module), given, generator(seed))["z"] for seed in (1, 2))
    return not torch.equal(one, two)


def _same(one: Tensor, two: Tensor) -> bool:
    """Whether the bits are the same; NaN equals NaN."""
    return one.shape == two.shape and bool(((one == two) | ((one != one) & (two != two))).all())


# --- what is given, and what is kept ------------------------------------------------------------------------


@law(
    "L24",
    *MODULES,
    "regularizer",
    "objective",
    says="What the part is given is left as it is.",
    hint="an operation that ends in `_` writes to its input: take the one without, or clone first",
)
def input_kept(subject: Subject) -> Iterator[str]:
    for specimen in specimens(subject):
        for training in (True, False):
            module = specimen.build().train(training)
            given = specimen.inputs(4, generator(11))
            kept = [x.clone() for x in given]
            with torch.no_grad():
                specimen.run(module, given, generator(12))
            if not all(map(torch.equal, given, kept)):
                yield f"{specimen}: its input is another one after a pass in {'training' if training else 'evaluation'}"


@law(
    "L25",
    "layer",
    "latent",
    "likelihood",
    "prior",
    says="The state dict holds all: written to safetensors and read into a new module, it gives the same bits.",
    hint="keep what is learned in parameters and persistent buffers of fixed shape, not in attributes",
)
def state(subject: Subject) -> Iterator[str]:
    for specimen in specimens(subject):
        module = specimen.build()
        with torch.no_grad():
            for seed in range(2):
                specimen.run(module, specimen.inputs(MANY, generator(seed)), generator(seed))
        yield from (f"{specimen}: {fault}" for fault in _reloaded(specimen, module.eval()))


def _reloaded(specimen: Specimen, module: nn.Module) -> Iterator[str]:
    stored = _stored(module)
    fresh = _fresh(specimen)
    missing, unexpected = fresh.load_state_dict(stored, strict=False)
    if missing or unexpected:
        yield f"a new module has other names: {', '.join([*missing, *unexpected])}"
        return
    for name, value in fresh.state_dict().items():
        if not torch.equal(value, module.state_dict()[name]):
            yield f"{name} is another after a round trip"
    given = specimen.inputs(4, generator(13))
    with torch.no_grad():
        before, after = (specimen.run(one, given, generator(14)) for one in (module, fresh))
    for name, value in before.items():
        if not _same(value, after[name]):
            yield f"{name} of a new module with the same state dict is another: something is kept beside it"


def _fresh(specimen: Specimen) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        return specimen.made().eval()


def _stored(module: nn.Module) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        write_weights(path, module.state_dict(), "a law")
        return read_weights(path)


LAWS = [gradients, independence, determinism, noise, input_kept, state]
