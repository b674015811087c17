"""config.json: the manifest, which is the resolved spec with its format version, requirements and fingerprints.

The header of the weights holds the same manifest. Without torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aezoo.errors import Fault, NotFound, Refused, SpecError
from aezoo.reading.reader import check
from aezoo.reading.text import parse, read_text
from aezoo.registry.entry_points import installed, owner, version
from aezoo.registry.registry import Registry
from aezoo.spec.canonical import to_json
from aezoo.spec.document import Spec
from aezoo.spec.limits import LIMITS_IN_USE, Limits
from aezoo.spec.parts import parts
from aezoo.storage.layout import CONFIG
from aezoo.storage.model_files import Content, ModelFiles

NAME = CONFIG
FORMAT = 1


def manifest(spec: Spec) -> dict[str, Any]:
    """What the header of model.safetensors holds, on one line, and config.json beside the hash of the weights."""
    document = {
        "aezoo": FORMAT,
        "spec": spec.document(),
        "requires": list(spec.requires),
        "fingerprints": {"arch": spec.arch, "run": spec.run},
    }
    named = providers(spec)
    return {**document, "plugins": named} if named else document


def config(spec: Spec, weights: Content) -> dict[str, Any]:
    """What config.json holds: the manifest, and the sha256 of the weights beside it."""
    return {**manifest(spec), "weights": {"sha256": weights.sha256, "size": len(weights.data)}}


def header_text(document: Mapping[str, Any]) -> str:
    """The text in the header of weights that were written with this config.json."""
    return to_json({key: value for key, value in document.items() if key != "weights"}, indent=None)


def providers(spec: Spec) -> dict[str, str]:
    """The plugins that the spec names, each with its distribution as it is here: `aezoo-kan>=0.3`."""
    named = {part.namespace for _, part in parts(spec)} - {""}
    there = installed() if named else {}
    return {name: f"{owner(there[name][0])}>={version(there[name][0])}" for name in sorted(named & there.keys())}


class Config(NamedTuple):
    """What config.json holds.

    Attributes:
        document: All of it, as it stands there.
        spec: The spec in it, checked.
    """

    document: Mapping[str, Any]
    spec: Spec


def read_manifest(folder: Path, *, registry: Registry | None = None, limits: Limits = LIMITS_IN_USE) -> Spec:
    """The spec of a model's folder. Raises as `read_config` does."""
    return read_config(ModelFiles(folder), registry=registry, limits=limits).spec


def read_config(files: ModelFiles, *, registry: Registry | None = None, limits: Limits = LIMITS_IN_USE) -> Config:
    """The config.json of a model's folder.

    Args:
        files: Of the model.
        registry: Where parts are looked up.
        limits: How large the model may be.

    Raises:
        NotFound: No such folder, or it holds no model.
        Refused: Of another format, or changed since it was written.
        SpecError, PluginError: The spec cannot be read here.
    """
    folder, path = files.folder, files.folder / NAME
    if not folder.is_dir():
        raise NotFound(f"{folder}: no such folder", hint="name a folder that 'aezoo train' wrote")
    if not path.is_file():
        message = f"{folder} holds no {NAME}: it is no model, or not the whole of one"
        raise NotFound(message, hint="name a folder that 'aezoo train' wrote")
    document = parse(bytes(files.content(NAME).data), str(path))
    return Config(document, spec_of(document, str(path), registry=registry, limits=limits))


def parse_manifest(text: str, name: str, *, registry: Registry | None = None, limits: Limits = LIMITS_IN_USE) -> Spec:
    """The spec of a manifest as text."""
    return spec_of(parse(text.encode(), f"{name}.json"), name, registry=registry, limits=limits)


def spec_of(
    document: Mapping[str, Any], name: str, *, registry: Registry | None = None, limits: Limits = LIMITS_IN_USE
) -> Spec:
    """The spec in a manifest, if it is what was written. Raises `Refused`, `SpecError`, `PluginError`."""
    version, prints = document.get("aezoo"), document.get("fingerprints")
    if not isinstance(document.get("spec"), dict) or not isinstance(prints, dict):
        message = f"{name}: no manifest of a model: 'spec' and 'fingerprints' are missing"
        raise Refused(message, hint="it belongs to another library")
    if version != FORMAT:
        raise Refused(f"{name}: format {repr(version)[:20]}, this aezoo reads {FORMAT}", hint="pip install -U aezoo")
    try:
        spec, _ = check(document["spec"], registry=registry, limits=limits, trusted=False)
    except SpecError as error:
        raise type(error)(_advised(error.faults, document), source=name) from None
    for kind, own in (("arch", spec.arch), ("run", spec.run)):
        if prints.get(kind) != own:
            raise Refused(
                f"{name}: the spec is not the one that was written: its fingerprint of the {kind} is {own[:12]},"
                f" the one noted {str(prints.get(kind))[:12]!r}",
                hint="take the original file; a changed spec is trained anew",
            )
    return spec


def noted(folder: Path) -> tuple[Mapping[str, Any], dict[str, str]]:
    """The spec in a model's folder and its fingerprints, as they stand there: for one that cannot be read here."""
    document = read_text(folder / NAME)
    prints = {key: value for key, value in document["fingerprints"].items() if isinstance(value, str)}
    return document["spec"], prints


def _advised(faults: Sequence[Fault], document: Mapping[str, Any]) -> list[Fault]:
    """Of a missing plugin, how to install the one that the model was made with, where it is noted; once."""
    wanted = {fault: text for fault in faults if (text := _wanted(fault, document))}
    named = {_distribution(text) for text in wanted.values()}
    hint = "have a look at it, then `pip install '{}'`; nothing was installed for you"
    return [
        fault._replace(hint=hint.format(wanted[fault])) if fault in wanted else fault
        for fault in faults
        if not (fault.code == "AZ304" and fault.message.endswith(" is not installed"))
        or _distribution(fault.message) not in named
    ]


def _wanted(fault: Fault, document: Mapping[str, Any]) -> str | None:
    """The distribution of a plugin that is missing, as it was when the model was made: `aezoo-kan>=0.3`."""
    noted = document.get("plugins")
    names = re.findall(r"provides the namespace '([^']*)'", fault.message) if fault.code == "AZ302" else []
    wanted = noted.get(names[0]) if names and isinstance(noted, dict) else None
    # Nothing but a name and a version: the file may come from anywhere.
    if isinstance(wanted, str) and re.fullmatch(r"[A-Za-z0-9][\w.-]*>=[\w.+!]+", wanted, re.ASCII):
        return wanted
    return None


def _distribution(text: str) -> str:
    """The name before a version, as indexes have it."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]*", text, re.ASCII)[0]).lower()  # type: ignore[index]
