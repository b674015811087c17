"""Metrics that are fitted, read fields, take gradients and give several numbers; the linear probe."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

import aezoo
from aezoo.building.builder import build
from aezoo.data.batches import Batches
from aezoo.errors import DataWarning, SpecError
from aezoo.evaluation.evaluator import Evaluator
from aezoo.nn.code import Code, Output
from aezoo.nn.linear_probe import LinearProbe
from aezoo.plugin import MetricSpec, Samples, Spec
from aezoo.reading.reader import check
from tests.registries import registry_with

LINEAR = {
    "name": "linear",
    "input": [4],
    "latent": {"type": "deterministic", "dim": 2},
    "fields": {"label": {"classes": 3}},
}


def clouds(n: int = 300) -> Samples:
    """Three classes at the corners of a triangle."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    values = rng.normal(0, 0.3, (n, 4)) + 3.0 * np.eye(3, 4)[labels]
    return Samples(values.astype("float32"), "clouds", labels=labels)


def passed(codes: Tensor, labels: Tensor) -> Output:
    network: Any = SimpleNamespace(point="z")
    return Output(network, codes, codes, Code(codes), codes, {}, fields={"label": labels})


# --- the probe -----------------------------------------------------------------------------------------------


def test_a_probe_tells_classes_that_a_line_divides_and_no_others() -> None:
    codes, labels = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]]), torch.tensor([0, 0, 1, 1])
    probe = LinearProbe("fields.label", 2)
    probe.fit(passed(codes, labels))
    probe.update(passed(codes, labels))
    assert probe.result() == {"accuracy": 1.0, "most_common": 0.5}
    probe = LinearProbe("fields.label", 2)
    probe.fit(passed(codes, labels))
    probe.update(passed(codes, 1 - labels))
    assert probe.result()["accuracy"] == 0.0


def test_a_probe_is_least_squares_on_one_hot_classes() -> None:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(500, 6, generator=generator, dtype=torch.double)
    labels = (codes[:, :3] + 1.5 * torch.randn(500, 3, generator=generator)).argmax(dim=1)
    train, test = slice(0, 400), slice(400, 500)
    probe = LinearProbe("fields.label", 3)
    for part in (slice(0, 150), slice(150, 400)):
        probe.fit(passed(codes[part], labels[part]))
    probe.update(passed(codes[test], labels[test]))
    ones = np.ones((500, 1))
    design, targets = np.hstack([codes.numpy(), ones]), np.eye(3)[labels.numpy()]
    weights = np.linalg.lstsq(design[train], targets[train], rcond=None)[0]
    expected = (design[test] @ weights).argmax(1) == labels[test].numpy()
    assert probe.result()["accuracy"] == expected.mean()
    common = np.bincount(labels[train].numpy()).argmax()
    assert probe.result()["most_common"] == (labels[test].numpy() == common).mean()


def test_a_probe_of_codes_that_are_all_alike_guesses() -> None:
    probe, labels = LinearProbe("fields.label", 2), torch.tensor([0, 1, 1])
    probe.fit(passed(torch.ones(3, 2), labels))
    probe.update(passed(torch.ones(3, 2), labels))
    assert probe.result()["accuracy"] == probe.result()["most_common"] == pytest.approx(2 / 3)


def test_an_evaluation_fits_the_probe_to_the_training_split() -> None:
    model = build({**LINEAR, "metrics": [{"type": "probe", "on": "fields.label"}]}, seed=0)
    scores = aezoo.evaluate(model, clouds())
    assert scores.metrics["probe.accuracy"] > 0.9
    assert 0.2 < scores.metrics["probe.most_common"] < 0.5
    assert "probe" not in scores.metrics
    assert aezoo.evaluate(model, clouds()).metrics == scores.metrics


def test_without_a_training_split_what_must_be_fitted_is_left_out_with_a_warning() -> None:
    model = build({**LINEAR, "metrics": [{"type": "probe", "on": "fields.label"}]}, seed=0)
    with pytest.warns(DataWarning, match="there is no training split to fit probe to"):
        scores = aezoo.evaluate(model, clouds(), split="all")
    assert not any(name.startswith("probe") for name in scores.metrics)
    assert "mse" in scores.metrics


@pytest.mark.parametrize(
    ("on", "hint"),
    [
        ("label", "there are: fields.label"),
        ("fields.labl", "did you mean"),
        ("latent", "there are: fields.label"),
        ("fields.size", "there are: fields.label"),
    ],
)
def test_a_probe_names_a_field_of_classes(on: str, hint: str) -> None:
    fields = {"label": {"classes": 3}, "size": {"shape": [1]}}
    with pytest.raises(SpecError) as caught:
        aezoo.read({**LINEAR, "fields": fields, "metrics": [{"type": "probe", "on": on}]})
    (fault,) = caught.value.faults
    assert (fault.code, fault.place) == ("AZ531", "metrics[0].on")
    assert hint in fault.hint.lower()


# --- what a plugin's metric may do ---------------------------------------------------------------------------


class Recorder:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.fitted: list[Tensor] = []
        self.judged: list[Tensor] = []

    def fit(self, out: Output) -> None:
        assert not self.judged
        self.fitted.append(out.x)

    def update(self, out: Output) -> None:
        self.judged.append(out.x)

    def result(self) -> Mapping[str, float]:
        fitted, judged = torch.cat(self.fitted), torch.cat(self.judged)
        shared = int((fitted[:, None] == judged[None]).all(-1).sum())
        return {"fitted": float(len(fitted)), "judged": float(len(judged)), "shared": float(shared)}


class RecorderSpec(MetricSpec):
    """What it was given."""

    type: Literal["recorder"] = "recorder"
    fields: ClassVar[frozenset[str]] = frozenset({"label"})

    def build(self, spec: Spec) -> Any:
        return Recorder()


class Jacobian:
    """Squared Frobenius norm of the codes' derivative by the input, averaged."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, out: Output) -> None:
        for unit in out.code.z.flatten(1).sum(dim=0):
            (gradient,) = torch.autograd.grad(unit, out.x, retain_graph=True)
            self.total += float(gradient.detach().square().sum())
        self.count += len(out.x)

    def result(self) -> float:
        return self.total / self.count


class JacobianSpec(MetricSpec):
    """How much codes change with the input."""

    type: Literal["jacobian"] = "jacobian"
    grad: ClassVar[bool] = True
    reconstructs: ClassVar[bool] = False

    def build(self, spec: Spec) -> Any:
        return Jacobian()


REGISTRY = registry_with(RecorderSpec, JacobianSpec, namespace="judge")


def metrics_of(**changes: Any) -> dict[str, float]:
    spec, _ = check({**LINEAR, **changes}, registry=REGISTRY)
    model, samples = build(spec, seed=0), clouds(50)
    test, train = (Batches(samples, spec, np.arange(*rows)) for rows in ((40, 50), (0, 40)))
    with torch.inference_mode():
        return Evaluator(model, test, 0, 4).metrics(REGISTRY, lambda: train.sequential(16))


def test_a_metric_is_fitted_to_the_training_split_before_it_judges_the_other() -> None:
    metrics = metrics_of(metrics=[{"type": "judge:recorder"}])
    numbers = {name: value for name, value in metrics.items() if name.startswith("judge:recorder")}
    assert numbers == {"judge:recorder.fitted": 40, "judge:recorder.judged": 10, "judge:recorder.shared": 0}


def test_a_metric_that_takes_gradients_has_the_graph_of_its_passes() -> None:
    metrics = metrics_of(metrics=[{"type": "judge:jacobian"}])
    weights = build(LINEAR, seed=0).network.latent.project.weight
    assert metrics["judge:jacobian"] == pytest.approx(float(weights.detach().square().sum()), rel=1e-5)
    without = metrics_of()
    assert {name: metrics[name] for name in without} == without


def test_a_metric_of_a_field_does_not_apply_where_the_spec_has_none() -> None:
    with pytest.raises(SpecError) as caught:
        check({**LINEAR, "fields": {}, "metrics": [{"type": "judge:recorder"}]}, registry=REGISTRY)
    assert "judge:recorder means nothing for this spec" in str(caught.value)
