"""Manifest: config.json, the resolved spec with its format version, requirements and fingerprints. Without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aezoo.errors import NotFound, Refused, SpecError
from aezoo.reader import check
from aezoo.registry import Registry
from aezoo.spec.document import Spec
from aezoo.spec.limits import DEFAULT_LIMITS, Limits
from aezoo.spec.text import parse, read_text

NAME = "config.json"
FORMAT = 1


def manifest(spec: Spec) -> dict[str, Any]:
    """What config.json holds, and, on one line, the header of model.safetensors."""
    return {
        "aezoo": FORMAT,
        "spec": spec.document(),
        "requires": list(spec.requires),
        "fingerprints": {"arch": spec.arch, "run": spec.run},
    }


def read_manifest(folder: Path, *, registry: Registry | None = None, limits: Limits = DEFAULT_LIMITS) -> Spec:
    """The spec of a model's folder.

    Raises:
        NotFound: No such folder, or it holds no model.
        Refused: Of another format, or changed since it was written.
        SpecError, PluginError: The spec cannot be read here.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder}: no such folder", hint="name a folder that 'aezoo train' wrote")
    path = folder / NAME
    if not path.is_file():
        raise NotFound(f"{folder} holds no {NAME}: it is no model, or not the whole of one")
    return spec_of(read_text(path), str(path), registry=registry, limits=limits)


def parse_manifest(text: str, name: str, *, registry: Registry | None = None, limits: Limits = DEFAULT_LIMITS) -> Spec:
    """The spec of a manifest as text."""
    return spec_of(parse(text.encode(), f"{name}.json"), name, registry=registry, limits=limits)


def spec_of(
    document: Mapping[str, Any], name: str, *, registry: Registry | None = None, limits: Limits = DEFAULT_LIMITS
) -> Spec:
    """The spec in a manifest, if it is what was written. Raises `Refused`, `SpecError`, `PluginError`."""
    version, prints = document.get("aezoo"), document.get("fingerprints")
    if not isinstance(document.get("spec"), dict) or not isinstance(prints, dict):
        raise Refused(f"{name}: no manifest of a model: 'spec' and 'fingerprints' are missing")
    if version != FORMAT:
        raise Refused(f"{name}: format {version!r}, this aezoo reads {FORMAT}", hint="pip install -U aezoo")
    try:
        spec, _ = check(document["spec"], registry=registry, limits=limits, trusted=False)
    except SpecError as error:
        raise type(error)(error.faults, source=name) from None
    if prints.get("arch") != spec.arch:
        raise Refused(
            f"{name}: the spec is not the one that was written: its fingerprint is {spec.arch[:12]},"
            f" the one noted {str(prints.get('arch'))[:12]}",
            hint="take the original file; a changed spec is trained anew",
        )
    return spec
