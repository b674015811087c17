"""From a spec to a model: what only the built network can say."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import aezoo
from aezoo.building import builder
from aezoo.errors import SpecError
from aezoo.layers.basic import FlattenSpec
from aezoo.nn.autoencoder import Autoencoder
from aezoo.spec.limits import Limits
from aezoo.spec.shape import Shape


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"latent": {"type": "gaussian", "dim": 3}, "regularizers": {"kl": {"weight": 0.1}}},
            "not each other's transposes",
        ),
        ({"likelihood": {"type": "gaussian", "variance": "per_value"}}, "not each other's transposes"),
        ({"input": [2, 8], "encoder": [{"type": "recurrent", "features": 8}, {"type": "flatten"}]}, "AZ407"),
    ],
)
def test_a_decoder_that_cannot_be_tied_is_refused_in_its_place(parts: dict[str, Any], message: str) -> None:
    spec = {
        "name": "t",
        "input": [8],
        "encoder": [{"type": "linear", "features": 6}],
        "latent": {"type": "deterministic", "dim": 3},
        "decoder": {"tied": True},
    }
    with pytest.raises(SpecError, match=message) as caught:
        aezoo.build({**spec, **parts})
    assert caught.value.faults[0].path == ("decoder", "tied")


# --- what is verified, on the CPU or on the meta device ----------------------------------------------------------

CONVOLUTIONAL = {
    "name": "t",
    "input": [1, 8, 8],
    "encoder": [{"type": "conv", "channels": 4, "stride": 2, "norm": "batch"}, {"type": "dropout"}, "flatten"],
    "latent": {"type": "gaussian", "dim": 3},
    "regularizers": {"kl": {}},
}


@pytest.fixture(params=["cpu", "meta"])
def verified_on(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The device that two samples pass through: the CPU for light models, the meta device for all others."""
    if request.param == "meta":
        monkeypatch.setattr(builder, "MOST_WORK", 0)
    return str(request.param)


@pytest.mark.usefixtures("verified_on")
def test_a_part_in_the_box_that_gives_another_shape_than_it_declares_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FlattenSpec, "build", lambda self, shape: nn.Identity())
    with pytest.raises(AssertionError, match=r"declares 64, the module of encoder\.2 gives 4x4x4"):
        aezoo.build(CONVOLUTIONAL)


@pytest.mark.usefixtures("verified_on")
def test_a_part_in_the_box_that_keeps_more_than_all_limits_allow_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def wide(self: FlattenSpec, shape: Shape) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 1 << 12, bias=False), nn.Linear(1 << 12, 64, bias=False))

    monkeypatch.setattr(FlattenSpec, "build", wide)
    with pytest.raises(SpecError, match="AZ603"):
        aezoo.build(CONVOLUTIONAL, limits=Limits(parameters=10_000))


def test_what_is_verified_changes_neither_the_weights_nor_the_numbers_drawn_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    devices: list[str] = []
    passed = {}
    forward = Autoencoder.forward

    def watched(self: Autoencoder, x: Tensor, *rest: Any, **named: Any) -> Any:
        devices.append(x.device.type)
        return forward(self, x, *rest, **named)

    monkeypatch.setattr(Autoencoder, "forward", watched)
    for most in (builder.MOST_WORK, 0):
        monkeypatch.setattr(builder, "MOST_WORK", most)
        torch.manual_seed(1)
        passed[most] = {**aezoo.build(CONVOLUTIONAL).network.state_dict(), "next": torch.rand(3)}
    assert devices == ["cpu", "meta"]
    first, second = passed.values()
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_a_model_that_would_compute_for_long_is_verified_without_computing() -> None:
    light = {"name": "t", "input": [3, 64, 64], "latent": {"type": "deterministic", "dim": 8}}
    assert builder._is_light(aezoo.read({**light, "encoder": [{"type": "conv", "channels": 64}, "flatten"]}))
    wide = [{"type": "conv", "channels": 256}, {"type": "conv", "channels": 512}, "flatten"]
    assert not builder._is_light(aezoo.read({**light, "encoder": wide}))
