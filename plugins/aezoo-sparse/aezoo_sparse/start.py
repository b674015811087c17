"""Initialization of a dictionary: unit directions, their transpose as encoder, biases at the data's median."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aezoo.nn.layers import Tied
from aezoo.nn.projection import maps, scale_to_unit


def geometric_median(x: Tensor, *, iterations: int = 100, tolerance: float = 1e-6) -> Tensor:
    """The point of least summed distance to the rows, by Weiszfeld's iteration (1937).

    Unlike a mean it is robust to a few outliers.

    Args:
        x: The points.
        iterations: At most.
        tolerance: Relative change of the summed distances at which to stop.

    Shape:
        x: [N, F] -> [F]
    """
    # In double precision: near its minimum the sum hardly changes.
    x = x.double() if x.device.type != "mps" else x
    point, last = x.mean(dim=0), torch.inf
    for _ in range(iterations):
        distances = torch.linalg.vector_norm(x - point, dim=1)
        total = distances.sum().item()
        if last - total <= tolerance * total:
            break
        last = total
        # A sample at the point itself would have infinite weight.
        weights = 1 / distances.clamp_min(1e-8 * (1 + total / len(x)))
        point = (x * weights[:, None]).sum(dim=0) / weights.sum()
    return point


@torch.no_grad()
def couple(project: nn.Linear, center: Tensor | None, decoder: nn.Module, features: Tensor) -> None:
    """Couple an encoder's map to the decoder's first (Gao et al. 2024, arXiv:2406.04093, appendix A.1).

    D: columns of length 1, W = D^T, b = 0, c = the decoder's bias = the geometric median of the features; without
    a c, b = -W c is equivalent. A tied decoder has W's transpose already; with a decoder that begins with another kind
    of map, only c is set.

    Shape:
        features: [N, F]
    """
    median = geometric_median(features).to(features.dtype)
    back = next(maps(decoder), None)
    if isinstance(back, nn.Linear) and back.weight.t().shape == project.weight.shape:
        scale_to_unit(back)
        project.weight.copy_(back.weight.t())
    if isinstance(back, nn.Linear | Tied) and back.bias is not None and back.bias.shape == median.shape:
        back.bias.copy_(median)
    if center is not None:
        center.copy_(median)
    project.bias.copy_(torch.zeros_like(project.bias) if center is not None else -project.weight @ median)
