"""Metrics: numbers that judge a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from aezoo.spec.component import AnySpec, Component, Remark


class MetricSpec(Component):
    """A number that judges a model on a split, or several.

    An evaluation takes every metric that means something for the spec: built in, of a plugin that the spec names,
    and those in its `metrics`.
    """

    kind: ClassVar[str] = "metric"
    #: Whether it judges a pass that draws the latent noise, instead of one that draws nothing.
    noisy: ClassVar[bool] = False
    #: "lower", "higher", or "" for a number that only describes.
    better: ClassVar[str] = "lower"
    #: Whether it reads what the decoder gives: then it does not apply to a model without one, nor, if it draws nothing,
    #: where only passes that draw are trained.
    reconstructs: ClassVar[bool] = True
    #: The fields of a sample that it reads, `out.tap("fields.label")`: it applies where the spec declares them.
    fields: ClassVar[frozenset[str]] = frozenset()
    #: Whether it takes gradients: its passes then keep the graph, and `out.x` has a gradient.
    grad: ClassVar[bool] = False

    @classmethod
    def applies(cls, spec: AnySpec) -> bool:
        """Whether the number means something for this spec, which has what the facts above ask for."""
        return True

    @classmethod
    def suits(cls, spec: AnySpec) -> bool:
        """Whether the spec has what the metric reads, and its number means something there."""
        decoded = spec.reconstructs if cls.noisy else spec.decodes
        return (decoded or not cls.reconstructs) and cls.fields <= spec.fields.keys() and cls.applies(spec)

    def remarks(self, spec: AnySpec) -> Iterator[Remark]:
        if not self.suits(spec):
            yield Remark(f"{self.tag()} means nothing for this spec", "leave it out")
        if sum(metric.tag() == self.tag() for metric in spec.metrics) > 1:
            yield Remark(f"{self.tag()} stands twice", "a metric stands once in a table: keep one of them")

    def build(self, spec: AnySpec) -> Any:
        """An object with `update(out: Output)` for each batch, and `result()`: a number, or numbers by name.

        If it has `fit(out)`, that is called first with passes of the training split: at most 20,000 of its samples,
        evenly spaced.
        """
        raise NotImplementedError
