"""Fingerprints: the sha256 of what the weights of a spec depend on, and of all that its run depends on."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from typing import Any

from aezoo.spec.canonical import to_json
from aezoo.spec.component import Frozen

#: Keys that change neither the weights nor the run.
NAMES = frozenset({"name", "description", "license", "paper"})
#: Keys that the weights depend on.
ARCHITECTURE = frozenset({"aezoo", "input", "target", "encoder", "latent", "decoder", "likelihood"})


def architecture_fingerprint(spec: Frozen, fields: Collection[str]) -> str:
    """Fingerprint of what weights depend on, among it these fields of a sample."""
    keys: dict[str, Any] = {key: True for key in type(spec).model_fields if key in ARCHITECTURE}
    return _digest(spec, {**keys, "fields": {*fields}} if fields else keys)


def run_fingerprint(spec: Frozen) -> str:
    """Fingerprint of all but names and descriptions."""
    return _digest(spec, {key: True for key in type(spec).model_fields if key not in NAMES})


def _digest(spec: Frozen, keys: dict[str, Any]) -> str:
    # Without defaults: a field added later with a default leaves old fingerprints as they are.
    content = spec.model_dump(mode="json", exclude_none=True, exclude_defaults=True, include=keys)
    return sha256(to_json(content, indent=None).encode()).hexdigest()
