"""Batches in several passes: the gradients are those of one pass, but for what a pass draws or looks at as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import aezoo
from aezoo.building.builder import build, objective_of
from aezoo.data.batches import Batch
from aezoo.errors import DataError
from aezoo.nn.objective import Losses, averaged
from aezoo.spec.document import Spec
from aezoo.spec.kinds import PlayerSpec
from aezoo.spec.memory import memory
from aezoo.training.step import Player, Streams

X = np.random.default_rng(0).normal(size=(110, 6)).astype(np.float32)


def spec_of(**changes: Any) -> Spec:
    training = {"epochs": 3, "batch_size": 32, "precision": "float64", **changes.pop("training", {})}
    document = {
        "name": "m",
        "input": [6],
        "encoder": [{"type": "linear", "features": 8}],
        "latent": {"type": "deterministic", "dim": 3},
        "likelihood": "mse",
        "training": training,
        **changes,
    }
    return aezoo.read(document)


def weights(spec: Spec) -> torch.Tensor:
    run = aezoo.train(spec, X, device="cpu")
    return torch.cat([p.detach().flatten() for p in run.model.network.parameters()])


@pytest.mark.parametrize("micro", [1, 5, 8, 31])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"regularizers": {"l2": {"weight": 0.1, "on": "latent"}}},
        {"training": {"clip": 0.01}},
        {"training": {"optimizer": {"type": "lbfgs", "max_iter": 3}, "epochs": 1}},
        {"training": {"ema": 0.9}},
    ],
    ids=["plain", "a weight", "clipped", "line search", "averaged"],
)
def test_the_steps_are_those_of_whole_batches(micro: int, changes: dict[str, Any]) -> None:
    parted = {**changes, "training": {**changes.get("training", {}), "micro_batch": micro}}
    torch.testing.assert_close(weights(spec_of(**parted)), weights(spec_of(**changes)), rtol=1e-7, atol=1e-9)


def test_the_records_are_those_of_whole_batches() -> None:
    changes = {"latent": {"type": "deterministic", "dim": 3}, "regularizers": {"l2": {"weight": 0.5, "on": "latent"}}}
    one = aezoo.train(spec_of(**changes, training={"log_every": 1}), X, device="cpu")
    several = aezoo.train(spec_of(**changes, training={"log_every": 1, "micro_batch": 7}), X, device="cpu")
    assert [set(record) for record in one.history] == [set(record) for record in several.history]
    for ours, theirs in zip(several.history, one.history, strict=True):
        for name, value in theirs.items():
            assert ours[name] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)


def test_a_batch_that_one_pass_holds_is_bit_for_bit_what_it_was() -> None:
    gaussian = {"latent": {"type": "gaussian", "dim": 3}, "regularizers": {"kl": {}}}
    assert weights(spec_of(**gaussian, training={"micro_batch": 32})).equal(weights(spec_of(**gaussian)))


def test_each_pass_draws_noise_of_its_own() -> None:
    seen: list[torch.Tensor] = []
    spec = spec_of(latent={"type": "gaussian", "dim": 3}, regularizers={"kl": {}}, training={"micro_batch": 16})
    batch = torch.ones(32, 6, dtype=torch.float64)
    objective = objective_of(build(spec), steps=1).train().double()
    objective.model.latent.register_forward_hook(lambda _, __, code: seen.append(code.z.detach()))
    player = Player("model", objective, spec.training, PlayerSpec(), steps=1)
    player.step(objective, Batch(batch), 0, Streams(0, torch.device("cpu"), corrupts=False))
    first, second = seen
    assert len(first) == len(second) == 16
    assert not torch.allclose(first, second)


@given(st.integers(1, 50), st.integers(1, 60))
def test_parts_are_as_few_and_as_even_as_can_be(rows: int, most: int) -> None:
    batch = Batch(torch.arange(rows), {"label": torch.arange(rows)})
    parts = batch.parted(most)
    assert torch.cat([part.x for part in parts]).equal(batch.x)
    assert all(part.fields["label"].equal(part.x) for part in parts)
    sizes = {part.rows for part in parts}
    assert len(parts) == -(-rows // most)
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1


def test_losses_are_averaged_by_the_shares_of_their_samples() -> None:
    def losses(value: float) -> Losses:
        raw = {"nll": torch.tensor(value), "kl": torch.tensor(2 * value)}
        return Losses(torch.tensor(2 * value), raw, {"nll": raw["nll"], "kl": torch.tensor(value)})

    joined = averaged([(losses(1.0), 0.75), (losses(5.0), 0.25)])
    assert joined.total == 4.0
    assert joined.raw == {"nll": torch.tensor(2.0), "kl": torch.tensor(4.0)}
    assert joined.weighted["nll"] is joined.raw["nll"]
    assert joined.weighted["kl"] == 2.0


def test_a_pass_takes_the_memory_of_its_samples() -> None:
    assert memory(spec_of(training={"micro_batch": 8})).batch * 4 == memory(spec_of()).batch
    assert memory(spec_of(training={"micro_batch": 500})).batch == memory(spec_of()).batch


@pytest.mark.parametrize(
    ("batch_size", "micro", "fits"),
    [(32, 1, False), (32, 2, True), (33, 2, False), (32, 3, True), (30, 7, True), (None, None, True), (29, 2, False)],
)
def test_batch_norm_refuses_passes_of_one_sample(batch_size: int | None, micro: int | None, fits: bool) -> None:
    """Of 88 samples: 32 leave 24, 33 leave 22, 30 leave 28 and 29 leave 1, which joins the batch before it."""
    sizes = {"batch_size": batch_size, "micro_batch": micro}
    given = {name: size for name, size in sizes.items() if size is not None}
    spec = spec_of(encoder=[{"type": "linear", "features": 8, "norm": "batch"}], training={"epochs": 1, **given})
    if fits:
        aezoo.train(spec, X, device="cpu")
        return
    with pytest.raises(DataError, match="at least 2 samples in a pass, this run has 1"):
        aezoo.train(spec, X, device="cpu")
