"""Import modules and report the effects. Run as a program, in a process of its own, by `imports`."""

from __future__ import annotations

import atexit
import decimal
import importlib
import json
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from typing import Any

#: Audit events that no import needs.
AUDITED = (
    "open",
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "shutil.",
    "sqlite3.",
    "urllib.",
)


class AuditHook:
    """An audit hook that records events while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.events: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on or not event.startswith(AUDITED):
            return
        caller = sys._getframe(1).f_code.co_filename
        if caller.startswith("<frozen "):  # the import itself reads source and writes bytecode
            return
        self.events.append(f"{event} {arguments[0]!s}"[:200] if arguments else event)


def process_state() -> dict[str, str]:
    """Global state of a process, each piece as a text that changes with it."""
    root = logging.getLogger()
    named = sorted(number for number in signal.valid_signals() if isinstance(number, signal.Signals))
    values: dict[str, Any] = {
        "os.environ": sorted(os.environ.items()),
        "the working folder": os.getcwd(),
        "sys.path": sys.path,
        "sys.excepthook": sys.excepthook,
        "sys.stdout": (id(sys.stdout), id(sys.stderr)),
        "the limit of recursion": sys.getrecursionlimit(),
        "warnings.filters": warnings.filters,
        "logging": (root.level, root.handlers, logging.root.manager.disable),
        "signal handlers": [signal.getsignal(number) for number in named],
        "the generator of random": random.getstate(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the decimal context": decimal.getcontext(),
        "what runs at exit": atexit._ncallbacks(),
        "builtins": sorted(vars(sys.modules["builtins"])),
    }
    return {name: repr(value) for name, value in values.items()}


def module_attributes() -> dict[tuple[str, str], int]:
    """Attributes of aezoo's modules, by identity."""
    modules = [(name, module) for name, module in sys.modules.items() if name.partition(".")[0] == "aezoo"]
    return {(name, key): id(value) for name, module in modules for key, value in list(vars(module).items())}


def observe_import(name: str, hook: AuditHook) -> dict[str, Any]:
    """Import one module and report what that changed."""
    before, attributes_before = process_state(), module_attributes()
    hook.events, hook.on = [], True
    error = []
    try:
        importlib.import_module(name)
    except BaseException as raised:  # a plugin's module may raise anything
        error = [repr(raised)]
    hook.on = False
    after, attributes_after = process_state(), module_attributes()
    changed = [key for key in after if after[key] != before[key]]
    changed += sorted(
        f"{module}.{key}"
        for (module, key), now in attributes_after.items()
        if attributes_before.get((module, key), now) != now
    )
    changed += sorted(f"{module}.{key}" for module, key in attributes_before.keys() - attributes_after.keys())
    return {"error": error, "torch": "torch" in sys.modules, "events": hook.events, "changed": changed}


def main() -> None:
    import aezoo.plugin  # noqa: F401  what every plugin may use is not the plugin's to pay for

    hook = AuditHook()
    sys.addaudithook(hook)
    reports = {name: observe_import(name, hook) for name in sys.argv[1:]}
    print("\n" + json.dumps(reports), flush=True)  # noqa: T201


main()
