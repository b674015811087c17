"""Import a plugin in a process of its own, so that whatever it does to that process is reported.

`python -m aezoo.cli.plugin_probe NAMESPACE` imports it and prints one JSON object; `probe` runs that and reads it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from aezoo.registry.status import State

#: Seconds after which a plugin that is still being imported counts as broken.
PATIENCE = 60.0


class ProbeResult(NamedTuple):
    """The result of importing a plugin.

    Attributes:
        state: `loaded`, or what went wrong in a word.
        reason: What went wrong.
        hint: What to do about it.
        milliseconds: Of CPU time, to import all of it once aezoo itself was there: how crowded the machine is makes no
            difference. None if it never ended.
        torch: Whether torch was imported with it.
        parts: As `aezoo components --json` tells them.
        variants: Each with its description, or with the keys that it fills.
    """

    state: State
    reason: str = ""
    hint: str = ""
    milliseconds: float | None = None
    torch: bool = False
    parts: Sequence[dict[str, Any]] = ()
    variants: Mapping[str, str] = MappingProxyType({})


def probe(namespace: str, *, patience: float = PATIENCE) -> ProbeResult:
    """Import a plugin in another process, all of its lazy modules included, and report the result."""
    # -P: no code from the working folder; the path of this process is that of the other.
    command = [sys.executable, "-P", "-m", __name__, namespace]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, env=environment, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        return ProbeResult("broken", f"plugin {namespace!r} is not imported after {patience:g} s")
    try:
        return ProbeResult(**json.loads(done.stdout))
    except (ValueError, TypeError):
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        return ProbeResult("broken", f"plugin {namespace!r} ended the process that imported it, with {how}")


def _main(namespace: str) -> None:
    # What the plugin prints, at whatever level, must not stand where the finding is read.
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with results:
        json.dump({**(result := _probe_here(namespace))._asdict(), "variants": dict(result.variants)}, results)
    os._exit(0)  # no thread and no exit handler of the plugin's keeps the answer waiting


def _probe_here(namespace: str) -> ProbeResult:
    import aezoo.plugin  # noqa: F401  not the plugin's to pay for
    from aezoo.errors import PluginError
    from aezoo.reference.entry import entries
    from aezoo.registry.attribution import attributed
    from aezoo.registry.loader import load
    from aezoo.registry.registry import Registry

    registry, start = Registry(load), time.process_time()
    try:
        with attributed():
            load(registry, namespace)
            parts = list(registry.parts())
            spent = (time.process_time() - start) * 1000
            documents = [entry.document() for entry in entries(parts)]
            variants = {name: about(registry.variant(name)) for name in registry.variants()}
    except PluginError as error:
        spent = (time.process_time() - start) * 1000
        return ProbeResult(error.state, error.message, error.hint, spent, "torch" in sys.modules)  # type: ignore[arg-type]
    return ProbeResult("loaded", "", "", spent, "torch" in sys.modules, documents, variants)


def about(fragment: Any) -> str:
    """What a variant does, in a line."""
    return str(fragment.get("description") or f"fills {', '.join(fragment)}")


if __name__ == "__main__":
    _main(sys.argv[1])
