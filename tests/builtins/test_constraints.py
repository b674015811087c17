import pytest
import torch
from pydantic import ValidationError
from torch import nn

import aezoo
from aezoo.building.builder import objective_of
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


@pytest.mark.parametrize("part", [UnitNormSpec, MaxNormSpec], ids=lambda part: part.tag())
def test_of_a_whole_stack_the_first_map_is_projected_and_of_a_layer_each(part):
    def maps(on):
        torch.manual_seed(0)
        layer = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 6))
        with torch.no_grad():
            layer[0].weight.mul_(100), layer[1].weight.mul_(100)
        part(on=on).build()(layer)
        return [bool(torch.allclose(lengths(one), torch.ones(one.in_features))) for one in layer]

    assert maps("decoder") == [True, False]
    assert maps("decoder.0") == [True, True]


def test_a_largest_norm_is_one_unless_said_and_never_nothing():
    assert MaxNormSpec().norm == 1.0
    assert MaxNormSpec(norm=1e-6).norm == 1e-6
    with pytest.raises(ValidationError):
        MaxNormSpec(norm=0.0)


SEQUENCE = {
    "name": "t",
    "input": [4, 8],
    "encoder": [{"type": "recurrent", "features": 8}, {"type": "transformer"}, "flatten"],
    "latent": {"type": "deterministic", "dim": 3},
}


@pytest.mark.parametrize("on", ["encoder.0", "encoder.2", "decoder.1"])
@pytest.mark.parametrize("part", [UnitNormSpec, MaxNormSpec], ids=lambda part: part.tag())
def test_a_layer_without_a_map_cannot_be_constrained(part, on):
    (remark,) = part(on=on).remarks(aezoo.read(SEQUENCE))
    assert (remark.level, remark.message) == ("error", f"{on!r} has no map to project")
    assert remark.at == "on"


@pytest.mark.parametrize("on", ["encoder", "encoder.1", "latent", "decoder", "decoder.0", "decoder.2"])
def test_what_is_not_refused_is_projected(on):
    model = aezoo.build({**SEQUENCE, "constraints": {"unit": {"type": "unit_norm", "on": on}}})
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    objective_of(model, steps=1).project()
    changed = {name for name, value in model.network.state_dict().items() if not value.equal(before[name])}
    assert changed
    assert all(name.startswith(f"{on}.") for name in changed)


@pytest.mark.parametrize(("on", "refused"), [("decoder", False), ("decoder.0", False), ("decoder.1", True)])
@pytest.mark.parametrize("part", [UnitNormSpec, MaxNormSpec], ids=lambda part: part.tag())
def test_a_weight_that_is_made_anew_at_each_pass_cannot_be_constrained(part, on, refused):
    decoder = [
        {"type": "linear", "features": 3},
        {"type": "linear", "features": 4, "weight_norm": True, "activation": "identity"},
    ]
    spec = aezoo.read({"name": "t", "input": [4], "latent": {"type": "deterministic", "dim": 3}, "decoder": decoder})
    remarks = [(remark.level, remark.message, remark.at) for remark in part(on=on).remarks(spec)]
    message = f"{on!r} has a weight that is made anew from g and v at each pass, so that a projection would be lost"
    assert remarks == ([("error", message, "on")] if refused else [])


def test_a_normalized_weight_can_be_tied_and_is_then_the_encoders():
    encoder = [{"type": "linear", "features": 1, "weight_norm": True}]
    spec = {"name": "t", "input": [1], "encoder": encoder, "latent": {"type": "deterministic", "dim": 3}}
    model = aezoo.build({**spec, "decoder": {"tied": True}})
    assert sum(p.numel() for p in model.network.parameters()) == model.spec.parameters
    source = model.network.encoder[0].linear
    assert model.network.decoder[1].linear.source is source
    with torch.no_grad():
        source.parametrizations.weight.original0.mul_(2)
    h = torch.randn(3, 1)
    torch.testing.assert_close(model.network.decoder[1](h), h * source.weight + model.network.decoder[1].linear.bias)
