"""Units of errors: those of the loss, which are the data's, or standardized ones where the model standardizes."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.data_normalizer import Identity
from aezoo.spec.samples import Array

if TYPE_CHECKING:
    from aezoo.model import Model

Name = Literal["data", "standardized"]


class Units:
    """Data units and units of the loss: the normalizer of a network's output, in float64 on the CPU.

    Args:
        network: Whose loss it is.
    """

    def __init__(self, network: Autoencoder) -> None:
        # First to the CPU: some accelerators know no float64.
        self._normalizer = deepcopy(network.output_normalizer).cpu().double()

    @property
    def name(self) -> Name:
        """Which units the loss has."""
        return "data" if isinstance(self._normalizer, Identity) else "standardized"

    def of_data(self, x: Tensor) -> Tensor:
        """Samples [B, *shape] of the data, in units of the loss."""
        return self._normalizer(_exact(x))  # type: ignore[no-any-return]

    def to_data(self, y: Tensor) -> Tensor:
        """Samples [B, *shape] in units of the loss, in those of the data."""
        return self._normalizer.inverse(_exact(y))


def drawable(model: Model, values: Array) -> Array:
    """Samples [N, *shape] as pictures show them: standardized where the model standardizes data without a range."""
    units = Units(model.network)
    if units.name == "data" or model.spec.target_range is not None:
        return values
    return units.of_data(torch.from_numpy(values)).numpy()


def _exact(x: Tensor) -> Tensor:
    return x.detach().cpu().to(torch.float64)
