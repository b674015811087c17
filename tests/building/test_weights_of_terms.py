"""Weights that terms have of their own: trained by the first player, and none is left to no player."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import aezoo
from aezoo.building.builder import objective_of
from aezoo.errors import PluginError
from aezoo.plugin import ObjectiveSpec, RegularizerSpec, Shape
from aezoo.registry.registry import Registry
from tests.registries import registry_with


class Drawn(nn.Module):
    """The squared distance of a weight from 5."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(2.0))

    def forward(self, out: Any) -> Tensor:
        return (self.value - 5).square()


class DrawnSpec(RegularizerSpec):
    """A penalty with a weight of its own."""

    type: Literal["drawn"] = "drawn"

    def build(self, shape: Shape) -> nn.Module:
        return Drawn()


class Halved(nn.Module):
    """Two players, of which neither moves the latent."""

    def forward(self, out: Any, player: str) -> dict[str, Tensor]:
        return {"reconstruction": out.model.likelihood.nll(out.raw, out.x).mean()}

    def own(self, player: str) -> Iterator[nn.Parameter]:
        return iter(())

    def split(self, model: Any) -> dict[str, list[nn.Module]]:
        return {"model": [model.decoder], "other": [model.decoder]}


class HalvedSpec(ObjectiveSpec):
    """A game that forgets the latent."""

    type: Literal["halved"] = "halved"
    players: ClassVar[tuple[str, ...]] = ("model", "other")
    terms: ClassVar[frozenset[str]] = frozenset({"reconstruction"})

    def build(self, spec: Any) -> nn.Module:
        return Halved()


@pytest.fixture(scope="module")
def registry() -> Registry:
    return registry_with(DrawnSpec, HalvedSpec, namespace="toy")


def document(**parts: Any) -> dict[str, Any]:
    source = {"shape": [4], "kind": "vector"}
    return {"name": "own", "input": source, "latent": {"type": "deterministic", "dim": 2}, **parts}


def test_a_penalty_s_own_weight_is_trained_with_the_model(registry: Registry) -> None:
    training = {"steps": 200, "batch_size": 10, "optimizer": {"lr": 0.05}}
    spec = aezoo.read(document(regularizers={"far": {"type": "toy:drawn"}}, training=training), registry=registry)
    run = aezoo.train(spec, np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32))
    (value,) = run.auxiliary_state.values()
    assert value.item() == pytest.approx(5.0, abs=0.1)


def test_a_game_that_leaves_weights_to_no_player_is_refused_with_their_names(registry: Registry) -> None:
    model = aezoo.build(aezoo.read(document(objective={"type": "toy:halved"}), registry=registry))
    message = r"objective toy:halved: .*leaves weights to no player: model\.latent\.project\.weight, "
    with pytest.raises(PluginError, match=message):
        objective_of(model, steps=1)
