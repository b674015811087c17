"""Figures of a trained model on a split: what it makes of samples, and what its codes are like."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from aezoo.data.batches import Batch, Batches
from aezoo.diagnosis.data_figures import reached, rows_of
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Output
from aezoo.randomness import derive
from aezoo.spec.document import Spec
from aezoo.spec.shape import flat

Table = Mapping[str, float]
#: Draws of a prior whose moments codes are compared with.
DRAWS = 4096
#: How near to the end of its range an output is saturated, in widths of the range.
NEAR = 1e-3


class OutputFigures(NamedTuple):
    """What a model makes of samples, nothing drawn, in units of the loss.

    Attributes:
        fvu: Squared error over the variance of the samples.
        columns: The same of each value that varies, [F].
        variance: Of a sample, summed over its values.
        spread: Variance of the outputs over samples, as a share of that of the samples.
        drawn: Squared deviation of draws of the likelihood from its mean, over the squared error; None where that
            is no question of a scale.
        lost: Share of the samples' variance that lies outside of what outputs can be.
        at_ends: Share of outputs at an end of what they can be, and the same share of the samples.
        grid: Of images, fine detail at the most favoured of four phases of a grid of 2 x 2 over that at the least,
            as a multiple of the same of the samples; else 1.
    """

    fvu: float
    columns: Tensor
    variance: float
    spread: float
    drawn: float | None
    lost: float
    at_ends: tuple[float, float]
    grid: float


class CodeFigures(NamedTuple):
    """What codes are like.

    Attributes:
        deviation: Root mean square over values of their deviation over samples.
        activity: Share of units that are not zero, averaged over samples; 1 unless codes have zeros.
        dead: Share of units that are zero for every sample; 0 unless codes have zeros.
        used: exp(entropy) of the names of a discrete code; None without.
        information: Upper bound of the nats that the code tells of the sample, from the moments of its posteriors;
            None without.
        misfit: Nats by which one value of the codes is off the prior, by their moments; None without a prior.
    """

    deviation: float
    activity: float
    dead: float
    used: float | None
    information: float | None
    misfit: float | None


class ModelFigures(NamedTuple):
    """What rules about a trained model read.

    Attributes:
        n: Samples of the split that were looked at.
        metrics: Those of the model on the whole split.
        baseline: Those of each baseline.
        output: None of a model that reconstructs no quantities.
        code: Of the codes.
        train_fvu: As `output.fvu`, of samples of the training split; None where there are none.
    """

    n: int
    metrics: Table
    baseline: Mapping[str, Table]
    output: OutputFigures | None
    code: CodeFigures
    train_fvu: float | None = None


def model_figures(
    spec: Spec,
    network: Autoencoder,
    batches: Batches,
    training: Batches | None,
    metrics: Table,
    baseline: Mapping[str, Table],
    *,
    batch_size: int,
    seed: int = 0,
) -> ModelFigures:
    """Figures of a model in evaluation mode.

    Args:
        spec: Of the model.
        network: Its network, in evaluation mode.
        batches: The split that it is judged on.
        training: The training split, or None.
        metrics: Those of the model on the split.
        baseline: Those of each baseline.
        batch_size: Samples in one pass.
        seed: Of draws.
    """
    rows = rows_of(flat(spec.input.shape) + (flat(spec.target_shape) if spec.reconstructs else 0))
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    generator = Generator(device).manual_seed(derive(seed, "diagnosis"))
    judged = spec.decodes and spec.likelihood.quantities
    samples = batches.head(rows)
    outs = [*_passes(network, samples, batch_size, device)]
    output = _output_figures(spec, outs, generator) if judged else None
    # Drawn when they are asked for, by encoders alone.
    noisy = _draws(network, samples, batch_size, device, generator)
    drawn = noisy if spec.latent.noisy else (out.code.z for out in outs)
    code = _code_figures(spec, network, outs, drawn, generator)
    train_fvu = None
    if judged and training is not None and len(training):
        train_fvu = _fvu(*_gathered(_passes(network, training.head(rows), batch_size, device)))
    return ModelFigures(samples.rows, metrics, baseline, output, code, train_fvu)


def _passes(network: Autoencoder, batch: Batch, size: int, device: torch.device) -> Iterator[Output]:
    for x, fields in _on(device, batch.cut(size)):
        yield network(x, generator=None, fields=fields)


def _draws(
    network: Autoencoder, batch: Batch, size: int, device: torch.device, generator: Generator
) -> Iterator[Tensor]:
    for x, fields in _on(device, batch.cut(size)):
        yield network.encode(x, generator, fields).z


def _on(device: torch.device, batches: Iterable[Batch]) -> Iterator[Batch]:
    for x, fields in batches:
        yield Batch(x.to(device), {name: value.to(device) for name, value in fields.items()})


# --- outputs ------------------------------------------------------------------------------------------------


def _gathered(outs: Iterable[Output]) -> tuple[Tensor, Tensor]:
    """Targets and means, [N, *target], 0 where a mask leaves values out."""
    pairs = [(_exact(out.masked(out.target)), _exact(out.masked(out.tap("output")))) for out in outs]
    targets, means = zip(*pairs, strict=True)
    return torch.cat(targets), torch.cat(means)


def _fvu(targets: Tensor, means: Tensor) -> float:
    variance = _variance(targets)
    return (targets - means).square().sum().item() / len(targets) / variance if variance > 0 else math.nan


def _variance(x: Tensor) -> float:
    """Of a sample, summed over its values."""
    return x.flatten(1).var(dim=0, correction=0).sum().item()


def _output_figures(spec: Spec, outs: list[Output], generator: Generator) -> OutputFigures:
    targets, means = _gathered(outs)
    errors = (targets - means).square().flatten(1).mean(dim=0)
    variances = targets.flatten(1).var(dim=0, correction=0)
    varies = variances > 1e-12 * variances.max()
    variance = variances.sum().item()
    return OutputFigures(
        fvu=errors.sum().item() / variance if variance > 0 else math.nan,
        columns=errors[varies] / variances[varies],
        variance=variance,
        spread=_variance(means) / variance if variance > 0 else math.nan,
        drawn=_drawn(spec, outs, generator),
        lost=_lost(spec, targets, variance),
        at_ends=_at_ends(spec, targets, means),
        grid=_grid(targets, means),
    )


def _drawn(spec: Spec, outs: list[Output], generator: Generator) -> float | None:
    if not spec.likelihood.density or spec.likelihood.support is not None or spec.target_domains:
        return None
    deviation = error = 0.0
    for out in outs:
        mean, draw = out.tap("output"), out.model.likelihood.sample(out.raw, generator)
        deviation += _exact(out.masked((draw - mean).square())).sum().item()
        error += _exact(out.masked((out.target - mean).square())).sum().item()
    return deviation / error if error > 0 else None


def _lost(spec: Spec, targets: Tensor, variance: float) -> float:
    low, high = reached(spec) or (-math.inf, math.inf)
    return (targets - targets.clamp(low, high)).square().sum().item() / len(targets) / variance if variance else 0.0


def _at_ends(spec: Spec, targets: Tensor, means: Tensor) -> tuple[float, float]:
    low, high = reached(spec) or (-math.inf, math.inf)
    if not (math.isfinite(low) or math.isfinite(high)):
        return 0.0, 0.0
    width = high - low if math.isfinite(high - low) else max(targets.abs().max().item(), 1e-12)

    def share(x: Tensor) -> float:
        return ((x <= low + NEAR * width) | (x >= high - NEAR * width)).double().mean().item()

    return share(means), share(targets)


def _grid(targets: Tensor, means: Tensor) -> float:
    if targets.ndim != 4 or min(targets.shape[2:]) < 8:
        return 1.0
    of_samples, of_outputs = _detail_by_phase(targets), _detail_by_phase(means)
    if of_samples.min() <= 0 or of_outputs.min() <= 0:
        return 1.0
    relative = of_outputs / of_samples
    return (relative.max() / relative.min()).item()


def _detail_by_phase(x: Tensor) -> Tensor:
    """Mean square of what a blur takes away, at the four positions within a cell of 2 x 2: [4]."""
    inner = x[..., 1:-1, 1:-1]
    # 1 2 1 along each axis, in sums: several times faster than a convolution of float64.
    down = (x[..., :-2, :] + x[..., 2:, :]).add_(x[..., 1:-1, :], alpha=2)
    blurred = (down[..., :-2] + down[..., 2:]).add_(down[..., 1:-1], alpha=2).div_(16)
    detail = (inner - blurred).square_().mean(dim=(0, 1))
    height, width = (side // 2 * 2 for side in detail.shape)
    return torch.stack([detail[i:height:2, j:width:2].mean() for i in (0, 1) for j in (0, 1)])


# --- codes --------------------------------------------------------------------------------------------------


def _code_figures(
    spec: Spec, network: Autoencoder, outs: list[Output], drawn: Iterable[Tensor], generator: Generator
) -> CodeFigures:
    codes = torch.cat([_exact(out.tap("latent")).flatten(1) for out in outs])
    active = codes != 0
    # A code without a zero has no units that could be dead: its smallest values are small numbers.
    has_zeros = spec.latent.sparse or (bool((codes >= 0).all()) and active.double().mean().item() < 0.95)
    return CodeFigures(
        deviation=codes.var(dim=0, correction=0).mean().sqrt().item(),
        activity=active.double().mean().item() if has_zeros else 1.0,
        dead=(~active.any(dim=0)).double().mean().item() if has_zeros else 0.0,
        used=_used(spec, outs),
        information=_information(spec, outs),
        misfit=_misfit(spec, network, drawn, generator),
    )


def _used(spec: Spec, outs: list[Output]) -> float | None:
    if not spec.latent.discrete:
        return None
    names = torch.cat([out.tap(spec.latent.discrete).flatten().cpu() for out in outs])
    _, counts = names.unique(return_counts=True)  # type: ignore[no-untyped-call]
    shares = counts.double() / counts.sum()
    return math.exp(-(shares * shares.log()).sum().item())


def _information(spec: Spec, outs: list[Output]) -> float | None:
    if not {"mean", "logvar"} <= spec.latent.provides:
        return None
    mean, logvar = (torch.cat([_exact(out.tap(name)).flatten(1) for out in outs]) for name in ("mean", "logvar"))
    aggregate = mean.var(dim=0, correction=0) + logvar.exp().mean(dim=0)
    # A Gaussian of these moments has the largest entropy: what is left of it is at least what the code tells.
    return 0.5 * (aggregate.log() - logvar.mean(dim=0)).sum().item()


def _misfit(spec: Spec, network: Autoencoder, drawn: Iterable[Tensor], generator: Generator) -> float | None:
    prior: Any = network.prior
    if prior is None or spec.latent.space or spec.latent.quantized or not bool(getattr(prior, "fitted", True)):
        return None
    codes = torch.cat([_exact(z).flatten(1) for z in drawn])
    draws = _exact(prior.sample(DRAWS, generator)).flatten(1)
    if draws.shape[1] != codes.shape[1] or len(codes) < 2:
        return None
    shift = (codes.mean(dim=0) - draws.mean(dim=0)).square()
    ratio = codes.var(dim=0, correction=0) / draws.var(dim=0, correction=0).clamp_min(1e-12)
    kl = 0.5 * (ratio + shift / draws.var(dim=0, correction=0).clamp_min(1e-12) - 1 - ratio.clamp_min(1e-12).log())
    return kl.mean().item()


def _exact(x: Tensor) -> Tensor:
    # First to the CPU: some accelerators know no float64.
    return x.detach().cpu().double()
