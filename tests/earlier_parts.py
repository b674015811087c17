"""Parts as a plugin wrote them for the first contracts of `aezoo.plugin`: one of each kind that has changed since.

None knows of fields, masks, posteriors, sizes or `nll_values`, and the prior's `build` takes the shape alone. They stay
as they are: what plugins say that nobody has touched since.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn

from aezoo.nn.code import Accumulator, Output, Prior
from aezoo.nn.metrics import data_values
from aezoo.plugin import (
    Affine,
    ConstraintSpec,
    CorruptionSpec,
    Field,
    LatentSpec,
    LayerSpec,
    LikelihoodSpec,
    MetricSpec,
    ObjectiveSpec,
    OptimizerSpec,
    PlayerSpec,
    PriorSpec,
    Range,
    RegularizerSpec,
    Remark,
    Samples,
    ScheduleSpec,
    Shape,
    Spec,
    SplitDatasetSpec,
    Style,
    dense,
    flat,
    flat_parameters,
    rng,
    vector,
)

NAMESPACE = "earlier"


class MaxoutSpec(LayerSpec):
    """The largest of two affine maps, for each unit."""

    type: Literal["maxout"] = "maxout"
    features: int = Field(ge=1, description="width of the output")

    def output_shape(self, shape: Shape) -> Shape:
        vector(shape)
        return (self.features,)

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return dense(target, style)

    def parameters(self, shape: Shape) -> int:
        return flat_parameters(shape, (2 * self.features,))

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return [Affine(vector(shape), 2 * self.features)]

    def build(self, shape: Shape) -> nn.Module:
        return Maxout(vector(shape), self.features)


class Maxout(nn.Module):
    def __init__(self, inputs: int, features: int) -> None:
        super().__init__()
        self.maps = nn.Linear(inputs, 2 * features)

    def forward(self, x: Tensor) -> Tensor:
        pieces: Tensor = self.maps(x)
        return pieces.view(len(x), -1, 2).amax(dim=-1)


class SphereCode(NamedTuple):
    z: Tensor
    pre: Tensor


class SphereSpec(LatentSpec):
    """A code of length one."""

    type: Literal["sphere"] = "sphere"
    provides: ClassVar[frozenset[str]] = frozenset({"pre"})

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def parameters(self, shape: Shape) -> int:
        return flat_parameters(shape, (self.dim,))

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return dense(shape, style)

    def build(self, shape: Shape) -> nn.Module:
        return Sphere(flat(shape), self.dim)


class Sphere(nn.Module):
    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, dim)

    def forward(self, h: Tensor, generator: Generator | None = None) -> SphereCode:
        pre = self.project(h.flatten(1))
        return SphereCode(nn.functional.normalize(pre, dim=-1), pre)


class NoisyCode(NamedTuple):
    z: Tensor
    mean: Tensor
    logvar: Tensor


class NoisySpec(LatentSpec):
    """A Gaussian posterior, which gives its mean and log variance and does not say its density."""

    type: Literal["noisy"] = "noisy"
    provides: ClassVar[frozenset[str]] = frozenset({"mean", "logvar"})
    point: ClassVar[str] = "mean"
    noisy: ClassVar[bool] = True

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def parameters(self, shape: Shape) -> int:
        return flat_parameters(shape, (2 * self.dim,))

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return dense(shape, style)

    def build(self, shape: Shape) -> nn.Module:
        return Noisy(flat(shape), self.dim)


class Noisy(nn.Module):
    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, 2 * dim)

    def forward(self, h: Tensor, generator: Generator | None = None) -> NoisyCode:
        mean, logvar = self.project(h.flatten(1)).chunk(2, dim=1)
        if generator is None:
            return NoisyCode(mean, mean, logvar)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
        return NoisyCode(mean + (logvar / 2).exp() * noise, mean, logvar)


class BoxSpec(PriorSpec):
    """A uniform density over a cube."""

    type: Literal["box"] = "box"

    def build(self, shape: Shape) -> Prior:
        return Box(shape)


class Box(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        return torch.rand((n, *self.shape), generator=generator)

    def log_prob(self, z: Tensor) -> Tensor:
        inside = ((z >= 0) & (z <= 1)).flatten(1).all(dim=1)
        return torch.where(inside, 0.0, -math.inf)

    def fit(self, codes: Tensor) -> None: ...


class LogisticSpec(LikelihoodSpec):
    """Independent logistic densities of scale 1 around the mean, which says only the sum over a sample."""

    type: Literal["logistic"] = "logistic"

    def raw_range(self, data: Range) -> Range:
        return data

    def build(self, shape: Shape) -> nn.Module:
        return Logistic()


class Logistic(nn.Module):
    def mean(self, raw: Tensor) -> Tensor:
        return raw

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        error = x - raw
        return (error + 2 * nn.functional.softplus(-error)).flatten(1).sum(dim=-1)

    def sample(self, raw: Tensor, generator: Generator | None = None) -> Tensor:
        return raw + torch.rand(raw.shape, generator=generator, device=raw.device).logit(1e-6)


class SpreadSpec(RegularizerSpec):
    """KL(N(mean, exp(logvar)) || N(0, I)), by hand."""

    type: Literal["spread"] = "spread"
    needs: ClassVar[frozenset[str]] = frozenset({"mean", "logvar"})
    rate: ClassVar[bool] = True

    def build(self, shape: Shape) -> nn.Module:
        return Spread()


class Spread(nn.Module):
    def forward(self, out: Output) -> Tensor:
        mean, logvar = out.tap("mean"), out.tap("logvar")
        return ((mean.square() + logvar.exp() - 1 - logvar) / 2).flatten(1).sum(dim=-1).mean()


class RoughSpec(RegularizerSpec):
    """Squared steps between neighbours along a tap."""

    type: Literal["rough"] = "rough"

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if spec.taps.get(self.on, (2,))[-1] < 2:
            yield Remark(f"{self.on} has no neighbours", "read another tap", at="on")

    def build(self, shape: Shape) -> nn.Module:
        return Rough(self.on)


class Rough(nn.Module):
    def __init__(self, on: str) -> None:
        super().__init__()
        self.on = on

    def forward(self, out: Output) -> Tensor:
        return out.tap(self.on).diff(dim=-1).square().flatten(1).sum(dim=-1).mean()


class SpeckleSpec(CorruptionSpec):
    """Multiply every value by its own draw from N(1, std^2)."""

    type: Literal["speckle"] = "speckle"
    strengths: ClassVar[tuple[str, ...]] = ("std",)
    std: float = Field(0.2, ge=0, description="standard deviation of the factor")

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        return Speckle(self.std)


class Speckle(nn.Module):
    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        return torch.addcmul(x, x, noise, value=self.std)


class CriticSpec(ObjectiveSpec):
    """Reconstruct; a second player learns to tell the norm of the input from the code."""

    type: Literal["critic"] = "critic"
    players: ClassVar[tuple[str, ...]] = ("model", "critic")
    terms: ClassVar[frozenset[str]] = frozenset({"reconstruction"})
    every: int = Field(1, ge=1, description="steps from one turn of the critic to the next")

    def player(self, name: str) -> PlayerSpec | None:
        return PlayerSpec(every=self.every) if name == "critic" else None

    def parameters(self, spec: Spec) -> int:
        return flat(spec.code_shape) + 1

    def build(self, spec: Spec) -> nn.Module:
        return Critic(flat(spec.code_shape))


class Critic(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.guess = nn.Linear(dim, 1)

    def own(self, player: str) -> Iterator[nn.Parameter]:
        return self.guess.parameters()

    def forward(self, out: Output, player: str) -> dict[str, Tensor]:
        if player == "model":
            return {"reconstruction": out.model.likelihood.nll(out.raw, out.x).mean()}
        error = self.guess(out.code.z.flatten(1)).squeeze(1) - out.x.flatten(1).norm(dim=1)
        return {"guess": error.square().mean()}


class WorstSpec(MetricSpec):
    """The largest absolute error of a value."""

    type: Literal["worst"] = "worst"

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return True

    def build(self, spec: Spec) -> Accumulator:
        return Worst()


class Worst:
    def __init__(self) -> None:
        self.worst = 0.0

    def update(self, out: Output) -> None:
        x, mean = data_values(out)
        self.worst = max(self.worst, (x - mean).abs().max().item())

    def result(self) -> float:
        return self.worst


class CloudSpec(SplitDatasetSpec):
    """Two clouds of points, with a label each and their centre as the factor."""

    type: Literal["cloud"] = "cloud"
    n: int = Field(100, ge=1, description="how many points")

    def sample_shape(self) -> Shape:
        return (4,)

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        draw = rng(seed, "cloud")
        labels = draw.integers(2, size=self.n)
        values = draw.standard_normal((self.n, 4)) + 4 * labels[:, None]
        factors = 4.0 * labels[:, None]
        return Samples(values.astype(np.float32), "cloud", labels=labels, factors=factors)


class HalvedSpec(ScheduleSpec):
    """Half of it after half of the run."""

    type: Literal["halved"] = "halved"
    start: float = Field(1e-3, gt=0, description="of the first half")

    def value(self, step: int, steps: int) -> float:
        return self.start if 2 * step < steps else self.start / 2

    def bounds(self) -> Range:
        return self.start / 2, self.start


class PlainSpec(OptimizerSpec):
    """Gradient descent."""

    type: Literal["plain"] = "plain"

    def state(self) -> int:
        return 0

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=lr)


class ClippedSpec(ConstraintSpec):
    """Weights between -1 and 1."""

    type: Literal["clipped"] = "clipped"
    bounding: ClassVar[bool] = True

    def build(self) -> Callable[[nn.Module], None]:
        return clip


def clip(module: nn.Module) -> None:
    with torch.no_grad():
        for weight in module.parameters():
            weight.clamp_(-1, 1)


#: The parts whose methods are called as they were, by kind and type.
PARTS: list[type[Any]] = [
    MaxoutSpec,
    SphereSpec,
    NoisySpec,
    LogisticSpec,
    SpreadSpec,
    RoughSpec,
    SpeckleSpec,
    CriticSpec,
    WorstSpec,
    CloudSpec,
    HalvedSpec,
    PlainSpec,
    ClippedSpec,
]
