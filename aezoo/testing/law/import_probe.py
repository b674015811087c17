"""Watch: import modules and tell what that did. Run as a program, in a process of its own, by `imports`."""

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
TOUCHED = (
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


class Watch:
    """Hears what is opened while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.events: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on or not event.startswith(TOUCHED):
            return
        caller = sys._getframe(1).f_code.co_filename
        if caller.startswith("<frozen "):  # the import itself reads source and writes bytecode
            return
        self.events.append(f"{event} {arguments[0]!s}"[:200] if arguments else event)


def state() -> dict[str, str]:
    """What a process shares, each as a text that changes with it."""
    root = logging.getLogger()
    named = sorted(number for number in signal.valid_signals() if isinstance(number, signal.Signals))
    found: dict[str, Any] = {
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
    return {name: repr(value) for name, value in found.items()}


def attributes() -> dict[tuple[str, str], int]:
    """What stands in aezoo's modules, by identity."""
    modules = [(name, module) for name, module in sys.modules.items() if name.partition(".")[0] == "aezoo"]
    return {(name, key): id(value) for name, module in modules for key, value in list(vars(module).items())}


def watch(name: str, ear: Watch) -> dict[str, Any]:
    """Import one module and say what that did."""
    before, ours = state(), attributes()
    ear.events, ear.on = [], True
    error = []
    try:
        importlib.import_module(name)
    except BaseException as raised:  # a stranger's module may do anything
        error = [repr(raised)]
    ear.on = False
    after, theirs = state(), attributes()
    changed = [key for key in after if after[key] != before[key]]
    changed += sorted(f"{module}.{key}" for (module, key), now in theirs.items() if ours.get((module, key), now) != now)
    changed += sorted(f"{module}.{key}" for module, key in ours.keys() - theirs.keys())
    return {"error": error, "torch": "torch" in sys.modules, "events": ear.events, "changed": changed}


def main() -> None:
    import aezoo.plugin  # noqa: F401  what every plugin may use is not the plugin's to pay for

    ear = Watch()
    sys.addaudithook(ear)
    seen = {name: watch(name, ear) for name in sys.argv[1:]}
    print("\n" + json.dumps(seen), flush=True)  # noqa: T201


main()
