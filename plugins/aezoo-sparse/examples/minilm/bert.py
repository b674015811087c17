"""BERT's encoder in plain PyTorch, from a safetensors file: hidden states of any layer, and on from any layer.

Devlin et al. 2018, arXiv:1810.04805; the sizes are those of all-MiniLM-L6-v2 (six layers of width 384, twelve heads).
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

HEADS = 12
LAYERS = 6
EPSILON = 1e-12


class Bert:
    """The weights, and a pass through them for sequences of one length.

    Args:
        path: `model.safetensors`.
    """

    def __init__(self, path: Path) -> None:
        self.weights = load_file(path)

    @torch.inference_mode()
    def hidden(self, tokens: Tensor, layer: int) -> Tensor:
        """What leaves a layer, counted from 1; 0 are the embeddings.

        Shape:
            tokens: [B, N] -> [B, N, F]
        """
        tables = [self.weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")]
        h = tables[0][tokens] + tables[1][: tokens.shape[1]] + tables[2][0]
        return self.onward(self._norm(h, "embeddings.LayerNorm"), 0, layer)

    @torch.inference_mode()
    def onward(self, h: Tensor, first: int, last: int = LAYERS) -> Tensor:
        """What leaves layer `last`, if `h` left layer `first`.

        Shape:
            h: [B, N, F] -> [B, N, F]
        """
        for i in range(first, last):
            name = f"encoder.layer.{i}"
            h = self._norm(h + self._attended(h, f"{name}.attention"), f"{name}.attention.output.LayerNorm")
            wide = F.gelu(self._map(h, f"{name}.intermediate.dense"))
            h = self._norm(h + self._map(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        return h

    def _attended(self, h: Tensor, name: str) -> Tensor:
        queries, keys, values = (
            self._map(h, f"{name}.self.{part}").unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        mixed = F.scaled_dot_product_attention(queries, keys, values)
        return self._map(mixed.transpose(1, 2).flatten(2), f"{name}.output.dense")

    def _map(self, h: Tensor, name: str) -> Tensor:
        return F.linear(h, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, h: Tensor, name: str) -> Tensor:
        return F.layer_norm(h, h.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], EPSILON)


def embedding(h: Tensor) -> Tensor:
    """What the model says of each sequence: the mean over tokens of the last hidden states, of length 1.

    Shape:
        h: [B, N, F] -> [B, F]
    """
    return F.normalize(h.mean(dim=1), dim=-1)
