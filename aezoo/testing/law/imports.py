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
from aezoo.testing.law.under_test import PluginUnderTest

#: Seconds after which the imports are stopped.
PATIENCE = 120
IMPORT_LATER = "import it inside `build()`, `load()` or a hook"


@law(
    "L08",
    PLUGIN,
    says="Importing the plugin's declarations imports no torch.",
    hint=f"{IMPORT_LATER}; for annotations, under `if TYPE_CHECKING:`",
)
def no_torch(plugin: PluginUnderTest) -> Iterator[str]:
    for module, report in import_reports(tuple(plugin.modules)).items():
        yield from (f"{module}: cannot be imported by itself: {error}" for error in report["error"])
        if report["torch"]:
            yield f"{module} imports torch"


@law(
    "L09",
    PLUGIN,
    says="Importing the plugin's declarations opens no file and no socket, and starts no process.",
    hint="do that in `build()`, `load()` or a hook, when a spec asks for it",
)
def opens_nothing(plugin: PluginUnderTest) -> Iterator[str]:
    for module, report in import_reports(tuple(plugin.modules)).items():
        if not report["torch"]:
            yield from (f"{module}: {event}" for event in report["events"])


@law(
    "L10",
    PLUGIN,
    says="Importing the plugin's declarations changes no state that others share.",
    hint="leave environment, paths, warnings, logging, signals, generators and aezoo's own modules as they are",
)
def changes_nothing(plugin: PluginUnderTest) -> Iterator[str]:
    for module, report in import_reports(tuple(plugin.modules)).items():
        if not report["torch"] and report["changed"]:
            yield f"{module} changes {', '.join(report['changed'])}"


@cache
def import_reports(modules: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Effects of importing each module, one after the other, in a process of its own."""
    source = files(__package__).joinpath("import_probe.py").read_text(encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", "-c", source, *modules]
    done = subprocess.run(command, capture_output=True, env=environment, check=False, text=True, timeout=PATIENCE)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {modules[0]: {"error": [why], "torch": False, "events": [], "changed": []}} if modules else {}
    return dict(json.loads(done.stdout.splitlines()[-1]))


LAWS = [no_torch, opens_nothing, changes_nothing]
