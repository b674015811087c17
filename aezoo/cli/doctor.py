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
            _tell(name, finding)
        click.echo("all well" if sound else "something is broken: see above")
    ctx.exit(0 if sound else 1)


def _guarded(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """One broken thing does not hide the others."""
    try:
        return check()
    except Exception as error:  # a doctor does not die of what it finds
        return {"broken": f"{type(error).__name__}: {error}"}


def _self() -> dict[str, Any]:
    return {
        "version": aezoo.__version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
    }


def _versions() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    missing = [name for name, number in found.items() if number == "missing"]
    return {**found, "broken": f"not installed: {', '.join(missing)}"} if missing else found


def _device() -> dict[str, Any]:
    import torch

    from aezoo import device

    place = device.choose("auto")
    return {"device": str(place.device), "why": place.why, "threads": torch.get_num_threads()}


def _plugins() -> dict[str, Any]:
    """Each is imported in a process of its own: what one does to that is told, and hinders nobody."""
    from aezoo.cli.probe import trial
    from aezoo.registry.status import standings

    states: dict[str, Any] = {}
    broken = []
    for standing in standings():
        told = trial(standing.namespace) if standing.usable else standing
        parts = getattr(told, "parts", ())
        name = standing.namespace if standing.state != "invalid" else f"{standing.namespace} (invalid)"
        states[name] = told.state + (f", {len(parts)} parts" if parts else "")
        if told.reason and told.state != "disabled":
            states[name] += f": {told.reason}"
            broken.append(name)
    return {**states, "broken": ", ".join(broken)} if broken else states


def _specs() -> dict[str, Any]:
    from aezoo.reading.bundled import bundled_specs, folder

    count = len(bundled_specs())
    found: dict[str, Any] = {"folder": str(folder()), "count": count}
    return found if count else {**found, "broken": "no bundled specs"}


def _digits() -> dict[str, Any]:
    import numpy as np

    with files("aezoo").joinpath("assets/mnist10k.npz").open("rb") as file, np.load(file) as stored:
        images = stored["images"]
    return {"images": list(images.shape), "type": str(images.dtype)}


def _folders() -> dict[str, Any]:
    from aezoo.zoo.cache import home

    try:
        models = str(home())
    except NotFound as error:
        models = f"{error.message}; {error.hint}"
    return {"models": models, "working": os.getcwd()}


def _zoo() -> dict[str, Any]:
    """The models in the box, each held to its lock."""
    from aezoo.storage import lockfile
    from aezoo.zoo import embedded

    damaged = []
    for name in embedded.names():
        found = lockfile.read(embedded.folder(name))
        if found is None or lockfile.faults(embedded.folder(name), found):
            damaged.append(name)
    told: dict[str, Any] = {"count": len(embedded.names())}
    return {**told, "broken": f"damaged: {', '.join(damaged)}"} if damaged else told


def _environment() -> dict[str, Any]:
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith("AEZOO_")}


def _tell(name: str, finding: dict[str, Any]) -> None:
    click.echo(name)
    for key, value in finding.items():
        click.echo(f"  {key}: {value}")
