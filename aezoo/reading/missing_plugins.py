"""Partial: what can be told of a spec some of whose plugins are not here. Nothing of them is imported or installed.

An absent part is held as it is written, unjudged, by a stand-in: so the rest of the spec is read as ever, and the
whole can be printed, compared and hashed. What would take the part to know, shapes and sizes behind it, is unknown.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn, Self, cast

from pydantic import ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer

from aezoo.errors import NoMirror, PluginError, ShapeError, UnmetSpec
from aezoo.reading.provenance import plain
from aezoo.reading.reader import UNMET
from aezoo.reading.resolver import Resolver, Spelled
from aezoo.registry.loader import default_registry
from aezoo.registry.registry import Fragment, Registry
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import KINDS
from aezoo.spec.limits import DEFAULT_LIMITS, Limits
from aezoo.spec.parts import parts
from aezoo.spec.shape import Shape


class StandIn(Component):
    """An absent part: its table, as it is written, and nothing else."""

    @classmethod
    def model_validate(cls, obj: Any, **_: Any) -> Self:
        """Take the table as it is: only the part itself could judge it."""
        return cast(Self, cls.model_construct(**{key: value for key, value in obj.items() if key != "type"}))

    @model_serializer(mode="wrap")
    def _write(self, handler: SerializerFunctionWrapHandler) -> Any:
        said = {key: value for key, value in vars(self).items() if key in self.model_fields_set}
        return {"type": self.tag(), **said, **(self.model_extra or {})}

    def _unknown(self, *_: Any, **__: Any) -> NoReturn:
        raise ShapeError(f"what {self.tag()} makes of a shape is unknown here")

    def _unmirrored(self, *_: Any, **__: Any) -> NoReturn:
        raise NoMirror(f"how {self.tag()} is mirrored is unknown here")


@cache
def stand_in(kind: str, name: str) -> type[StandIn]:
    """The stand-in for a part that a spec calls by this name."""
    namespace, _, tag = name.rpartition(":")
    unknown = dict.fromkeys(("output_shape", "code_shape", "tap_shape", "raw_shape"), StandIn._unknown)
    # What every part of the kind must say, this one may have a default for.
    open_ = [key for key, field in KINDS[kind].model_fields.items() if field.is_required() and key != "type"]
    body: dict[str, Any] = {
        **dict.fromkeys(open_),
        "__module__": __name__,
        "__annotations__": {"type": str, **dict.fromkeys(open_, Any)},
        "type": tag,
        "namespace": namespace,
        "model_config": ConfigDict(extra="allow"),
        "mirror": StandIn._unmirrored,
        **unknown,
    }
    return type("StandIn", (StandIn, KINDS[kind]), body)


class StandIns(Registry):
    """A registry in which every part of an absent plugin has a stand-in.

    Args:
        registry: The one with the parts that are here.
    """

    def __init__(self, registry: Registry) -> None:
        super().__init__()
        self._here = registry
        #: Variants that were asked for in vain.
        self.unknown: list[str] = []

    def get(self, kind: str, name: str) -> type[Any]:
        """The part, or a stand-in where its plugin is missing or cannot be used."""
        try:
            return self._here.get(kind, name)
        except PluginError:
            return stand_in(kind, name)

    def variant(self, name: str) -> Fragment:
        """The variant; nothing can stand in for one."""
        try:
            return self._here.variant(name)
        except PluginError:
            self.unknown.append(name)
            raise


class Partial(NamedTuple):
    """A spec some of whose parts are stand-ins.

    Attributes:
        spec: Its fingerprints are those of what is written: with the plugin here they are the same, unless a table of
            an absent part repeats a default.
        error: What is missing, and where; to be raised once the rest is told.
        noted: The fingerprints in a model's config, which were right when it was saved; of a spec, none.
        variants: Those that are not here: what they would say is no part of `spec`.
    """

    spec: Spec
    error: PluginError
    noted: Mapping[str, str] = MappingProxyType({})
    variants: tuple[str, ...] = ()

    @property
    def absent(self) -> list[str]:
        """The parts and variants that are not here, as the spec names them."""
        return sorted({part.tag() for _, part in parts(self.spec) if isinstance(part, StandIn)} | {*self.variants})

    @property
    def arch(self) -> str | None:
        """Fingerprint of what weights depend on, as noted or as written; None where an absent variant has a say."""
        return self.noted.get("arch", None if self.variants else self.spec.arch)

    @property
    def run(self) -> str | None:
        """Fingerprint of all but names, as noted or as written; None where an absent variant has a say."""
        return self.noted.get("run", None if self.variants else self.spec.run)


class KnownRow(NamedTuple):
    """One part of a model; None where it would take an absent part to know."""

    stage: str
    part: Component | None
    shape: Shape | None
    parameters: int | None


def partial(
    source: Spelled,
    error: UnmetSpec,
    *,
    overrides: Sequence[str] = (),
    limits: Limits = DEFAULT_LIMITS,
    noted: Mapping[str, str] | None = None,
    registry: Registry | None = None,
) -> Partial | None:
    """The spec that `error` refused, as far as it is known; None if plugins are not all that it lacks.

    Args:
        source: As for `read`; with `noted`, the spec in a model's config, which is not trusted.
        error: What `read` said of it.
        overrides: As for `read`.
        limits: As for `read`.
        noted: The fingerprints in a model's config.
        registry: As for `read`.
    """
    if any(fault.level == "error" and fault.code not in UNMET for fault in error.faults):
        return None
    here = StandIns(registry or default_registry())
    resolved = Resolver(here, limits=limits, trusted=noted is None).resolve(source, overrides)
    try:
        spec = Spec.model_validate(plain(resolved.tree), context={"registry": here})
    except ValidationError:
        return None
    return Partial(spec, error, noted or {}, tuple(here.unknown))


def rows(spec: Spec) -> Iterator[KnownRow]:
    """Every part from the input to the output, with what is known of it."""
    here = spec.input.shape
    yield from (KnownRow(f"corruption.{i}", part, here, None) for i, part in enumerate(spec.corruption))
    features = yield from _stack("encoder", spec.encoder, here)
    code = None if features is None else _made(spec.latent.code_shape, features)
    size = None if code is None else _made(spec.latent.parameters, features)
    yield KnownRow("latent", spec.latent, code, size)
    try:
        decoder = spec.decoder_layers()
    except (ShapeError, NoMirror):
        yield KnownRow("decoder", None, None, None)
    else:
        yield from _stack("decoder", decoder, code)
    yield KnownRow("likelihood", spec.likelihood, here, None)
    yield from (KnownRow(f"regularizers.{name}", part, None, None) for name, part in spec.regularizers.items())
    yield from (KnownRow(f"constraints.{name}", part, None, None) for name, part in spec.constraints.items())
    yield KnownRow("objective", spec.objective, None, None)


def _stack(stage: str, stack: Sequence[Any], shape: Shape | None) -> Generator[KnownRow, None, Shape | None]:
    """The rows of layers; returns the shape that they end in, where it is known."""
    for i, layer in enumerate(stack):
        given, shape = shape, None if shape is None else _made(layer.output_shape, shape)
        size = None if given is None or shape is None else _made(layer.parameters, given)
        yield KnownRow(f"{stage}.{i}", layer, shape, size)
    return shape


def _made(what: Any, shape: Any) -> Any:
    try:
        return what(shape)
    except ShapeError:
        return None
