"""Preview: a picture of reconstructions, renewed while a run works."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import torch

from aezoo.data.batches import Batches
from aezoo.errors import NotFound, RunFailed, UsageError
from aezoo.evaluation.units import drawable
from aezoo.files import atomic_write
from aezoo.model import Model

#: Of the picture in a run's folder, where it stays.
PREVIEW = "preview.png"
#: Samples that it shows: images, and plots, which are wider.
IMAGES, PLOTS = 10, 6


class Preview:
    """The same samples at each drawing, above what the model makes of them; nothing is drawn at random.

    Args:
        model: Whose weights are those to be shown.
        batches: Of each split: samples are of validation, or of training where nothing is held out.
        path: Of the picture.

    Raises:
        UsageError: The model does not reconstruct whole samples.
    """

    def __init__(self, model: Model, batches: Mapping[str, Batches], path: Path) -> None:
        if not model.spec.decodes:
            raise UsageError(
                "a preview shows reconstructions, and this model makes none of a whole sample",
                hint="leave --preview out",
            )
        self.model = model
        self.path = path
        held_out = batches.get("validation", batches["train"])
        self.batch = held_out.head(PLOTS if len(model.spec.input.shape) < 3 else IMAGES)
        self._warned = False

    @torch.no_grad()
    def draw(self) -> None:
        """Put a new picture in place of the last one, in one step; one that cannot be written ends no run."""
        from aezoo.storage import pictures

        network = self.model.network
        network.eval()
        try:
            again = network.reconstruct(self.batch.x, self.batch.fields)
        finally:
            network.train()
        originals = self.batch.x if network.target is None else self.batch.fields[network.target]
        pair = (drawable(self.model, values.cpu().numpy()) for values in (originals, again))
        buffer = BytesIO()
        pictures.comparison(*pair, range=self.model.spec.target_range).save(buffer, "PNG")
        self._write(buffer.getvalue())

    def _write(self, picture: bytes) -> None:
        try:
            atomic_write(self.path, picture)
        except (NotFound, RunFailed, OSError) as error:
            if not self._warned:
                self._warned = True
                warnings.warn(f"no preview could be drawn: {error}", stacklevel=2)
