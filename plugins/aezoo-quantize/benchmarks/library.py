"""Which laws of aezoo's parts the layers of `vector-quantize-pytorch` obey; needs that library.

python benchmarks/library.py
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from vector_quantize_pytorch import FSQ, LFQ, ResidualVQ, VectorQuantize

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "VectorQuantize, running means": lambda: VectorQuantize(dim=4, codebook_size=8),
    "VectorQuantize, k-means start": lambda: VectorQuantize(dim=4, codebook_size=8, kmeans_init=True),
    "VectorQuantize, learned": lambda: VectorQuantize(
        dim=4, codebook_size=8, learnable_codebook=True, ema_update=False
    ),
    "ResidualVQ": lambda: ResidualVQ(dim=4, codebook_size=8, num_quantizers=3, quantize_dropout=True),
    "FSQ": lambda: FSQ([8, 5, 5, 5]),
    "LFQ": lambda: LFQ(codebook_size=16, dim=4),
}


def on_meta(make: Callable[[], nn.Module]) -> bool:
    """It can be built and passed through without memory, as `aezoo.build` does to hold a part to its declaration."""
    try:
        with torch.device("meta"):
            make().eval()(torch.empty(2, 6, 4, device="meta"))
    except RuntimeError:
        return False
    return True


def draws_nothing(make: Callable[[], nn.Module]) -> bool:
    """Training does not touch the global generator; there is none to give it."""
    layer, before = make(), torch.get_rng_state()
    for _ in range(20):
        layer(torch.linspace(-1, 1, 48).view(2, 6, 4))
    return torch.equal(before, torch.get_rng_state())


def is_still(make: Callable[[], nn.Module]) -> bool:
    """Evaluation changes no state."""
    layer = make().eval()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer(torch.linspace(-1, 1, 48).view(2, 6, 4))
    return all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def has_eval_loss(make: Callable[[], nn.Module]) -> bool:
    """Its losses are those of the data in evaluation, too; or it has none."""
    output = make().eval()(torch.linspace(-1, 1, 48).view(2, 6, 4))
    return len(output) < 3 or bool((output[2] != 0).all())


LAWS = (on_meta, draws_nothing, is_still, has_eval_loss)


def main() -> None:
    """Print a row for each layer."""
    print(f"{'':<32}" + "".join(f"{law.__name__:<16}" for law in LAWS))
    for name, make in LAYERS.items():
        print(f"{name:<32}" + "".join(f"{'yes' if law(make) else 'no':<16}" for law in LAWS))


if __name__ == "__main__":
    main()
