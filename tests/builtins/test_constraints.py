from types import SimpleNamespace

import pytest
import torch
from torch import nn

from aezoo.builtins.constraints import MaxNormSpec, UnitNormSpec


def stack():
    torch.manual_seed(0)
    return nn.ModuleList([nn.Sequential(nn.Linear(3, 5), nn.ReLU()), nn.Linear(5, 6)])


def lengths(layer):
    return layer.weight.norm(dim=0)


def test_on_a_whole_decoder_the_first_map_is_meant():
    decoder = stack()
    before = decoder[1].weight.clone()
    UnitNormSpec().build()(decoder)
    torch.testing.assert_close(lengths(decoder[0][0]), torch.ones(3))
    assert decoder[1].weight.equal(before)


def test_a_named_layer_is_projected_whole():
    decoder = stack()
    UnitNormSpec(on="decoder.1").build()(decoder[1])
    torch.testing.assert_close(lengths(decoder[1]), torch.ones(5))


def test_max_norm_leaves_short_columns_alone():
    decoder = stack()
    before = lengths(decoder[0][0]).detach()
    limit = before.min().item() + 1e-3
    MaxNormSpec(norm=limit).build()(decoder)
    torch.testing.assert_close(lengths(decoder[0][0]), before.clamp_max(limit))


@pytest.mark.parametrize("on", ["decoder.0", "decoder.1"])
def test_a_layer_without_weights_cannot_be_constrained(on):
    layers = (SimpleNamespace(carries=True), SimpleNamespace(carries=False))
    spec = SimpleNamespace(decoder_layers=lambda: layers, encoder=())
    remarks = list(UnitNormSpec(on=on).remarks(spec))
    assert [remark.level for remark in remarks] == (["error"] if on == "decoder.0" else [])
