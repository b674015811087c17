"""Size of a pass: what `training.micro_batch = "auto"` stands for, chosen once in a run before its first step.

A batch decides how a model learns, so none is chosen for the user; in how many passes its gradient is computed decides
what memory that takes. The number is in the spec that the run keeps, and a run that goes on has it from there.
"""

from __future__ import annotations

from pathlib import Path

import torch

from aezoo.errors import AezooError
from aezoo.hardware import device as devices
from aezoo.reading.reader import check
from aezoo.spec.document import Spec
from aezoo.spec.limits import DEFAULT_LIMITS, NO_LIMIT
from aezoo.spec.memory import memory
from aezoo.storage.checkpoints import Checkpoints
from aezoo.storage.config_json import read_manifest
from aezoo.storage.writer import current
from aezoo.training.out_of_memory import fitting_pass
from aezoo.training.states.finished import differ_in_length

#: Of the memory that is free, what a run takes at most: the rest is for whatever else begins beside it.
SHARE = 0.8
#: Of a spec that was trained before: how large its model may be was settled then.
_LIMITS = DEFAULT_LIMITS._replace(parameters=NO_LIMIT, activations=NO_LIMIT, modules=NO_LIMIT)


def of_pass(spec: Spec, samples: int | None) -> Spec:
    """The spec with so many samples in a pass; None: whole batches."""
    return spec.model_copy(update={"training": spec.training.model_copy(update={"micro_batch": samples})})


def as_chosen(spec: Spec, device: torch.device) -> Spec:
    """The spec with a number for "auto": whole batches if they fit, else as few passes as it takes.

    Args:
        spec: What is trained.
        device: Where. If it does not say what is free, batches stay whole.
    """
    if spec.training.micro_batch != "auto":
        return spec
    free, batch, needed = devices.free(device), spec.training.batch_size, memory(spec)
    if free is None:
        return of_pass(spec, None)
    # The weights twice: the best so far are kept beside those that move.
    held = 2 * needed.weights + needed.gradients + needed.averages + (needed.optimizer or 0)
    fits = fitting_pass(spec, max(0, int(SHARE * free) - held), most=batch)
    return of_pass(spec, None if fits == batch else max(1, fits))


def as_kept(spec: Spec, folder: Path) -> Spec:
    """The spec with the number that the run in a folder has for "auto", if it is a run of that spec."""
    if spec.training.micro_batch != "auto":
        return spec
    for kept in filter(None, (_begun(folder), _trained(folder))):
        alike = of_pass(kept, None), of_pass(spec, None)
        if alike[0].run == alike[1].run or differ_in_length(*alike):
            return of_pass(spec, kept.training.most_in_a_pass)
    return spec


def _begun(folder: Path) -> Spec | None:
    run = Checkpoints(folder).run()
    return check(run["spec"], limits=_LIMITS)[0] if run and "spec" in run else None


def _trained(folder: Path) -> Spec | None:
    try:
        return read_manifest(current(folder))
    except (AezooError, OSError):
        return None
