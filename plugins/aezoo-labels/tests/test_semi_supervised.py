"""The semi-supervised VAE: its bound by hand, what is refused, and a run in which samples without a label help."""

from __future__ import annotations

import math
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from aezoo_labels.semi_supervised import Accuracy
from torch.distributions import Bernoulli, Normal, kl_divergence

import aezoo
from aezoo.building.builder import objective_of
from aezoo.errors import SpecError
from aezoo.nn.code import Output
from aezoo.reading.reader import check
from aezoo.spec.samples import Samples

SHIPPED = Path(str(files("aezoo_labels"))) / "specs" / "semi-supervised-digits.toml"
JOINED = [{"type": "join", "reads": "fields.label"}, {"type": "linear", "features": 3, "activation": "identity"}]


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "name": "tiny",
        "input": {"shape": [3], "range": [0, 1]},
        "fields": {"label": {"classes": 2, "missing": True}},
        "encoder": [{"type": "linear", "features": 4}],
        "latent": {"type": "labels:gaussian", "dim": 2, "classes": 2},
        "decoder": JOINED,
        "likelihood": "bernoulli",
        "objective": {"type": "labels:semi_supervised"},
        "training": {"best_by": "last", "precision": "float64"},
        **changes,
    }


def passed(labels: list[int]) -> tuple[Any, Output]:
    """Loss terms and a pass of random samples with these labels, in float64."""
    torch.manual_seed(0)
    model = aezoo.build(aezoo.read(spec()))
    network = model.network.double()
    x = torch.rand(len(labels), 3, dtype=torch.float64).round()
    generator = torch.Generator().manual_seed(1)
    network.requires_grad_(False)
    out = network(x, None, generator, (), {"label": torch.tensor(labels)})
    return objective_of(model, steps=1).loss_terms, out


def bound_by_hand(out: Output, row: int, label: int) -> float:
    """-log p(y) - log p(x | z, y) + KL(q(z | x) || N(0, I)) of one sample with one class, by torch.distributions."""
    told = torch.nn.functional.one_hot(torch.tensor(label), 2).double()
    (linear,) = (module for module in out.model.decoder.modules() if isinstance(module, torch.nn.Linear))
    logits = linear(torch.cat([out.code.z[row], told]))
    posterior = Normal(out.code.mean[row], (out.code.logvar[row] / 2).exp())
    divergence = kl_divergence(posterior, Normal(torch.zeros(2).double(), torch.ones(2).double())).sum()
    return float(math.log(2) - Bernoulli(logits=logits).log_prob(out.x[row]).sum() + divergence)


def test_the_bound_of_a_sample_with_a_label_is_that_of_its_class() -> None:
    terms, out = passed([0, 1, 1])
    expected = sum(bound_by_hand(out, row, label) for row, label in enumerate([0, 1, 1])) / 3
    assert terms(out, "model")["bound"].item() == pytest.approx(expected)


def test_the_bound_of_a_sample_without_a_label_is_the_sum_over_classes_less_the_entropy() -> None:
    terms, out = passed([-1, 1, -1])
    total = bound_by_hand(out, 1, 1)
    for row in (0, 2):
        q = out.code.logits[row].softmax(dim=0).tolist()
        total += sum(share * (bound_by_hand(out, row, label) + math.log(share)) for label, share in enumerate(q))
    assert terms(out, "model")["bound"].item() == pytest.approx(total / 3)


def test_the_bound_is_tightest_where_the_classifier_is_the_posterior_of_the_classes() -> None:
    """There it is -log sum_y exp(-bound(y)): no other q(y | x) is below it."""
    terms, out = passed([-1])
    each = torch.tensor([bound_by_hand(out, 0, label) for label in range(2)])
    best = out._replace(code=out.code._replace(logits=-each.double().unsqueeze(0)))
    lowest = terms(best, "model")["bound"].item()
    assert lowest == pytest.approx(-torch.logsumexp(-each, dim=0).item())
    assert lowest < terms(out, "model")["bound"].item()


def test_the_cross_entropy_is_of_samples_with_a_label_alone() -> None:
    terms, out = passed([-1, 1, 0, -1])
    known = torch.nn.functional.cross_entropy(out.code.logits[1:3], torch.tensor([1, 0]), reduction="sum")
    assert terms(out, "model")["classification"].item() == pytest.approx(known.item() / 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fields": {"label": {"shape": [2]}}}, r"'fields\.label' is no field of classes"),
        ({"fields": {"label": {"classes": 3}}}, r"has 2 classes, the field 'label' has 3"),
        (
            {"encoder": [{"type": "join", "reads": "fields.label"}, {"type": "linear", "features": 4}]},
            r"the encoder reads 'fields\.label'",
        ),
        ({"decoder": [{"type": "linear", "features": 3}]}, r"the decoder does not read 'fields\.label'"),
        ({"latent": {"type": "gaussian", "dim": 2}}, r"needs logits"),
        ({"regularizers": {"kl": {"weight": 1.0}}}, r"kl"),
    ],
)
def test_what_cannot_learn_from_labels_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        aezoo.read(spec(**changes))


def test_the_shipped_spec_reads_without_a_doubt_and_takes_a_step() -> None:
    read, lints = check(SHIPPED)
    assert lints == []
    run = aezoo.train(aezoo.read(SHIPPED, overrides=["training.steps=1"]))
    assert sum(p.numel() for p in run.model.network.parameters()) == read.parameters


def test_samples_without_a_label_help_to_tell_classes(tmp_path: Path) -> None:
    """Two well-separated kinds of samples, one label of each: the classifier is right of all others."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, 600)
    x = np.where(rng.random((600, 3)) < 0.05, 1 - true[:, None], true[:, None]).astype(np.float32)
    given = np.full(600, -1)
    for label in (0, 1):
        given[np.flatnonzero((true == label) & (x.mean(axis=1) == label))[:1]] = label
    rows = np.arange(600)
    samples = Samples(x, "kinds", labels=given, splits={"train": rows, "validation": rows[:50], "test": rows[:50]})
    training = {"best_by": "last", "steps": 300, "batch_size": 100, "optimizer": {"type": "adam", "lr": 0.01}}
    objective = {"type": "labels:semi_supervised", "weight": 100.0}
    aezoo.train(spec(training=training, objective=objective), samples, out=tmp_path / "model")
    model = aezoo.load(tmp_path / "model")
    assert (model.encode(x, what="logits").argmax(axis=1) == true).mean() > 0.98
    ones, zeros = (model.sample(100, fields={"label": label}).mean() for label in (1, 0))
    assert ones > 0.7 > 0.3 > zeros


def test_accuracy_counts_samples_with_a_label_alone() -> None:
    _, out = passed([-1, 1, 0, 1])
    logits = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]).double()
    metric = Accuracy("label")
    assert math.isnan(metric.result())
    metric.update(out._replace(code=out.code._replace(logits=logits)))
    assert metric.result() == pytest.approx(1 / 3)
