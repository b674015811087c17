"""Memory and time of a large image VAE in use, beside what `aezoo show` says that it takes.

    python benchmarks/large_images.py --size 512             encode, decode and reconstruct one image whole
    python benchmarks/large_images.py --size 512 --tile 256  the same in tiles, and how they differ from the whole
    python benchmarks/large_images.py --write runs/kl-f8     a folder of random weights, for `aezoo reconstruct`

The model has the layers of the KL-f8 autoencoder of latent diffusion (Rombach et al. 2021, arXiv:2112.10752,
appendix G): 84 million weights, 3 halvings, group norms, attention at the coarsest grid. Its weights are random, which
changes neither memory nor time. Peaks are of the whole process, PyTorch included.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from typing import Any

#: Channels at each of four resolutions, and residual blocks in each of the encoder; the decoder has one more.
CHANNELS, BLOCKS = (128, 256, 512, 512), 2


def conv(channels: int, kernel: int = 3, **more: Any) -> dict[str, Any]:
    return {"type": "conv", "channels": channels, "kernel": kernel, "activation": "identity", **more}


def norm() -> list[Any]:
    return [{"type": "norm", "norm": "group", "groups": 32}, {"type": "activation", "activation": "silu"}]


def block(channels: int) -> dict[str, Any]:
    return {"type": "residual", "body": [*norm(), conv(channels), *norm(), conv(channels)]}


def middle(channels: int) -> list[Any]:
    return [block(channels), {"type": "attention"}, block(channels)]


def kl_f8(size: int, name: str = "kl-f8") -> dict[str, Any]:
    """The spec, for images of this size."""
    encoder: list[Any] = [conv(CHANNELS[0])]
    for i, channels in enumerate(CHANNELS):
        encoder += [block(channels)] * BLOCKS
        if i < len(CHANNELS) - 1:
            encoder.append(conv(channels, stride=2))
    decoder: list[Any] = [conv(4, kernel=1), conv(CHANNELS[-1]), *middle(CHANNELS[-1])]
    for i, channels in reversed([*enumerate(CHANNELS)]):
        decoder += [block(channels)] * (BLOCKS + 1)
        if i:
            decoder += [{"type": "upsample", "factor": 2}, conv(channels)]
    return {
        "name": name,
        "input": {"shape": [3, size, size], "sizes": 8, "range": [-1.0, 1.0]},
        "encoder": [*encoder, *middle(CHANNELS[-1]), *norm(), conv(8)],
        "latent": {"type": "gaussian", "dim": 4, "layout": "spatial"},
        "decoder": [*decoder, *norm(), conv(3)],
        "likelihood": "gaussian",
        "regularizers": {"kl": {"weight": 1e-6}},
    }


def measure(size: int, tile: int | None, overlap: int | None, declared: int) -> None:
    import torch

    import aezoo
    from aezoo.spec.amounts import size as spelled
    from aezoo.spec.limits import LIMITS_IN_USE
    from aezoo.spec.memory import memory

    model = aezoo.build(kl_f8(declared), seed=0, limits=LIMITS_IN_USE)
    needed, trained = memory(model.spec.at((3, size, size))), memory(model.spec)
    print(f"{model.spec.parameters:,} parameters, weights {spelled(needed.weights)}, {peak()} before the first pass")
    print(
        f"declared: in use {spelled(needed.in_use)} at {size}, in training {spelled(trained.activations)} at {declared}"
    )
    x = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    cut = {"tile": tile, "overlap": overlap}
    codes = timed("encode", lambda: model.encode(x, **cut))
    timed("decode", lambda: model.decode(codes, **cut))
    reconstruction = timed("reconstruct", lambda: model.reconstruct(x, **cut))
    if tile is not None:
        error, scale = (reconstruction - model.reconstruct(x)).abs(), reconstruction.std()
        print(
            f"from the whole: up to {error.max():.2g}, {error.mean():.2g} on average; deviation of values {scale:.2g}"
        )


def timed(verb: str, call: Any) -> Any:
    start = time.perf_counter()
    result = call()
    print(f"{verb:12} {time.perf_counter() - start:6.1f} s, {peak()}", flush=True)
    return result


def peak() -> str:
    """The most memory that this process has had."""
    from aezoo.spec.amounts import size

    return f"peak {size(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=512, help="side of the image")
    parser.add_argument("--declared", type=int, default=256, help="side that the model is declared for")
    parser.add_argument("--tile", type=int)
    parser.add_argument("--overlap", type=int)
    parser.add_argument("--write", type=Path, help="only write the model, declared for --size")
    chosen = parser.parse_args()
    if chosen.write is None:
        measure(chosen.size, chosen.tile, chosen.overlap, chosen.declared)
        return
    import aezoo
    from aezoo.spec.limits import LIMITS_IN_USE

    aezoo.save(aezoo.build(kl_f8(chosen.size), seed=0, limits=LIMITS_IN_USE), chosen.write)


if __name__ == "__main__":
    main()
