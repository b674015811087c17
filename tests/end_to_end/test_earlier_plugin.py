"""A plugin of the first contracts that nobody has touched since: its parts work, or say what they have to take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import aezoo
from aezoo.errors import PluginError, SpecError
from tests.earlier_parts import NAMESPACE, PARTS, BoxSpec
from tests.registries import registry_with

BASE = {
    "name": "earlier",
    "input": [4],
    "encoder": [{"type": "linear", "features": 6}],
    "latent": {"type": "deterministic", "dim": 2},
    "likelihood": "mse",
    "data": {"type": "earlier:cloud", "n": 60},
    "training": {"steps": 2, "batch_size": 16},
}
NOISY = {"latent": {"type": "earlier:noisy", "dim": 3}}
GAUSSIAN = {"latent": {"type": "gaussian", "dim": 3}}
SPECS: dict[str, dict[str, Any]] = {
    "layer": {"encoder": [{"type": "earlier:maxout", "features": 6}]},
    "latent": {"latent": {"type": "earlier:sphere", "dim": 3}},
    "noisy latent": {**NOISY, "regularizers": {"spread": {"type": "earlier:spread", "weight": 0.5}}},
    "rate term": {**GAUSSIAN, "regularizers": {"spread": {"type": "earlier:spread"}}},
    "likelihood": {"likelihood": "earlier:logistic"},
    "likelihood with a rate": {"likelihood": "earlier:logistic", **GAUSSIAN, "regularizers": {"kl": {}}},
    "regularizer": {"regularizers": {"rough": {"type": "earlier:rough", "on": "output"}}},
    "corruption": {"corruption": [{"type": "earlier:speckle"}]},
    "objective": {"objective": {"type": "earlier:critic", "every": 2}},
    "metric": {"metrics": [{"type": "earlier:worst"}]},
    "schedule and optimizer": {
        "training": {
            "steps": 2,
            "batch_size": 16,
            "optimizer": {"type": "earlier:plain", "lr": {"type": "earlier:halved"}},
        }
    },
    "constraint": {"constraints": {"clipped": {"type": "earlier:clipped", "on": "encoder.0"}}},
    "labels of the dataset": {
        "fields": {"label": {"classes": 2}, "factors": {"shape": [1]}},
        "encoder": [{"type": "join", "reads": "fields.label"}, {"type": "linear", "features": 6}],
        "decoder": [{"type": "linear", "features": 4, "activation": "identity"}],
    },
}


def read(changes: Mapping[str, Any]) -> aezoo.Spec:
    return aezoo.read({**BASE, **changes}, registry=registry_with(*PARTS, namespace=NAMESPACE))


@pytest.mark.parametrize("name", SPECS)
def test_the_part_is_checked_built_trained_evaluated_and_used(name: str) -> None:
    spec = read(SPECS[name])
    run = aezoo.train(spec)
    assert run.history[-1]["step"] == 2
    scores = aezoo.evaluate(run.model)
    assert all(math.isfinite(value) for value in scores.metrics.values())
    if name == "metric":
        assert scores.metrics["earlier:worst"] > 0
    x = np.ones((3, 4), np.float32)
    fields = {"label": np.zeros(3, np.int64), "factors": np.zeros((3, 1), np.float32)} if spec.fields else None
    assert run.model.encode(x, fields=fields).shape == (3, *spec.code_shape)


def test_a_rate_without_a_posterior_is_the_closed_form_by_hand() -> None:
    """What the term of the plugin is, `kl` is: the core asks the core's latent for its density."""
    changes = {**GAUSSIAN, "regularizers": {"spread": {"type": "earlier:spread"}, "kl": {}}}
    terms = aezoo.train(read(changes)).history[-1]
    assert terms["spread"] == pytest.approx(terms["kl"], rel=1e-5)


def test_the_prior_is_refused_with_the_arguments_that_its_build_takes_today() -> None:
    with pytest.raises(PluginError) as refused:
        registry_with(BoxSpec, namespace=NAMESPACE)
    assert str(refused.value) == "tests.earlier_parts.BoxSpec.build(self, shape) is called with (self, shape, spec)"
    assert refused.value.hint == "write def build(self, shape, spec); it need not use all of them"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({**NOISY, "regularizers": {"kl": {}}}, "posterior = True, with log_prob(code, z) and redraw(code, generator)"),
        (
            {"likelihood": "earlier:logistic", "fields": {"seen": {"shape": [4]}}, "mask": "fields.seen"},
            "'earlier:logistic' as it is set has one number for a whole sample: no value can be left out",
        ),
    ],
    ids=["kl of a noisy latent", "mask of a likelihood"],
)
def test_what_the_part_cannot_do_is_told_by_check(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as refused:
        read(changes)
    (fault,) = [fault for fault in refused.value.faults if message in f"{fault.message} {fault.hint}"]
    assert fault.code in ("AZ501", "AZ534")


def test_the_hint_for_a_noisy_latent_names_no_term_that_it_cannot_have() -> None:
    _, lints = aezoo.reading.reader.check({**BASE, **NOISY}, registry=registry_with(*PARTS, namespace=NAMESPACE))
    assert [lint.hint for lint in lints if lint.code == "AZ511"] == ["add a regularizer that limits the rate"]
