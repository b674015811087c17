"""Learning by association: walks between samples with a label and samples without.

Haeusser et al. 2017, "Learning by association: a versatile semi-supervised training method for neural networks",
arXiv:1706.00909.
"""

from __future__ import annotations

from torch import Tensor, nn

from aezoo.nn.code import Output

#: Added to probabilities: at the start features are far apart, and that of a walk may be 0 in float32.
LEAST = 1e-8


def association(known: Tensor, unknown: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Walker and visit loss, in nats (equations 1 to 6).

    A walk goes from a sample with a label to one without, by the softmax over all of these of the products of features,
    and back likewise. `labels` are of the samples it starts from: it should end in any of the same class, evenly.

    Shape:
        known: [A, F], unknown: [B, F], labels: int64 [A] -> [], []
    """
    products = known @ unknown.T  # [A, B]
    there = products.softmax(dim=1)
    back = products.T.softmax(dim=1)  # [B, A]
    ends = there @ back  # [A, A]
    same = (labels.unsqueeze(1) == labels).to(ends.dtype)
    walker = -(same / same.sum(dim=1, keepdim=True) * (ends + LEAST).log()).sum(dim=1).mean()
    visit = -(there.mean(dim=0) + LEAST).log().mean()
    return walker, visit


class Association(nn.Module):
    """The walker loss and `visit` times the visit loss of a batch; 0 where it has no two kinds of samples.

    Args:
        on: The tap with the features, [B, ...].
        label: Name of the field of classes, int64 [B], -1 where one is unknown.
        visit: Factor of the visit loss.
    """

    def __init__(self, on: str, label: str, *, visit: float) -> None:
        super().__init__()
        self.on = on
        self.label = label
        self.visit = visit

    def forward(self, out: Output) -> Tensor:
        label = out.fields[self.label]
        features = out.tap(self.on).flatten(1)
        known = label >= 0
        if known.all() or not known.any():
            return features.sum() * 0
        walker, visit = association(features[known], features[~known], label[known])
        return walker + self.visit * visit
