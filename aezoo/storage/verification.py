"""Verification: all checks of a model's folder that need no PyTorch. A push, a pull and a load make them.

    ModelFiles ──lock──> ──config.json──> spec ──weights──> header, values, sha256 ──> Verified ──> network

A `Verified` holds the bytes that were checked, so nothing is read a second time, and nothing else is used.
Names and shapes of tensors are compared with the spec when the model is loaded: only its network knows its buffers.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from aezoo.errors import NotFound, Refused
from aezoo.reading.text import is_text
from aezoo.registry.registry import Registry
from aezoo.spec.document import Spec
from aezoo.spec.limits import LIMITS_IN_USE, Limits
from aezoo.storage import config_json, layout, lockfile, weights
from aezoo.storage.config_json import Config
from aezoo.storage.model_files import Content, ModelFiles

#: How the names of specs end.
SPECS = (".toml", ".json")
PNG = b"\x89PNG\r\n\x1a\n"
#: Of a file of facts: numbers, words and lists in all.
MAX_VALUES = 1_000_000


class Verified(NamedTuple):
    """A model that has passed all checks, with the bytes that passed them.

    Attributes:
        files: Of its folder.
        spec: What was declared.
        document: What config.json holds; empty for a weight file alone.
        header: Of the weights.
        content: Of the file of the weights.
        name: Of that file.
        pulled: Whether the folder has the lock of a pull.
    """

    files: ModelFiles
    spec: Spec
    document: Mapping[str, Any]
    header: weights.Header
    content: Content
    name: str = layout.WEIGHTS
    pulled: bool = False

    @property
    def path(self) -> Path:
        """The file of the weights."""
        return self.files.folder / self.name


def verify(
    files: ModelFiles, *, needs_lock: bool = False, limits: Limits = LIMITS_IN_USE, registry: Registry | None = None
) -> Verified:
    """Hold the files of a model to their lock, if they have one, to config.json and to each other.

    Args:
        files: Of the model.
        needs_lock: Whether there must be a lock: the model is known to have been pulled.
        limits: How large the model may be.
        registry: Where parts are looked up.

    Raises:
        NotFound: It is no model.
        Refused: A file is damaged, too large, or belongs to another model.
        SpecError, PluginError: Its spec cannot be read here.
    """
    lock = lockfile.verify(files.folder, needed=needs_lock, digest=files.digest)
    config = config_json.read_config(files, limits=limits, registry=registry)
    verified = verify_weights(files, config, limits=limits, registry=registry)
    return verified._replace(pulled=lock is not None)


def verify_weights(
    files: ModelFiles, config: Config, *, limits: Limits = LIMITS_IN_USE, registry: Registry | None = None
) -> Verified:
    """Hold the weights of a model to its config.json, which was checked. Raises as `verify` does."""
    content, header = _read_weights(files, layout.WEIGHTS)
    path, text = files.folder / layout.WEIGHTS, header.metadata.get(weights.KEY)
    # A header that says the same as config.json needs no second look.
    if text is not None and text != config_json.header_text(config.document):
        own = config_json.parse_manifest(text, str(path), limits=limits, registry=registry)
        _refuse_another(path, own, config.spec)
    _refuse_values(path, content, header, config.spec)
    _refuse_digest(files.folder, config.document, content.sha256)
    return Verified(files, config.spec, config.document, header, content)


def verify_alone(path: Path, *, limits: Limits = LIMITS_IN_USE) -> Verified:
    """A weight file without its folder, of the spec in its header. Raises as `verify` does."""
    if path.suffix.lower() in SPECS:
        hint = f"train it with `aezoo train {path}`, then name the folder of the model"
        raise NotFound(f"{path} is a spec, not a model", hint=hint)
    files = ModelFiles(path.parent)
    content, header = _read_weights(files, path.name)
    text = header.metadata.get(weights.KEY)
    if text is None:
        raise NotFound(f"{path} holds no spec", hint="name the folder of a model")
    spec = config_json.parse_manifest(text, str(path), limits=limits)
    _refuse_values(path, content, header, spec)
    return Verified(files, spec, {}, header, content, path.name, os.path.lexists(path.parent / lockfile.NAME))


def examine(
    files: ModelFiles,
    config: Config | None = None,
    *,
    limits: Limits = LIMITS_IN_USE,
    registry: Registry | None = None,
) -> Verified:
    """Check all files that a model publishes, without PyTorch: what a pull and a push do.

    Args:
        files: Of the model.
        config: Its config.json, if that was read before.
        limits: How large the model may be.
        registry: Where parts are looked up.

    Raises:
        NotFound: It is no model.
        Refused: A file is damaged, too large, or belongs to another model.
        SpecError, PluginError: Its spec cannot be read here.
    """
    config = config or config_json.read_config(files, limits=limits, registry=registry)
    for name in (layout.METRICS, layout.TRAINING):
        facts_of(files, name)
    for name in layout.SAMPLES:
        _refuse_picture(files, name)
    verified = verify_weights(files, config, limits=limits, registry=registry)
    values, parameters = sum(entry.size for entry in verified.header.tensors.values()), config.spec.parameters
    if values < parameters:
        message = f"it holds {values:,} values, its spec has {parameters:,} parameters"
        raise Refused(f"{verified.path} is refused: {message}", hint="the weights belong to another spec")
    return verified


def _read_weights(files: ModelFiles, name: str) -> tuple[Content, weights.Header]:
    content = weights.opened(files, name)
    return content, weights.header_of(files.folder / name, content.data)


def _refuse_another(path: Path, own: Spec, spec: Spec) -> None:
    """Refuse weights of another spec than that of config.json, in what weights depend on. Raises `Refused`."""
    if own.arch != spec.arch:
        raise Refused(
            f"{path} was written for another spec than {config_json.NAME} beside it:"
            f" {own.arch[:12]}, not {spec.arch[:12]}",
            hint="files of two models were mixed",
        )


def _refuse_digest(folder: Path, document: Mapping[str, Any], digest: str) -> None:
    """Refuse weights of another sha256 than config.json notes, if it notes one. Raises `Refused`."""
    if (noted := document.get("weights")) is None:
        return
    expected = noted.get("sha256") if isinstance(noted, dict) else None
    if not isinstance(expected, str) or not re.fullmatch(r"[0-9a-f]{64}", expected):
        raise Refused(f"{folder / layout.CONFIG}: 'weights.sha256' is no sha256", hint="fetch or train it again")
    if digest != expected:
        raise Refused(
            f"{folder / layout.WEIGHTS} is not the file that was written with {layout.CONFIG}: its sha256 is another",
            hint="fetch or train it again",
        )


def _refuse_values(path: Path, content: Content, header: weights.Header, spec: Spec) -> None:
    """Refuse weights that are too large for their spec, or hold NaN or infinity. Raises `Refused`."""
    layout.refuse_bulk(str(path), len(content.data), spec.parameters)
    if names := weights.not_finite(content.data, header):
        raise Refused(
            f"{path} is refused: {weights.shown(names[0])} holds NaN or infinity",
            hint="such a model computes nothing; take an earlier one",
        )


def read_facts(folder: Path, name: str) -> dict[str, Any] | None:
    """What metrics.json or training.json of a folder holds; None if it is not there. Raises `Refused`."""
    return facts_of(ModelFiles(folder), name)


def facts_of(files: ModelFiles, name: str) -> dict[str, Any] | None:
    """As `read_facts`, of files that may have been read before."""
    path = files.folder / name
    if not path.is_file():
        return None
    layout.refuse_size(str(path), name, path.stat().st_size)
    data = bytes(files.content(name).data)
    # Counted before it is parsed: a list of empty lists takes thirty times its bytes.
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise Refused(
            f"{path} is refused: it holds more than {MAX_VALUES:,} values",
            hint="remove it; it is not needed to use the model",
        )
    try:
        document = json.loads(data, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Refused(f"{path} is damaged: it is no JSON object", hint="evaluate or fetch the model again")
    if not is_text(document):
        why = "it holds half of a character: a lone surrogate"
        raise Refused(f"{path} is damaged: {why}", hint="evaluate or fetch the model again")
    return document


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _finite(word: str) -> float:
    number = float(word)
    if not isfinite(number):
        raise ValueError(f"{word} is no number of JSON")
    return number


def _refuse_picture(files: ModelFiles, name: str) -> None:
    """Refuse a picture that is none. It is not decoded: nothing here needs to."""
    path = files.folder / name
    if not path.is_file():
        return
    layout.refuse_size(str(path), name, path.stat().st_size)
    if files.content(name).data[: len(PNG)] != PNG:
        raise Refused(f"{path} is damaged: it is no PNG picture", hint="remove it, or fetch the model again")
