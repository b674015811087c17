"""Record of a run: device, versions, seed, time and results, as written to training.json."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch

from aezoo.data.batches import Rows
from aezoo.hardware.device import Device
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.reader import read
from aezoo.spec.document import Spec
from aezoo.spec.samples import Samples
from aezoo.storage.config_json import providers
from aezoo.training.outcome import Outcome


def record_of(
    spec: Spec, outcome: Outcome, samples: Samples, rows: Mapping[str, Rows], *, device: Device, threads: int
) -> dict[str, Any]:
    """The record of a run.

    Args:
        spec: What was trained.
        outcome: How its steps went.
        samples: All of them.
        rows: Of each split.
        device: Where it computed, and why there.
        threads: Of the CPU.
    """
    return {
        "aezoo": version("aezoo"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **({"plugins": versions} if (versions := plugins_of(spec)) else {}),
        "device": str(device.device),
        "device_why": device.why,
        "threads": threads,
        "precision": spec.training.precision,
        **({"micro_batch": size} if (size := spec.training.most_in_a_pass) else {}),
        "seed": spec.training.seed,
        "arch": spec.arch,
        "run": spec.run,
        "data": samples.title,
        "splits": {name: len(index) for name, index in rows.items()},
        "steps": outcome.step,
        "best_step": outcome.best_step,
        "best_by": spec.training.best_by,
        "ended": outcome.stop_reason,
        "seconds": round(outcome.seconds, 3),
        "validation": outcome.validation,
        **({"command": f"aezoo train {spec.name}"} if _is_bundled(spec) else {}),
    }


def plugins_of(spec: Spec) -> dict[str, str]:
    """The distributions behind the spec's parts, and their versions."""
    return dict(provider.split(">=") for provider in providers(spec).values())


def _is_bundled(spec: Spec) -> bool:
    """Whether the spec is one that comes with the package, under its name."""
    return spec.name in bundled_specs() and read(spec.name).run == spec.run
