"""Layers of sequences, made by hand: what they are unless said."""

from __future__ import annotations

import torch

from aezoo.nn.sequences import Transformer, TransformerBlock


def test_nothing_is_dropped_and_positions_are_learned_unless_said() -> None:
    torch.manual_seed(0)
    transformer = Transformer(4, 5, depth=2, heads=2, hidden=8).train()
    x = torch.randn(3, 4, 5)
    trained, used = transformer(x), transformer.eval()(x)
    assert torch.equal(trained, used)
    learned = dict(transformer.named_parameters())["positions"]
    assert learned.shape == (5, 4)
    assert 0.005 < learned.std() < 0.05  # 0.02, of twenty draws


def test_positions_may_be_left_out_and_then_a_turned_sequence_gives_a_turned_one() -> None:
    torch.manual_seed(0)
    transformer = Transformer(4, 5, depth=1, heads=2, hidden=8, positions="none")
    x = torch.randn(3, 4, 5)
    assert transformer.positions is None
    torch.testing.assert_close(transformer(x.flip(-1)), transformer(x).flip(-1))
    assert len(transformer.blocks) == 1
    assert isinstance(transformer.blocks[0], TransformerBlock)
