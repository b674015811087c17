"""Layers that read a tap beside their input: their formulas, and a pass that hands them what they read."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from aezoo.errors import UsageError
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.latent import Deterministic
from aezoo.nn.layer_stack import Read, one_hot
from aezoo.nn.likelihood import SquaredError
from aezoo.nn.reading_layers import Condition, Join


def test_a_vector_is_joined_at_every_position():
    h, read = torch.zeros(2, 3, 4, 5), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    joined = Join()(h, read)
    assert joined.shape == (2, 5, 4, 5)
    assert torch.equal(joined[:, :3], h)
    assert bool((joined[1, 3] == 3).all())
    assert bool((joined[1, 4] == 4).all())


def test_a_grid_is_joined_position_by_position_and_to_a_vector_whole():
    h, read = torch.randn(2, 3, 2, 2), torch.randn(2, 1, 2, 2)
    assert torch.equal(Join()(h, read)[:, 3:], read)
    assert torch.equal(Join()(h[:, :, 0, 0], read)[:, 3:], read.flatten(1))


def test_an_embedding_is_the_column_of_its_class():
    embed = nn.Linear(3, 2, bias=False)
    joined = Join(embed)(torch.zeros(2, 1), one_hot(torch.tensor([2, 0]), 3, torch.zeros(1)))
    assert torch.equal(joined[:, 1:], embed.weight.t()[[2, 0]])


def test_a_condition_scales_by_one_more_and_shifts():
    project = nn.Linear(1, 4, bias=False)
    project.weight.data = torch.tensor([[1.0], [2.0], [10.0], [20.0]])  # scales of two channels, then shifts
    h = torch.tensor([[[3.0, 4.0], [5.0, 6.0]]])  # [1, 2, 2]
    conditioned = Condition(project)(h, torch.tensor([[0.5]]))
    assert torch.equal(conditioned, torch.tensor([[[1.5 * 3 + 5, 1.5 * 4 + 5], [2 * 5 + 10.0, 2 * 6 + 10.0]]]))


def test_classes_are_rows_with_a_single_one():
    rows = one_hot(torch.tensor([1, 0]), 3, torch.zeros(1, dtype=torch.double))
    assert torch.equal(rows, torch.tensor([[0, 1, 0], [1, 0, 0]], dtype=torch.double))
    assert torch.equal(rows.argmax(dim=1), nn.functional.one_hot(torch.tensor([1, 0]), 3).argmax(dim=1))


def test_an_unknown_class_is_a_row_of_zeros():
    assert one_hot(torch.tensor([-1, 2]), 3, torch.zeros(1)).tolist() == [[0, 0, 0], [0, 0, 1]]


def conditional() -> Autoencoder:
    """Both halves read a label of three classes; the decoder also the output of its own first layer."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Autoencoder(
            input_shape=[4],
            encoder=[nn.Linear(4, 5), Join()],
            latent=Deterministic(nn.Linear(8, 2), nn.Identity()),
            decoder=[Join(), nn.Linear(5, 6), nn.Tanh(), Join(), nn.Linear(12, 4)],
            likelihood=SquaredError(),
            reads={
                "encoder.1": Read("fields.label", 3),
                "decoder.0": Read("fields.label", 3),
                "decoder.3": Read("decoder.1"),
            },
        ).eval()


def by_hand(network: Autoencoder, x: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Code and output, layer by layer."""
    rows = nn.functional.one_hot(label, 3).float()
    first, _ = network.encoder
    z = network.latent.project(torch.cat([first(x), rows], dim=1))
    _, second, function, _, last = network.decoder
    below = second(torch.cat([z, rows], dim=1))
    return z, last(torch.cat([function(below), below], dim=1))


def test_every_way_through_a_model_hands_layers_their_fields():
    network, x, label = conditional(), torch.randn(3, 4), torch.tensor([2, 0, 1])
    z, raw = by_hand(network, x, label)
    fields = {"label": label}
    out = network(x, fields=fields)
    assert torch.equal(out.raw, raw)
    assert out.fields is fields
    assert torch.equal(network.encode(x, fields=fields).z, z)
    assert torch.equal(network.code_of(x, fields), z)
    assert torch.equal(network.expand(z, fields), raw)
    assert torch.equal(network.decode(z, fields), raw)
    assert torch.equal(network.reconstruct(x, fields), raw)
    assert torch.equal(network.redecode(out, out.code).raw, raw)
    assert out.levels == ()


def test_what_is_tapped_is_there_beside_what_is_read():
    network, x, fields = conditional(), torch.randn(3, 4), {"label": torch.tensor([2, 0, 1])}
    out = network(x, taps=["encoder.0", "decoder.4"], fields=fields)
    assert torch.equal(out.tap("encoder.0"), network.encoder[0](x))
    assert torch.equal(out.tap("decoder.4"), out.raw)


def test_a_field_that_is_not_given_is_named():
    with pytest.raises(UsageError, match="the model reads the field 'label', which is not given"):
        conditional()(torch.randn(3, 4))
