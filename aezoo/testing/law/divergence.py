"""Laws of rates: posteriors, and their divergence from the prior."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from aezoo.nn.code import Output
from aezoo.spec.kinds import LatentSpec, ReadingLayerSpec, RegularizerSpec
from aezoo.testing.generate.minimal import NoMinimalSpec, minimal_spec
from aezoo.testing.law.adapters import Adapter, TermAdapter, adapters_of, draw_from, generator
from aezoo.testing.law.definition import law
from aezoo.testing.law.densities import DRAWS, agree
from aezoo.testing.law.under_test import PartUnderTest

#: Draws at which a term that is one number at all of them is a closed form.
FEW = 64
ZERO = torch.zeros((), dtype=torch.double)


@law(
    "L34",
    "regularizer",
    says="A rate that asks for the posterior is its divergence from the prior: what log q(z) - log p(z) is on average.",
    hint="check signs and constants against E[log q(z) - log p(z)]; a penalty that is no rate declares `rate = False`",
)
def divergence(tested: PartUnderTest) -> Iterator[str]:
    part = tested.part
    if not issubclass(part, RegularizerSpec) or not part.rate or not part.needs & {"posterior", "logvar"}:
        return
    adapter = next((one for one in adapters_of(tested) if _plain(one.part)), None) or _reset(tested)
    if isinstance(adapter, TermAdapter) and adapter.spec.latent.has_rate:
        module = adapter.build().double().eval()
        for seed, scale in enumerate((0.0, 0.3, 1.0)):
            yield from _estimated(adapter, module, seed, scale)


def _estimated(adapter: TermAdapter, module: Any, seed: int, scale: float) -> Iterator[str]:
    """The term and its estimate; posteriors of mean and log variance are `scale` away from N(0, I)."""
    noise = generator(seed)
    out = adapter.out(module, adapter.inputs(4, generator(seed))[0].double())
    if {"mean", "logvar"} <= {*out.code._fields}:
        mean, logvar = (scale * torch.randn(out.code.z.shape, generator=noise, dtype=torch.double) for _ in range(2))
        out = out._replace(code=out.code._replace(z=mean, mean=mean, logvar=logvar))
    with torch.no_grad():
        terms, ratios = _draws(adapter, module, out, noise)
    if float(terms.std()) == 0 and float(terms[0]) < -1e-9:
        yield f"{adapter}: it is {float(terms[0]):.4g} for a posterior, and no divergence is negative"
    elif not agree(terms - ratios, torch.zeros((), dtype=torch.double)):
        yield f"{adapter}: it is {float(terms.mean()):.4g}, sampling gives {float(ratios.mean()):.4g}"


def _draws(adapter: TermAdapter, module: Any, out: Output, noise: torch.Generator) -> tuple[Tensor, Tensor]:
    """The term, and log q(z) - log p(z) averaged over the batch, at many draws of the code.

    A closed form has one value at all of them: it is computed at a few.
    """
    model: Any = module["model"]
    size = len(out.code.z)
    drawn = model.latent.redraw(_rows(out.code, torch.arange(size).repeat(DRAWS)), noise)
    ratios = model.latent.log_prob(drawn, drawn.z) - model.rate_prior.log_prob(drawn.z)

    def term(draw: int) -> Tensor:
        code = _rows(drawn, torch.arange(draw * size, (draw + 1) * size))
        return adapter.terms(module, out._replace(code=code))["term"]

    terms = torch.stack([term(draw) for draw in range(FEW)])
    if bool((terms == terms[0]).all()):
        terms = terms[0].expand(DRAWS)
    else:
        terms = torch.cat([terms, torch.stack([term(draw) for draw in range(FEW, DRAWS)])])
    return terms, ratios.reshape(DRAWS, size).mean(dim=1)


def _rows(code: Any, index: Tensor) -> Any:
    """The code of these samples."""
    n = len(code.z)
    tensors = {name: value for name, value in code._asdict().items() if isinstance(value, Tensor)}
    return code._replace(**{name: value[index] for name, value in tensors.items() if value.ndim and len(value) == n})


@law(
    "L35",
    "latent",
    says="A posterior's density is that of its draws: log q has a mean gradient of zero at them.",
    hint="let `log_prob(code, z)` be the log density of the draws of `redraw`, with all terms that depend on the code",
)
def posterior_density(tested: PartUnderTest) -> Iterator[str]:
    if not issubclass(tested.part, LatentSpec) or not tested.part.posterior:
        return
    for adapter in adapters_of(tested):
        module: Any = adapter.build().double().eval()
        with torch.no_grad():
            code = module(*(x.double() for x in adapter.inputs(1, generator(1))), None)
        scores = _scores(module, code, DRAWS, generator(2))
        for name, drawn in scores.items():
            if not agree(drawn, torch.zeros(drawn.shape[1:], dtype=torch.double)):
                worst = float(drawn.mean(dim=0).abs().max())
                yield f"{adapter}: the mean gradient of log q by {name} is {worst:.3g} at draws of q, not 0"


def _scores(module: Any, code: Any, draws: int, noise: torch.Generator) -> dict[str, Tensor]:
    """Gradients of log q(z) by the fields of the code of one sample, at draws of it: [draws, *field]."""
    fields = {name: value for name, value in code._asdict().items() if name != "z" and value.is_floating_point()}
    many = {name: value.expand(draws, *value.shape[1:]).clone().requires_grad_() for name, value in fields.items()}
    code = code._replace(z=code.z.expand(draws, *code.z.shape[1:]), **many)
    z = module.redraw(code, noise).z.detach()
    log_q = module.log_prob(code, z)
    gradients = torch.autograd.grad(log_q.sum(), [*many.values()], allow_unused=True)
    return {name: gradient for name, gradient in zip(many, gradients, strict=True) if gradient is not None}


@law(
    "L38",
    "layer",
    says="The divergence of a level is what log q - log p is on average; without an encoder q is p.",
    hint="check signs and constants of `kl()` against E[log q - log p] at draws of the posterior",
)
def level_divergence(tested: PartUnderTest) -> Iterator[str]:
    if not (issubclass(tested.part, ReadingLayerSpec) and tested.part.stochastic):
        return
    for adapter in adapters_of(tested):
        module: Any = adapter.build().double().eval()
        h, read = (x.double().expand(DRAWS, *x.shape[1:]) for x in adapter.inputs(1, generator(1)))
        with torch.no_grad():
            level = module(h, read, draw_from(generator(2)))
            alone = module(h, None, draw_from(generator(2)))
        divergence = level.kl()
        if divergence is not None and not agree(level.log_ratio() - divergence.reshape(DRAWS, -1).sum(dim=1), ZERO):
            closed, drawn = float(divergence.sum()) / DRAWS, float(level.log_ratio().mean())
            yield f"{adapter}: kl() is {closed:.4g}, sampling gives {drawn:.4g}"
        if float(alone.log_ratio().abs().max()) > 1e-9:
            yield f"{adapter}: without an encoder log q - log p is {float(alone.log_ratio()[0]):.4g}, not 0"


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


LAWS = [divergence, posterior_density, level_divergence]
