"""Declared terms of sparse codes: penalties, an objective of nested codes, and directions of length 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from aezoo.plugin import (
    Component,
    ConstraintSpec,
    Field,
    Ints,
    ObjectiveSpec,
    RegularizerSpec,
    Remark,
    Shape,
    Spec,
    flat,
)

if TYPE_CHECKING:
    from torch import nn


def _latent_only(term: RegularizerSpec) -> Iterator[Remark]:
    if term.on != "latent":
        yield Remark(f"{term.tag()} reads the latent and nothing else, got on = {term.on!r}", "leave 'on' out", at="on")


class AuxKSpec(RegularizerSpec):
    """Revive dead units: train them on the residual of the live ones (arXiv:2406.04093, appendix A.2).

    |e - D z_aux|^2 Var(x) / Var(e), with e = x - x^ held constant, z_aux the `k` largest dead units of a sample after a
    relu, and variances over the batch; 0 while none is dead. A unit is dead if none of the last `after` training
    samples made it active. `weight` is the paper's alpha, there 1/32.

    Example:
        [latent]
        type = "sparse:topk"
        dim = 256
        k = 16

        [regularizers.revive]
        type = "sparse:auxk"
        weight = 0.03125
        after = 32  # for a small run; by default ten million samples
    """

    type: Literal["auxk"] = "auxk"
    needs: ClassVar[frozenset[str]] = frozenset({"pre", "decoder"})
    k: int | None = Field(None, ge=1, description="dead units of a sample; by default half the input's width")
    after: int = Field(10_000_000, ge=1, description="samples without being active that make a unit dead")
    relative: bool = Field(
        True,
        description="whether it is relative to the variance of e, as in the authors' code",
    )

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _latent_only(self)
        if len(spec.code_shape) != 1:
            yield Remark(f"dead units need a flat code; this one has {len(spec.code_shape)} axes")

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_sparse.penalties import AuxK

        return AuxK(flat(shape), k=self.k, after=self.after, relative=self.relative)


class L0Spec(RegularizerSpec):
    """How many units are active, averaged over the batch; or how far that is from a target (arXiv:2407.14435).

    With a `target`, (L0 / target - 1)^2: it keeps the L0 there for any weight. For latents that provide `active`,
    a step with a gradient: a plain count has none.

    Example:
        [latent]
        type = "sparse:jumprelu"
        dim = 256

        [regularizers.l0]
        type = "sparse:l0"
        weight = 100.0
        target = 16.0
    """

    type: Literal["l0"] = "l0"
    needs: ClassVar[frozenset[str]] = frozenset({"active"})
    sparsifies: ClassVar[bool] = True
    target: float | None = Field(None, gt=0, description="active units of a sample, on average")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _latent_only(self)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_sparse.penalties import ActiveCount

        return ActiveCount(target=self.target)


class GateSpec(RegularizerSpec):
    """Let the gates reconstruct, too: |x - D' relu(gate)|^2 (Rajamanoharan et al. 2024, arXiv:2404.16014, section 3.2).

    D' is the decoder with constant weights: the term trains the gates, and not the directions. Its weight is
    1 in the paper, beside an `l1` on the tap `gate`.

    Example:
        [latent]
        type = "sparse:gated"
        dim = 256

        [regularizers.l1]
        on = "gate"
        weight = 0.5

        [regularizers.gate]
        type = "sparse:gate"
    """

    type: Literal["gate"] = "gate"
    needs: ClassVar[frozenset[str]] = frozenset({"gate", "decoder"})

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _latent_only(self)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_sparse.penalties import GateReconstruction

        return GateReconstruction()


class MatryoshkaSpec(ObjectiveSpec):
    """Nested dictionaries: the first units of a code also reconstruct alone (arXiv:2503.17547).

    `reconstruction` is the mean of -log p(x | z) over prefixes of the code, the last of which is all of it (Bussmann et
    al. 2025, section 3). For any flat code: early units learn general features, later ones special ones.

    Example:
        [latent]
        type = "sparse:batch_topk"
        dim = 256
        k = 16

        [objective]
        type = "sparse:matryoshka"
        prefixes = [32, 64, 128]
    """

    type: Literal["matryoshka"] = "matryoshka"
    terms: ClassVar[frozenset[str]] = frozenset({"reconstruction"})
    prefixes: Ints = Field(min_length=1, description="how many units each dictionary has, beside the whole")

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if list(self.prefixes) != sorted(set(self.prefixes)) or self.prefixes[0] < 1:
            raise ValueError(f"prefixes take rising widths from 1 on, got {list(self.prefixes)}")
        return self

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if len(spec.code_shape) != 1:
            yield Remark(f"prefixes need a flat code; this one has {len(spec.code_shape)} axes")
        elif self.prefixes[-1] >= spec.code_shape[0]:
            message = f"a prefix of {self.prefixes[-1]} is not shorter than a code of {spec.code_shape[0]} units"
            yield Remark(message, "take smaller ones: the whole code is always reconstructed", at="prefixes")

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_sparse.prefixes import NestedReconstruction

        return NestedReconstruction(self.prefixes)


class UnitNormSpec(ConstraintSpec):
    """Columns of norm 1, with gradients tangent to the sphere (Gao et al. 2024, arXiv:2406.04093, appendix A.3).

    As the built-in `unit_norm`; in addition the part of the gradient along a column is removed before the
    optimizer step, so that it does not enter the momentum: scaling would undo it.

    Example:
        [constraints.dictionary]
        type = "sparse:unit_norm"
        on = "decoder"
    """

    type: Literal["unit_norm"] = "unit_norm"
    bounding: ClassVar[bool] = True

    def build(self) -> Callable[[nn.Module], None]:
        from aezoo_sparse.sphere import Sphere

        return Sphere(first="." not in self.on)


COMPONENTS: list[type[Component]] = [AuxKSpec, L0Spec, GateSpec, MatryoshkaSpec, UnitNormSpec]
