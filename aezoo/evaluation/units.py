"""Units of errors: those of the loss, which are the data's, or standardized ones where the model standardizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn

from aezoo.nn.autoencoder import Autoencoder
from aezoo.spec.samples import Array

if TYPE_CHECKING:
    from aezoo.model import Model

Name = Literal["data", "standardized"]


class Units(NamedTuple):
    """Data units x and units of the loss y, x = shift + scale y; float64 on the CPU.

    Attributes:
        shift, scale: [1, ...], for each feature or channel; None where the two are the same.
    """

    shift: Tensor | None = None
    scale: Tensor | None = None

    @classmethod
    def of(cls, network: Autoencoder) -> Units:
        """The units of a model's loss."""
        normalizer: nn.Module = network.normalizer
        shift, scale = getattr(normalizer, "shift", None), getattr(normalizer, "scale", None)
        if shift is None or scale is None:
            return cls()
        return cls(_exact(shift)[None], _exact(scale)[None])

    @property
    def name(self) -> Name:
        return "data" if self.scale is None else "standardized"

    def of_data(self, x: Tensor) -> Tensor:
        """Samples [B, *shape] of the data, in units of the loss."""
        x = _exact(x)
        return x if self.shift is None or self.scale is None else (x - self.shift) / self.scale

    def to_data(self, y: Tensor) -> Tensor:
        """Samples [B, *shape] in units of the loss, in those of the data."""
        y = _exact(y)
        return y if self.shift is None or self.scale is None else y * self.scale + self.shift


def drawable(model: Model, values: Array) -> Array:
    """Samples [N, *shape] of the data as pictures show them: on one scale, where each value has a scale of its own."""
    units = Units.of(model.network)
    if units.name == "data" or model.spec.input.range is not None:
        return values
    return units.of_data(torch.from_numpy(values)).numpy()


def _exact(x: Tensor) -> Tensor:
    # First to the CPU: some accelerators know no float64.
    return x.detach().cpu().to(torch.float64)
