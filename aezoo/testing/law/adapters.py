"""Specimen: a part in a spec, at work: its module, what that is given, and what it gives, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from math import isinf
from typing import Any

import torch
from torch import Generator, Tensor, nn

from aezoo.building.builder import assemble
from aezoo.nn.code import Output
from aezoo.registry.attribution import BUILT_BY
from aezoo.spec.canonical import to_json
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import LayerSpec, ObjectiveSpec
from aezoo.spec.shape import Shape
from aezoo.testing.law.rng_state import reseed
from aezoo.testing.law.under_test import Subject

Tensors = tuple[Tensor, ...]


def generator(seed: int) -> Generator:
    """A generator on the CPU."""
    return Generator().manual_seed(seed)


class Specimen:
    """A part at work.

    Args:
        part: It.
        spec: What it stands in.
        shape: Of what it is given, without the batch.
    """

    def __init__(self, part: Any, spec: Spec, shape: Shape) -> None:
        self.part = part
        self.spec = spec
        self.shape = shape

    def __str__(self) -> str:
        told = self.part.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        table = {"type": self.part.tag(), **told} if isinstance(told, dict) else told
        return f"{to_json(table, indent=None)} for {list(self.shape)}"

    @property
    def declared(self) -> dict[str, Shape]:
        """Shape of what it gives for a sample, by name."""
        raise NotImplementedError

    def build(self) -> nn.Module:
        """Its module, in training; the same weights every time."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.made().train()

    def made(self) -> nn.Module:
        """Its module, the weights drawn from the global generator."""
        return made(self.part, self.shape)  # type: ignore[no-any-return]

    def inputs(self, n: int, noise: Generator | None = None) -> Tensors:
        """What the module is given for `n` samples."""
        return (torch.randn(n, *self.shape, generator=noise),)

    def run(self, module: nn.Module, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        """What the module gives, by name; without a generator nothing is drawn."""
        raise NotImplementedError


class Layer(Specimen):
    @property
    def declared(self) -> dict[str, Shape]:
        return {"output": self.part.output_shape(self.shape)}

    def run(self, module: nn.Module, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        return {"output": module(*inputs)}


class Latent(Specimen):
    @property
    def declared(self) -> dict[str, Shape]:
        code = self.part.code_shape(self.shape)
        return {"z": code} | {field: self.part.tap_shape(field, self.shape) for field in sorted(self.part.provides)}

    def run(self, module: nn.Module, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        code = module(*inputs, noise)
        return {name: value for name, value in code._asdict().items() if isinstance(value, Tensor)}


class Likelihood(Specimen):
    @property
    def declared(self) -> dict[str, Shape]:
        return {"mean": self.shape, "nll": (), "sample": self.shape}

    def inputs(self, n: int, noise: Generator | None = None) -> Tensors:
        raw = torch.randn(n, *self.part.raw_shape(self.shape), generator=noise)
        x = torch.randn(n, *self.shape, generator=noise)
        return raw, (x if self.part.support is None else _within(x, self.part.support))

    def run(self, module: Any, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        raw, x = inputs
        given = {"mean": module.mean(raw), "nll": module.nll(raw, x)}
        return given if noise is None else {**given, "sample": module.sample(raw, noise)}


class Prior(Specimen):
    """Fitted, where it is one that is."""

    @property
    def declared(self) -> dict[str, Shape]:
        return {"log_prob": (), "sample": self.shape}

    def build(self) -> nn.Module:
        module: Any = super().build()
        module.fit(self.inputs(64, generator(1))[0])
        return module  # type: ignore[no-any-return]

    def run(self, module: Any, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        (z,) = inputs
        given = {"log_prob": module.log_prob(z)}
        return given if noise is None else {**given, "sample": module.sample(len(z), noise)}


class Corruption(Specimen):
    @property
    def declared(self) -> dict[str, Shape]:
        return {"spoilt": self.shape}

    def made(self) -> nn.Module:
        return made(self.part, self.shape, self.spec.input.range)  # type: ignore[no-any-return]

    def inputs(self, n: int, noise: Generator | None = None) -> Tensors:
        return (_within(torch.randn(n, *self.shape, generator=noise), self.spec.input.range or (0.0, 1.0)),)

    def run(self, module: nn.Module, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        return {"spoilt": module(*inputs, generator(0) if noise is None else noise)}


class Term(Specimen):
    """A penalty, or an objective: what follows a pass through the whole model."""

    @property
    def declared(self) -> dict[str, Shape]:
        raise NotImplementedError("terms have no batch axis")

    def made(self) -> nn.Module:
        return nn.ModuleDict({"model": assemble(self.spec), "term": self.term()})

    def term(self) -> nn.Module:
        """The module of the part itself."""
        if isinstance(self.part, ObjectiveSpec):
            return made(self.part, self.spec)  # type: ignore[no-any-return]
        return made(self.part, self.spec.taps[self.part.on])  # type: ignore[no-any-return]

    def inputs(self, n: int, noise: Generator | None = None) -> Tensors:
        return (_within(torch.randn(n, *self.shape, generator=noise), self.spec.input.range or (-2.0, 2.0)),)

    def out(self, module: nn.Module, x: Tensor, noise: Generator | None = None) -> Output:
        """A pass through the model, with all taps."""
        taps = [name for name in self.spec.taps if name.startswith(("encoder.", "decoder."))]
        return module["model"](x, None, noise, taps)  # type: ignore[index, no-any-return]

    def terms(self, module: nn.Module, out: Output) -> dict[str, Tensor]:
        """The values of the terms, by name."""
        term: nn.Module = module["term"]  # type: ignore[index]
        if not isinstance(self.part, ObjectiveSpec):
            return {"term": term(out)}
        played = {player: term(out, player) for player in self.part.players}
        return {f"{player}.{name}": value for player, terms in played.items() for name, value in terms.items()}

    def run(self, module: nn.Module, inputs: Sequence[Tensor], noise: Generator | None = None) -> dict[str, Tensor]:
        return self.terms(module, self.out(module, inputs[0], noise))


KINDS: Mapping[str, type[Specimen]] = {
    "layer": Layer,
    "latent": Latent,
    "likelihood": Likelihood,
    "prior": Prior,
    "corruption": Corruption,
    "regularizer": Term,
    "objective": Term,
}


def specimens(subject: Subject) -> Iterator[Specimen]:
    """The part at work wherever it stands in the specs around it; the first is the example."""
    make = KINDS[subject.kind]
    for spec in subject.specs:
        for part, shape in _standing(spec, subject.part):
            yield make(part, spec, shape)


def _standing(spec: Spec, kind: type[Component]) -> Iterator[tuple[Component, Shape]]:
    """Every part of this class, and what it is given."""
    layers = [*zip(spec.encoder, spec.encoder_shapes, strict=False)]
    layers += zip(spec.decoder_layers(), spec.decoder_shapes, strict=False)
    others: list[tuple[Component | None, Shape]] = [
        (spec.latent, spec.feature_shape),
        (spec.latent.prior, spec.code_shape),
        *((part, spec.input.shape) for part in (spec.likelihood, spec.objective)),
        *((part, spec.input.shape) for part in (*spec.corruption, *spec.regularizers.values())),
    ]
    for part, shape in (*_inside(layers), *others):
        if type(part) is kind and part is not None:
            yield part, shape


def _inside(layers: Sequence[tuple[LayerSpec, Shape]]) -> Iterator[tuple[LayerSpec, Shape]]:
    for layer, shape in layers:
        yield layer, shape
        yield from _inside([(inner, given) for _, inner, given in layer.inside(shape)])


def _within(x: Tensor, ends: tuple[float, float]) -> Tensor:
    """Normal numbers squeezed into an interval, which may have no end."""
    low, high = ends
    if isinf(low) or isinf(high):
        return x if isinf(low) and isinf(high) else low + x.exp() if isinf(high) else high - x.exp()
    return low + (high - low) * x.sigmoid()


def passed(
    specimen: Specimen, module: nn.Module, given: Sequence[Tensor], noise: int | None = None, chance: int = 0
) -> dict[str, Tensor]:
    """A pass that leaves no trace: of a copy, as training may move buffers; over copies, all generators seeded."""
    reseed(chance)
    with torch.no_grad():
        copies = [x.clone() for x in given]
        return specimen.run(deepcopy(module), copies, None if noise is None else generator(noise))


def same(one: Tensor, two: Tensor) -> bool:
    """Whether the values are the same, to the last bit; NaN equals NaN."""
    return one.shape == two.shape and bool(((one == two) | ((one != one) & (two != two))).all())


def made(part: Any, *given: Any) -> Any:
    """What a part builds, as it is: the laws judge for themselves what it gives; it remembers who built it."""
    module = part.build(*given)
    if part.namespace and isinstance(module, nn.Module):
        setattr(module, BUILT_BY, part)
    return module
