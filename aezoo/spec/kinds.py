"""One base for each kind of part: what a part of that kind says, and what its `build()` gives.

A declaration says what is wanted and imports no torch; its `build()` is the only bridge to tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from aezoo.errors import DataError, NotFound
from aezoo.errors import Path as Place
from aezoo.files import expanded
from aezoo.hints import assigned
from aezoo.spec.component import Component, Range, Remark
from aezoo.spec.contracts import value_of
from aezoo.spec.shape import Shape, flat, text
from aezoo.spec.tying import Affine

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from aezoo.data.samples import Samples
    from aezoo.nn.code import Accumulator, Prior
    from aezoo.spec.document import Spec
    from aezoo.spec.player import PlayerSpec

# --- layers --------------------------------------------------------------------------------------------


#: Pointwise functions that a layer may end in.
Activation = Literal[
    "identity",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "tanh",
    "sigmoid",
    "softplus",
    "hardtanh",
]
#: Between what their values lie.
RANGES: Mapping[str, Range] = {
    "identity": (-inf, inf),
    "relu": (0.0, inf),
    "leaky_relu": (-inf, inf),
    "elu": (-1.0, inf),
    "selu": (-1.7582, inf),
    "gelu": (-0.17, inf),
    "silu": (-0.2785, inf),
    "mish": (-0.3089, inf),
    "tanh": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "softplus": (0.0, inf),
    "hardtanh": (-1.0, 1.0),
}
Norm = Literal["none", "batch", "layer", "group", "instance"]
#: How a mirrored layer grows: a transposed convolution, or a resize and a plain convolution.
Upsampling = Literal["transposed", "resize"]


class Style(NamedTuple):
    """How a mirrored layer ends: taken from the encoder layer before its source."""

    activation: Activation = "identity"
    norm: Norm = "none"
    upsampling: Upsampling = "transposed"


class LayerSpec(Component):
    """A layer of an encoder, a decoder or a body: [B, *shape] -> [B, *output_shape(shape)]."""

    kind: ClassVar[str] = "layer"
    #: True if the layer only moves or rescales values (flatten, pool, activation): its mirror then passes on
    #: whatever shape it is asked for. A layer with weights makes any shape it is asked for: False.
    carries: ClassVar[bool] = False

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of what comes out, or `ShapeError`."""
        raise NotImplementedError

    def style(self) -> Style | None:
        """How this layer ends (activation, norm); None for one that has nothing to say about it."""
        return None if self.carries else Style()

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        """The layers that lead back from `output_shape(shape)` to `target`, ending in `style`.

        `target` is `shape`, except next to the output, where the likelihood may ask for more channels.
        Raise `NoMirror` if there is none.
        """
        from aezoo.errors import NoMirror

        raise NoMirror(f"layer {self.tag()!r} has no mirror(); write the decoder's layers yourself: decoder = [...]")

    def parameters(self, shape: Shape) -> int:
        """How many weights the layer has for an input of this shape (counted without torch)."""
        return 0

    def borrowed(self, shape: Shape) -> int:
        """How many of these a tied layer has from its source: those of its map, without bias and norm."""
        return sum(one.weights for one in self.maps(shape) or ())

    def inside(self, shape: Shape) -> Iterator[tuple[Place, LayerSpec, Shape]]:
        """The layers that it holds: for each its place in this table, itself, and the shape that it is given.

        Unless a layer says otherwise, each of its lists of layers is a chain that begins at `shape`.
        """
        for name in type(self).model_fields:
            held = getattr(self, name)
            given = shape
            for i, layer in enumerate(held if isinstance(held, tuple) else (held,)):
                if isinstance(layer, LayerSpec):
                    yield (name, i) if isinstance(held, tuple) else (name,), layer, given
                    given = layer.output_shape(given)

    def modules(self, shape: Shape) -> int:
        """How many layers it is made of: itself and those inside; a map with its norm and activation is one."""
        return 1 + sum(layer.modules(given) for _, layer, given in self.inside(shape))

    def activations(self, shape: Shape) -> int:
        """How many values a forward pass keeps of a sample: what comes out, and what comes out of those inside."""
        within = sum(layer.activations(given) for _, layer, given in self.inside(shape))
        return flat(self.output_shape(shape)) + within

    def maps(self, shape: Shape) -> Sequence[Affine] | None:
        """Its linear maps and convolutions, in order: what a constraint projects and a tied decoder shares.

        None if it does not say; only building it tells, then.
        """
        return () if self.carries else None

    def batch_norm(self, shape: Shape) -> Shape | None:
        """The shape whose channels it normalizes over the batch, those of layers inside not counted; else None."""
        return None

    def draws(self) -> bool:
        """Whether it adds noise in training, as dropout does."""
        return False

    def build(self, shape: Shape) -> nn.Module:
        """The layer, for inputs [B, *shape]."""
        raise NotImplementedError


# --- latents and priors --------------------------------------------------------------------------------


class PriorSpec(Component):
    """A density over codes: what `sample` draws from."""

    kind: ClassVar[str] = "prior"
    #: Whether it is fitted to codes after training: until then there is nothing to draw from.
    fitted: ClassVar[bool] = False

    def build(self, shape: Shape) -> Prior:
        """A module with `sample(n, generator) -> [n, *shape]`, `log_prob(z) -> [B]`, `fit(codes)`."""
        raise NotImplementedError


class LatentSpec(Component):
    """The bottleneck: features [B, *shape] -> a code with a `z` [B, *code_shape(shape)] and what it provides."""

    kind: ClassVar[str] = "latent"
    #: Fields of the code beside `z`: what a regularizer may need.
    provides: ClassVar[frozenset[str]] = frozenset()
    #: The field that "the code of x" means: what `encode` returns and what the tap `latent` reads.
    point: ClassVar[str] = "z"
    #: Whether `z` is drawn, in training, from a posterior: it then wants a term that limits its information.
    noisy: ClassVar[bool] = False
    #: Whether how many values may be active is fixed by construction: it wants no sparsity penalty.
    sparse: ClassVar[bool] = False
    #: Whether `z` is one of finitely many codes, whose information no penalty has to limit.
    quantized: ClassVar[bool] = False
    #: The provided field that names `z` by whole numbers (indices into a codebook), each below `alphabet()`; then
    #: `encode` can give it, `decode` takes it, and the module has `embed(indices) -> z`. Empty if there is none.
    discrete: ClassVar[str] = ""
    dim: int = Field(ge=1, description="width of the code: values, or channels of a spatial one")
    prior: PriorSpec | None = Field(None, description="density that `sample` draws from")

    def code_shape(self, shape: Shape) -> Shape:
        """Shape of `z` for features of this shape."""
        raise NotImplementedError

    def tap_shape(self, field: str, shape: Shape) -> Shape:
        """Shape of a provided field; the code's own unless the latent says otherwise."""
        return self.code_shape(shape)

    def alphabet(self) -> int:
        """How many values an entry of the discrete code takes; 0 if there is none."""
        return 0

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        """The layers that lead from `z` back to features of `shape`, ending in `style`."""
        raise NotImplementedError

    def parameters(self, shape: Shape) -> int:
        """How many weights it has for features of this shape (counted without torch)."""
        return 0

    def activations(self, shape: Shape) -> int:
        """How many values a forward pass keeps of a sample: the code, and what it provides."""
        provided = sum(flat(self.tap_shape(field, shape)) for field in self.provides)
        return flat(self.code_shape(shape)) + provided

    def maps(self, shape: Shape) -> Sequence[Affine] | None:
        """As for a layer: its linear maps and convolutions, in order; None if it does not say."""
        return None

    def build(self, shape: Shape) -> nn.Module:
        """A module: `forward(h, generator=None) -> code` (a NamedTuple); without a generator it draws nothing.

        It may learn beside the gradient (running means, restarts) in a forward pass in training, as batch
        normalization does: in buffers, without a change in evaluation.
        """
        raise NotImplementedError


# --- likelihoods ---------------------------------------------------------------------------------------


class LikelihoodSpec(Component):
    """What the decoder's output means: a density of the data."""

    kind: ClassVar[str] = "likelihood"
    #: Whether `nll` is that of a density, constants and all: only then is there an ELBO.
    density: ClassVar[bool] = True
    #: Between what the data must lie; None for any numbers.
    support: ClassVar[Range | None] = None

    def raw_shape(self, shape: Shape) -> Shape:
        """What the decoder has to give for data of `shape`: more channels for more parameters."""
        return shape

    def raw_range(self, data: Range) -> Range | None:
        """Between what the decoder may have to give its values, for data of this range; None if it does not say."""
        return None

    def parameters(self, shape: Shape) -> int:
        """How many weights it has (counted without torch)."""
        return 0

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.support is None:
            return
        low, high = self.support
        said = spec.input.range if spec.input.normalize == "none" else None
        if said is None or not low <= said[0] < said[1] <= high:
            yield Remark(
                f"{self.tag()} takes data in [{low:g}, {high:g}], and the input does not declare them",
                f'input = {{shape = [...], range = [{low:g}, {high:g}], normalize = "none"}}, or another likelihood',
                code="AZ519",
            )

    def build(self, shape: Shape) -> nn.Module:
        """A module with `mean(raw) -> [B, *shape]`, `nll(raw, x) -> [B]` in nats, summed over the sample,
        and `sample(raw, generator) -> [B, *shape]`."""
        raise NotImplementedError


# --- schedules -----------------------------------------------------------------------------------------


class ScheduleSpec(Component):
    """A number that changes with the step; a plain number is short for a constant."""

    kind: ClassVar[str] = "schedule"

    @classmethod
    def expand(cls, value: Any) -> Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return ConstantSpec(value=value)
        return super().expand(value)

    def value(self, step: int, steps: int) -> float:
        """The number at `step` (from 0) of a run of `steps`."""
        raise NotImplementedError

    def bounds(self) -> Range | None:
        """Between what its numbers lie, however long the run; None if it does not say."""
        return None


# It stands here, beside its base, so that a plain number needs no registry: weights and rates default to one.
class ConstantSpec(ScheduleSpec):
    """The same number at every step; written as the bare number it is.

    Example:
        [regularizers.kl]
        weight = 0.5
    """

    type: Literal["constant"] = "constant"
    number: float = Field(alias="value", description="the number")

    @model_serializer(mode="wrap")
    def _write(self, handler: SerializerFunctionWrapHandler) -> Any:
        return self.number

    def value(self, step: int, steps: int) -> float:
        return self.number

    def bounds(self) -> Range:
        return self.number, self.number


# --- terms ---------------------------------------------------------------------------------------------


class RegularizerSpec(Component):
    """One penalty of the loss, in nats: summed over a sample's axes, averaged over the batch.

    The weight is applied by the objective; no regularizer touches it.
    """

    kind: ClassVar[str] = "regularizer"
    #: What the latent must provide.
    needs: ClassVar[frozenset[str]] = frozenset()
    #: Whether it limits what the code can tell of the input, as a KL to the prior does: a rate.
    rate: ClassVar[bool] = False
    #: Whether it asks for few active values.
    sparsifies: ClassVar[bool] = False
    weight: ScheduleSpec = Field(ConstantSpec(value=1.0), description="factor of the term; a number or a schedule")
    on: str = Field("latent", description="the tap it reads: latent, encoder.1, input.clean, output ...")

    @property
    def weighted(self) -> bool:
        """Whether its weight is ever but 1: only then is `name.weighted` logged beside `name`."""
        return self.weight.bounds() != (1.0, 1.0)

    def build(self, shape: Shape) -> nn.Module:
        """A module: `forward(out: Output) -> Tensor []`. `shape` is that of the tap `on`."""
        raise NotImplementedError


class ConstraintSpec(Component):
    """A projection of weights, applied in place after each step."""

    kind: ClassVar[str] = "constraint"
    #: Whether what it holds cannot grow without end.
    bounding: ClassVar[bool] = False
    on: str = Field("decoder", description="a layer, `decoder.0`, or a whole stack, `decoder`")

    def build(self) -> Callable[[nn.Module], None]:
        """A function that projects the weights of one module in place.

        If it has a method `tangent(module)`, that is called after each gradient, before clipping, to take out of it
        what the projection would undo.
        """
        raise NotImplementedError


class CorruptionSpec(Component):
    """What spoils the input, in training only; the target stays clean."""

    kind: ClassVar[str] = "corruption"
    #: Fields that say how strong it is: with all of these at 0 it leaves every input as it is.
    strengths: ClassVar[tuple[str, ...]] = ()

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        """A module: `forward(x, generator) -> Tensor` of x's shape; `x` [B, *shape] is not modified."""
        raise NotImplementedError


class ObjectiveSpec(Component):
    """How the losses are made from a pass, for each player in turn."""

    kind: ClassVar[str] = "objective"
    #: Who plays: each has its own parameters, optimizer and terms. One, or say model and critic.
    players: ClassVar[tuple[str, ...]] = ("model",)
    #: What the first player's own terms are called: names that no regularizer can have.
    terms: ClassVar[frozenset[str]] = frozenset()
    #: Whether its own terms limit what the code can tell, as the bound of several samples does.
    rate: ClassVar[bool] = False
    #: Whether a model that copies its input would be perfect; a masked objective says no.
    copying: ClassVar[bool] = True

    def player(self, name: str) -> PlayerSpec | None:
        """How and when this player moves; None for as `training` says, at every step."""
        return None

    def weights(self) -> Mapping[str, ScheduleSpec]:
        """Factors of its own terms, 1 for those not named; of a player after the first by `player.term`."""
        return {}

    def parameters(self, spec: Spec) -> int:
        """How many weights it has of its own, a critic's (counted without torch)."""
        return 0

    def build(self, spec: Spec) -> nn.Module:
        """A module: `forward(out: Output, player: str) -> dict[str, Tensor []]`, the raw terms of that player.

        Parameters of its own (a critic's) belong to the players after the first: `own(player) -> parameters`. The first
        player moves the model, unless there is a method `split(model) -> {player: modules of the model that it moves}`.
        What a player does not move is held still in its turn.
        """
        raise NotImplementedError


# --- training, data, judging ---------------------------------------------------------------------------


class OptimizerSpec(Component):
    """How weights move."""

    kind: ClassVar[str] = "optimizer"
    lr: ScheduleSpec = Field(ConstantSpec(value=1e-3), description="learning rate; a number or a schedule")

    @field_validator("lr")
    @classmethod
    def _downhill(cls, lr: ScheduleSpec) -> ScheduleSpec:
        if min(lr.bounds() or (value_of(lr, 0, 1), value_of(lr, 2**62, 1))) < 0:
            raise ValueError("a learning rate is 0 or more, from first to last")
        return lr

    def state(self) -> int | None:
        """How many values it keeps for each weight from step to step, at most; None if it does not say."""
        return None

    def decay(self) -> float:
        """How strongly it pulls weights to zero: its field `weight_decay`, if it has one."""
        return float(getattr(self, "weight_decay", 0.0))

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        """The optimizer over these parameters, fused where torch offers it."""
        raise NotImplementedError


class DatasetSpec(Component):
    """Where samples come from."""

    kind: ClassVar[str] = "dataset"

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        """All samples, in memory or mapped. `shape` is the spec's input shape, for sources that can adapt to it
        (a folder of images resized as declared); None leaves them as they are. Raises `DataError`, `NotFound`."""
        raise NotImplementedError

    def sample_shape(self) -> Shape | None:
        """Shape of a sample, where it is known without loading anything."""
        return None

    def fractions(self) -> tuple[float, float]:
        """Shares held out for validation and test, where the samples come without splits of their own."""
        return 0.1, 0.1

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        shape = self.sample_shape()
        if shape is not None and shape != spec.input.shape:
            yield Remark(
                f"{self.tag()} gives samples {text(shape)}, the input is {text(spec.input.shape)}",
                hint=f"write input.shape = {list(shape)}",
            )


class SplitDatasetSpec(DatasetSpec):
    """Base of the sets that come without splits of their own: says how much is held out."""

    validation: float = Field(0.1, ge=0, lt=1, description="share of the samples held out for validation")
    test: float = Field(0.1, ge=0, lt=1, description="share of the samples held out for the test")

    def fractions(self) -> tuple[float, float]:
        return self.validation, self.test

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.validation + self.test >= 1:
            yield Remark("validation and test leave nothing to train on", hint="let them add up to less than 1")
        yield from super().remarks(spec)


class FileDatasetSpec(SplitDatasetSpec):
    """Base of the sets that are read from a file or a folder."""

    #: Endings of the files it reads, for callers that give nothing but a path; "/" stands for a folder.
    suffixes: ClassVar[tuple[str, ...]] = ()
    path: str = Field(min_length=1, description="file or folder, from the working folder or absolute")
    limit: int | None = Field(None, ge=1, description="take only so many samples, evenly spaced over the source")

    def found(self) -> Path:
        """The path, or `NotFound`."""
        path = expanded(Path(self.path))
        if not path.exists():
            raise NotFound(f"{path.absolute()}: no such file or folder")
        return path

    def at(self, path: Path) -> Self:
        """The set at another path, all of it, read in the same way; names that only this file has are dropped."""
        return self.model_copy(update={"path": str(path), "limit": None})

    @staticmethod
    def setting(key: str, value: object) -> str:
        """What a user types to have the data read with another setting: `--set data.key=images`."""
        return assigned(f"data.{key}", value)

    @staticmethod
    @contextmanager
    def reading(path: Path) -> Iterator[None]:
        """Turn whatever a parser makes of a damaged file into one `DataError` that names the file."""
        try:
            yield
        except DataError:
            raise
        except Exception as error:  # damaged files raise a dozen types, from SyntaxError to zlib.error
            raise DataError(
                f"{path}: cannot be read: {error}", hint="it is damaged, or not what its name says"
            ) from error

    def picked(self, n: int) -> range | list[int]:
        """Which of `n` samples to take: all, or `limit` of them, from all over the source (it may be sorted)."""
        limit = self.limit or n
        return range(n) if limit >= n else [row * n // limit for row in range(limit)]


class MetricSpec(Component):
    """One number that judges a model on a split.

    An evaluation takes every metric that means something for the spec: in the box, of a plugin that the spec names,
    and those in its `metrics`.
    """

    kind: ClassVar[str] = "metric"
    #: Whether it judges a pass that draws the latent noise, instead of one that draws nothing.
    noisy: ClassVar[bool] = False
    #: "lower", "higher", or "" for a number that only describes.
    better: ClassVar[str] = "lower"

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        """Whether the number means something for this spec."""
        return True

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if not self.applies(spec):
            yield Remark(f"{self.tag()} means nothing for this spec", "leave it out")
        if sum(metric.tag() == self.tag() for metric in spec.metrics) > 1:
            yield Remark(f"{self.tag()} stands twice", "a metric has one number: keep one of them")

    def build(self, spec: Spec) -> Accumulator:
        """An object with `update(out: Output)` for each batch and `result() -> float`."""
        raise NotImplementedError


#: Every kind and its base. A new kind is a row here.
KINDS: dict[str, type[Component]] = {
    base.kind: base
    for base in (
        LayerSpec,
        LatentSpec,
        PriorSpec,
        LikelihoodSpec,
        RegularizerSpec,
        ConstraintSpec,
        CorruptionSpec,
        ObjectiveSpec,
        ScheduleSpec,
        OptimizerSpec,
        DatasetSpec,
        MetricSpec,
    )
}


def flat_parameters(inputs: Shape, outputs: Shape) -> int:
    """Weights and biases of a dense map between two shapes."""
    return (flat(inputs) + 1) * flat(outputs)
