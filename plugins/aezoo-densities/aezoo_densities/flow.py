"""A flow prior: N(0, I) through invertible maps that learn."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn
from zuko.flows import NSF

from aezoo.nn.prior import StandardNormal


class FlowPrior(nn.Module):
    """A neural spline flow, autoregressive: log p(z) = log N(f(z); 0, I) + log |det df/dz|.

    Durkan et al. 2019, "Neural spline flows", arXiv:1906.04032, by zuko. The maps bend each value within [-5, 5] and
    leave it as it is outside.

    Args:
        shape: Of a code, of D values.
        transforms: How many maps, one after another, each in the reversed order of the values.
        width: Of the two hidden layers of each map.
        bins: Of each spline.

    Shape:
        z: [B, *code] -> log_prob: [B]
    """

    def __init__(self, shape: tuple[int, ...], *, transforms: int, width: int, bins: int) -> None:
        super().__init__()
        self.shape = shape
        dim = math.prod(shape)
        with torch.device("cpu"):  # NSF reads values of its masks, and the meta device has none
            flow = NSF(dim, transforms=transforms, hidden_features=(width, width), bins=bins)
        self.maps = flow.transform.to(torch.get_default_device())
        self.base = StandardNormal((dim,))

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """`n` codes, a pass for each of the D values; the generator lives on the module's device."""
        z: Tensor = self.maps().inv(self.base.sample(n, generator))
        return z.reshape(n, *self.shape)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats."""
        noise, log_det = self.maps().call_and_ladj(z.flatten(1))
        return self.base.log_prob(noise) + log_det  # type: ignore[no-any-return]

    def fit(self, codes: Tensor) -> None:
        """Nothing to learn after training."""
