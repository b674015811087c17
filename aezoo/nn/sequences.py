"""Layers over positions: self-attention, transformers, recurrent networks, the last step."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    """Multi-head attention of each position to all (Vaswani et al. 2017, arXiv:1706.03762, section 3.2).

    Args:
        features: Width F of a position, a multiple of `heads`.
        heads: Attention maps side by side.
        dropout: Share of attention weights zeroed in training.

    Shape:
        h: [B, N, F] -> [B, N, F]
    """

    def __init__(self, features: int, *, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(features, 3 * features)
        self.out = nn.Linear(features, features)

    def forward(self, h: Tensor) -> Tensor:
        batch, tokens, features = h.shape
        qkv = self.qkv(h).view(batch, tokens, 3, self.heads, features // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # [B, heads, N, F / heads]
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, features))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """x + attention(norm(x)) over the positions of a signal, image or volume (arXiv:1805.08318, pre-norm).

    Args:
        channels: C, a multiple of `heads`.
        heads: Attention maps side by side.
        norm: Applied first; None is a layer norm of the channels.
        by_position: Whether the norm takes the vectors [B, N, C], else the grid [B, C, N].

    Shape:
        x: [B, C, *spatial] -> the same
    """

    def __init__(self, channels: int, *, heads: int, norm: nn.Module | None = None, by_position: bool = True) -> None:
        super().__init__()
        self.by_position = by_position
        self.norm = nn.LayerNorm(channels) if norm is None else norm
        self.attention = SelfAttention(channels, heads=heads)

    def forward(self, x: Tensor) -> Tensor:
        h = x.flatten(2)  # [B, C, N]
        h = self.norm(h.transpose(1, 2)) if self.by_position else self.norm(h).transpose(1, 2)
        return x + self.attention(h).transpose(1, 2).reshape(x.shape)  # type: ignore[no-any-return]


class TransformerBlock(nn.Module):
    """Attention, then a perceptron, each applied to a layer norm and added (Xiong et al. 2020, arXiv:2002.04745).

    Shape:
        h: [B, N, F] -> [B, N, F]
    """

    def __init__(self, features: int, *, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(features)
        self.attention = SelfAttention(features, heads=heads, dropout=dropout)
        self.mlp_norm = nn.LayerNorm(features)
        self.mlp = nn.Sequential(
            OrderedDict(expand=nn.Linear(features, hidden), activation=nn.GELU(), contract=nn.Linear(hidden, features))
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, h: Tensor) -> Tensor:
        h = h + self.drop(self.attention(self.attention_norm(h)))
        return h + self.drop(self.mlp(self.mlp_norm(h)))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Positions added, then blocks of attention and perceptron, then a norm (arXiv:1706.03762, pre-norm).

    Args:
        channels: Width of a position.
        length: How many positions there are.
        depth: How many blocks.
        heads: Attention maps of a block.
        hidden: Width inside a perceptron.
        positions: `learned`, `sinusoidal` or `none`.
        dropout: In training, of attention weights and of the outputs added to the residual stream.

    Shape:
        x: [B, C, L] -> [B, C, L]
    """

    def __init__(
        self,
        channels: int,
        length: int,
        *,
        depth: int,
        heads: int,
        hidden: int,
        positions: str = "learned",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.positions: Tensor | None
        if positions == "learned":
            learned = torch.empty(length, channels)
            # Not on the meta device: nothing is drawn there, and `normal_` would import torch's compiler.
            self.positions = nn.Parameter(learned if learned.is_meta else learned.normal_(std=0.02))
        else:
            # Persistent, though fixed: a model that is built on the meta device gets its values from the state dict.
            fixed = sinusoids(length, channels) if positions == "sinusoidal" else None
            self.register_buffer("positions", fixed)
        self.blocks = nn.ModuleList(
            TransformerBlock(channels, heads=heads, hidden=hidden, dropout=dropout) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        h = x.transpose(1, 2)  # [B, L, C]
        if self.positions is not None:
            h = h + self.positions
        for block in self.blocks:
            h = block(h)
        return self.norm(h).transpose(1, 2)  # type: ignore[no-any-return]


def sinusoids(length: int, channels: int) -> Tensor:
    """Fixed positions: sines, then cosines, of falling frequency (arXiv:1706.03762, section 3.5).

    Shape:
        -> [L, C]
    """
    half = (channels + 1) // 2
    rates = torch.exp(torch.arange(half) * (-math.log(10000.0) / half))
    angles = torch.arange(length)[:, None] * rates  # [L, half]
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :channels]


class Recurrent(nn.Module):
    """A recurrent network along a sequence: GRU (arXiv:1406.1078) or LSTM.

    Args:
        cell: `gru` or `lstm`.
        channels: Width of the input at a position.
        features: Width of the output, of both directions together.
        bidirectional: Whether a second network reads from the end; each then has half the features.

    Shape:
        x: [B, C, L] -> [B, F, L]
    """

    def __init__(self, cell: str, channels: int, features: int, *, bidirectional: bool) -> None:
        super().__init__()
        kind = nn.GRU if cell == "gru" else nn.LSTM
        width = features // 2 if bidirectional else features
        self.cells = kind(channels, width, batch_first=True, bidirectional=bidirectional)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.cells(x.transpose(1, 2))  # [B, L, F]
        return h.transpose(1, 2)  # type: ignore[no-any-return]


class Last(nn.Module):
    """The last step of a sequence.

    Shape:
        x: [B, C, L] -> [B, C]
    """

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, -1]
