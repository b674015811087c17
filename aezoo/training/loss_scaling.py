"""Loss scaling: gradients of float16 products are too small for it, unless the loss is multiplied before its backward
pass (Micikevicius et al. 2017, arXiv:1710.03740, section 3.2)."""

from __future__ import annotations

import torch
from torch.optim import Optimizer

from aezoo.spec.training import TrainingSpec


def loss_scaler(training: TrainingSpec, optimizer: Optimizer, device: torch.device) -> torch.amp.GradScaler | None:
    """torch's scaler for one optimizer; None where the precision needs none.

    A step whose gradient is not finite is left out, and the scale halved; it doubles after 2,000 good ones.
    """
    if training.precision != "float16":
        return None
    # Gradients are unscaled before they are clipped, by the scaler: a fused step must not do it once more.
    optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
    return torch.amp.GradScaler(device.type)
