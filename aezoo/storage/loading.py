"""Loading: a model from files that were verified."""

from __future__ import annotations

import torch

from aezoo.building.builder import assemble, skeleton
from aezoo.hardware import device as devices
from aezoo.model import Model
from aezoo.registry.attribution import attributed
from aezoo.storage import weights
from aezoo.storage.verification import Verified


@attributed()
def model_of(verified: Verified, *, device: str = "auto") -> Model:
    """The model in files that were verified; nothing is read again.

    Args:
        verified: What `verify` gave.
        device: `auto`, `cpu`, `cuda:1` ...

    Raises:
        Refused: The weights do not fit the network of the spec.
    """
    refuse_shapes(verified)
    # Assembled anew, not on the meta device: buffers that are not saved have to hold what they hold.
    with torch.random.fork_rng(devices=[]):
        network = assemble(verified.spec)
    network.load_state_dict(weights.tensors_of(verified.content.data, verified.header))
    return Model(verified.spec, network.eval(), pulled=verified.pulled).to(devices.choose(device).device)


def refuse_shapes(verified: Verified) -> None:
    """Refuse weights of other names, types or shapes than the network of their spec has. Raises `Refused`."""
    weights.compare(verified.path, verified.header, skeleton(verified.spec).state_dict())
