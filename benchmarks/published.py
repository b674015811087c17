"""Published autoencoders as specs: random weights of three classes of `diffusers`, copied; the largest difference.

Needs that library. Nothing is downloaded.

python benchmarks/published.py
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL, AutoencoderOobleck, AutoencoderTiny
from torch import Tensor, nn

import aezoo

Layers = list[dict[str, Any]]


def conv(channels: int, kernel: int = 3, activation: str = "identity", **settings: Any) -> dict[str, Any]:
    return {"type": "conv", "channels": channels, "kernel": kernel, "activation": activation, **settings}


def residual(body: Layers, **settings: Any) -> dict[str, Any]:
    return {"type": "residual", "body": body, **settings}


def spec(name: str, shape: Sequence[int], **parts: Any) -> dict[str, Any]:
    return {"name": name, "input": {"shape": list(shape), "range": [-1.0, 1.0]}, "likelihood": "mse", **parts}


def kl() -> tuple[dict[str, Any], nn.Module]:
    """AutoencoderKL: two levels, attention in the middle."""
    widths, groups = (32, 64), 8
    ending: Layers = [
        {"type": "norm", "norm": "group", "groups": groups, "eps": 1e-6},
        {"type": "activation", "activation": "silu"},
    ]

    def block(width: int) -> dict[str, Any]:
        return residual([*ending, conv(width), *ending, conv(width)])

    attention = {"type": "attention", "norm": "group", "groups": groups, "eps": 1e-6}
    middle = [block(64), attention, block(64)]
    encoder = [conv(32), block(32), conv(32, stride=2, padding=[0, 1]), block(64), *middle, *ending, conv(8)]
    up = [block(64), block(64), {"type": "upsample", "factor": 2}, conv(64), block(32), block(32)]
    decoder = [conv(4, 1), conv(64), *middle, *up, *ending, conv(3)]
    latent = {"type": "gaussian", "dim": 4, "layout": "spatial", "logvar_range": [-30.0, 20.0], "scale": 0.18215}
    document = spec("kl", (3, 32, 32), encoder=encoder, latent=latent, decoder=decoder)
    document["regularizers"] = {"kl": {"weight": 1e-6}}
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    theirs = AutoencoderKL(block_out_channels=widths, layers_per_block=1, norm_num_groups=groups, **blocks)
    return document, theirs


def tiny() -> tuple[dict[str, Any], nn.Module]:
    """AutoencoderTiny: its input in [0, 1]; 3 tanh(z / 3) is a pointwise convolution, and the next has the factor 3."""
    block = residual([conv(8, activation="relu"), conv(8, activation="relu"), conv(8)], activation="relu")
    encoder = [conv(8), block, conv(8, stride=2, bias=False), block, block, conv(4)]
    grown = [block, block, {"type": "upsample", "factor": 2}, conv(8, bias=False), block, conv(3)]
    decoder = [conv(4, 1, "tanh"), conv(8, activation="relu"), *grown]
    latent = {"type": "deterministic", "dim": 4, "layout": "spatial"}
    document = spec("tiny", (3, 32, 32), encoder=encoder, latent=latent, decoder=decoder)
    document["input"]["range"] = [0.0, 1.0]
    widths, blocks = (8, 8), {"num_encoder_blocks": (1, 2), "num_decoder_blocks": (2, 1)}
    return document, AutoencoderTiny(encoder_block_out_channels=widths, decoder_block_out_channels=widths, **blocks)


def oobleck() -> tuple[dict[str, Any], nn.Module]:
    """AutoencoderOobleck: weight norm, Snake-beta, dilations."""
    snake = {"type": "snake", "beta": True, "log": True}

    def normed(channels: int, kernel: int, **settings: Any) -> dict[str, Any]:
        return conv(channels, kernel, weight_norm=True, **settings)

    def units(channels: int) -> Layers:
        bodies = ([snake, normed(channels, 7, dilation=d), snake, normed(channels, 1)] for d in (1, 3, 9))
        return [residual(body) for body in bodies]

    def down(inputs: int, outputs: int, stride: int) -> Layers:
        return [*units(inputs), snake, normed(outputs, 2 * stride, stride=stride, padding=-(-stride // 2))]

    def up(outputs: int, stride: int) -> Layers:
        back = normed(outputs, 2 * stride, stride=stride, padding=-(-stride // 2)) | {"type": "conv_transpose"}
        return [snake, back, *units(outputs)]

    encoder = [normed(8, 7), *down(8, 8, 2), *down(8, 16, 4), snake, normed(8, 3)]
    decoder = [normed(16, 7), *up(8, 4), *up(8, 2), snake, normed(2, 7, bias=False)]
    latent = {"type": "gaussian", "dim": 4, "layout": "spatial"}
    document = spec("oobleck", (2, 256), encoder=encoder, latent=latent, decoder=decoder)
    document["regularizers"] = {"kl": {"weight": 1e-6}}
    ratios = {"downsampling_ratios": [2, 4], "channel_multiples": [1, 2]}
    sizes = {"encoder_hidden_size": 8, "decoder_channels": 8, "decoder_input_channels": 4, "audio_channels": 2}
    return document, AutoencoderOobleck(**ratios, **sizes)


def in_order(state: dict[str, Tensor]) -> Iterator[Tensor]:
    """Their weights in the order of a pass, queries, keys and values as one."""

    def position(name: str) -> tuple[int, int]:
        early = ("encoder.conv_in", "encoder.down", "encoder.mid", "encoder", "quant", "post_quant")
        stages = (*early, "decoder.conv_in", "decoder.mid", "decoder")
        stage = next(i for i, start in enumerate(stages) if name.startswith(start))
        inner = ("resnets.0", "attentions", "resnets.1")
        return stage, next((i for i, part in enumerate(inner) if "mid_block" in name and part in name), 0)

    for name in sorted(state, key=position):  # stable: the rest is in order
        if "to_q" in name:
            yield torch.cat([state[name.replace("to_q", part)] for part in ("to_q", "to_k", "to_v")])
        elif "to_k" not in name and "to_v" not in name:
            yield state[name]


def identity(state: dict[str, Tensor], prefix: str, factor: float = 1.0) -> None:
    """Make a pointwise convolution multiply each channel by a factor."""
    weight, bias = state[f"{prefix}.weight"], state[f"{prefix}.bias"]
    weight.copy_(factor * torch.eye(len(weight)).view_as(weight))
    bias.zero_()


@torch.no_grad()
def copied(document: dict[str, Any], theirs: nn.Module) -> Any:
    """Our model with their weights."""
    model = aezoo.build(document)
    state = model.network.state_dict()
    own = ["latent.project."] if document["name"] != "kl" else []
    own += ["decoder.0.conv."] if document["name"] == "tiny" else []
    names = [name for name in state if not name.startswith(tuple(own))]
    # Ours are stored encoder, latent, decoder: the order of a pass.
    for name, value in zip(names, in_order(theirs.state_dict()), strict=True):
        state[name].copy_(value.reshape(state[name].shape))
    for prefix in own:
        identity(state, prefix[:-1], 1 / 3 if prefix == "decoder.0.conv." else 1.0)
    if document["name"] == "tiny":
        state["decoder.1.conv.weight"].mul_(3)
    return model


@torch.no_grad()
def compare(document: dict[str, Any], theirs: nn.Module) -> tuple[float, float]:
    """The largest difference of codes, and of what is decoded from them, relative to the largest value."""
    generator = torch.Generator().manual_seed(0)
    for p in theirs.eval().parameters():
        p.add_(0.02 * torch.randn(p.shape, generator=generator))
    model = copied(document, theirs)
    x = torch.rand(4, *document["input"]["shape"], generator=generator) * 2 - 1
    halved = document["name"] == "tiny"
    codes: Any = theirs.encode(x)  # type: ignore[operator]
    code = codes.latents if halved else codes.latent_dist.mode()
    scaled = code * document["latent"].get("scale", 1.0)
    ours = model.encode((x + 1) / 2 if halved else x)
    decoded = 2 * model.decode(scaled) - 1 if halved else model.decode(scaled)
    expected = theirs.decode(code).sample  # type: ignore[operator]
    return difference(ours, scaled), difference(decoded, expected)


def difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def main() -> None:
    torch.manual_seed(0)
    for make in (kl, tiny, oobleck):
        document, theirs = make()
        code, decoded = compare(document, theirs)
        weights = sum(p.numel() for p in theirs.parameters())
        print(f"{type(theirs).__name__:20} {weights:8,} weights, code {code:.1e}, decoded {decoded:.1e}")


if __name__ == "__main__":
    main()
