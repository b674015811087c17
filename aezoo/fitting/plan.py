"""Plan: what a fit was asked for, and how long each network is trained; kept, so that a stopped fit goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from aezoo.errors import Refused
from aezoo.files import atomic_write
from aezoo.fitting.purposes import Purpose
from aezoo.spec.canonical import to_json

#: Of a fit, in its folder.
FIT = "fit.json"
#: Folders that a fit makes anew.
FOLDERS = ("candidates", "starts", "model")


class Asked(NamedTuple):
    """What a fit was asked for.

    Attributes:
        data: A path, or the name of a bundled set.
        purpose: What the model is for.
        label: What is known of the samples and is no input.
        width: Of the code; None for what suits the samples.
        minutes: How long it may take.
        seed: Of all candidates.
        settings: How the samples are read, where that was said.
    """

    data: str
    purpose: Purpose
    label: str | None = None
    width: int | None = None
    minutes: float = 5.0
    seed: int = 0
    settings: tuple[str, ...] = ()


class Plan(NamedTuple):
    """What is to be trained.

    Attributes:
        asked: Of the fit.
        steps: Of each network, by its name.
        data: The fingerprint of the samples.
        text: The hash of the spec that was written; empty before one was.
    """

    asked: Asked
    steps: dict[str, int]
    data: str
    text: str = ""


def kept(out: Path, asked: Asked, *, force: bool) -> Plan | None:
    """The plan of a fit that was begun in a folder; None where it is to be made.

    Raises:
        Refused: The folder holds something else, or, with `force`, folders of a fit's names that are no fit's.
    """
    path = out / FIT
    if force and not path.is_file() and (others := [name for name in FOLDERS if (out / name).exists()]):
        raise Refused(
            f"{out} holds no fit, and --force would remove its {', '.join(others)}", hint="name another --out"
        )
    if force or not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not path.is_file():
        raise Refused(f"{out} exists and holds no fit", hint="name another --out, or --force writes into it")
    try:
        document: Mapping[str, Any] = json.loads(path.read_bytes())
        before, steps = dict(document["asked"]), {str(name): int(n) for name, n in document["steps"].items()}
        data, text = str(document["data"]), str(document.get("text", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{path} is no record of a fit: {type(error).__name__}", hint="name another --out") from error
    now: Mapping[str, Any] = json.loads(to_json(asked._asdict()))
    if before != now:
        changed = ", ".join(name for name, value in now.items() if before.get(name) != value)
        raise Refused(f"{out} holds another fit: {changed} differ", hint="name another --out, or --force replaces it")
    return Plan(asked, steps, data, text)


def keep(out: Path, plan: Plan, result: Mapping[str, Any] | None = None) -> None:
    """Write a plan, and what came of it. Raises `RunFailed`."""
    document = {**plan._asdict(), "asked": plan.asked._asdict(), **({"result": result} if result else {})}
    atomic_write(out / FIT, to_json(document) + "\n")
