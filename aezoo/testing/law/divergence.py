"""Law of rates: the divergence between a posterior and its prior."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from aezoo.spec.kinds import RegularizerSpec
from aezoo.testing.generate.minimal import NoMinimalSpec, minimal_spec
from aezoo.testing.law.adapters import Adapter, TermAdapter, adapters_of, generator
from aezoo.testing.law.definition import law
from aezoo.testing.law.densities import DRAWS, agree
from aezoo.testing.law.under_test import PartUnderTest


@law(
    "L34",
    "regularizer",
    says="A rate of mean and logvar is the KL divergence to the prior: never negative, and what sampling estimates.",
    hint="check signs and constants against E[log q(z) - log p(z)]; a penalty that is no rate declares `rate = False`",
)
def divergence(tested: PartUnderTest) -> Iterator[str]:
    part = tested.part
    if not issubclass(part, RegularizerSpec) or not part.rate or part.needs != {"mean", "logvar"}:
        return
    adapter = next((one for one in adapters_of(tested) if _plain(one.part)), None) or _reset(tested)
    if isinstance(adapter, TermAdapter):
        module = adapter.build().double().eval()
        for seed, scale in enumerate((0.0, 0.3, 1.0)):
            yield from _estimated(adapter, module, seed, scale)


def _estimated(adapter: TermAdapter, module: Any, seed: int, scale: float) -> Iterator[str]:
    """The term and its estimate, for posteriors that are `scale` away from N(0, I)."""
    out = adapter.out(module, adapter.inputs(4, generator(seed))[0].double())
    noise = generator(seed)
    mean, logvar = (scale * torch.randn(out.code.z.shape, generator=noise, dtype=torch.double) for _ in range(2))
    code = out.code._replace(z=mean, mean=mean, logvar=logvar)
    with torch.no_grad():
        value = float(adapter.terms(module, out._replace(code=code))["term"])
        estimates = _log_ratios(module["model"].prior, mean, logvar, noise)
    if value < -1e-9:
        yield f"{adapter}: it is {value:.4g} for a posterior, and no divergence is negative"
    elif not agree(estimates, torch.tensor(value, dtype=torch.double)):
        yield f"{adapter}: it is {value:.4g}, sampling gives {float(estimates.mean()):.4g}"


def _log_ratios(prior: Any, mean: Tensor, logvar: Tensor, noise: torch.Generator) -> Tensor:
    """Draws of log q(z) - log p(z), each the mean over the batch."""
    deviation = (logvar / 2).exp()
    ratios = []
    for _ in range(DRAWS):
        eps = torch.randn(mean.shape, generator=noise, dtype=torch.double)
        z = mean + deviation * eps
        log_q = (-0.5 * (eps.square() + math.log(2 * math.pi)) - logvar / 2).flatten(1).sum(dim=1)
        log_p = (
            prior.log_prob(z) if prior is not None else -0.5 * (z.square() + math.log(2 * math.pi)).flatten(1).sum(1)
        )
        ratios.append((log_q - log_p).mean())
    return torch.stack(ratios)


def _plain(part: Any) -> bool:
    """Whether nothing of its own is set: it is then a divergence without changes."""
    base = RegularizerSpec.model_fields
    return all(
        getattr(part, name) == field.default for name, field in type(part).model_fields.items() if name not in base
    )


def _reset(tested: PartUnderTest) -> Adapter | None:
    """The example with nothing set of the part but what it must have."""
    if tested.example is None:
        return None
    document = tested.example.document()
    for key, term in tested.example.regularizers.items():
        if type(term) is tested.part:
            document["regularizers"][key] = {"type": tested.name}
    try:
        spec = minimal_spec(document, registry=tested.plugin.registry, lints=True)
    except NoMinimalSpec:
        return None
    part = next(term for term in spec.regularizers.values() if type(term) is tested.part)
    return TermAdapter(part, spec, spec.input.shape)


LAWS = [divergence]
