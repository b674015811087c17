"""What laws are checked on: a part with specs that hold it, a variant, or a plugin as a whole."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from aezoo.errors import AezooError, SpecError
from aezoo.plugin import dense
from aezoo.reading.reader import check
from aezoo.reference.entry import text_of
from aezoo.registry.loader import IN_THE_BOX, default_registry, installed, load
from aezoo.registry.registry import Fragment, Registry
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import KINDS, DatasetSpec, MetricSpec, ReadingLayerSpec, Style
from aezoo.spec.shape import Shape, flat
from aezoo.testing.generate.minimal import INPUTS, RESTS, Document, NoMinimalSpec, document_around, minimal_spec
from aezoo.testing.law.definition import PLUGIN, VARIANT

#: Settings of a part that are drawn; and how many of those that are valid in a spec are kept.
DRAFTS, KEPT = 40, 6
#: Of a part with fewer valid ones than FEWEST so many are drawn: what is drawn depends on the modules that are loaded.
MORE_DRAFTS, FEWEST = 160, 2
#: Kinds that are checked in drawn settings, too, not in the example alone.
VARIED = frozenset({"layer", "latent", "prior", "likelihood", "corruption", "regularizer", "schedule", "optimizer"})

Path = tuple[str | int, ...]


class PluginUnderTest:
    """A plugin as a whole.

    Args:
        namespace: Of its parts; `aezoo` for the built-in ones.
        registry: Where it is registered; by default that of this process, into which it is loaded.

    Raises:
        PluginError: It cannot be loaded.
    """

    kind = PLUGIN

    def __init__(self, namespace: str, registry: Registry | None = None) -> None:
        self.namespace = self.name = namespace
        self.registry = default_registry() if registry is None else registry
        self._numbers: dict[Hashable, float] = {}
        if registry is None:
            load(self.registry, namespace)

    @cached_property
    def parts(self) -> list[type[Component]]:
        """Its declarations, by kind and name."""
        names = [(kind, name) for kind in KINDS for name in self.registry.names(kind) if self._is_own(name)]
        return [self.registry.get(kind, name) for kind, name in names]

    @cached_property
    def variants(self) -> dict[str, Fragment]:
        """Its fragments by name."""
        return {name: self.registry.variant(name) for name in self.registry.variants() if self._is_own(name)}

    @cached_property
    def modules(self) -> list[str]:
        """The modules of its parts, its entry point first."""
        entries = [entry.module for entry in installed().get(self.namespace, [])]
        return list(dict.fromkeys([*entries, *(part.__module__ for part in self.parts)]))

    @cached_property
    def rests(self) -> tuple[Document, ...]:
        """Other keys of the spec around an example: plain ones, or those of the plugin's own latents."""
        latents = [part for part in self.parts if part.kind == "latent"]
        return (*RESTS, *(example for part in latents if (example := example_of(part))))

    def remembered(self, key: Hashable, compute: Callable[[], float]) -> float:
        """A number that several parts ask for, computed once."""
        if key not in self._numbers:
            self._numbers[key] = compute()
        return self._numbers[key]

    def _is_own(self, name: str) -> bool:
        space, _, _ = name.rpartition(":")
        return (space or IN_THE_BOX) == self.namespace


class VariantUnderTest:
    """A fragment of a spec."""

    kind = VARIANT

    def __init__(self, name: str, plugin: PluginUnderTest) -> None:
        self.name = name
        self.plugin = plugin
        self.fragment = plugin.variants[name]


class PartUnderTest:
    """A part, and specs that hold it."""

    def __init__(self, part: type[Component], plugin: PluginUnderTest) -> None:
        self.part = part
        self.plugin = plugin
        self.kind = part.kind
        self.name = part.tag()

    @cached_property
    def example(self) -> Spec | None:
        """The minimal spec around the part's example; None if there is none that holds the part, which L03 reports."""
        try:
            spec = self.read_example()
        except (AezooError, ValueError):
            return None
        return spec if self.stands_in(spec) else None

    def stands_in(self, spec: Spec) -> bool:
        """Whether the spec of an example holds the part; a metric is read by itself."""
        return self.kind == MetricSpec.kind or any(type(part) is self.part for _, part in parts_with_paths(spec))

    def tiny(self, inputs: Sequence[Shape]) -> Spec:
        """As `example`, for the first of these inputs that is valid with it. Raises `NoMinimalSpec`."""
        return self._minimal(example_of(self.part), inputs=(*inputs, *INPUTS))

    def read_example(self) -> Spec:
        """As `example`. Raises `NoMinimalSpec`, or what TOML or pydantic refuse."""
        table = tomllib.loads(text_of(self.part).example)
        if self.kind == MetricSpec.kind:
            metric, rest = self._split_metric(table)
            return self._minimal(rest, suits=metric.suits)
        return self._minimal(table)

    @cached_property
    def metric(self) -> Any:
        """The metric of the example, read by itself: metrics have no slot of their own."""
        return self._split_metric(tomllib.loads(text_of(self.part).example))[0]

    @cached_property
    def specs(self) -> list[Spec]:
        """The example's spec, and others with drawn settings and shapes, the smallest of these first."""
        if self.example is None:
            return []
        return [self.example, *self._drawn_specs()] if self.kind in VARIED else [self.example]

    @property
    def occurrences(self) -> Iterator[tuple[Spec, Path, Any]]:
        """Each occurrence of the part: the spec, the path in its document, the part."""
        for spec in self.specs:
            for path, part in parts_with_paths(spec):
                if type(part) is self.part:
                    yield spec, path, part

    def _minimal(self, table: Mapping[str, Any], suits: Any = lambda spec: True, inputs: Sequence[Shape] = ()) -> Spec:
        options = {"registry": self.plugin.registry, "suits": suits, "inputs": inputs or self._inputs(table)}
        rests = self.plugin.rests
        try:
            return minimal_spec(table, rests=rests, **options)
        except NoMinimalSpec:
            return minimal_spec(table, rests=rests, lints=True, **options)

    def _inputs(self, table: Mapping[str, Any]) -> tuple[Shape, ...]:
        if self.kind != DatasetSpec.kind:
            return INPUTS
        dataset = self.part.model_validate(table.get("data", {}), context=self.context)
        shape = dataset.sample_shape() if isinstance(dataset, DatasetSpec) else None
        return (shape, *INPUTS) if shape else INPUTS

    def _split_metric(self, table: Mapping[str, Any]) -> tuple[Any, Document]:
        """The metric, and the other keys of its example."""
        own = {"type", *(field.alias or name for name, field in self.part.model_fields.items())}
        metric = {key: value for key, value in table.items() if key in own}
        rest = {key: value for key, value in table.items() if key not in own}
        return self.part.model_validate(metric, context=self.context), rest

    @property
    def context(self) -> dict[str, Any]:
        """The validation context: the registry in which slots look up parts."""
        return {"registry": self.plugin.registry}

    def _drawn_specs(self) -> list[Spec]:
        from aezoo.testing.generate.settings import Setting, each_setting

        kept: list[Spec] = []

        def keep(setting: Setting) -> bool:
            spec = self._around(setting.shape, setting.written)
            kept.extend([spec] if spec else [])
            return len(kept) == KEPT

        each_setting(self.part, self.plugin.registry, DRAFTS, keep)
        if len(kept) < FEWEST:
            kept.clear()
            each_setting(self.part, self.plugin.registry, MORE_DRAFTS, keep)
        return sorted(kept, key=lambda spec: (flat(spec.input.shape), spec.arch))

    def _around(self, shape: Shape, written: Any) -> Spec | None:
        """A spec with these settings: of a layer alone in the encoder, of another part where the example has it."""
        if issubclass(self.part, ReadingLayerSpec):
            documents = [_around_reading(self.part, written, shape)]
        elif self.kind == "layer":
            documents = [document_around({"encoder": [written]}, shape, rest) for rest in self.plugin.rests[:1]]
        else:
            documents = [self._with_part(written, input_shape) for input_shape in (shape, None)]
        return next((spec for document in documents if (spec := self._read(document))), None)

    def _with_part(self, written: Any, shape: Shape | None) -> Document:
        """The example's document with these settings of the part, and another input shape unless None."""
        assert self.example is not None
        document = self.example.document()
        path = next(path for path, part in parts_with_paths(self.example) if type(part) is self.part)
        container: Any = document
        for step in path[:-1]:
            container = container[step]
        container[path[-1]] = written
        return {**document, "input": list(shape)} if shape else document

    def _read(self, document: Document) -> Spec | None:
        try:
            return check(document, registry=self.plugin.registry)[0]
        except SpecError:
            return None


def _around_reading(part: type[ReadingLayerSpec], written: Any, shape: Shape) -> Document:
    """A spec with a layer that reads the first one of the encoder."""
    back = [layer.model_dump(mode="json", exclude_none=True) for layer in dense(shape, Style())]
    first, deterministic, variational = {"type": "activation"}, *RESTS[:2]
    if part.stochastic:
        stacks = {"encoder": [first], "decoder": [*back, written, {"type": "flatten"}, *back]}
        return document_around(stacks, shape, variational)
    return document_around({"encoder": [first, written], "decoder": back}, shape, deterministic)


def example_of(part: type[Component]) -> Document:
    """The TOML of a part's example; empty if it has none, or none that is TOML."""
    try:
        return tomllib.loads(text_of(part).example)
    except tomllib.TOMLDecodeError:
        return {}


def parts_with_paths(value: Any, path: Path = ()) -> Iterator[tuple[Path, Component]]:
    """Every part inside a spec, with its path in the spec's document."""
    if isinstance(value, Component):
        yield path, value
    if isinstance(value, BaseModel):
        fields = type(value).model_fields.items()
        value = {field.alias or name: getattr(value, name) for name, field in fields}
    items: Any = value.items() if isinstance(value, Mapping) else ()
    items = enumerate(value) if isinstance(value, (list, tuple)) else items
    for step, item in items:
        yield from parts_with_paths(item, (*path, step))
