"""Spec: the whole document, a frozen value. What it means for shapes and taps is computed here, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from aezoo.errors import ShapeError
from aezoo.spec.canonical import to_json
from aezoo.spec.component import FIELDS, Frozen, Interval, Ints, Range, Strings, as_tuple, field_name
from aezoo.spec.contracts import several, shape_of
from aezoo.spec.domain import Domains
from aezoo.spec.fields import FieldSpec
from aezoo.spec.fingerprints import architecture_fingerprint, run_fingerprint
from aezoo.spec.kinds import (
    ConstraintSpec,
    CorruptionSpec,
    DatasetSpec,
    LatentSpec,
    LayerSpec,
    LikelihoodSpec,
    MetricSpec,
    ObjectiveSpec,
    ReadingLayerSpec,
    RegularizerSpec,
    Style,
)
from aezoo.spec.mirror import last_style, mirror_layers, mirror_source
from aezoo.spec.parts import parts
from aezoo.spec.reads import Stack, stacked
from aezoo.spec.shape import Shape
from aezoo.spec.training import TrainingSpec

#: What one axis more makes of a sample.
KINDS_BY_RANK = {1: "vector", 2: "signal", 3: "image", 4: "volume"}


def _named(value: Any) -> Any:
    """`regularizers.kl = {}`: the type defaults to the table's name."""
    if not isinstance(value, dict):
        return value
    return {key: {"type": key, **item} if isinstance(item, dict) else item for key, item in value.items()}


Layers = Annotated[tuple[LayerSpec, ...], BeforeValidator(as_tuple)]


class InputSpec(Frozen):
    """What goes in: `input = [1, 28, 28]` is short for `{shape = [1, 28, 28]}`."""

    kind: Literal["vector", "signal", "image", "volume", "tabular", "activations"] = Field(
        "image", description="by the shape's rank unless it says otherwise"
    )
    shape: Ints = Field(
        description="of one sample: [F], [C, L], [C, H, W] or [C, D, H, W]",
        json_schema_extra={"minItems": 1, "maxItems": 4, "items": {"type": "integer", "minimum": 1}},
    )
    sizes: Annotated[int, Field(ge=1)] | Literal["any"] | None = Field(
        None,
        description="other sizes that a trained model takes: those whose axes are divisible by this number, or any",
    )
    range: Interval | None = Field(None, description="lowest and highest value; [0, 1] for images")
    normalize: Literal["none", "standardize"] = Field(
        "none",
        description="standardize: zero mean, unit variance over the training split, for each feature or channel",
    )
    observed: str | None = Field(
        None, description="the field that is 1 where a value is known; others are 0 to the model, once normalized"
    )

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        table = {"shape": value} if isinstance(value, (list, tuple)) else value
        if not isinstance(table, dict) or not isinstance(table.get("shape"), (list, tuple)):
            return table
        kind = table.get("kind", KINDS_BY_RANK.get(len(table["shape"]), "vector"))
        return {**({"range": (0.0, 1.0)} if kind == "image" else {}), **table, "kind": kind}

    @model_validator(mode="after")
    def _sane(self) -> InputSpec:
        if not 1 <= len(self.shape) <= 4 or min(self.shape, default=0) < 1:
            raise ValueError(f"shape takes one to four positive axes, got {list(self.shape)}")
        if self.range and not self.range[0] < self.range[1]:
            raise ValueError(f"range takes the lower end first, got {list(self.range)}")
        return self

    @property
    def multiple(self) -> int | None:
        """What the sizes that the model takes are divisible by; None if it takes the declared one alone."""
        return 1 if self.sizes == "any" else self.sizes


class DecoderSpec(Frozen):
    """`"mirror"`, a table with changes to the mirror, a list of layers of its own, or `"none"`."""

    type: Literal["mirror", "layers", "none"] = Field(
        "mirror", description="the encoder led back, `layers` of its own, or none: a model that does not reconstruct"
    )
    upsampling: Literal["transposed", "resize"] = Field(
        "transposed",
        description="how a mirrored strided layer grows: transposed convolution, or resize then convolve",
    )
    tied: bool = Field(False, description="mirrored maps use the encoder's weights, transposed")
    layers: Layers = Field((), description="the decoder's own layers, from the code to the output")

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"type": value}
        if isinstance(value, (list, tuple)):
            return {"type": "layers", "layers": value}
        if isinstance(value, dict) and "layers" in value:
            return {"type": "layers", **value}
        return value

    @model_validator(mode="after")
    def _one_of_two(self) -> DecoderSpec:
        if self.type == "mirror" and self.layers:
            raise ValueError('a mirror has no layers of its own; leave them out, or write type = "layers"')
        if self.type == "none" and (self.layers or self.tied):
            raise ValueError('decoder = "none" has no layers, and ties none')
        return self


class Spec(Frozen):
    """An autoencoder, declared: what goes in, how it is coded, what comes out, how it is trained."""

    aezoo: Literal[1] = Field(1, description="version of the format")
    name: str = Field(
        min_length=1,
        max_length=100,
        pattern=r"^\w[\w.\- ]*$",
        description="of letters, digits, `_`, `.`, `-` and spaces",
    )
    description: str = Field("", description="one line for people")
    license: str = Field("", description="of the model: Apache-2.0, CC-BY-4.0 ...")
    paper: str = Field("", description="where the model comes from: arXiv:1312.6114")
    requires: Strings = Field((), description="distributions that must be installed: `aezoo-kan>=0.1`")
    input: InputSpec = Field(description="what goes in; a list is short for its `shape`")
    fields: dict[str, FieldSpec] = Field(
        default_factory=dict,
        exclude_if=lambda fields: not fields,  # documents of specs without fields stay as they are
        description="what goes along with each sample, by name: `label = {classes = 10}`",
    )
    target: str | None = Field(
        None, description="the field that the output is compared with: `fields.after`; the input unless said"
    )
    mask: str | None = Field(
        None, description="the field that is 1 where the output is compared with the target, and 0 where it is not"
    )
    corruption: Annotated[tuple[CorruptionSpec, ...], BeforeValidator(as_tuple)] = Field(
        (), description="what spoils the input, in order, in training only"
    )
    encoder: Layers = Field((), description="from the input to the features")
    latent: LatentSpec = Field(description="the bottleneck: from the features to the code")
    decoder: DecoderSpec = Field(
        default_factory=DecoderSpec, description="back from the code; `mirror`, a list of layers, or `none`"
    )
    likelihood: LikelihoodSpec = Field(default="mse", description="what the decoder's output means")  # type: ignore[assignment]
    regularizers: Annotated[dict[str, RegularizerSpec], BeforeValidator(_named)] = Field(
        default_factory=dict, description="penalties by name; the type defaults to the name"
    )
    constraints: Annotated[dict[str, ConstraintSpec], BeforeValidator(_named)] = Field(
        default_factory=dict,
        description="projections of weights by name, after each step; the type defaults to the name",
    )
    objective: ObjectiveSpec = Field(default="standard", description="how the loss is made")  # type: ignore[assignment]
    metrics: Annotated[tuple[MetricSpec, ...], BeforeValidator(as_tuple)] = Field(
        (), description="what judges it, beside the metrics that apply by themselves"
    )
    data: DatasetSpec | None = Field(
        None, description="where samples come from; train and evaluate can be given others"
    )
    training: TrainingSpec = Field(default_factory=dict, validate_default=True, description="how it is trained")

    @field_validator("aezoo", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        if isinstance(value, bool):  # which Python takes for 1
            raise ValueError("takes the number of the format")
        return value

    @field_validator("fields", mode="after")
    @classmethod
    def _tappable(cls, fields: dict[str, FieldSpec]) -> dict[str, FieldSpec]:
        for name in fields:
            if not name.isidentifier():
                raise ValueError(f"the name of a field takes letters, digits and _, got {name!r}")
        return fields

    def __hash__(self) -> int:
        return hash(to_json(self.document()))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Spec:
        """A copy with some fields changed, and nothing remembered of what was worked out for the old ones."""
        copy = super().model_copy(update=update, deep=deep)
        for name in set(copy.__dict__) - set(type(self).model_fields):
            del copy.__dict__[name]
        return copy

    # --- fields -----------------------------------------------------------------------------------------------

    @property
    def target_shape(self) -> Shape:
        """Of what the output is compared with: the input, or the field that `target` names."""
        if self.target is None:
            return self.input.shape
        field = self.fields.get(field_name(self.target))
        if field is None or field.shape is None:
            raise ShapeError(f"no field with a shape is called {self.target!r}")
        return field.shape

    @property
    def target_range(self) -> Range | None:
        """Between what the target's values lie, in data units; None if nothing is declared."""
        if self.target is None:
            return self.input.range
        field = self.fields.get(field_name(self.target))
        return field.range if field else None

    @property
    def input_domains(self) -> tuple[Domains, ...]:
        """What the input is, feature by feature: by the encoder's first layer, and by the likelihood if it is that of
        the input."""
        first = tuple(layer.domains(self.input.shape) for layer in self.encoder[:1])
        return first if self.target is not None else (*first, self.target_domains)

    @property
    def target_domains(self) -> Domains:
        """What the output is compared with, feature by feature, by the likelihood."""
        return self.likelihood.domains(self.target_shape)

    @property
    def input_fields(self) -> frozenset[str]:
        """The fields that encoding reads."""
        return self.fields_read((self.encoder, self.latent), self.input.observed)

    @property
    def code_fields(self) -> frozenset[str]:
        """The fields that decoding reads."""
        return self.fields_read(self.decoder_layers())

    @property
    def score_fields(self) -> frozenset[str]:
        """The fields that comparing an output with its target reads, those of the way there included."""
        return self.input_fields | self.code_fields | self.fields_read((), self.target, self.mask)

    def fields_read(self, stack: Any, *taps: str | None) -> frozenset[str]:
        """The fields that parts, at any depth, and taps name."""
        names: Iterable[str] = (name for _, part in parts(stack) for name in part.reads_fields())
        named = {*names, *(field_name(tap) for tap in taps if tap)}
        return frozenset(name for name in self.fields if name in named)

    def at(self, shape: Shape) -> Spec:
        """This spec for samples of another shape."""
        if shape == self.input.shape:
            return self
        return self.model_copy(update={"input": self.input.model_copy(update={"shape": shape})})

    # --- shapes: each raises ShapeError, with the index of the layer, where the parts do not fit -------------

    @cached_property
    def readable_fields(self) -> Mapping[str, Shape]:
        """Shapes of the fields as a layer reads them, by tap: a class one-hot."""
        return {f"{FIELDS}{name}": field.read_shape for name, field in self.fields.items()}

    @cached_property
    def _encoder(self) -> Stack:
        return stacked("encoder", self.encoder, self.input.shape, self.readable_fields)

    def encoder_layers(self) -> tuple[LayerSpec, ...]:
        """The encoder's declarations; those that read a tap know its shape."""
        return self._encoder.layers

    @property
    def encoder_shapes(self) -> list[Shape]:
        """Shape before each encoder layer, and after the last."""
        return self._encoder.shapes

    @property
    def feature_shape(self) -> Shape:
        """What the latent takes."""
        return self.encoder_shapes[-1]

    @property
    def code_shape(self) -> Shape:
        return shape_of(self.latent, "code_shape", self.latent.code_shape(self.feature_shape))

    @property
    def reconstructs(self) -> bool:
        """Whether there is a decoder, and with it a likelihood; else it codes samples, and may score them."""
        return self.decoder.type != "none"

    @property
    def decodes(self) -> bool:
        """Whether what the decoder makes of the code of a whole sample means anything: training compares that, too."""
        return self.reconstructs and not self.objective.fills_in

    @property
    def raw_shape(self) -> Shape:
        """What the decoder gives: the parameters of the likelihood."""
        return shape_of(self.likelihood, "raw_shape", self.likelihood.raw_shape(self.target_shape))

    @property
    def levels(self) -> tuple[int, ...]:
        """Which layers of the decoder are stochastic: the levels of a hierarchy, below the code."""
        layers = enumerate(self.decoder.layers)
        return tuple(i for i, layer in layers if isinstance(layer, ReadingLayerSpec) and layer.stochastic)

    def decoder_layers(self) -> tuple[LayerSpec, ...]:
        """The decoder's declarations, mirrored or its own, from the code to the output.

        Those that read a tap know its shape.
        """
        reading = any(isinstance(layer, ReadingLayerSpec) for layer in self._declared_decoder)
        return self._decoder.layers if reading else self._declared_decoder

    @cached_property
    def _decoder(self) -> Stack:
        encoder = {f"encoder.{i}": shape for i, shape in enumerate(self.encoder_shapes[1:])}
        return stacked("decoder", self._declared_decoder, self.code_shape, {**self.readable_fields, **encoder})

    @cached_property
    def _declared_decoder(self) -> tuple[LayerSpec, ...]:
        if self.decoder.type != "mirror":
            return self.decoder.layers
        style = Style(upsampling=self.decoder.upsampling)
        encoder = self.encoder_layers()
        features = mirror_source(encoder, self.input.shape, target=self.raw_shape)
        led = self.latent.mirror(features, style=last_style(encoder, upsampling=self.decoder.upsampling))
        back = several(self.latent, "mirror", led, LayerSpec, "a list of layers")
        return (*back, *mirror_layers(encoder, self.input.shape, target=self.raw_shape, style=style))

    @property
    def decoder_shapes(self) -> list[Shape]:
        """Shape before each decoder layer, and after the last."""
        return self._decoder.shapes

    @cached_property
    def taps(self) -> Mapping[str, Shape]:
        """Every named value of a pass and its shape."""
        features, latent = self.feature_shape, self.latent
        named = {
            field: shape_of(latent, "tap_shape", latent.tap_shape(field, features)) for field in sorted(latent.provides)
        }
        return {
            "input.clean": self.input.shape,
            "input.corrupted": self.input.shape,
            **{f"encoder.{i}": shape for i, shape in enumerate(self.encoder_shapes[1:])},
            "latent": self.code_shape,
            **named,
            **{f"decoder.{i}": shape for i, shape in enumerate(self.decoder_shapes[1:])},
            **({"output": self.target_shape} if self.reconstructs else {}),
            **{f"{FIELDS}{name}": field.sample_shape for name, field in self.fields.items()},
        }

    @property
    def parameters(self) -> int:
        """How many weights the model has."""
        pairs = zip(self.encoder_layers(), self.encoder_shapes, strict=False)
        encoder = sum(layer.parameters(shape) for layer, shape in pairs)
        decoder = sum(self.decoder_parameters())
        prior = self.latent.prior
        return (
            encoder
            + self.latent.parameters(self.feature_shape)
            + (prior.parameters(self.code_shape, self) if prior else 0)
            + decoder
            + self.likelihood.parameters(self.target_shape)
        )

    def decoder_parameters(self) -> list[int]:
        """How many weights each decoder layer has of its own: a tied map borrows all but its bias and norm."""
        tied, pairs = self.decoder.tied, zip(self.decoder_layers(), self.decoder_shapes, strict=False)
        return [layer.parameters(shape) - (layer.borrowed(shape) if tied else 0) for layer, shape in pairs]

    # --- text and fingerprints --------------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """The resolved spec as a plain mapping: defaults written, no macros, no nulls."""
        unused = None if self.reconstructs else {"likelihood"}
        return self.model_dump(mode="json", exclude_none=True, exclude=unused)

    @cached_property
    def arch(self) -> str:
        """Fingerprint of what weights depend on."""
        return architecture_fingerprint(self, self.input_fields | self.code_fields | self.fields_read((), self.target))

    @cached_property
    def run(self) -> str:
        """Fingerprint of all but names and descriptions."""
        return run_fingerprint(self)
