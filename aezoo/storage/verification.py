"""Verification: all checks of a model's folder that need no PyTorch. A push, a pull and a load make them.

Names and shapes of tensors are compared with the spec when the model is loaded: only its network knows its buffers.
"""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any

from aezoo.errors import NotFound, Refused
from aezoo.files import digest_of
from aezoo.reading.text import is_text
from aezoo.registry.registry import Registry
from aezoo.spec.document import Spec
from aezoo.spec.limits import DEFAULT_LIMITS, Limits
from aezoo.storage import layout, manifest, weights

PNG = b"\x89PNG\r\n\x1a\n"
#: Of a file of facts: numbers, words and lists in all.
MAX_VALUES = 1_000_000


def examine(folder: Path, *, limits: Limits = DEFAULT_LIMITS, registry: Registry | None = None) -> Spec:
    """The spec of a folder, all of whose files are what they should be.

    Raises:
        NotFound: It is no model.
        Refused: A file is damaged, too large, or belongs to another.
        SpecError, PluginError: Its spec cannot be read here.
    """
    spec = manifest.read_manifest(folder, limits=limits, registry=registry)
    for name in (layout.METRICS, layout.TRAINING):
        read_facts(folder, name)
    for name in layout.SAMPLES:
        _refuse_picture(folder / name)
    path = folder / layout.WEIGHTS
    header, _ = examine_weights(path, spec, limits=limits, registry=registry)
    values = sum(entry.size for entry in header.tensors.values())
    if values < spec.parameters:
        told = f"it holds {values:,} values, its spec has {spec.parameters:,} parameters"
        raise Refused(f"{path} is refused: {told}", hint="the weights belong to another spec")
    digest = manifest.digest_noted(folder)
    if digest is not None and digest != digest_of(path):
        raise Refused(
            f"{path} is not the file that was written with {layout.CONFIG}: its sha256 is another",
            hint="fetch or train it again",
        )
    return spec


def examine_weights(
    path: Path, spec: Spec | None, *, limits: Limits = DEFAULT_LIMITS, registry: Registry | None = None
) -> tuple[weights.Header, Spec]:
    """The header of a weight file and the spec that it belongs to.

    Args:
        path: Of the file.
        spec: The spec beside it, with which its own must agree; None if it stands alone.
        limits: How large a model may be.
        registry: Where parts are looked up.

    Raises:
        NotFound: There is no such file, or nobody says what it holds.
        Refused: It is damaged, too large, holds NaN or infinity, or was written for another spec.
    """
    header = weights.read_header(path)
    found = _agreed(path, header, spec, limits, registry)
    layout.refuse_bulk(str(path), path.stat().st_size, found.parameters)
    if strange := weights.strange(path, header):
        raise Refused(
            f"{path} is refused: {weights.shown(strange[0])} holds NaN or infinity",
            hint="such a model computes nothing; take an earlier one",
        )
    return header, found


def _agreed(path: Path, header: weights.Header, spec: Spec | None, limits: Limits, registry: Registry | None) -> Spec:
    """The spec of config.json and of the weights' header, if they agree on what weights depend on."""
    text = header.metadata.get(weights.KEY)
    if text is None:
        if spec is None:
            raise NotFound(f"{path} holds no spec", hint="name the folder of a model")
        return spec
    own = manifest.parse_manifest(text, str(path), limits=limits, registry=registry)
    if spec is not None and own.arch != spec.arch:
        raise Refused(
            f"{path} was written for another spec than {manifest.NAME} beside it:"
            f" {own.arch[:12]}, not {spec.arch[:12]}",
            hint="files of two models were mixed",
        )
    return spec or own


def read_facts(folder: Path, name: str) -> dict[str, Any] | None:
    """What metrics.json or training.json tells; None if it is not there. Raises `Refused`."""
    path = folder / name
    if not path.is_file():
        return None
    layout.refuse_size(str(path), name, path.stat().st_size)
    data = path.read_bytes()
    # Counted before it is parsed: a list of empty lists takes thirty times its bytes.
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise Refused(
            f"{path} is refused: it tells of more than {MAX_VALUES:,} things",
            hint="remove it; it is not needed to use the model",
        )
    try:
        told = json.loads(data, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Refused(f"{path} is damaged: it is no JSON object", hint="evaluate or fetch the model again")
    if not is_text(told):
        why = "it holds half of a character: a lone surrogate"
        raise Refused(f"{path} is damaged: {why}", hint="evaluate or fetch the model again")
    return told


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _finite(word: str) -> float:
    number = float(word)
    if not isfinite(number):
        raise ValueError(f"{word} is no number of JSON")
    return number


def _refuse_picture(path: Path) -> None:
    """Refuse a picture that is none. It is not decoded: nothing here needs to."""
    if not path.is_file():
        return
    layout.refuse_size(str(path), f"samples/{path.name}", path.stat().st_size)
    with path.open("rb") as file:
        if file.read(len(PNG)) != PNG:
            raise Refused(f"{path} is damaged: it is no PNG picture", hint="remove it, or fetch the model again")
