"""Training tensors: training.safetensors, beside a model: what only training needs, its critics above all.

It is written where there is any such state, is of the same step as the weights of the model, and using the model does
not read it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aezoo.spec.canonical import to_json
from aezoo.storage import config_json, layout, weights
from aezoo.storage.model_files import ModelFiles
from aezoo.storage.writer import current

if TYPE_CHECKING:
    from torch import Tensor

    from aezoo.model import Model
    from aezoo.nn.objective import Objective
    from aezoo.spec.document import Spec

NAME = layout.STATE


def write(folder: Path, spec: Spec, state: Mapping[str, Tensor]) -> None:
    """Write the state, if there is any; its header holds the spec, as that of the weights does."""
    if state:
        weights.write_weights(folder / NAME, state, to_json(config_json.manifest(spec), indent=None))


def restore(model: Model, folder: str | os.PathLike[str]) -> Objective:
    """The objective of a model that was loaded from this folder, with what its players knew when its weights were kept.

    Raises:
        NotFound: The folder holds no such state, though the objective has some.
        Refused: It is damaged, or of another objective.
    """
    from aezoo.building.builder import objective_of

    objective = objective_of(model, steps=1)
    if not objective.auxiliary_state:
        return objective
    path = current(Path(folder)) / NAME
    data = weights.opened(ModelFiles(path.parent), NAME).data
    header = weights.header_of(path, data)
    weights.compare(path, header, objective.auxiliary_state)
    objective.load_state_dict(weights.tensors_of(data, header), strict=False)  # the model has its weights already
    return objective.to(model.device)
