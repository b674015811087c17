"""Learning by association: its losses by hand, what is refused, and classes that clusters without labels bring."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from aezoo_labels.association import Association, association

import aezoo
from aezoo.errors import SpecError


def by_hand(known: torch.Tensor, unknown: torch.Tensor, labels: list[int]) -> tuple[float, float]:
    """Walker and visit loss by loops over single samples."""
    a, b = known.tolist(), unknown.tolist()
    weights = [[math.exp(sum(p * q for p, q in zip(x, y, strict=True))) for y in b] for x in a]
    there = [[w / sum(row) for w in row] for row in weights]
    back = [[weights[i][j] / sum(row[j] for row in weights) for i in range(len(a))] for j in range(len(b))]
    walker = 0.0
    for i, label in enumerate(labels):
        same = [k for k, other in enumerate(labels) if other == label]
        ends = [sum(there[i][j] * back[j][k] for j in range(len(b))) for k in same]
        walker -= sum(math.log(end) for end in ends) / len(same) / len(a)
    visits = [sum(row[j] for row in there) / len(a) for j in range(len(b))]
    return walker, -sum(math.log(visit) for visit in visits) / len(b)


def test_walker_and_visit_loss_are_those_of_single_walks() -> None:
    torch.manual_seed(0)
    known, unknown, labels = torch.randn(4, 3).double(), torch.randn(5, 3).double(), [0, 1, 0, 2]
    walker, visit = association(known, unknown, torch.tensor(labels))
    expected = by_hand(known, unknown, labels)
    # 1e-6: 1e-8 is added to each probability.
    assert walker.item() == pytest.approx(expected[0], abs=1e-6)
    assert visit.item() == pytest.approx(expected[1], abs=1e-6)


def test_classes_that_are_apart_cost_the_least_that_there_is() -> None:
    """Walks end in each of the two of their class alike, log 2, and visit each of the four alike, log 4."""
    axes = 20 * torch.eye(2)
    walker, visit = association(axes.repeat(2, 1), axes.repeat(2, 1), torch.tensor([0, 1, 0, 1]))
    assert walker.item() == pytest.approx(math.log(2), abs=1e-5)
    assert visit.item() == pytest.approx(math.log(4), abs=1e-5)
    mixed, _ = association(axes.repeat(2, 1), axes.repeat(2, 1), torch.tensor([0, 0, 1, 1]))
    assert mixed.item() > walker.item() + 5


def test_features_that_are_far_apart_have_a_finite_loss_and_gradient() -> None:
    known = torch.tensor([[300.0], [-300.0]], requires_grad=True)
    walker, visit = association(known, torch.tensor([[1.0], [2.0]]), torch.tensor([0, 1]))
    (walker + visit).backward()
    assert torch.isfinite(walker + visit)
    assert known.grad is not None
    assert torch.isfinite(known.grad).all()


class Pass:
    """What the term reads of a pass."""

    def __init__(self, label: list[int], features: torch.Tensor) -> None:
        self.fields = {"label": torch.tensor(label)}
        self.features = features

    def tap(self, name: str) -> torch.Tensor:
        return {"encoder.0": self.features}[name]


def test_the_term_is_the_walker_loss_and_a_share_of_the_visit_loss() -> None:
    torch.manual_seed(0)
    features, label = torch.randn(5, 3, 1).double(), [1, -1, 0, -1, -1]
    term = Association("encoder.0", "label", visit=0.25)
    walker, visit = by_hand(features[[0, 2], :, 0], features[[1, 3, 4], :, 0], [1, 0])
    assert term(Pass(label, features)).item() == pytest.approx(walker + 0.25 * visit, abs=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("label", [[-1, -1], [0, 1]])
def test_a_batch_with_one_kind_of_samples_costs_nothing(label: list[int]) -> None:
    features = torch.randn(2, 3, requires_grad=True)
    cost = Association("encoder.0", "label", visit=0.5)(Pass(label, features))  # type: ignore[arg-type]
    cost.backward()
    assert cost.item() == 0
    assert features.grad is not None
    assert not features.grad.any()


def spec(**changes: Any) -> dict[str, Any]:
    decoder = [{"type": "join", "reads": "fields.label"}, {"type": "linear", "features": 8, "activation": "identity"}]
    return {
        "name": "tiny",
        "input": [8],
        "fields": {"label": {"classes": 2, "missing": True}},
        "encoder": [{"type": "linear", "features": 16}, {"type": "linear", "features": 4, "activation": "identity"}],
        "latent": {"type": "labels:gaussian", "dim": 2, "classes": 2},
        "decoder": decoder,
        "likelihood": "gaussian",
        "objective": {"type": "labels:semi_supervised", "weight": 100.0},
        "regularizers": {"association": {"type": "labels:association", "on": "encoder.1", "weight": 100.0}},
        "training": {"best_by": "last", "epochs": 40, "batch_size": 64, "optimizer": {"lr": 3e-3}},
        **changes,
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"label": {"shape": [2]}}, r"'fields\.label' is no field of classes"),
        ({"label": {"classes": 2}}, r"no sample is without its 'label'"),
    ],
)
def test_what_has_no_samples_to_walk_between_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        aezoo.read(spec(fields=fields))
