"""Laws of importing: a plugin that is imported changes nothing but `sys.modules`, and does not import PyTorch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from aezoo.testing.law.definition import PLUGIN, law
from aezoo.testing.law.under_test import Plugin

#: Seconds in which all modules of a plugin are imported.
PATIENCE = 120
LATER = "import it inside `build()`, `load()` or a hook"


@law(
    "L08",
    PLUGIN,
    says="Importing the plugin's declarations imports no torch.",
    hint=f"{LATER}; for annotations, under `if TYPE_CHECKING:`",
)
def no_torch(plugin: Plugin) -> Iterator[str]:
    for module, seen in watched(tuple(plugin.modules)).items():
        yield from (f"{module}: cannot be imported by itself: {error}" for error in seen["error"])
        if seen["torch"]:
            yield f"{module} imports torch"


@law(
    "L09",
    PLUGIN,
    says="Importing the plugin's declarations opens no file and no socket, and starts no process.",
    hint="do that in `build()`, `load()` or a hook, when a spec asks for it",
)
def opens_nothing(plugin: Plugin) -> Iterator[str]:
    for module, seen in watched(tuple(plugin.modules)).items():
        if not seen["torch"]:
            yield from (f"{module}: {event}" for event in seen["events"])


@law(
    "L10",
    PLUGIN,
    says="Importing the plugin's declarations changes no state that others share.",
    hint="leave environment, paths, warnings, logging, signals, generators and aezoo's own modules as they are",
)
def changes_nothing(plugin: Plugin) -> Iterator[str]:
    for module, seen in watched(tuple(plugin.modules)).items():
        if not seen["torch"] and seen["changed"]:
            yield f"{module} changes {', '.join(seen['changed'])}"


@cache
def watched(modules: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What importing each module does, one after the other, in a process of its own."""
    source = files(__package__).joinpath("import_probe.py").read_text(encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", "-c", source, *modules]
    done = subprocess.run(command, capture_output=True, env=environment, check=False, text=True, timeout=PATIENCE)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {modules[0]: {"error": [why], "torch": False, "events": [], "changed": []}} if modules else {}
    return dict(json.loads(done.stdout.splitlines()[-1]))


LAWS = [no_torch, opens_nothing, changes_nothing]
