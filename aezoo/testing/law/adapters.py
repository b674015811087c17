"""Adapters: build and run a part of any kind in one way, with inputs that fit it and its outputs by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from math import isinf
from typing import Any

import torch
from torch import Generator, Tensor, nn

from aezoo.building.builder import assemble
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Attached, Draw, Output
from aezoo.nn.corruption import corrupt
from aezoo.nn.latent import standard_normal
from aezoo.registry.attribution import BUILT_BY
from aezoo.spec.canonical import to_json
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import LayerSpec, ObjectiveSpec, ReadingLayerSpec
from aezoo.spec.shape import Shape, flat
from aezoo.testing.law.rng_state import reseed, seed_global
from aezoo.testing.law.under_test import PartUnderTest

Tensors = tuple[Tensor, ...]


def generator(seed: int) -> Generator:
    """A generator on the CPU."""
    return Generator().manual_seed(seed)


class Adapter:
    """One way to build and run a part, whatever its kind.

    Args:
        part: The part.
        spec: The spec that holds it.
        shape: Of its input, without the batch axis.
    """

    def __init__(self, part: Any, spec: Spec, shape: Shape) -> None:
        self.part = part
        self.spec = spec
        self.shape = shape

    def __str__(self) -> str:
        settings = self.part.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        table = {"type": self.part.tag(), **settings} if isinstance(settings, dict) else settings
        return f"{to_json(table, indent=None)} for {list(self.shape)}"

    @property
    def declared(self) -> dict[str, Shape]:
        """Declared shapes of its outputs, without the batch axis, by name."""
        raise NotImplementedError

    def build(self) -> nn.Module:
        """Its module, in training mode; the same weights every time."""
        with torch.random.fork_rng(devices=[]):
            seed_global(0)
            return self.build_unseeded().train()

    def build_unseeded(self) -> nn.Module:
        """Its module, the weights drawn from the global generator."""
        return build_module(self.part, self.shape)  # type: ignore[no-any-return]

    def inputs(self, n: int, noise: Generator | None = None) -> Tensors:
        """Inputs of the module for `n` samples."""
        return (torch.randn(n, *self.shape, generator=noise),)

    def run(self, module: nn.Module, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        """The module's outputs, by name; without a generator nothing is drawn."""
        raise NotImplementedError


class LayerAdapter(Adapter):
    """A layer; what one reads is its second input. Of a stochastic one the output is the value that goes on."""

    @property
    def declared(self) -> dict[str, Shape]:
        return {"output": self.part.output_shape(self.shape)}

    def inputs(self, n: int, noise: Generator | None = None) -> Tensors:
        h = super().inputs(n, noise)
        if not isinstance(self.part, ReadingLayerSpec):
            return h
        return (*h, torch.randn(n, *self.part.read_shape, generator=noise))

    def run(self, module: nn.Module, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        if not getattr(self.part, "stochastic", False):
            return {"output": module(*inputs)}
        level = module(*inputs, draw_from(noise))
        return {"output": level.h, "log_ratio": level.log_ratio()}


def draw_from(noise: Generator | None) -> Draw | None:
    """What stochastic layers draw with, from a generator; None draws nothing."""
    return None if noise is None else partial(standard_normal, generator=noise)


class LatentAdapter(Adapter):
    @property
    def declared(self) -> dict[str, Shape]:
        code = self.part.code_shape(self.shape)
        return {"z": code} | {field: self.part.tap_shape(field, self.shape) for field in sorted(self.part.provides)}

    def run(self, module: nn.Module, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        code = module(*inputs, noise)
        return {name: value for name, value in code._asdict().items() if isinstance(value, Tensor)}


class LikelihoodAdapter(Adapter):
    @property
    def declared(self) -> dict[str, Shape]:
        values = {"nll_values": self.shape} if self.part.valuewise else {}
        return {"mean": self.shape, "nll": (), **values, "sample": self.shape}

    def inputs(self, n: int, noise: Generator | None = None) -> Tensors:
        raw = torch.randn(n, *self.part.raw_shape(self.shape), generator=noise)
        x = torch.randn(n, *self.shape, generator=noise)
        return raw, (x if self.part.support is None else _within(x, self.part.support))

    def run(self, module: Any, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        raw, x = inputs
        outputs = {"mean": module.mean(raw), "nll": module.nll(raw, x)}
        if self.part.valuewise:
            outputs["nll_values"] = module.nll_values(raw, x)
        return outputs if noise is None else {**outputs, "sample": module.sample(raw, noise)}


class PriorAdapter(Adapter):
    """A prior, fitted if it can be; one that reads other parts of its model is run within a whole model."""

    @property
    def declared(self) -> dict[str, Shape]:
        return {"sample": self.shape} | ({"log_prob": ()} if self.part.density else {})

    def build_unseeded(self) -> nn.Module:
        module = build_module(self.part, self.shape, self.spec)
        # The model is kept, so that a copy, a state dict and a type are those of all that the prior reads.
        return assemble(self.spec) if isinstance(module, Attached) else module

    def build(self) -> nn.Module:
        module = super().build()
        self._prior(module).fit(self.inputs(64, generator(1))[0])
        return module

    def run(self, module: Any, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        (z,), prior = inputs, self._prior(module)
        outputs = {"log_prob": prior.log_prob(z)} if self.part.density else {}
        return outputs if noise is None else {**outputs, "sample": prior.sample(len(z), noise)}

    @staticmethod
    def _prior(module: Any) -> Any:
        return module.prior if isinstance(module, Autoencoder) else module


class CorruptionAdapter(Adapter):
    @property
    def declared(self) -> dict[str, Shape]:
        return {"corrupted": self.shape}

    def build_unseeded(self) -> nn.Module:
        return build_module(self.part, self.shape, self.spec.input.range)  # type: ignore[no-any-return]

    def inputs(self, n: int, noise: Generator | None = None) -> Tensors:
        return (_within(torch.randn(n, *self.shape, generator=noise), self.spec.input.range or (0.0, 1.0)),)

    def run(self, module: nn.Module, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        (x,), noise = inputs, generator(0) if noise is None else noise
        return {"corrupted": corrupt([module], x, noise, same_fields(self.spec, x))}


class TermAdapter(Adapter):
    """A regularizer or an objective: its inputs are the outputs of the whole model."""

    @property
    def declared(self) -> dict[str, Shape]:
        raise NotImplementedError("terms have no batch axis")

    def build_unseeded(self) -> nn.Module:
        return nn.ModuleDict({"model": assemble(self.spec), "term": self.term()})

    def term(self) -> nn.Module:
        """The module of the part itself."""
        if isinstance(self.part, ObjectiveSpec):
            return build_module(self.part, self.spec)  # type: ignore[no-any-return]
        return build_module(self.part, self.spec.taps[self.part.on])  # type: ignore[no-any-return]

    def inputs(self, n: int, noise: Generator | None = None) -> Tensors:
        return (_within(torch.randn(n, *self.shape, generator=noise), self.spec.input.range or (-2.0, 2.0)),)

    def out(self, module: nn.Module, x: Tensor, noise: Generator | None = None) -> Output:
        """A pass through the model, with all taps."""
        taps = [name for name in self.spec.taps if name.startswith(("encoder.", "decoder."))]
        return module["model"](x, None, noise, taps, partly_missing(self.spec, x))  # type: ignore[index, no-any-return]

    def terms(self, module: nn.Module, out: Output) -> dict[str, Tensor]:
        """The values of the terms, by name."""
        own = {} if isinstance(self.part, ObjectiveSpec) else {"term": module["term"](out)}  # type: ignore[index]
        terms_of = {player: self.terms_of(module, out, player) for player in self.part.players}
        return own | {f"{player}.{name}": value for player, terms in terms_of.items() for name, value in terms.items()}

    def terms_of(self, module: nn.Module, out: Output, player: str) -> dict[str, Tensor]:
        """The terms of one of its players."""
        term: Any = module["term"]  # type: ignore[index]
        return dict((term if isinstance(self.part, ObjectiveSpec) else term.losses)(out, player))

    def run(self, module: nn.Module, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        return self.terms(module, self.out(module, inputs[0], noise))


ADAPTERS: Mapping[str, type[Adapter]] = {
    "layer": LayerAdapter,
    "latent": LatentAdapter,
    "likelihood": LikelihoodAdapter,
    "prior": PriorAdapter,
    "corruption": CorruptionAdapter,
    "regularizer": TermAdapter,
    "objective": TermAdapter,
}


def adapters_of(tested: PartUnderTest) -> Iterator[Adapter]:
    """An adapter for each occurrence of the part in its specs; the first is the example."""
    make = ADAPTERS[tested.kind]
    for spec in tested.specs:
        for part, shape in _occurrences(spec, tested.part):
            yield make(part, spec, shape)


def _occurrences(spec: Spec, kind: type[Component]) -> Iterator[tuple[Component, Shape]]:
    """Every part of this class, and the shape of its input."""
    layers = [*zip(spec.encoder_layers(), spec.encoder_shapes, strict=False)]
    layers += zip(spec.decoder_layers(), spec.decoder_shapes, strict=False)
    others: list[tuple[Component | None, Shape]] = [
        (spec.latent, spec.feature_shape),
        (spec.latent.prior, spec.code_shape),
        *((part, spec.input.shape) for part in (spec.likelihood, spec.objective)),
        *((part, spec.input.shape) for part in (*spec.corruption, *spec.regularizers.values())),
    ]
    for part, shape in (*_with_inner(layers), *others):
        if type(part) is kind and part is not None:
            yield part, shape


def _with_inner(layers: Sequence[tuple[LayerSpec, Shape]]) -> Iterator[tuple[LayerSpec, Shape]]:
    for layer, shape in layers:
        yield layer, shape
        yield from _with_inner([(inner, inner_shape) for _, inner, inner_shape in layer.inside(shape)])


def _within(x: Tensor, ends: tuple[float, float]) -> Tensor:
    """Normal numbers mapped into an interval, which may be unbounded."""
    low, high = ends
    if isinf(low) or isinf(high):
        return x if isinf(low) and isinf(high) else low + x.exp() if isinf(high) else high - x.exp()
    return low + (high - low) * x.sigmoid()


def run_copy(
    adapter: Adapter, module: nn.Module, inputs: Sequence[Tensor], noise: int | None = None, global_seed: int = 0
) -> dict[str, Tensor]:
    """Run a copy of the module on copies of the inputs, all generators seeded: training may change buffers."""
    reseed(global_seed)
    with torch.no_grad():
        copies = [x.clone() for x in inputs]
        return adapter.run(deepcopy(module), copies, None if noise is None else generator(noise))


def same(one: Tensor, two: Tensor) -> bool:
    """Whether the values are the same, to the last bit; NaN equals NaN."""
    return one.shape == two.shape and bool(((one == two) | ((one != one) & (two != two))).all())


def build_module(part: Any, *arguments: Any) -> Any:
    """The module that a part builds, without the checks of a model: the laws check it. It is marked with its part."""
    module = part.build(*arguments)
    if part.namespace and isinstance(module, nn.Module):
        setattr(module, BUILT_BY, part)
    return module


def partly_missing(spec: Spec, x: Tensor) -> dict[str, Tensor]:
    """`same_fields`, but of every other sample a class that may be missing is: a term may need both kinds."""
    unknown = torch.arange(len(x), device=x.device) % 2 == 1
    fields = same_fields(spec, x)
    missing = {name: fields[name].masked_fill(unknown, -1) for name, field in spec.fields.items() if field.missing}
    return fields | missing


def same_fields(spec: Spec, x: Tensor) -> dict[str, Tensor]:
    """Fields of a batch, alike for all samples: the last class, and numbers that are 1 and 0 in turn."""
    values: dict[str, Tensor] = {}
    for name, field in spec.fields.items():
        if field.classes is not None:
            values[name] = torch.full((len(x),), field.classes - 1, device=x.device)
        else:
            numbers = 1 - torch.arange(flat(field.sample_shape), device=x.device, dtype=x.dtype) % 2
            values[name] = numbers.reshape(1, *field.sample_shape).repeat(len(x), *(1 for _ in field.sample_shape))
    return values
