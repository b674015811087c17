"""Law of gradients: they reach all that learns."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from aezoo.testing.law.adapters import Specimen, Tensors, Term, generator, specimens
from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import Subject

#: Samples in a batch.
MANY = 8


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


LAWS = [gradients]
