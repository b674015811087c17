"""`aezoo doctor`: what this installation has, and what is wrong with it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

import click

import aezoo
from aezoo.cli import options
from aezoo.cli.output import emit
from aezoo.errors import NotFound

DISTRIBUTIONS = (
    "torch",
    "numpy",
    "pydantic",
    "pluggy",
    "safetensors",
    "huggingface-hub",
    "click",
    "pillow",
    "tomli-w",
    "tqdm",
)


@click.command()
@options.as_json
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Report devices, versions, plugins and folders; exit 1 if something is broken."""
    checks: dict[str, Callable[[], dict[str, Any]]] = {
        "aezoo": _self,
        "versions": _versions,
        "device": _device,
        "plugins": _plugins,
        "specs": _specs,
        "digits": _digits,
        "zoo": _zoo,
        "folders": _folders,
        "environment": _environment,
    }
    findings = {name: _guarded(check) for name, check in checks.items()}
    sound = not any("broken" in finding for finding in findings.values())
    if as_json:
        emit({"ok": sound, **findings})
    else:
        for name, finding in findings.items():
            _print(name, finding)
        click.echo("all well" if sound else "something is broken: see above")
    ctx.exit(0 if sound else 1)


def _guarded(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """One broken thing does not hide the others."""
    try:
        return check()
    except Exception as error:  # reported as broken
        return {"broken": f"{type(error).__name__}: {error}"}


def _self() -> dict[str, Any]:
    return {
        "version": aezoo.__version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
    }


def _versions() -> dict[str, Any]:
    versions: dict[str, Any] = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "missing"
    missing = [name for name, number in versions.items() if number == "missing"]
    return {**versions, "broken": f"not installed: {', '.join(missing)}"} if missing else versions


def _device() -> dict[str, Any]:
    import torch

    from aezoo.hardware import device

    chosen = device.choose("auto")
    return {"device": str(chosen.device), "why": chosen.why, "threads": torch.get_num_threads()}


def _plugins() -> dict[str, Any]:
    """Each plugin is imported in a subprocess, so that a crash is reported and does not stop the others."""
    from aezoo.cli.plugin_probe import probe
    from aezoo.registry.status import standings

    states: dict[str, Any] = {}
    broken = []
    for standing in standings():
        result = probe(standing.namespace) if standing.usable else standing
        parts = getattr(result, "parts", ())
        name = standing.namespace if standing.state != "invalid" else f"{standing.namespace} (invalid)"
        states[name] = result.state + (f", {len(parts)} parts" if parts else "")
        if result.reason and result.state != "disabled":
            states[name] += f": {result.reason}"
            broken.append(name)
    return {**states, "broken": ", ".join(broken)} if broken else states


def _specs() -> dict[str, Any]:
    from aezoo.reading.bundled import bundled_specs, folder

    count = len(bundled_specs())
    bundled: dict[str, Any] = {"folder": str(folder()), "count": count}
    return bundled if count else {**bundled, "broken": "no bundled specs"}


def _digits() -> dict[str, Any]:
    import numpy as np

    with files("aezoo").joinpath("assets/mnist10k.npz").open("rb") as file, np.load(file) as stored:
        images = stored["images"]
    return {"images": list(images.shape), "type": str(images.dtype)}


def _folders() -> dict[str, Any]:
    from aezoo.files import cache_folder

    try:
        models = str(cache_folder())
    except NotFound as error:
        models = f"{error.message}; {error.hint}"
    return {"models": models, "working": os.getcwd()}


def _zoo() -> dict[str, Any]:
    """The embedded models, each compared with its lock."""
    from aezoo.storage import lockfile
    from aezoo.zoo import embedded

    damaged = []
    for name in embedded.names():
        lock = lockfile.read(embedded.folder(name))
        if lock is None or lockfile.faults(embedded.folder(name), lock):
            damaged.append(name)
    models: dict[str, Any] = {"count": len(embedded.names())}
    return {**models, "broken": f"damaged: {', '.join(damaged)}"} if damaged else models


def _environment() -> dict[str, Any]:
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith("AEZOO_")}


def _print(name: str, finding: dict[str, Any]) -> None:
    click.echo(name)
    for key, value in finding.items():
        click.echo(f"  {key}: {value}")
