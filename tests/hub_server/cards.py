"""What the Hub reads out of a repository's files: the metadata of its card, tags, counts of parameters."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

import yaml

#: Key of the card -> what its values are tagged with.
PREFIXES = {"datasets": "dataset:", "license": "license:", "base_model": "base_model:", "language": ""}


def metadata(readme: bytes) -> dict[str, Any]:
    """The YAML at the head of a card; empty if there is none.

    Raises:
        ValueError: It is no YAML, or no mapping.
    """
    match = re.match(r"\s*---\r?\n(.*?)\r?\n---\r?\n?", readme.decode("utf-8", "replace"), re.DOTALL)
    if not match:
        return {}
    try:
        document = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        raise ValueError(f"invalid metadata: {error}") from None
    if not isinstance(document, dict):
        raise ValueError("invalid metadata: repo card metadata block should be a dict")
    return document


def tolerant(readme: bytes) -> dict[str, Any]:
    """The same for a card that is already there: what cannot be read counts as nothing."""
    try:
        return metadata(readme)
    except (ValueError, RecursionError):
        return {}


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def tags(card: dict[str, Any], paths: Iterable[str]) -> list[str]:
    """The tags by which a repository is found, in the Hub's order, each once."""
    found = many(card.get("library_name"))
    found += ["safetensors"] if any(path.endswith(".safetensors") for path in paths) else []
    found += many(card.get("tags")) + many(card.get("pipeline_tag"))
    found += [f"{prefix}{value}" for key, prefix in PREFIXES.items() for value in many(card.get(key))]
    found += ["model-index"] if card.get("model-index") else []
    return list(dict.fromkeys([*map(str, found), "region:us"]))


def parameters(weights: bytes) -> dict[str, Any] | None:
    """How many numbers of which type a safetensors file declares; None if it declares nothing readable."""
    try:
        tensors = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
        counts: dict[str, int] = {}
        for name, entry in tensors.items():
            if name != "__metadata__":
                counts[entry["dtype"]] = counts.get(entry["dtype"], 0) + math.prod(entry["shape"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return {"parameters": counts, "total": sum(counts.values())}
