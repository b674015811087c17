"""Parts that are right, and parts that break one law each: what the laws are for.

Each wrong part says the laws that must catch it: the one that it is made for first, then what follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple
from weakref import ref

import numpy as np
import torch
from pydantic import BeforeValidator, ConfigDict, PlainSerializer
from torch import Tensor, nn

from aezoo.builtins.hierarchy import StochasticSpec
from aezoo.nn.code import Draw, GaussianCode, Network
from aezoo.nn.hierarchy import GaussianLevel, Stochastic
from aezoo.nn.latent import DiagonalGaussian
from aezoo.plugin import (
    POINTWISE,
    Component,
    ConstantSpec,
    ConstraintSpec,
    CorruptionSpec,
    DatasetSpec,
    Field,
    LatentSpec,
    LayerSpec,
    LikelihoodSpec,
    MetricSpec,
    NoMirror,
    ObjectiveSpec,
    OptimizerSpec,
    PriorSpec,
    Range,
    RegularizerSpec,
    Samples,
    ScheduleSpec,
    Shape,
    Spec,
    Style,
    Window,
    flat,
    rng,
)

NAMESPACE = "wrong"


class Wrong(NamedTuple):
    """A part, and the laws that it breaks."""

    part: type[Component]
    law: str
    also: frozenset[str]


RIGHT: list[type[Component]] = []
WRONG: list[Wrong] = []

Decorator = Callable[[type[Any]], type[Any]]


def right(example: str) -> Decorator:
    """A part that keeps every law."""
    return _listed(example, RIGHT.append)


def wrong(law: str, *also: str, example: str) -> Decorator:
    """A part that breaks a law, and others that follow."""
    return _listed(example, lambda part: WRONG.append(Wrong(part, law, frozenset(also))))


def _listed(example: str, put: Callable[[type[Any]], None]) -> Decorator:
    def made(part: type[Any]) -> type[Any]:
        if part.__doc__ and "Example:" not in part.__doc__:
            part.__doc__ += f"\n\nExample:\n    {example.format(type=part.model_fields['type'].default)}"
        put(part)
        return part

    return made


# --- layers -------------------------------------------------------------------------------------------------

LAYER = 'encoder = [{{ type = "wrong:{type}" }}]'


class Gain(nn.Module):
    """x * weight + bias, one of each for a channel."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size = (shape[0], *(1 for _ in shape[1:]))
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + self.bias


@right(LAYER)
class GainSpec(LayerSpec):
    """A gain and an offset for each channel."""

    type: Literal["gain"] = "gain"
    module: ClassVar[Callable[[Shape], nn.Module]] = Gain

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        if target != shape:
            raise NoMirror("keeps its channels")
        return [GainSpec()]

    def parameters(self, shape: Shape) -> int:
        return 2 * shape[0]

    def build(self, shape: Shape) -> nn.Module:
        return type(self).module(shape)


@wrong("L01", example=LAYER)
class NoSentence(GainSpec):
    """gain and offset"""

    type: Literal["no_sentence"] = "no_sentence"


@wrong("L02", example=LAYER)
class NoDescription(GainSpec):
    """A gain whose only field is a riddle."""

    type: Literal["no_description"] = "no_description"
    riddle: int = Field(1, ge=0)


@wrong("L03", example='encoder = [{{ type = "wrong:{type}", gian = 1 }}]')
class MisspeltExample(GainSpec):
    """A gain whose example has a key that is none."""

    type: Literal["misspelt_example"] = "misspelt_example"


@wrong("L03", example='encoder = [{{ type = "wrong:{type}"')
class BrokenExample(GainSpec):
    """A gain whose example is no TOML."""

    type: Literal["broken_example"] = "broken_example"


@wrong("L03", example='latent = {{ type = "deterministic", dim = 2 }}')
class ForeignExample(GainSpec):
    """A gain whose example is another part's."""

    type: Literal["foreign_example"] = "foreign_example"


@wrong("L04", example='encoder = [{{ type = "wrong:{type}", start = 2.0 }}]')
class Forgetful(GainSpec):
    """A gain that is not written down."""

    type: Literal["forgetful"] = "forgetful"
    start: float = Field(1.0, exclude=True, description="where it begins")


@wrong("L17", example=LAYER)
class AnyName(GainSpec):
    """A gain whose type may be any text."""

    type: str = "any_name"


@wrong("L17", example=LAYER)
class TwoNames(GainSpec):
    """A gain with two names."""

    type: Literal["two_names", "gain_and_offset"] = "two_names"


@wrong("L17", example=LAYER)
class CamelCase(GainSpec):
    """A gain that is not written as parts are."""

    type: Literal["camelCase"] = "camelCase"


@wrong("L03", example=LAYER)
class HalfCounted(GainSpec):
    """A gain with a number of weights that is no whole one."""

    type: Literal["half_counted"] = "half_counted"

    def parameters(self, shape: Shape) -> Any:
        return 2.0 * shape[0]


@wrong("L03", example=LAYER)
class ShapeInAList(GainSpec):
    """A gain whose shape is a list."""

    type: Literal["shape_in_a_list"] = "shape_in_a_list"

    def output_shape(self, shape: Shape) -> Any:
        return list(shape)


@wrong("L03", example=LAYER)
class WithoutMirror(GainSpec):
    """A gain without a mirror, and without a decoder in its example."""

    type: Literal["without_mirror"] = "without_mirror"
    mirror = LayerSpec.mirror


Spelled = Annotated[int, BeforeValidator(lambda n: len(n) if isinstance(n, str) else n), PlainSerializer("|".__mul__)]


@wrong("L05", example='encoder = [{{ type = "wrong:{type}" }}]')
class Tally(GainSpec):
    """A gain whose number is written in strokes, of which its annotation says nothing."""

    type: Literal["tally"] = "tally"
    strokes: Spelled = Field(3, ge=1, le=5, description="how many")


@wrong("L06", example=LAYER)
class Deaf(GainSpec):
    """A gain that overlooks what it does not know."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["deaf"] = "deaf"


@wrong("L07", example=LAYER)
class Lax(GainSpec):
    """A gain that takes a text for a number."""

    model_config = ConfigDict(strict=False)
    type: Literal["lax"] = "lax"
    start: float = Field(1.0, description="where it begins")


@wrong("L07", example=LAYER)
class Soft(GainSpec):
    """A gain whose fields can be set."""

    model_config = ConfigDict(frozen=False)
    type: Literal["soft"] = "soft"


class Peeking(Gain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.sum().item() < math.inf else x


@wrong("L11", "L50", example=LAYER)
class PeekingSpec(GainSpec):
    """A gain that looks at values, of which there are none on the meta device."""

    type: Literal["peeking"] = "peeking"
    module = Peeking


class Doubled(Gain):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([super().forward(x)] * 2, dim=1)


@wrong("L12", "L11", "L50", example=LAYER)
class DoubledSpec(GainSpec):
    """A gain that gives twice the channels that it declares."""

    type: Literal["doubled"] = "doubled"
    module = Doubled


class Squeezed(Gain):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y[0] if len(y) == 1 else y


@wrong("L12", "L21", example=LAYER)
class SqueezedSpec(GainSpec):
    """A gain that loses the batch axis of a single sample."""

    type: Literal["squeezed"] = "squeezed"
    module = Squeezed


OWN_DECODER = 'decoder = [{{ type = "linear", features = 576, activation = "identity" }}]'


@wrong("L13", example=f"{LAYER}\n    {OWN_DECODER}")
class CrookedMirror(GainSpec):
    """A gain whose mirror ends where it likes."""

    type: Literal["crooked"] = "crooked"

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        from aezoo.layers.basic import ReshapeSpec

        return [ReshapeSpec(shape=(flat(shape), 1))]


class Neighbours(Gain):
    """A gain that adds a tenth of the position before."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x.roll(1, -1) / 10


@wrong("L19", example=LAYER)
class ShortSighted(GainSpec):
    """A layer that sees its neighbours and says that it does not."""

    type: Literal["short_sighted"] = "short_sighted"
    module: ClassVar[Callable[[Shape], nn.Module]] = Neighbours

    def sees(self, shape: Shape) -> Window | None:
        return POINTWISE


@wrong("L14", "L50", example=LAYER)
class Miscounted(GainSpec):
    """A gain that has twice the weights that it declares."""

    type: Literal["miscounted"] = "miscounted"

    def parameters(self, shape: Shape) -> int:
        return shape[0]


class Stuck(Gain):
    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.detach() + self.bias


@wrong("L20", example=LAYER)
class StuckSpec(GainSpec):
    """A gain that never learns."""

    type: Literal["stuck"] = "stuck"
    module = Stuck


class Cut(Gain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.detach())


@wrong("L20", example=LAYER)
class CutSpec(GainSpec):
    """A gain behind which nothing learns."""

    type: Literal["cut"] = "cut"
    module = Cut


class Root(Gain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + x.square().sum(dim=1, keepdim=True).sqrt())


@wrong("L20", "L50", example=LAYER)
class RootSpec(GainSpec):
    """A gain with a norm whose slope at zero is no number."""

    type: Literal["root"] = "root"
    module = Root


class Centred(Gain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - 0.1 * x.mean(dim=0))


@wrong("L21", example=LAYER)
class CentredSpec(GainSpec):
    """A gain that looks at the whole batch, always."""

    type: Literal["centred"] = "centred"
    module = Centred


class CentredInTraining(Gain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - 0.1 * x.mean(dim=0) if self.training else x)


@wrong("L21", example=LAYER)
class CentredInTrainingSpec(GainSpec):
    """A gain that looks at the whole batch in training, and does not say so."""

    type: Literal["centred_in_training"] = "centred_in_training"
    module = CentredInTraining


class AlwaysNoisy(Gain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + 1e-3 * torch.randn_like(x))


@wrong("L22", "L21", "L25", example=LAYER)
class AlwaysNoisySpec(GainSpec):
    """A gain with noise, in evaluation too."""

    type: Literal["always_noisy"] = "always_noisy"
    module = AlwaysNoisy

    def draws(self) -> bool:
        return True


class NoisyInTraining(Gain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + torch.rand_like(x) / 100 if self.training else x)


@wrong("L23", example=LAYER)
class NoisyInTrainingSpec(GainSpec):
    """A gain with noise in training, of which it says nothing."""

    type: Literal["noisy_in_training"] = "noisy_in_training"
    module = NoisyInTraining


class Greedy(Gain):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        with torch.no_grad():
            x.clamp_(-0.5, 0.5)
        return y


@wrong("L24", "L20", "L50", example=LAYER)
class GreedySpec(GainSpec):
    """A gain that writes to what it is given."""

    type: Literal["greedy"] = "greedy"
    module = Greedy


class Secretive(Gain):
    shift = 0.0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.shift += 1e-3
        return super().forward(x) + (0.0 if self.training else self.shift)


@wrong("L25", "L50", example=LAYER)
class SecretiveSpec(GainSpec):
    """A gain that keeps what it learns beside its state dict."""

    type: Literal["secretive"] = "secretive"
    module = Secretive


class Hidden(Gain):
    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.register_buffer("signs", torch.randn(shape[0], *(1 for _ in shape[1:])).sign(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * self.signs)


@wrong("L25", example=LAYER)
class HiddenSpec(GainSpec):
    """A gain whose random signs are not saved."""

    type: Literal["hidden"] = "hidden"
    module = Hidden


class Blind(Gain):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y - y.detach()


@wrong("L50", example=LAYER)
class BlindSpec(GainSpec):
    """A gain through which nothing is seen, with gradients as if it were."""

    type: Literal["blind"] = "blind"
    module = Blind


# --- latents and priors -------------------------------------------------------------------------------------

LEVEL = (
    'encoder = [{{ type = "linear", features = 6 }}]\n    latent = {{ type = "gaussian", dim = 2 }}\n'
    '    likelihood = "gaussian"\n    regularizers.kl = {{ weight = 1.0 }}\n'
    '    decoder = [{{ type = "wrong:{type}", dim = 3, reads = "encoder.0" }}, '
    '{{ type = "linear", features = 16, activation = "identity" }}]\n'
    "    input = [16]"
)


class HalfLevel(GaussianLevel):
    """A level that counts half of its divergence."""

    def kl(self) -> Tensor:
        return super().kl() / 2


class HalfStochastic(Stochastic):
    def forward(self, h: Tensor, read: Tensor | None, draw: Draw | None = None) -> GaussianLevel:
        return HalfLevel(*super().forward(h, read, draw))


@wrong("L38", example=LEVEL)
class HalfLevelSpec(StochasticSpec):
    """A level whose divergence is half of what its draws tell."""

    type: Literal["half_level"] = "half_level"  # type: ignore[assignment]

    def build(self, shape: Shape) -> nn.Module:
        built = super().build(shape)
        return HalfStochastic(built.prior, built.posterior)


LATENT = 'latent = {{ type = "wrong:{type}", dim = 4 }}'


class Named(NamedTuple):
    z: Tensor
    names: Tensor


class Rounded(nn.Module):
    """An affine map to the corners of a cube, straight through; the name of a corner is a binary number."""

    step = 0

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, dim)

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Any:
        pre = self.project(h.flatten(1))
        corner = (pre > 0).to(pre.dtype) * 2 - 1
        return Named(pre + (corner - pre).detach(), self._names(corner))

    def _names(self, corner: Tensor) -> Tensor:
        powers = 2 ** torch.arange(corner.shape[1], device=corner.device)
        return ((corner > 0) * powers).sum(dim=1)

    def embed(self, names: Tensor) -> Tensor:
        bits = (names + self.step)[:, None] >> torch.arange(self.project.out_features)
        return (bits % 2).float() * 2 - 1


@right(LATENT)
class RoundedSpec(LatentSpec):
    """The corners of a cube."""

    type: Literal["rounded"] = "rounded"
    provides: ClassVar[frozenset[str]] = frozenset({"names"})
    quantized: ClassVar[bool] = True
    discrete: ClassVar[str] = "names"
    module: ClassVar[Callable[[int, int], nn.Module]] = Rounded
    dim: int = Field(ge=1, le=12, description="corners of how many dimensions")

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def tap_shape(self, field: str, shape: Shape) -> Shape:
        return ()

    def alphabet(self) -> int:
        return 2**self.dim

    def parameters(self, shape: Shape) -> int:
        return (flat(shape) + 1) * self.dim

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        from aezoo.plugin import dense

        return dense(shape, style)

    def build(self, shape: Shape) -> nn.Module:
        return type(self).module(flat(shape), self.dim)


class Spread(DiagonalGaussian, nn.Module):
    """A Gaussian posterior of mean and log variance."""

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, 2 * dim)

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Any:
        mean, logvar = self.project(h.flatten(1)).chunk(2, dim=1)
        code = GaussianCode(mean, mean, logvar.tanh())
        return code if generator is None else self.redraw(code, generator)


@right(LATENT)
class SpreadSpec(LatentSpec):
    """A Gaussian posterior."""

    type: Literal["spread"] = "spread"
    provides: ClassVar[frozenset[str]] = frozenset({"mean", "logvar"})
    point: ClassVar[str] = "mean"
    posterior: ClassVar[bool] = True
    noisy: ClassVar[bool] = True
    module: ClassVar[Callable[[int, int], nn.Module]] = Spread

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def parameters(self, shape: Shape) -> int:
        return (flat(shape) + 1) * 2 * self.dim

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        from aezoo.plugin import dense

        return dense(shape, style)

    def build(self, shape: Shape) -> nn.Module:
        return type(self).module(flat(shape), self.dim)


class Unnormalized(Spread):
    def log_prob(self, code: Any, z: Tensor) -> Tensor:
        scaled = (z - code.mean).square() * (-code.logvar).exp()
        return -0.5 * scaled.flatten(1).sum(dim=1)


@wrong("L35", example=LATENT)
class UnnormalizedSpec(SpreadSpec):
    """A log density without its logarithm of the deviation."""

    type: Literal["unnormalized"] = "unnormalized"
    module = Unnormalized


class Turned(nn.Module):
    """Codes on the sphere, and the shortest way there between two of them."""

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, dim)

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Any:
        from aezoo.nn.code import Code

        return Code(nn.functional.normalize(self.project(h.flatten(1))))

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        angle = 2 * torch.atan2((a - b).norm(dim=1, keepdim=True), (a + b).norm(dim=1, keepdim=True))
        across = nn.functional.normalize(b - (a * b).sum(dim=1, keepdim=True) * a)
        return a * (t * angle).cos() + across * (t * angle).sin()


class Straight(Turned):
    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return torch.lerp(a, b, t)


class Hasty(Turned):
    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return super().between(a, b, t.square())


@right(LATENT)
class TurnedSpec(SpreadSpec):
    """Codes on the sphere."""

    type: Literal["turned"] = "turned"
    dim: int = Field(ge=2, description="of the space: of one dimension the sphere is two points, and no way joins them")
    provides: ClassVar[frozenset[str]] = frozenset()
    point: ClassVar[str] = "z"
    posterior: ClassVar[bool] = False
    noisy: ClassVar[bool] = False
    space: ClassVar[str] = "sphere"
    module = Turned

    def parameters(self, shape: Shape) -> int:
        return (flat(shape) + 1) * self.dim


@wrong("L37", example=LATENT)
class StraightSpec(TurnedSpec):
    """Codes on the sphere, with ways that leave it."""

    type: Literal["straight"] = "straight"
    module = Straight


@wrong("L37", example=LATENT)
class HastySpec(TurnedSpec):
    """Codes on the sphere, with ways that are not at constant speed."""

    type: Literal["hasty"] = "hasty"
    module = Hasty


class Nameless(Rounded):
    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Any:
        from aezoo.nn.code import Code

        return Code(super().forward(h).z)


@wrong("L15", "L11", "L12", "L16", "L50", example=LATENT)
class NamelessSpec(RoundedSpec):
    """Corners without the names that are declared."""

    type: Literal["nameless"] = "nameless"
    module = Nameless


class Misnamed(Rounded):
    step = 1


@wrong("L16", example=LATENT)
class MisnamedSpec(RoundedSpec):
    """Corners whose names lead to others."""

    type: Literal["misnamed"] = "misnamed"
    module = Misnamed


class Restless(Rounded):
    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> Any:
        return super().forward(h if generator is None else h + 0.1 * torch.randn_like(h))


@wrong("L23", example=LATENT)
class RestlessSpec(RoundedSpec):
    """Corners with noise from the global generator."""

    type: Literal["restless"] = "restless"
    module = Restless


@wrong("L23", example=LATENT)
class SilentSpec(RoundedSpec):
    """Corners that declare noise and have none."""

    type: Literal["silent"] = "silent"
    noisy: ClassVar[bool] = True


class Cube(nn.Module):
    """Evenly over a cube of side 2."""

    constant = math.log(2)

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("origin", torch.zeros(()), persistent=False)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return 2 * torch.rand(n, *self.shape, generator=generator, dtype=self.origin.dtype) - 1

    def log_prob(self, z: Tensor) -> Tensor:
        inside = (z.abs() <= 1).flatten(1).all(dim=1)
        return torch.where(inside, -self.constant * z[0].numel(), -math.inf).to(z.dtype)

    def fit(self, codes: Tensor) -> None:
        pass


PRIOR = 'latent = {{ type = "deterministic", dim = 3, prior = "wrong:{type}" }}'


@right(PRIOR)
class CubeSpec(PriorSpec):
    """Evenly over a cube."""

    type: Literal["cube"] = "cube"
    module: ClassVar[Callable[[Shape], nn.Module]] = Cube

    def build(self, shape: Shape, spec: Any) -> Any:
        return type(self).module(shape)


class Shifted(Cube):
    """Evenly over a cube around what the latent's map adds: a part of its model that it reads."""

    def attach(self, model: Network) -> None:
        self.model = ref(model)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return super().sample(n, generator) + self._centre()

    def log_prob(self, z: Tensor) -> Tensor:
        return super().log_prob(z - self._centre())

    def _centre(self) -> Tensor:
        model: Any = self.model()
        return model.latent.project.bias.detach()  # type: ignore[no-any-return]


@right(PRIOR)
class ShiftedSpec(CubeSpec):
    """Evenly over a cube that stands where its model says."""

    type: Literal["shifted"] = "shifted"
    module = Shifted


class Unscaled(Cube):
    constant = 0.0


@wrong("L31", example=PRIOR)
class UnscaledSpec(CubeSpec):
    """Evenly over a cube, with a density of 1 inside a volume of 2^D."""

    type: Literal["unscaled"] = "unscaled"
    module = Unscaled


# --- likelihoods --------------------------------------------------------------------------------------------

LIKELIHOOD = 'likelihood = "wrong:{type}"'


class Normal(nn.Module):
    """N(raw, 1)."""

    def mean(self, raw: Tensor) -> Tensor:
        return raw

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        return (0.5 * ((raw - x).square() + math.log(2 * math.pi))).flatten(1).sum(dim=1)

    def sample(self, raw: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.mean(raw) + torch.randn(raw.shape, generator=generator, dtype=raw.dtype)


@right(LIKELIHOOD)
class NormalSpec(LikelihoodSpec):
    """A normal density of width 1."""

    type: Literal["normal"] = "normal"
    module: ClassVar[Callable[[], nn.Module]] = Normal

    def build(self, shape: Shape) -> nn.Module:
        return type(self).module()


class Incomplete(Normal):
    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        return 0.5 * (raw - x).square().flatten(1).sum(dim=1)


@wrong("L30", example=LIKELIHOOD)
class IncompleteSpec(NormalSpec):
    """A normal density without its constant."""

    type: Literal["incomplete"] = "incomplete"
    module = Incomplete


class Averaged(Normal):
    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        return super().nll(raw, x) / x[0].numel()


@wrong("L30", example=LIKELIHOOD)
class AveragedSpec(NormalSpec):
    """A normal density averaged over the axes of a sample."""

    type: Literal["averaged"] = "averaged"
    module = Averaged


@wrong("L32", example=LIKELIHOOD)
class BoundlessSpec(NormalSpec):
    """A normal density that says it is one of numbers between 0 and 1."""

    type: Literal["boundless"] = "boundless"
    density: ClassVar[bool] = False
    support: ClassVar[Range | None] = (0.0, 1.0)


class Biased(Normal):
    def sample(self, raw: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return super().sample(raw, generator) + 0.3


@wrong("L33", example=LIKELIHOOD)
class BiasedSpec(NormalSpec):
    """A normal density with samples beside the mean."""

    type: Literal["biased"] = "biased"
    module = Biased


class Valued(Normal):
    """With the density of each value."""

    def nll_values(self, raw: Tensor, x: Tensor) -> Tensor:
        return 0.5 * ((raw - x).square() + math.log(2 * math.pi))


@right(LIKELIHOOD)
class ValuedSpec(NormalSpec):
    """A normal density, value by value."""

    type: Literal["valued"] = "valued"
    valuewise: ClassVar[bool] = True
    module = Valued


class ValuesWithoutConstant(Valued):
    def nll_values(self, raw: Tensor, x: Tensor) -> Tensor:
        return 0.5 * (raw - x).square()


@wrong("L36", example=LIKELIHOOD)
class ValuesWithoutConstantSpec(ValuedSpec):
    """A normal density whose values leave out the constant."""

    type: Literal["values_without_constant"] = "values_without_constant"
    module = ValuesWithoutConstant


class SharedValues(Valued):
    def nll_values(self, raw: Tensor, x: Tensor) -> Tensor:
        shares = torch.full_like(raw, 1 / raw[0].numel())
        return shares * self.nll(raw, x).reshape(-1, *(1 for _ in raw.shape[1:]))


@wrong("L36", example=LIKELIHOOD)
class SharedValuesSpec(ValuedSpec):
    """A normal density of a sample in equal shares."""

    type: Literal["shared_values"] = "shared_values"
    module = SharedValues


# --- corruptions and constraints ----------------------------------------------------------------------------

CORRUPTION = 'corruption = ["wrong:{type}"]'


class Jitter(nn.Module):
    """x + std * noise."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return x + self.std * torch.randn(x.shape, generator=generator, dtype=x.dtype)


@right(CORRUPTION)
class JitterSpec(CorruptionSpec):
    """Noise on every value."""

    type: Literal["jitter"] = "jitter"
    strengths: ClassVar[tuple[str, ...]] = ("std",)
    module: ClassVar[Callable[[float], nn.Module]] = Jitter
    std: float = Field(0.1, ge=0, description="standard deviation")

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        return type(self).module(self.std)


@wrong("L03", example='latent = {{ type = "deterministic", dim = 2 }}')
class JitterOfAnotherExample(JitterSpec):
    """Noise whose example is another part's."""

    type: Literal["jitter_of_another_example"] = "jitter_of_another_example"


class Stubborn(Jitter):
    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return x + self.std * torch.randn_like(x)


@wrong("L23", example=CORRUPTION)
class StubbornSpec(JitterSpec):
    """Noise that does not ask the generator that it is given."""

    type: Literal["stubborn"] = "stubborn"
    module = Stubborn


class Numpy(Jitter):
    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return x + self.std * torch.from_numpy(np.random.standard_normal(tuple(x.shape))).to(x.dtype)


@wrong("L23", example=CORRUPTION)
class NumpySpec(JitterSpec):
    """Noise from the generator that all users of NumPy share."""

    type: Literal["numpy"] = "numpy"
    module = Numpy


class InPlace(Jitter):
    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return x.add_(self.std * torch.randn(x.shape, generator=generator, dtype=x.dtype))


@wrong("L24", "L50", example=CORRUPTION)
class InPlaceSpec(JitterSpec):
    """Noise that is written onto the clean input."""

    type: Literal["in_place"] = "in_place"
    module = InPlace


class Dimmed(Jitter):
    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return 0.9 * super().forward(x, generator)


@wrong("L43", example=CORRUPTION)
class DimmedSpec(JitterSpec):
    """Noise, and a little less light, however weak it is."""

    type: Literal["dimmed"] = "dimmed"
    module = Dimmed


CONSTRAINT = 'constraints.held = {{ type = "wrong:{type}" }}'


def _first(held: nn.Module) -> Tensor:
    return next(p for p in held.parameters() if p.ndim > 1)


@right(CONSTRAINT)
class BoundedSpec(ConstraintSpec):
    """No weight of the first map larger than 2."""

    type: Literal["bounded"] = "bounded"
    bounding: ClassVar[bool] = True

    def build(self) -> Callable[[nn.Module], None]:
        @torch.no_grad()
        def project(held: nn.Module) -> None:
            self.change(_first(held))

        return project

    def change(self, weight: Tensor) -> None:
        weight.clamp_(-2, 2)


@wrong("L44", example=CONSTRAINT)
class ShrinkingSpec(BoundedSpec):
    """Weights that shrink each time."""

    type: Literal["shrinking"] = "shrinking"

    def change(self, weight: Tensor) -> None:
        weight.mul_(0.99)


@wrong("L44", example=CONSTRAINT)
class UnguardedSpec(BoundedSpec):
    """Columns of length 1, of a column of zeros too."""

    type: Literal["unguarded"] = "unguarded"

    def change(self, weight: Tensor) -> None:
        weight.div_(weight.norm(dim=0, keepdim=True))


# --- terms --------------------------------------------------------------------------------------------------

REGULARIZER = 'regularizers.term = {{ type = "wrong:{type}", weight = 0.01 }}'


class Squares(nn.Module):
    def __init__(self, on: str) -> None:
        super().__init__()
        self.on = on

    def forward(self, out: Any) -> Tensor:
        return self.each(out.tap(self.on).flatten(1)).mean()

    def each(self, values: Tensor) -> Tensor:
        return values.square().sum(dim=1)


@right(REGULARIZER)
class SquaresSpec(RegularizerSpec):
    """The sum of squares of a tap."""

    type: Literal["squares"] = "squares"
    module: ClassVar[Callable[[str], nn.Module]] = Squares

    def build(self, shape: Shape) -> nn.Module:
        return type(self).module(self.on)


class Apart(Squares):
    def forward(self, out: Any) -> Tensor:
        known = (out.fields["label"] >= 0).to(out.x.dtype)
        values = self.each(out.tap(self.on).flatten(1))
        return (known * values).mean() * ((1 - known) * values).mean()


@right("fields.label = {{ classes = 3, missing = true }}\n    " + REGULARIZER)
class ApartSpec(SquaresSpec):
    """Squares of samples with a label times those of samples without: nothing, unless a batch has both."""

    type: Literal["apart"] = "apart"
    module = Apart


class Rooted(Squares):
    by_sample = True

    def forward(self, out: Any) -> Tensor:
        return self.each(out.tap(self.on).flatten(1)).mean().sqrt()


@wrong("L47", example=REGULARIZER)
class RootedSpec(SquaresSpec):
    """The root of a mean over samples, which says that it is such a mean."""

    type: Literal["rooted"] = "rooted"
    module = Rooted


class Summed(Squares):
    def forward(self, out: Any) -> Tensor:
        return self.each(out.tap(self.on).flatten(1)).sum()


@wrong("L41", example=REGULARIZER)
class SummedSpec(SquaresSpec):
    """The sum of squares of a tap and of a batch."""

    type: Literal["summed"] = "summed"
    module = Summed


class Scaled(Squares):
    def __init__(self, on: str, weight: ScheduleSpec) -> None:
        super().__init__(on)
        self.weight = weight.value(0, 1)

    def forward(self, out: Any) -> Tensor:
        return self.weight * super().forward(out)


@wrong("L45", example=REGULARIZER)
class ScaledSpec(SquaresSpec):
    """The sum of squares of a tap, times a weight that is applied elsewhere."""

    type: Literal["scaled"] = "scaled"

    def build(self, shape: Shape) -> nn.Module:
        return Scaled(self.on, self.weight)


@wrong("L58", example=REGULARIZER)
class StartingSpec(SquaresSpec):
    """A sum of squares that keeps to the first number of a schedule."""

    type: Literal["starting"] = "starting"
    margin: ScheduleSpec = Field(ConstantSpec(value=1.0), description="what is read, and never again")

    def build(self, shape: Shape) -> nn.Module:
        module = Squares(self.on)
        module.margin = self.margin.value(0, 1)
        return module


class Listed(Squares):
    def forward(self, out: Any) -> Tensor:
        return self.each(out.tap(self.on).flatten(1))


@wrong("L40", "L41", "L50", example=REGULARIZER)
class ListedSpec(SquaresSpec):
    """A sum of squares for each sample."""

    type: Literal["listed"] = "listed"
    module = Listed


class Lengths(Squares):
    def each(self, values: Tensor) -> Tensor:
        return (values - values).sum(dim=1).sqrt()


@wrong("L20", "L50", example=REGULARIZER)
class LengthsSpec(SquaresSpec):
    """A root whose slope is no number."""

    type: Literal["lengths"] = "lengths"
    module = Lengths


RATE = 'latent = {{ type = "gaussian", dim = 2 }}\n    regularizers.rate = {{ type = "wrong:{type}", weight = 0.01 }}'


class Rate(nn.Module):
    def forward(self, out: Any) -> Tensor:
        mean, logvar = out.code.mean.flatten(1), out.code.logvar.flatten(1)
        return self.each(mean, logvar).sum(dim=1).mean()

    def each(self, mean: Tensor, logvar: Tensor) -> Tensor:
        return 0.5 * (mean.square() + logvar.exp() - 1 - logvar)


@right(RATE)
class RateSpec(RegularizerSpec):
    """KL divergence to the standard normal."""

    type: Literal["rate"] = "rate"
    needs: ClassVar[frozenset[str]] = frozenset({"mean", "logvar"})
    rate: ClassVar[bool] = True
    module: ClassVar[Callable[[], nn.Module]] = Rate

    def build(self, shape: Shape) -> nn.Module:
        return type(self).module()


class Reversed(Rate):
    def each(self, mean: Tensor, logvar: Tensor) -> Tensor:
        return -super().each(mean, logvar)


@wrong("L34", "L50", example=RATE)
class ReversedSpec(RateSpec):
    """KL divergence with the sign of the ELBO."""

    type: Literal["reversed"] = "reversed"
    module = Reversed


class Halved(Rate):
    def each(self, mean: Tensor, logvar: Tensor) -> Tensor:
        return super().each(mean, logvar / 2)


@wrong("L34", example=RATE)
class HalvedSpec(RateSpec):
    """KL divergence that takes log variances for log deviations."""

    type: Literal["halved"] = "halved"
    module = Halved


OBJECTIVE = 'objective = "wrong:{type}"'


class Errors(nn.Module):
    def forward(self, out: Any, player: str) -> dict[str, Tensor]:
        return {"reconstruction": out.model.likelihood.nll(out.raw, out.x).mean()}


@right(OBJECTIVE)
class ErrorsSpec(ObjectiveSpec):
    """The mean of the losses of a batch."""

    type: Literal["errors"] = "errors"
    terms: ClassVar[frozenset[str]] = frozenset({"reconstruction"})

    def build(self, spec: Spec) -> nn.Module:
        return Errors()


class Norms(Errors):
    def score(self, out: Any) -> Tensor:
        return out.code.z.flatten(1).norm(dim=1)


@right(OBJECTIVE)
class NormsSpec(ErrorsSpec):
    """Scores by the length of a code."""

    type: Literal["norms"] = "norms"
    scores: ClassVar[bool] = True
    module: ClassVar[Callable[[], nn.Module]] = Norms

    def build(self, spec: Spec) -> nn.Module:
        return type(self).module()


class RelativeNorms(Norms):
    def score(self, out: Any) -> Tensor:
        return super().score(out) / super().score(out).sum()


@wrong("L46", example=OBJECTIVE)
class RelativeNormsSpec(NormsSpec):
    """Scores that depend on the other samples."""

    type: Literal["relative_norms"] = "relative_norms"
    module = RelativeNorms


class DrawnWeight(Norms):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.rand(()))

    def score(self, out: Any) -> Tensor:
        return self.weight * super().score(out)


@wrong("L46", example=OBJECTIVE)
class DrawnWeightSpec(NormsSpec):
    """Scores by a weight that is saved with no model."""

    type: Literal["drawn_weight"] = "drawn_weight"
    module = DrawnWeight


class OneScore(Norms):
    def score(self, out: Any) -> Tensor:
        return super().score(out).mean()


@wrong("L46", example=OBJECTIVE)
class OneScoreSpec(NormsSpec):
    """One score for all."""

    type: Literal["one_score"] = "one_score"
    module = OneScore


@wrong("L42", example=OBJECTIVE)
class UndeclaredSpec(ErrorsSpec):
    """A loss that is not called what it is declared as."""

    type: Literal["undeclared"] = "undeclared"
    terms: ClassVar[frozenset[str]] = frozenset({"error"})


class Critic(nn.Module):
    """A second player, who scores codes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1)

    def forward(self, out: Any, player: str) -> dict[str, Tensor]:
        if player == "model":
            return {"reconstruction": out.model.likelihood.nll(out.raw, out.x).mean()}
        return {"score": self.score(out.code.z.flatten(1).detach()).square().mean()}

    def own(self, player: str) -> Any:
        return self.score.parameters()


@right(OBJECTIVE)
class CriticSpec(ErrorsSpec):
    """A loss, and a critic beside it."""

    type: Literal["critic"] = "critic"
    players: ClassVar[tuple[str, ...]] = ("model", "critic")
    module: ClassVar[Callable[[int], nn.Module]] = Critic

    def build(self, spec: Spec) -> nn.Module:
        return type(self).module(flat(spec.code_shape))


class Idle(Critic):
    def own(self, player: str) -> Any:
        return iter(())


@wrong("L42", "L50", example=OBJECTIVE)
class IdleSpec(CriticSpec):
    """A critic without weights."""

    type: Literal["idle"] = "idle"
    module = Idle


class Judged(Squares):
    """Squares, and a player who scores codes."""

    def __init__(self, on: str) -> None:
        super().__init__(on)
        self.score = nn.Linear(2, 1)

    def losses(self, out: Any, player: str) -> dict[str, Tensor]:
        return {"score": self.score(out.code.z.flatten(1).detach()[:, :2]).square().mean()}

    def own(self, player: str) -> Any:
        return self.score.parameters()


@right(REGULARIZER)
class JudgedSpec(SquaresSpec):
    """A sum of squares, and a player beside it."""

    type: Literal["judged"] = "judged"
    players: ClassVar[tuple[str, ...]] = ("judge",)
    module = Judged


class IdleJudge(Judged):
    def own(self, player: str) -> Any:
        return iter(())


@wrong("L42", "L50", example=REGULARIZER)
class IdleJudgeSpec(JudgedSpec):
    """A sum of squares, and a player without weights."""

    type: Literal["idle_judge"] = "idle_judge"
    module = IdleJudge


# --- schedules, optimizers ----------------------------------------------------------------------------------

SCHEDULE = 'training.optimizer = {{ type = "adam", lr = {{ type = "wrong:{type}" }} }}'


@right(SCHEDULE)
class FallingSpec(ScheduleSpec):
    """From 0.01 to zero in a straight line."""

    type: Literal["falling"] = "falling"

    def value(self, step: int, steps: int) -> float:
        return 0.01 * max(0.0, 1 - step / max(1, steps))

    def bounds(self) -> Range:
        return 0.0, 0.01


@wrong("L51", example=SCHEDULE)
class LastStepSpec(FallingSpec):
    """From 0.01 to zero at the last step, of which a run of one step has none."""

    type: Literal["last_step"] = "last_step"

    def value(self, step: int, steps: int) -> float:
        return 0.01 * max(0.0, 1 - step / (steps - 1))


@wrong("L51", example=SCHEDULE)
class OvershootingSpec(FallingSpec):
    """From 0.01 to minus infinity, and declared to end at zero."""

    type: Literal["overshooting"] = "overshooting"

    def value(self, step: int, steps: int) -> float:
        return 0.01 * (1 - step / max(1, steps))


OPTIMIZER = 'training.optimizer = {{ type = "wrong:{type}" }}'


@right(OPTIMIZER)
class PlainSpec(OptimizerSpec):
    """Gradient descent."""

    type: Literal["plain"] = "plain"
    sign: ClassVar[float] = 1.0

    def state(self) -> int:
        return 0

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=lr, maximize=self.sign < 0)


@wrong("L52", example=OPTIMIZER)
class ClimbingSpec(PlainSpec):
    """Gradient ascent."""

    type: Literal["climbing"] = "climbing"
    sign: ClassVar[float] = -1.0


@wrong("L53", example=OPTIMIZER)
class HoardingSpec(PlainSpec):
    """Adam, which says that it keeps nothing."""

    type: Literal["hoarding"] = "hoarding"

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=lr)


# --- datasets, metrics --------------------------------------------------------------------------------------

DATASET = 'data = {{ type = "wrong:{type}" }}'


@right(DATASET)
class NoiseSpec(DatasetSpec):
    """Normal numbers."""

    type: Literal["noise"] = "noise"
    seed: int = Field(0, ge=0, description="of the numbers")

    def sample_shape(self) -> Shape:
        return (6,)

    def values(self) -> Any:
        return rng(self.seed, "noise").standard_normal((40, 6)).astype("float32")

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        return Samples(self.values(), "noise")


@wrong("L54", example=DATASET)
class NarrowSpec(NoiseSpec):
    """Normal numbers, fewer than declared."""

    type: Literal["narrow"] = "narrow"

    def values(self) -> Any:
        return super().values()[:, :5]


@wrong("L54", example=DATASET)
class LeakySpec(NoiseSpec):
    """Normal numbers, some of them for training and for the test."""

    type: Literal["leaky"] = "leaky"

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        return Samples(self.values(), "noise", splits={"train": np.arange(30), "test": np.arange(29, 40)})


@wrong("L55", example=DATASET)
class UnseededSpec(NoiseSpec):
    """Normal numbers, others each time."""

    type: Literal["unseeded"] = "unseeded"

    def values(self) -> Any:
        return np.random.standard_normal((40, 6)).astype("float32")


@wrong("L55", example=DATASET)
class SeedlessSpec(NoiseSpec):
    """Normal numbers, the same whatever the seed."""

    type: Literal["seedless"] = "seedless"

    def values(self) -> Any:
        return rng(0, "noise").standard_normal((40, 6)).astype("float32")


METRIC = 'type = "{type}"'


class Codes:
    """The mean of the codes."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, out: Any) -> None:
        self.total += out.code.z.double().sum().item()
        self.count += out.code.z.numel()

    def result(self) -> float:
        return self.total / self.count


@right(METRIC)
class CodesSpec(MetricSpec):
    """The mean of the codes."""

    type: Literal["codes"] = "codes"
    module: ClassVar[Callable[[], Any]] = Codes

    def build(self, spec: Spec) -> Any:
        return type(self).module()


class Latest(Codes):
    def update(self, out: Any) -> None:
        self.total, self.count = out.code.z.double().sum().item(), out.code.z.numel()


@wrong("L56", example=METRIC)
class LatestSpec(CodesSpec):
    """The mean of the codes of the last batch."""

    type: Literal["latest"] = "latest"
    module = Latest


class Shared(Codes):
    seen: ClassVar[list[float]] = []

    def update(self, out: Any) -> None:
        self.seen.append(out.code.z.double().mean().item())

    def result(self) -> float:
        return math.fsum(self.seen)


@wrong("L56", example=METRIC)
class SharedSpec(CodesSpec):
    """The sum of the means of all codes ever."""

    type: Literal["shared"] = "shared"
    module = Shared


class Boxed(Codes):
    def result(self) -> Any:
        return torch.tensor(super().result())


@wrong("L56", example=METRIC)
class BoxedSpec(CodesSpec):
    """The mean of the codes, in a tensor."""

    type: Literal["boxed"] = "boxed"
    module = Boxed


# --- variants, modules --------------------------------------------------------------------------------------

RIGHT_VARIANT = {"latent": {"type": "gaussian"}, "regularizers": {"kl": {"weight": 1.0}}}
WRONG_VARIANTS = {
    "unknown_key": {"encodr": []},
    "unknown_part": {"corruption": [{"type": "no_such_part"}]},
    "no_setting": {"likelihood": {"type": "huber", "delta": -1.0}},
}

#: What a module does when it is imported, by the law that it breaks.
WRONG_MODULES = {
    "torch": ("L08", "import torch"),
    "itself": ("L08", "import no_such_module"),
    "file": ("L09", "text = open(__file__).read()"),
    "socket": ("L09", "import socket\nsocket.socket().close()"),
    "process": ("L09", "import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''], check=True)"),
    "environment": ("L10", "import os\nos.environ['AN_IMPORT'] = '1'"),
    "path": ("L10", "import sys\nsys.path.append('somewhere')"),
    "warnings": ("L10", "import warnings\nwarnings.simplefilter('ignore')"),
    "logging": ("L10", "import logging\nlogging.basicConfig(level=10)"),
    "generator": ("L10", "import random\nrandom.seed(0)"),
    "signal": ("L10", "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)"),
    "thread": ("L10", "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"),
    "patch": ("L10", "import aezoo.spec.shape\naezoo.spec.shape.flat = len"),
}
