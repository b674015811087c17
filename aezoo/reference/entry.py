"""What a part says of itself: its docstring, its fields, and where it comes from. The registry is all that is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc, getsourcefile, getsourcelines
from itertools import takewhile
from textwrap import dedent
from types import NoneType
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aezoo.reference.words import PLAIN, Wording, takes
from aezoo.registry.loader import IN_THE_BOX, installed
from aezoo.spec.component import Component
from aezoo.spec.kinds import KINDS

#: Attributes of a declaration that are no fields, each with the sentence that describes it.
FACTS = {
    "provides": "Provides {}.",
    "needs": "Needs {} of the latent.",
    "suffixes": "Reads {}.",
    "players": "Players: {}.",
}
BETTER = {"lower": "Lower is better.", "higher": "Higher is better."}


class FieldEntry(NamedTuple):
    """One key of a table."""

    name: str
    takes: str
    required: bool
    default: Any  # in words of JSON; None where there is none
    description: str


class Text(NamedTuple):
    """A docstring in its three parts."""

    summary: str
    body: str = ""
    example: str = ""


class Entry(NamedTuple):
    """A part, described."""

    kind: str
    name: str
    provider: str  # its namespace
    version: str  # of the distribution behind the namespace; empty if no installed one claims it
    module: str
    file: str | None
    line: int | None
    text: Text
    facts: list[str]
    fields: list[FieldEntry]

    def document(self) -> dict[str, Any]:
        """The entry as one JSON object."""
        plain = {**self._asdict(), "fields": [field._asdict() for field in self.fields]}
        text = plain.pop("text")
        return {**plain, "summary": text.summary, "doc": text.body, "example": text.example}


def entries(parts: Iterable[type[Component]]) -> list[Entry]:
    """One entry for each part, in the same order."""
    versions = _versions()
    return [_entry(part, versions) for part in parts]


def provider(part: type[Component]) -> str:
    """The namespace of a part; that of the built-in parts is spelled out, too."""
    return part.namespace or IN_THE_BOX


def text_of(model: type[BaseModel]) -> Text:
    """The docstring: its first line, the TOML under `Example:`, and all that stands before and after that."""
    before, _, rest = cleandoc(model.__doc__ or "").partition("\nExample:\n")
    summary, _, body = before.partition("\n")
    lines = rest.splitlines()
    example = list(takewhile(lambda line: not line.strip() or line[0].isspace(), lines))
    after = "\n".join(lines[len(example) :])
    return Text(summary, f"{body.strip()}\n\n{after}".strip(), dedent("\n".join(example)).strip())


def fields_of(model: type[BaseModel], wording: Wording = PLAIN) -> Iterator[FieldEntry]:
    """The keys of a table in their order; of a part, without its `type`, and what it cannot do without first."""
    fields = list(model.model_fields.items())
    if issubclass(model, Component):
        fields = sorted((item for item in fields if item[0] != "type"), key=lambda item: not item[1].is_required())
    for name, field in fields:
        words = takes(field.annotation, field.metadata, wording)
        yield FieldEntry(field.alias or name, words, field.is_required(), _default(field), field.description or "")


def _default(field: FieldInfo) -> Any:
    if field.is_required() or field.default_factory_takes_validated_data:  # made from other fields: it is no one value
        return None
    return plain(field.get_default(call_default_factory=True))


def facts(part: type[Component]) -> Iterator[str]:
    """What its declaration says beside its fields: what a latent provides, what a regularizer needs of it."""
    for name, sentence in FACTS.items():
        words = getattr(part, name, ())
        if words and words != getattr(KINDS[part.kind], name, ()):
            listed = words if isinstance(words, tuple) else sorted(words)
            yield sentence.format(", ".join("folders" if word == "/" else f"`{word}`" for word in listed))
    if better := BETTER.get(getattr(part, "better", "")):
        yield better


def plain(value: Any) -> Any:
    """A default as a spec would write it: a part with nothing to say but its type by its name."""
    if isinstance(value, BaseModel):
        written = value.model_dump(mode="json", exclude_defaults=True)
        if not isinstance(written, Mapping):
            return written
        return plain({"type": getattr(value, "type", ""), **written})
    if isinstance(value, Mapping):
        return value["type"] if set(value) == {"type"} else dict(value)
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, NoneType)) else str(value)


def toml_value(value: Any) -> str:
    """A default as TOML has it: `true`, `"flat"`, `[0.9, 0.999]`, `{ type = "topk", k = 4 }`."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {toml_value(item)}' for key, item in value.items())} }}" if value else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _entry(part: type[Component], versions: Mapping[str, str]) -> Entry:
    file, line = _source(part)
    return Entry(
        kind=part.kind,
        name=part.tag(),
        provider=provider(part),
        version=versions.get(provider(part), ""),
        module=part.__module__,
        file=file,
        line=line,
        text=text_of(part),
        facts=list(facts(part)),
        fields=list(fields_of(part)),
    )


def _source(part: type[Component]) -> tuple[str | None, int | None]:
    """File and line of the declaration; None for a part without a source file, made in an interpreter or a zip."""
    try:
        return getsourcefile(part), getsourcelines(part)[1]
    except (OSError, TypeError):
        return None, None


def _versions() -> dict[str, str]:
    return {name: claims[0].dist.version for name, claims in installed().items() if claims[0].dist is not None}
