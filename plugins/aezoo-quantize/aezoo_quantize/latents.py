"""Latents with discrete codes, named by integers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, field_validator, model_validator

from aezoo.plugin import (
    POINTWISE,
    Affine,
    Component,
    ConstantSpec,
    Field,
    LatentSpec,
    LayerSpec,
    Remark,
    ScheduleSpec,
    Shape,
    Spec,
    Style,
    Window,
    Within,
    as_tuple,
    dense,
    flat,
    flat_parameters,
    grid,
    pointwise,
    scheduled,
)

if TYPE_CHECKING:
    from torch import nn

    from aezoo_quantize.codebook import Codebook

#: A metric counts every code: 2^20 counters are 8 MB.
MOST_CODES = 2**20
Levels = Annotated[tuple[Annotated[int, Field(ge=2)], ...], BeforeValidator(as_tuple)]


class QuantizedSpec(LatentSpec):
    """Base of quantized latents: an affine map of the features to vectors, each replaced by a code."""

    provides: ClassVar[frozenset[str]] = frozenset({"pre", "indices"})
    quantized: ClassVar[bool] = True
    discrete: ClassVar[str] = "indices"
    layout: Literal["flat", "spatial"] = Field(
        "flat", description="flat: one vector for a sample; spatial: one at each position of the features' grid"
    )

    @property
    def codebooks(self) -> int:
        """How many indices one vector has."""
        return 1

    @property
    def spatial(self) -> bool:
        return self.layout == "spatial"

    def positions(self, shape: Shape) -> Shape:
        """The grid of vectors; empty for one."""
        return grid(shape)[1] if self.spatial else ()

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim, *self.positions(shape))

    def tap_shape(self, field: str, shape: Shape) -> Shape:
        return self.positions(shape) if field == "indices" else self.code_shape(shape)

    def parameters(self, shape: Shape) -> int:
        return flat_parameters(shape[:1] if self.spatial else shape, (self.dim,))

    def maps(self, shape: Shape) -> Sequence[Affine]:
        kernel = (1,) * len(shape[1:]) if self.spatial else ()
        return (Affine(shape[0] if self.spatial else flat(shape), self.dim, kernel),)

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return pointwise(shape, style) if self.spatial else dense(shape, style)

    def sees(self, shape: Shape) -> Window | None:
        return POINTWISE if self.spatial else None

    def project(self, shape: Shape) -> nn.Module:
        """The affine map."""
        from aezoo.nn.latent import projection

        return projection(shape, self.dim, spatial=self.spatial)


class CodebookSpec(QuantizedSpec):
    """Base of latents with learned codebooks."""

    provides: ClassVar[frozenset[str]] = QuantizedSpec.provides | {"commitment", "codebook"}
    codes: int = Field(ge=2, le=MOST_CODES, description="vectors in a codebook")
    update: Literal["ema", "loss"] = Field(
        "ema", description="how codes move: to the running mean of their vectors, or by the term `codebook`"
    )
    decay: float = Field(0.99, gt=0, lt=1, description="share of the past in the running means")
    start: Literal["kmeans", "uniform"] = Field(
        "kmeans", description="the first codes: k-means of the first training batch, or uniform in [-1/K, 1/K]"
    )
    restart: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="a code used less than this share of the mean is moved to a vector of the batch; 0 for never",
    )

    def alphabet(self) -> int:
        return self.codes

    def parameters(self, shape: Shape) -> int:
        learned = self.codebooks * self.codes * self.dim if self.update == "loss" else 0
        return super().parameters(shape) + learned

    def maps(self, shape: Shape) -> Sequence[Affine]:
        # A codebook is a linear map of one-hot vectors, and a parameter only if a loss moves it.
        learned = [Affine(self.codes, self.dim)] * self.codebooks if self.update == "loss" else []
        return (*super().maps(shape), *learned)

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        needed = frozenset().union(*(term.needs for term in spec.regularizers.values()))
        if self.update == "loss" and "codebook" not in needed:
            hint = 'regularizers.codebook = {type = "quantize:codebook"}, or update = "ema"'
            yield Remark("no term `codebook`: nothing moves the codes", hint, "warning", at="update")
        if "commitment" not in needed:
            hint = 'regularizers.commitment = {type = "quantize:commitment", weight = 0.25}'
            yield Remark("no term `commitment`: vectors may move away from their codes", hint, "warning")

    def codebook(self, *, cosine: bool = False) -> Codebook:
        """One codebook, its codes on the unit sphere with `cosine`."""
        from aezoo_quantize.codebook import Codebook

        return Codebook(
            self.codes,
            self.dim,
            learned=self.update == "loss",
            decay=self.decay,
            kmeans=self.start == "kmeans",
            restart=self.restart,
            cosine=cosine,
        )


class VQSpec(CodebookSpec):
    """The nearest vector of a codebook (van den Oord et al. 2017, arXiv:1711.00937).

    The gradient of `z` goes straight through to `pre`. It provides `pre`, `indices`, and the squared differences of
    `pre` and code: `commitment`, which moves `pre`, and `codebook`, which moves codes.

    Example:
        [latent]
        type = "quantize:vq"
        dim = 16
        codes = 64
        layout = "flat"

        [regularizers.commitment]
        type = "quantize:commitment"
        weight = 0.25
    """

    type: Literal["vq"] = "vq"
    family: ClassVar[str] = "quantized"
    cosine: bool = Field(False, description="vectors and codes on the unit sphere: the nearest by angle")

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_quantize.vq import VQ

        return VQ(self.project(shape), self.codebook(cosine=self.cosine))


class ResidualVQSpec(CodebookSpec):
    """A sum of codes, each the nearest to the residual of those before it (Zeghidour et al. 2021, arXiv:2107.03312).

    `indices` are [depth, *grid]. With `dropout`, a sample is decoded in training from its first few codes alone, so
    that every prefix of its indices can be decoded (section III.C of the paper).

    Example:
        [latent]
        type = "quantize:residual_vq"
        dim = 16
        codes = 32
        depth = 4
        dropout = 0.5

        [regularizers.commitment]
        type = "quantize:commitment"
        weight = 0.25
    """

    type: Literal["residual_vq"] = "residual_vq"
    family: ClassVar[str] = "quantized"
    depth: int = Field(ge=1, le=64, description="codes in the sum")
    dropout: float = Field(0.0, ge=0, le=1, description="share of samples that training decodes from fewer codes")

    @property
    def codebooks(self) -> int:
        return self.depth

    def tap_shape(self, field: str, shape: Shape) -> Shape:
        tap = super().tap_shape(field, shape)
        return (self.depth, *tap) if field == "indices" else tap

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_quantize.vq import ResidualVQ

        books = [self.codebook() for _ in range(self.depth)]
        return ResidualVQ(self.project(shape), books, dropout=self.dropout)


class FSQSpec(QuantizedSpec):
    """Each value rounded to one of a few levels, no codebook to learn (Mentzer et al. 2023, arXiv:2309.15505).

    Example:
        [latent]
        type = "quantize:fsq"
        levels = [8, 6, 5]
        layout = "flat"
    """

    type: Literal["fsq"] = "fsq"
    family: ClassVar[str] = "quantized"
    dim: int = Field(0, ge=0, description="width of the code: the number of levels, which is the default")
    levels: Levels = Field(min_length=1, description="levels of each value; five and more work best (section 4.1)")

    @model_validator(mode="before")
    @classmethod
    def _width(cls, value: Any) -> Any:
        levels = value.get("levels") if isinstance(value, dict) else None
        return {"dim": len(levels), **value} if isinstance(levels, (list, tuple)) else value

    @field_validator("levels")
    @classmethod
    def _countable(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        if prod(levels) > MOST_CODES:
            raise ValueError(f"they make {prod(levels):,} codes; {MOST_CODES:,} can be counted")
        return levels

    @model_validator(mode="after")
    def _agrees(self) -> FSQSpec:
        if self.dim != len(self.levels):
            raise ValueError(f"dim = {self.dim} for {len(self.levels)} levels: leave dim out")
        return self

    def alphabet(self) -> int:
        return prod(self.levels)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_quantize.fsq import FSQ

        return FSQ(self.project(shape), self.levels)


class LFQSpec(QuantizedSpec):
    """The sign of each value: 2^dim codes without a codebook (Yu et al. 2023, arXiv:2310.05737).

    It needs the term `entropy`, or few of the codes are used. It provides `pre`, `indices`, `commitment`, and the log
    odds of each sign, `logits` = 4 pre / temperature: those of weights exp(-|pre - c|^2 / temperature) of the codes c.

    Example:
        [latent]
        type = "quantize:lfq"
        dim = 8
        layout = "flat"

        [regularizers.entropy]
        type = "quantize:entropy"
        weight = 0.1
    """

    type: Literal["lfq"] = "lfq"
    family: ClassVar[str] = "quantized"
    provides: ClassVar[frozenset[str]] = QuantizedSpec.provides | {"commitment", "logits"}
    dim: int = Field(ge=1, le=20, description="signs, and so bits, of a code")
    temperature: Annotated[ScheduleSpec, Within(gt=0)] = Field(
        ConstantSpec(value=1.0), description="softness of a sign in the term `entropy`; a number or a schedule"
    )

    def alphabet(self) -> int:
        return int(2**self.dim)

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if not any("logits" in term.needs for term in spec.regularizers.values()):
            hint = 'regularizers.entropy = {type = "quantize:entropy", weight = 0.1}'
            yield Remark("no term `entropy`: nothing keeps signs certain and codes in use", hint, "warning")

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_quantize.lfq import LFQ

        return scheduled(LFQ(self.project(shape), self.dim), temperature=self.temperature)


COMPONENTS: list[type[Component]] = [VQSpec, ResidualVQSpec, FSQSpec, LFQSpec]
