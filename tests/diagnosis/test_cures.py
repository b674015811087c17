"""Patches: they change what they say they change, in the direction that they say."""

from __future__ import annotations

from typing import Any

import pytest

import aezoo
from aezoo.diagnosis import cures
from aezoo.spec.document import Spec
from tests.diagnosis.ill_specs import GAUSSIAN, KL, pictures


def spec(**changes: Any) -> Spec:
    return aezoo.read(pictures(latent=GAUSSIAN, likelihood="bernoulli", regularizers=KL), overrides=_typed(changes))


def _typed(changes: dict[str, Any]) -> list[str]:
    return [f"{path.replace('__', '.')}={value}" for path, value in changes.items()]


@pytest.mark.parametrize(
    ("weight", "lighter", "heavier"),
    [
        (4.0, ("regularizers.kl.weight=1",), ()),
        (1.0, (), ()),
        (0.01, (), ("regularizers.kl.weight=1",)),
    ],
)
def test_a_penalty_is_made_lighter_or_heavier_and_never_the_other(
    weight: float, lighter: tuple[str, ...], heavier: tuple[str, ...]
) -> None:
    weighed = spec(regularizers__kl__weight=weight)
    assert cures.lighter(weighed, 1.0, "kl") == lighter
    assert cures.heavier(weighed, 1.0, "kl") == heavier


def test_a_run_of_the_default_length_is_made_longer_too() -> None:
    short = aezoo.read({"name": "t", "input": [4], "latent": {"type": "deterministic", "dim": 2}})
    assert short.training.epochs is None
    assert list(cures.longer(short)) == [("training.epochs=80",)]
    assert list(cures.longer(spec(training__epochs=3))) == [("training.epochs=12",)]
    assert list(
        cures.longer(short.model_copy(update={"training": short.training.model_copy(update={"steps": 7})}))
    ) == [("training.steps=28",)]


def test_a_tenth_of_the_rate_and_a_thousandth_at_most_is_offered_first_with_clipped_gradients() -> None:
    assert list(cures.slower(spec(training__optimizer__lr=0.3))) == [
        ("training.optimizer.lr=0.001", "training.clip=1.0"),
        ("training.optimizer.lr=0.001",),
    ]
    assert list(cures.slower(spec(training__optimizer__lr=0.001, training__clip=2.0))) == [
        ("training.optimizer.lr=0.0001",)
    ]


@pytest.mark.parametrize(("decay", "offered"), [(0.0, True), (0.05, True), (0.5, False)])
def test_a_decay_that_is_strong_already_is_not_made_weaker(decay: float, offered: bool) -> None:
    decayed = spec(training__optimizer__type="adamw", training__optimizer__weight_decay=decay)
    patches = list(cures.decayed(decayed))
    assert bool(patches) is offered
    assert patches[:1] == (
        [("training.optimizer.type=adamw", "training.optimizer.weight_decay=0.1")] if offered else []
    )
