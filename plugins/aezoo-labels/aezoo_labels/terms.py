"""Penalties that read labels, declared: beside any objective."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from aezoo.plugin import Component, Field, RegularizerSpec, Remark, Shape, Spec

if TYPE_CHECKING:
    from torch import nn


class AssociationSpec(RegularizerSpec):
    """Walks from samples with a label to those without and back end in the class they began in (arXiv:1706.00909).

    The probability of a step is a softmax of the products of features, so that samples of a class come close to each
    other over those that have no label. The term, in nats, is the cross-entropy of the classes that a walk ends in
    (walker loss) and `visit` times that of an even visit to the samples without a label (visit loss). It is 0 for a
    batch in which all samples have a label, or none has.

    Each batch should have labels of all classes: `data.repeat` of the digits brings them in more often.

    Example:
        fields.label = { classes = 3, missing = true }
        input = [16]
        encoder = [{ type = "linear", features = 32 }, { type = "linear", features = 8, activation = "identity" }]

        [regularizers.association]
        type = "labels:association"
        on = "encoder.1"
        weight = 100.0
    """

    type: Literal["association"] = "association"
    label: str = Field("fields.label", description="the field of classes, -1 where one is unknown")
    visit: float = Field(0.5, ge=0, description="factor of the visit loss, beside 1 of the walker loss")

    @property
    def name(self) -> str:
        """Of the field of labels."""
        return self.label.removeprefix("fields.")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        field = spec.fields.get(self.name)
        if field is None or field.classes is None:
            yield Remark(
                f"{self.label!r} is no field of classes",
                f"fields.{self.name} = {{ classes = 10, missing = true }}",
                at="label",
            )
        elif not field.missing:
            message = f"no sample is without its {self.name!r}: there is nothing to walk to"
            yield Remark(message, f"fields.{self.name} = {{ classes = {field.classes}, missing = true }}", at="label")

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_labels.association import Association

        return Association(self.on, self.name, visit=self.visit)


COMPONENTS: list[type[Component]] = [AssociationSpec]
