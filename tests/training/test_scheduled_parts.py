"""A schedule in a field of any part: the number of the step in training, that of the run's end in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import aezoo
from aezoo.building.builder import build, objective_of
from aezoo.builtins.ramps import LinearScheduleSpec
from aezoo.data.batches import Batches
from aezoo.errors import SpecError
from aezoo.nn.corruption import corrupt
from aezoo.nn.schedule_buffers import END, changes
from aezoo.plugin import ConstantSpec, Field, LayerSpec, ScheduleSpec, Shape, Style, Within, scheduled
from aezoo.reading.reader import read
from aezoo.spec.document import Spec
from aezoo.spec.samples import Samples
from aezoo.training.loop import Loop
from tests.registries import registry_with

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sharpened(nn.Module):
    """x / temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature: float | Tensor = 1.0
        self.seen: list[float] = []

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_meta:
            self.seen.append(float(self.temperature))
        return x / self.temperature


class SharpenSpec(LayerSpec):
    """Values divided by a temperature."""

    type: Literal["sharpen"] = "sharpen"
    temperature: Annotated[ScheduleSpec, Within(gt=0)] = Field(ConstantSpec(value=1.0), description="divisor")

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return []

    def build(self, shape: Shape) -> nn.Module:
        return scheduled(Sharpened(), temperature=self.temperature)


REGISTRY = registry_with(SharpenSpec, namespace="test")
FALLING = {"type": "linear", "start": 2.0, "end": 1.0, "steps": 8}


def spec_of(temperature: Any, **training: Any) -> Spec:
    document = {
        "name": "sharp",
        "input": [4],
        "encoder": [{"type": "test:sharpen", "temperature": temperature}],
        "latent": {"type": "deterministic", "dim": 2},
        "training": {"steps": 4, "batch_size": 8, **training},
    }
    return read(document, registry=REGISTRY)


VALUES = np.random.default_rng(0).standard_normal((40, 4)).astype("float32")


def test_a_schedule_has_the_number_of_the_step_and_a_model_that_of_the_end_of_its_run() -> None:
    run = aezoo.train(spec_of(FALLING), VALUES, device="cpu")
    (layer,) = run.model.network.encoder
    # A step sees its own number; validation, evaluation and use see that of step 4 of the schedule's 8.
    assert [number for number in layer.seen if number not in (1.0, 1.5)] == [2.0, 1.875, 1.75, 1.625]
    assert set(layer.seen[-2:]) == {1.5}
    assert run.model.network.state_dict()["encoder.0.temperature"].item() == 1.5


def test_without_a_validation_split_what_is_kept_has_the_number_of_the_end_too() -> None:
    spec = spec_of(FALLING)
    objective = objective_of(build(spec), steps=4).train()
    outcome = Loop(objective, spec.training, Batches(Samples(VALUES, "normal"), spec), steps=4).run()
    assert outcome.best_step == 4
    assert outcome.state["encoder.0.temperature"].item() == 1.5


def test_a_constant_costs_nothing_it_is_a_plain_number_and_no_state() -> None:
    network = build(spec_of(0.5)).network
    assert network.encoder[0].temperature == 0.5
    assert "encoder.0.temperature" not in network.state_dict()
    assert changes(network.modules()) == []


def test_a_model_that_no_run_has_trained_has_the_number_that_the_schedule_ends_at() -> None:
    network = build(spec_of(FALLING)).network
    assert network.encoder[0].temperature.item() == 1.0
    assert LinearScheduleSpec(start=0.0, end=3.0).value(END, END) == 3.0


def test_a_schedule_follows_its_module_to_another_type() -> None:
    model = build(spec_of(FALLING))
    objective = objective_of(model, steps=8).double()
    objective.set_step(4)
    assert model.network.encoder[0].temperature.item() == 1.5
    assert model.network.encoder[0].temperature.dtype == torch.float64


def test_a_module_without_the_number_is_an_error_at_once() -> None:
    with pytest.raises(AttributeError, match="temprature"):
        scheduled(Sharpened(), temprature=LinearScheduleSpec())


@pytest.mark.parametrize(
    ("temperature", "fault"),
    [
        (0.0, "encoder[0].temperature: takes more than 0, got 0.0"),
        ({"type": "linear", "end": 2.0}, "encoder[0].temperature: takes more than 0, and the schedule gets to 0"),
    ],
)
def test_a_schedule_that_leaves_the_bounds_of_its_field_is_refused(temperature: Any, fault: str) -> None:
    with pytest.raises(SpecError) as refused:
        spec_of(temperature)
    assert fault in str(refused.value)


def noisy(strength: Any, part: str = "gaussian_noise", key: str = "std") -> Spec:
    corruption = [{"type": part, key: strength}]
    return read(
        {
            "name": "noisy",
            "input": {"shape": [4], "range": [0.0, 1.0]},
            "latent": {"type": "deterministic", "dim": 2},
            "corruption": corruption,
        }
    )


@pytest.mark.parametrize(("part", "key"), [("gaussian_noise", "std"), ("mask", "p"), ("salt_and_pepper", "p")])
def test_the_strength_of_a_corruption_grows_with_the_step(part: str, key: str) -> None:
    spec = noisy({"type": "linear", "start": 0.0, "end": 0.8}, part, key)
    objective = objective_of(build(spec), steps=4)
    x = torch.full((64, 4), 0.5)
    changed = []
    for step in (0, 2, 4):
        objective.set_step(step)
        changed.append(corrupt(objective.corruption, x, torch.Generator().manual_seed(0)) - x)
    assert changed[0].abs().max() == 0
    if part == "gaussian_noise":
        torch.testing.assert_close(changed[2], 2 * changed[1])
    else:
        assert [float((each != 0).float().mean()) for each in changed] == pytest.approx([0, 0.4, 0.8], abs=0.06)


def test_a_strength_that_is_a_number_or_a_range_is_as_before() -> None:
    for strength in (0.5, (0.1, 0.3)):
        written = list(strength) if isinstance(strength, tuple) else strength
        spec = noisy(written)
        assert spec.corruption[0].std == strength
        assert spec.document()["corruption"][0]["std"] == written
        assert objective_of(build(spec), steps=4).corruption[0].std == strength


@pytest.mark.parametrize("strength", [0.1, 0.5])
def test_a_constant_strength_is_the_number_that_it_is(strength: float) -> None:
    assert noisy({"type": "constant", "value": strength}) == noisy(strength)


def test_a_constant_strength_is_held_to_the_bounds() -> None:
    with pytest.raises(SpecError, match="takes 0 or more"):
        noisy({"type": "constant", "value": -0.5})


def test_a_corrupted_input_is_scored_at_the_strength_that_the_schedule_ends_at() -> None:
    from aezoo.modules.part import made

    (part,) = noisy({"type": "linear", "start": 0.5, "end": 0.1}).corruption
    assert made(part, (4,), None).std.item() == pytest.approx(0.1)
