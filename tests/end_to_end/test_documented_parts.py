"""Parts that docs/plugins.md writes out, one for each contract, held to the laws."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aezoo.building.builder import build, objective_of
from aezoo.data.batches import Batch, Batches
from aezoo.reading.reader import read
from aezoo.spec.kinds import turns_of
from aezoo.spec.samples import Samples
from aezoo.testing.law.cases import Case, laws_of
from aezoo.testing.law.under_test import PartUnderTest, PluginUnderTest
from aezoo.training.loop import Loop
from tests.registries import registry_with

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")


def documented(name: str) -> Any:
    """The package of this name that the page writes out, imported."""
    package, tensors = types.ModuleType(name), types.ModuleType(f"{name}.tensors")
    sys.modules |= {name: package, f"{name}.tensors": tensors}
    for module, file in ((tensors, "tensors"), (package, "__init__")):
        for block in re.findall(rf"```python {name}/{file}.py\n(.*?)```", PAGE, flags=re.DOTALL):
            exec(compile(block, f"{name}/{file}.py", "exec"), module.__dict__)
    return package


GATES, WHITE = documented("aezoo_gates"), documented("aezoo_white")
PARTS = {
    "rivals:unpredictable": documented("aezoo_rivals").UnpredictableSpec,
    "steep:steep": documented("aezoo_steep").SteepSpec,
    "gates:gate": GATES.GateSpec,
    "gates:unit": GATES.UnitSpec,
    "counts:poisson": documented("aezoo_counts").PoissonSpec,
    "white:white": WHITE.WhiteSpec,
    "white:outside": WHITE.OutsideSpec,
    "survey:survey": documented("aezoo_survey").SurveySpec,
}


@pytest.mark.parametrize("name", PARTS)
def test_the_part_keeps_every_law(name: str) -> None:
    part, namespace = PARTS[name], name.partition(":")[0]
    plugin = PluginUnderTest(namespace, registry_with(part, namespace=namespace))
    for law in laws_of(part.kind):
        Case(law, PartUnderTest(part, plugin)).assert_holds()


def test_the_rival_learns_to_predict() -> None:
    document = {
        "name": "rivals",
        "input": [4],
        "latent": {"type": "deterministic", "dim": 3},
        "regularizers": {"hard": {"type": "rivals:unpredictable", "rival": {"optimizer": {"type": "sgd", "lr": 0.1}}}},
        "training": {"steps": 30, "batch_size": 32, "best_by": "last"},
    }
    spec = read(document, registry=registry_with(PARTS["rivals:unpredictable"], namespace="rivals"))
    model = build(spec, seed=0)
    objective = objective_of(model, steps=30).train()
    values = np.random.default_rng(0).standard_normal((32, 1)).astype("float32") * np.ones(4, np.float32)
    codes = model.network.encode(torch.from_numpy(values)).z.detach()
    start = objective.terms.regularizers["hard"].error(codes).item()
    turns = turns_of(spec)
    assert list(turns) == ["hard.rival"]
    loop = Loop(objective, spec.training, Batches(Samples(values, "line"), spec), steps=30, turns=turns)
    for step in range(30):
        loop.players[1].step(objective, Batch(torch.from_numpy(values)), step, loop.streams)
    # The codes of a line are on a line: each value is a multiple of another.
    assert objective.terms.regularizers["hard"].error(codes).item() < start / 2
