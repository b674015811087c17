"""Conditions of a run: what its bits depend on beside its spec, so that a run that goes on is the run that began."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import torch

from aezoo.data.fingerprint import fingerprint
from aezoo.errors import render_path
from aezoo.hardware.processes import count, several
from aezoo.reading.diff import differences
from aezoo.spec.document import Spec
from aezoo.spec.samples import Samples
from aezoo.training.record import plugins_of

#: Differences of two specs that a message shows, and characters of a value.
SHOWN, LONGEST = 5, 40


def conditions_of(spec: Spec, samples: Samples, device: torch.device, threads: int) -> dict[str, str]:
    """By name, in words that are compared: versions, device, threads and the fingerprint of the data.

    Args:
        spec: What is trained.
        samples: All of them; every value is read.
        device: Where the run computes.
        threads: Of the CPU.
    """
    return {
        "aezoo": version("aezoo"),
        "torch": torch.__version__,
        **{f"plugin {name}": number for name, number in sorted(plugins_of(spec).items())},
        "device": device.type,
        "processor": _processor(device),
        "threads": str(threads),
        **({"processes": str(count())} if several() else {}),
        "data": fingerprint(samples, spec.fields),
    }


def _processor(device: torch.device) -> str:
    """What of it chooses the kernels: other instructions round otherwise."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return torch.backends.cpu.get_cpu_capability() if device.type == "cpu" else device.type


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is another, a line each: `torch: 2.12.0 -> 2.13.0`."""
    before, now = ({"processes": "1", **conditions} for conditions in (before, now))
    names = dict.fromkeys([*before, *now])
    return [
        f"{name}: {_short(before.get(name, 'none'))} -> {_short(now.get(name, 'none'))}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def spec_changes(before: Spec, now: Spec) -> list[str]:
    """In what a spec differs from the one that a run began with, a line each; empty if the run is the same."""
    if before.run == now.run:
        return []
    lines = list(_lines(before, now))
    return [*lines[:SHOWN], *([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])]


def _lines(before: Spec, now: Spec) -> Iterator[str]:
    for change in differences(before, now):
        if not change.names_only:
            yield f"{render_path(change.path)}: {_value(change.before)} -> {_value(change.after)}"


def _value(value: Any) -> str:
    return "nothing" if value is None else _short(json.dumps(value, default=str))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."
