"""The objective of the semi-supervised VAE, declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Component, ConstantSpec, Field, ObjectiveSpec, Remark, ScheduleSpec, Spec
from aezoo_labels.latents import LabelledGaussianSpec

if TYPE_CHECKING:
    from torch import nn


class SemiSupervisedSpec(ObjectiveSpec):
    """The semi-supervised VAE, M2: samples without a label are summed over all classes (arXiv:1406.5298).

    The term `bound`, in nats, averaged over the batch, is that of log p(x, y) where the label is known, with every
    class as likely as any other, and else that of log p(x): sum_y q(y | x) bound(y) - H(q(y | x)). The term
    `classification` is the cross-entropy of q(y | x) where the label is known and 0 where it is not, so that its mean
    over the batch falls with the share of labels: the paper's weight is 0.1 over that share. The rate is in the bound:
    no `kl` stands beside it.

    z has the posterior q(z | x): the classes share it, and are told apart by the decoder, which reads the label.

    Example:
        fields.label = { classes = 3, missing = true }
        decoder = [
            { type = "join", reads = "fields.label" },
            { type = "linear", features = 16, activation = "identity" },
        ]
        input = [16]

        [latent]
        type = "labels:gaussian"
        dim = 8
        classes = 3

        [objective]
        type = "labels:semi_supervised"
        label = "fields.label"
    """

    type: Literal["semi_supervised"] = "semi_supervised"
    family: ClassVar[str] = "semi-supervised"
    needs: ClassVar[frozenset[str]] = frozenset({"posterior", "logits"})
    terms: ClassVar[frozenset[str]] = frozenset({"bound", "classification"})
    rate: ClassVar[bool] = True
    label: str = Field("fields.label", description="the field of classes, -1 where one is unknown")
    weight: ScheduleSpec = Field(ConstantSpec(value=1.0), description="factor of the cross-entropy: alpha")

    @property
    def name(self) -> str:
        """Of the field of labels."""
        return self.label.removeprefix("fields.")

    def weights(self) -> Mapping[str, ScheduleSpec]:
        return {"classification": self.weight}

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        field = spec.fields.get(self.name)
        if field is None or field.classes is None:
            yield Remark(
                f"{self.label!r} is no field of classes", f"fields.{self.name} = {{ classes = 10 }}", at="label"
            )
            return
        if isinstance(spec.latent, LabelledGaussianSpec) and spec.latent.classes != field.classes:
            message = f"the latent has {spec.latent.classes} classes, the field {self.name!r} has {field.classes}"
            yield Remark(message, f"latent.classes = {field.classes}")
        if self.name in spec.input_fields:
            message = f"the encoder reads {self.label!r}, which it is to tell from the sample alone"
            yield Remark(message, "let only the decoder read it")
        if self.name not in spec.code_fields:
            message = f"the decoder does not read {self.label!r}: all classes would have the same bound"
            yield Remark(message, f'decoder = [{{ type = "join", reads = "{self.label}" }}, ...]')

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_labels.semi_supervised import SemiSupervised

        return SemiSupervised(self.name, spec.fields[self.name].classes or 0)


COMPONENTS: list[type[Component]] = [SemiSupervisedSpec]
