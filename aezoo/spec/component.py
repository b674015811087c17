"""Component: one part of a spec, and how its class is chosen by its `type`.

A field typed `LayerSpec` becomes the class that its `type` names: the validator asks the registry, which
travels as pydantic's validation context, and hands on, so that error paths survive any nesting.

A declaration says what is wanted and imports no torch; its `build()` is the only bridge to tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from aezoo.errors import KeyPath, PluginError

#: The `Spec` that a part stands in. That class is built of parts, so their bases cannot import it; a part names it.
AnySpec = Any
Range = tuple[float, float]
#: What the tap of a sample's field begins with.
FIELDS = "fields."


def as_tuple(value: Any) -> Any:
    """A list in a spec is a tuple in Python; anything else is left for the field to judge."""
    return tuple(value) if isinstance(value, list) else value


#: A list in a spec; a tuple in Python, so that a spec is hashable.
Ints = Annotated[tuple[int, ...], BeforeValidator(as_tuple)]
Floats = Annotated[tuple[float, ...], BeforeValidator(as_tuple)]
Strings = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]
Interval = Annotated[Range, BeforeValidator(as_tuple)]
Matrix = Annotated[tuple[Floats, ...], BeforeValidator(as_tuple)]


def field_name(tap: str) -> str:
    """The field of a sample that a tap names: `label` of `fields.label`; empty for another tap."""
    return tap.removeprefix(FIELDS) if tap.startswith(FIELDS) else ""


class Frozen(BaseModel):
    """What every table of a spec is: immutable, strict, and deaf to unknown keys."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        polymorphic_serialization=True,
        defer_build=True,  # a spec names a few of all the parts; the others need no validator
    )


class Remark(NamedTuple):
    """What a part has to say about the spec it stands in: an error, or a warning (a lint).

    Attributes:
        message: What is wrong or doubtful, and why.
        hint: What to write instead.
        level: `error` refuses the spec, `warning` does not.
        code: Of the fault. A plugin's part may take any code AZ5.. whose meaning it shares; AZ505 is any part's own.
        at: The key of the part that it is about; empty for the part as a whole.
        path: Of another place in the spec that it is about: `("encoder", 0)`.
    """

    message: str
    hint: str = ""
    level: str = "error"
    code: str = "AZ505"
    at: str = ""
    path: KeyPath = ()


class Component(Frozen):
    """One part of a spec, chosen by its `type`.

    A subclass that sets `kind` is the base of that kind, and as a field's type it is a slot: any registered
    part of the kind may stand there. A bare string is short for `{type = "..."}`.
    """

    kind: ClassVar[str] = ""
    #: The field's word for the models that it makes, by which people find them: sparse, contractive, adversarial.
    family: ClassVar[str] = ""
    #: Set once, when the part is registered: empty for the built-in parts.
    namespace: ClassVar[str] = ""
    #: Set with it, for messages: plugin 'kan' (aezoo-kan 0.3).
    _provider: ClassVar[str] = ""
    type: str

    @classmethod
    def is_slot(cls) -> bool:
        return "kind" in vars(cls)

    @classmethod
    def tag(cls) -> str:
        """The name in a spec: `conv`, or `namespace:conv` for a plugin's part."""
        name = str(cls.model_fields["type"].default)
        return f"{cls.namespace}:{name}" if cls.namespace else name

    @classmethod
    def expand(cls, value: Any) -> Any:
        """Write a shorthand out as a table; a kind with another shorthand overrides this."""
        return {"type": value} if isinstance(value, str) else value

    @model_validator(mode="wrap")
    @classmethod
    def _choose(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        value = value if isinstance(value, cls) else cls.expand(value)
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict):
            raise PydanticCustomError("table", "takes a table or the name of a {kind}", {"kind": cls.kind})
        if not cls.is_slot():
            return handler({**value, "type": value.get("type", cls.tag()).rpartition(":")[2]})
        name = value.get("type")
        if not isinstance(name, str):
            raise PydanticCustomError("missing_type", "says no 'type'", {"kind": cls.kind})
        if not info.context or "registry" not in info.context:
            raise RuntimeError("a slot is validated with the registry as context: use aezoo.read()")
        try:
            part = info.context["registry"].get(cls.kind, name)
        except PluginError as error:  # a fault like any other, reported with the rest
            fields = {"message": error.message, "hint": error.hint, "code": error.code}
            raise PydanticCustomError("plugin", "{message}", fields) from None
        chosen: Self = part.model_validate(value, context=info.context)
        return chosen

    @model_serializer(mode="wrap")
    def _write(self, handler: SerializerFunctionWrapHandler) -> Any:
        written = {"type": self.tag(), **{k: v for k, v in handler(self).items() if v is not None}}
        written["type"] = self.tag()
        return written

    def reads_fields(self) -> frozenset[str]:
        """Names of the fields of a sample that it reads: those that its own settings name as `fields.NAME`."""
        settings = (getattr(self, name) for name in type(self).model_fields)
        return frozenset(field_name(text) for text in settings if isinstance(text, str)) - {""}

    def remarks(self, spec: AnySpec) -> Iterator[Remark]:
        """What is wrong or doubtful about this part in this spec; called when the spec is read."""
        yield from ()
