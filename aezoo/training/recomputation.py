"""Recomputation: layers that keep no activations for the backward pass, which computes them anew.

Chen et al. 2016, "Training deep nets with sublinear memory cost", arXiv:1604.06174.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from aezoo.nn.autoencoder import Autoencoder


class Recomputed:
    """The forward pass of a layer, of which its input alone is kept.

    Dropout draws the same numbers again, and buffers are those that the first pass had: running means are updated
    once, and a spectral norm has the same estimate.

    Args:
        layer: With its own `forward`.
    """

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer
        self.forward = layer.forward

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if not torch.is_grad_enabled():
            return self.forward(*arguments, **named)
        before = {name: buffer.clone() for name, buffer in self.layer.named_buffers()}
        contexts = lambda: (nullcontext(), self._with(before))  # noqa: E731
        return checkpoint(self.forward, *arguments, use_reentrant=False, context_fn=contexts, **named)

    @contextmanager
    def _with(self, buffers: Mapping[str, Tensor]) -> Iterator[None]:
        """Other buffers within. They are exchanged, not written to: what a backward pass has saved must not change."""
        owners = {
            name: (self.layer.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2]) for name in buffers
        }
        now = {name: owner._buffers[key] for name, (owner, key) in owners.items()}
        for name, (owner, key) in owners.items():
            owner._buffers[key] = buffers[name]
        try:
            yield
        finally:
            for name, (owner, key) in owners.items():
                owner._buffers[key] = now[name]


@contextmanager
def recomputing(model: Autoencoder) -> Iterator[None]:
    """Within, the layers of encoder and decoder are recomputed; those that draw a level from a generator are not."""
    layers = [
        layer
        for stack in ("encoder", "decoder")
        for i, layer in enumerate(getattr(model, stack))
        if not ((read := model.reads.get(f"{stack}.{i}")) and read.stochastic)
    ]
    own = [vars(layer).get("forward") for layer in layers]
    for layer in layers:
        layer.forward = Recomputed(layer)
    try:
        yield
    finally:
        for layer, forward in zip(layers, own, strict=True):
            if forward is None:
                del layer.forward
            else:
                layer.forward = forward
