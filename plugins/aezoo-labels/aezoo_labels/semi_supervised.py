"""The semi-supervised VAE: bound and cross-entropy.

Kingma et al. 2014, "Semi-supervised learning with deep generative models", arXiv:1406.5298.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.code import Output
from aezoo.nn.divergence import rate
from aezoo.nn.latent import LOGVAR, DiagonalGaussian, standard_normal
from aezoo.nn.layer_stack import one_hot
from aezoo.nn.likelihood import reconstruction


class LabelledCode(NamedTuple):
    """The code of a diagonal Gaussian posterior, and logits of the classes."""

    z: Tensor  # [B, D]
    mean: Tensor  # [B, D]
    logvar: Tensor  # [B, D], log of the variance
    logits: Tensor  # [B, K], log q(y | x) up to a constant


class LabelledGaussian(DiagonalGaussian, nn.Module):
    """q(z | x) and q(y | x), by one affine map of the features.

    Args:
        features: How many there are.
        dim: Width D of the code.
        classes: How many there are, K.

    Shape:
        h: [B, *shape] -> z, mean, logvar: [B, D], logits: [B, K]
    """

    def __init__(self, features: int, dim: int, classes: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, 2 * dim + classes)
        self.widths = (dim, dim, classes)

    def forward(self, h: Tensor, generator: Generator | None = None) -> LabelledCode:
        mean, logvar, logits = self.project(h.flatten(1)).split(self.widths, dim=1)
        code = LabelledCode(mean, mean, logvar.clamp(*LOGVAR), logits)
        return code if generator is None else self.redraw(code, generator)  # type: ignore[arg-type, return-value]


class SemiSupervised(nn.Module):
    """The bound of log p(x, y), or of log p(x) where y is unknown, and the cross-entropy of the classifier.

    Equations 6, 7 and 9 of the paper, with p(y) the same for all classes and the posterior q(z | x).

    Args:
        label: Name of the field of classes, int64 [B], -1 where one is unknown.
        classes: How many there are, K.
    """

    def __init__(self, label: str, classes: int) -> None:
        super().__init__()
        self.label = label
        self.classes = classes

    def forward(self, out: Output, player: str) -> dict[str, Tensor]:
        label = out.fields[self.label]
        log_q = out.code.logits.log_softmax(dim=1)  # [B, K]
        told = one_hot(label, self.classes, log_q)  # a row of zeros where it is unknown
        bound = reconstruction(out) + rate(out) + math.log(self.classes)  # the pass read the labels that are known
        unknown = (label < 0).nonzero().flatten()
        if len(unknown):
            few, log_few = rows_of(out, unknown), log_q[unknown]
            bound = bound.index_copy(0, unknown, (log_few.exp() * (self.bounds(few) + log_few)).sum(dim=1))
        return {"bound": bound.mean(), "classification": -(told * log_q).sum(dim=1).mean()}

    def bounds(self, out: Output) -> Tensor:
        """-log p(x, y) of each sample with each class, or rather its upper bound, by the draw of the pass, in nats.

        Shape:
            -> [B, K]
        """
        n, classes = len(out.x), torch.arange(self.classes, device=out.x.device)
        many = out.repeated(self.classes)
        code = type(out.code)(*(value.repeat(self.classes, 1) for value in out.code))
        fields = {**many.fields, self.label: classes.repeat_interleave(n)}
        draw = None if out.generator is None else partial(standard_normal, generator=out.generator)
        decoded = out.model.redecode(many._replace(fields=fields), code, draw)
        values: Tensor = reconstruction(decoded) + rate(decoded)
        return values.reshape(self.classes, n).T + math.log(self.classes)


def rows_of(out: Output, rows: Tensor) -> Output:
    """The pass of some of its samples, int64 [n]; what came out of the decoder is left as it is."""
    return out._replace(
        x=out.x[rows],
        corrupted=out.corrupted[rows],
        code=type(out.code)(*(value[rows] for value in out.code)),
        taps={name: value[rows] for name, value in out.taps.items()},
        fields={name: value[rows] for name, value in out.fields.items()},
        aim=None if out.aim is None else out.aim[rows],
        mask=None if out.mask is None else out.mask[rows],
    )


class Accuracy:
    """Share of the samples whose known label has the largest logit.

    Args:
        label: Name of the field of classes.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.right = self.known = 0

    def update(self, out: Output) -> None:
        label = out.fields[self.label]
        self.right += int((out.code.logits.argmax(dim=1) == label).sum())
        self.known += int((label >= 0).sum())

    def result(self) -> float:
        return self.right / self.known if self.known else math.nan
