"""Law of gradients: they reach every weight."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from aezoo.testing.law.adapters import Adapter, Tensors, TermAdapter, adapters_of, generator
from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import PartUnderTest

#: Samples in a batch.
BATCH_SIZE = 8


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
def gradients(tested: PartUnderTest) -> Iterator[str]:
    for index, adapter in enumerate(adapters_of(tested)):
        module = _perturbed(adapter.build())
        inputs = adapter.inputs(BATCH_SIZE, generator(1))
        faults = [*_unreached(adapter, module, inputs)] or [*_unreached(adapter, module, _zeros(inputs), finite=True)]
        yield from (f"{adapter}: {fault}" for fault in faults)
        if index == 0 and not faults and not any(_any_gradient(adapter, module, seed) for seed in range(5)):
            yield f"{adapter}: every gradient is zero, whatever it is given"


def _perturbed(module: nn.Module) -> nn.Module:
    """Perturb the weights: some parts start with zeros, which let no gradient through."""
    noise = generator(2)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=noise))
    return module


def _zeros(inputs: Tensors) -> Tensors:
    return (torch.zeros_like(inputs[0]), *inputs[1:])


def _backward(adapter: Adapter, module: nn.Module, inputs: Tensors) -> tuple[Tensor, bool]:
    """The first input with its gradient, and whether the outputs depend on anything that is learned."""
    module.zero_grad()
    x = inputs[0].clone().requires_grad_()
    outputs = adapter.run(module, (x, *inputs[1:]), generator(3))
    noise = generator(4)
    loss = [
        (value * torch.randn(value.shape, generator=noise)).sum() for value in outputs.values() if value.requires_grad
    ]
    if loss:
        torch.stack(loss).sum().backward()  # type: ignore[no-untyped-call]
    return x, bool(loss)


def _unreached(adapter: Adapter, module: nn.Module, inputs: Tensors, *, finite: bool = False) -> Iterator[str]:
    """Weights and inputs without a gradient, or with one that is not finite; with `finite`, the latter alone."""
    x, has_loss = _backward(adapter, module, inputs)
    own = _own(adapter, module)
    reached = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    if not has_loss and not finite:
        yield "nothing that it gives depends on anything that is learned"
    elif not finite:
        yield from (f"no gradient reaches its weight {name}" for name in own if name not in reached)
        # A term need not depend on the samples, as a contraction of a linear map does not.
        if isinstance(adapter, TermAdapter):
            yield from ["no gradient reaches any weight"] if not reached else []
        elif x.grad is None:
            yield "no gradient reaches what it is given"
    at = "at zero " if finite else ""
    gradients = {"what it is given": x.grad, **reached}
    yield from (f"{at}the gradient of {name} is not finite" for name, g in gradients.items() if _not_finite(g))


def _own(adapter: Adapter, module: nn.Module) -> list[str]:
    """Names of the part's own weights; for a term, without those of the model."""
    own = [name for name, p in module.named_parameters() if p.requires_grad]
    return [name for name in own if not name.startswith("model.")] if isinstance(adapter, TermAdapter) else own


def _not_finite(gradient: Tensor | None) -> bool:
    return gradient is not None and not bool(gradient.isfinite().all())


def _any_gradient(adapter: Adapter, module: nn.Module, seed: int) -> bool:
    x, _ = _backward(adapter, module, adapter.inputs(BATCH_SIZE, generator(10 + seed)))
    gradients = [x.grad, *(p.grad for p in module.parameters())]
    return any(bool(g.count_nonzero()) for g in gradients if g is not None)


LAWS = [gradients]
