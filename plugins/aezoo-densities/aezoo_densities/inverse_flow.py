"""A posterior of a flow: a diagonal Gaussian, bent by invertible maps that see the sample."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from zuko.flows import MAF, NSF

from aezoo.nn.latent import LOGVAR, flatten_for, projection, standard_normal
from aezoo.nn.prior import LOG_2PI

#: Of each spline, between -5 and 5.
BINS = 8


class FlowCode(NamedTuple):
    """A code of the flow; `z` is the centre where nothing was drawn."""

    z: Tensor  # [B, D]
    centre: Tensor  # [B, D], where the maps lead the mean of the Gaussian
    base_mean: Tensor  # [B, D]
    base_logvar: Tensor  # [B, D], log of the variance
    context: Tensor  # [B, context], what the maps see of the sample
    drawn: Tensor  # [B, D], the z that `log_q` is of
    log_q: Tensor  # [B], log q(drawn | x) in nats


class InverseFlow(nn.Module):
    """z = f(e; x), e of a diagonal Gaussian: log q(z | x) = log N(e) - log |det df/de|.

    Kingma et al. 2016, "Improving variational inference with inverse autoregressive flow", arXiv:1606.04934; there the
    maps are affine with gates, here affine or splines (arXiv:1906.04032), by zuko. A draw and its density take one pass
    of each map. The density of another value takes one for each value of the code.

    Args:
        shape: Of a sample's features.
        dim: Values of a code, D.
        context: Width of what the maps see of the sample.
        spline: Whether maps are splines, else affine.
        transforms: How many maps, one after another, each in the reversed order of the values.
        width: Of the two hidden layers of each map.

    Shape:
        h: [B, *shape] -> z, centre, base_mean, base_logvar: [B, D], context: [B, context]
    """

    def __init__(
        self, shape: tuple[int, ...], dim: int, *, context: int, spline: bool, transforms: int, width: int
    ) -> None:
        super().__init__()
        self.dim = dim
        self.project = projection(shape, 2 * dim + context, spatial=False)
        make = partial(NSF, bins=BINS) if spline else MAF
        with torch.device("cpu"):  # the maps read values of their masks, and the meta device has none
            flow: Any = make(dim, context=context, transforms=transforms, hidden_features=(width, width))
        self.maps = flow.transform.to(torch.get_default_device())

    def forward(self, h: Tensor, generator: Generator | None = None) -> FlowCode:
        projected = self.project(flatten_for(self.project, h))
        mean, logvar, context = projected.split([self.dim, self.dim, projected.shape[1] - 2 * self.dim], dim=1)
        logvar = logvar.clamp(*LOGVAR)
        if generator is None:
            centre, log_q = self._passed(mean, logvar, context, torch.zeros_like(mean))
            return FlowCode(centre, centre, mean, logvar, context, centre, log_q)
        # Centre and draw in one pass.
        noise = torch.cat([torch.zeros_like(mean), standard_normal(mean, generator)])
        z, log_q = self._passed(mean.repeat(2, 1), logvar.repeat(2, 1), context.repeat(2, 1), noise)
        (centre, z), (_, log_q) = z.chunk(2), log_q.chunk(2)
        return FlowCode(z, centre, mean, logvar, context, z, log_q)

    def log_prob(self, code: FlowCode, z: Tensor) -> Tensor:
        """log q(z | x) of each sample, in nats.

        Shape:
            z: [B, D] -> [B]
        """
        if z is code.drawn:
            return code.log_q
        base, log_det = self.maps(code.context).inv.call_and_ladj(z)
        scaled = (base - code.base_mean) * (-code.base_logvar / 2).exp()
        return _normal(scaled, code.base_logvar) + log_det  # type: ignore[no-any-return]

    def redraw(self, code: FlowCode, generator: Generator) -> FlowCode:
        """The code with another draw of each sample's posterior."""
        return self.reparameterize(code, standard_normal(code.base_mean, generator))

    def reparameterize(self, code: FlowCode, noise: Tensor) -> FlowCode:
        """The code whose draw this standard normal noise gives.

        Shape:
            noise: [B or 1, D]
        """
        noise = noise.expand_as(code.base_mean)
        z, log_q = self._passed(code.base_mean, code.base_logvar, code.context, noise)
        return code._replace(z=z, drawn=z, log_q=log_q)

    def _passed(self, mean: Tensor, logvar: Tensor, context: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The code that noise gives, and its log density: [B, D], [B]."""
        base = torch.addcmul(mean, (logvar / 2).exp(), noise)
        z, log_det = self.maps(context).call_and_ladj(base)
        return z, _normal(noise, logvar) - log_det


def _normal(noise: Tensor, logvar: Tensor) -> Tensor:
    """Log density of mean + exp(logvar / 2) noise: [B, D] -> [B]."""
    return -0.5 * (noise.square() + logvar + LOG_2PI).sum(dim=1)
