"""Embedded: the models in the wheel. They need no network, and pass the same checks as those of the Hub."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "models"
#: What the listing shows of each, so that it need not open them.
INDEX = FOLDER / "index.json"


@cache
def index() -> dict[str, dict[str, Any]]:
    """Every model by its name, with what is known of it."""
    if not INDEX.is_file():
        return {}
    models: dict[str, dict[str, Any]] = json.loads(INDEX.read_bytes())
    return models


def names() -> list[str]:
    """The names of all models."""
    return [*index()]


def folder(name: str) -> Path:
    """Where the model of this name is."""
    return FOLDER / name


def holds(folder: Path) -> bool:
    """Whether a folder is that of a model in the wheel."""
    return folder.parent == FOLDER and folder.name in index()
