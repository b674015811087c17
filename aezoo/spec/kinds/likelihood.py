"""Likelihoods: what the decoder's output means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from aezoo.spec.component import AnySpec, Component, Range, Remark
from aezoo.spec.description import Column, ColumnDensity
from aezoo.spec.domain import Domains
from aezoo.spec.shape import Shape

if TYPE_CHECKING:
    from torch import nn


class LikelihoodSpec(Component):
    """What the decoder's output means: a density of the data."""

    kind: ClassVar[str] = "likelihood"
    #: Whether `nll` is that of a density, constants and all: only then is there an ELBO.
    density: ClassVar[bool] = True
    #: Whether its module has `nll_values`: a product of densities of single values, each of which depends on its own
    #: data alone. Only then can values be left out (a mask) or weighted.
    valuewise: ClassVar[bool] = False
    #: Whether all values are quantities: `mean` is then what samples average to, and squared errors judge it. A class
    #: is none.
    quantities: ClassVar[bool] = True
    #: Between what the data must lie; None for any numbers.
    support: ClassVar[Range | None] = None
    #: Whether its module takes data of any size of the grid: of a model whose input has `sizes`.
    resizable: ClassVar[bool] = False

    def raw_shape(self, shape: Shape) -> Shape:
        """What the decoder has to give for data of `shape`: more channels for more parameters."""
        return shape

    def raw_range(self, data: Range) -> Range | None:
        """Between what the decoder may have to give its values, for data of this range; None if it does not say."""
        return None

    def mean_range(self) -> Range | None:
        """Between what `mean` can lie, whatever the decoder gives; None for any numbers."""
        return self.support

    def error_factor(self) -> float | None:
        """What `nll` takes a squared error times, where a spec fixes that: 1 / (2 sigma^2) of a Gaussian; else None."""
        return None

    def domains(self, shape: Shape) -> Domains:
        """What data of `shape` are, feature by feature; they are refused where they are not. None for any numbers."""
        return None

    @classmethod
    def for_counts(cls, counts: Sequence[bool]) -> str:
        """A likelihood of features of which these are counts, as TOML in one line; empty if it is none for counts."""
        return ""

    @classmethod
    def for_columns(cls, columns: Sequence[Column]) -> ColumnDensity | None:
        """Parts of a spec for these columns of a table, some of which hold words; None if it has no density for them.

        Words are read as their places, from 0 on.
        """
        return None

    def parameters(self, shape: Shape) -> int:
        """How many weights it has (counted without torch)."""
        return 0

    def remarks(self, spec: AnySpec) -> Iterator[Remark]:
        if self.support is None:
            return
        low, high = self.support
        declared = spec.target_range if spec.input.normalize == "none" else None
        if declared is None or not low <= declared[0] < declared[1] <= high:
            yield Remark(
                f"{self.tag()} takes data in [{low:g}, {high:g}], and the input does not declare them",
                f'input = {{shape = [...], range = [{low:g}, {high:g}], normalize = "none"}}, or another likelihood',
                code="AZ519",
            )

    def build(self, shape: Shape) -> nn.Module:
        """A module with `mean(raw) -> [B, *shape]`, `nll(raw, x) -> [B]` in nats, summed over the sample,
        `sample(raw, generator) -> [B, *shape]`, and, if `valuewise`, `nll_values(raw, x) -> [B, *shape]`: `nll` is
        their sum."""
        raise NotImplementedError
