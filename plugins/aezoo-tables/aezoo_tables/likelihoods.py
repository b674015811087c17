"""The likelihood of a table: a density of its own for each column."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Column, ColumnDensity, Domains, Field, LikelihoodSpec, Shape
from aezoo_tables.columns import CLASSES, COUNTS, Columns, refuse_misfit, single

if TYPE_CHECKING:
    from torch import nn


class MixedSpec(LikelihoodSpec):
    """Independent columns, each with a density of its kind; their nll in nats, constants and all, are summed.

    HI-VAE, Nazabal et al. 2020, arXiv:1807.03653, section 3.2; here what is a scale, a dispersion or a threshold is
    one weight for each column, and the decoder gives what is left:

    - `gaussian`: the mean; sigma is learned.
    - `categorical`: the logits of `classes`, whose numbers 0, 1 ... the column holds.
    - `ordinal`: a location a, P(x <= k) = sigmoid(c_k - a); the increasing thresholds c are learned (McCullagh 1980).
    - `poisson`: the rate, m softplus(raw) / log 2, where m is the mean of the first batch.
    - `negative_binomial`: the mean mu, as that rate; the variance is mu + mu^2 / r, and r is learned.
    - `zinb`: that mean, and the logit of a further probability of 0 (scVI, Lopez et al. 2018,
      doi:10.1038/s41592-018-0229-2).

    A reconstruction has the mean of a number or count, and the most probable class. With classes there are no squared
    errors (`mse`, `fvu`). `input.normalize = "standardize"` leaves classes and counts as they are.

    Example:
        input = { shape = [6], kind = "tabular", normalize = "standardize" }

        [likelihood]
        type = "tables:mixed"
        columns = [
            { kind = "gaussian", count = 2 },
            { kind = "categorical", classes = 3 },
            { kind = "ordinal", classes = 4 },
            { kind = "poisson" },
            { kind = "zinb" },
        ]
    """

    type: Literal["mixed"] = "mixed"
    valuewise: ClassVar[bool] = True
    columns: Columns = Field(description="the columns in their order, each with its kind")

    @property
    def quantities(self) -> bool:  # type: ignore[override]
        """Not with classes: a mean of their numbers means nothing."""
        return not any(column.kind in CLASSES for column in self.columns)

    @property
    def rejection(self) -> bool:
        """Whether it draws by rejection: counts, of which one takes more noise than another."""
        return any(column.kind in COUNTS for column in self.columns)

    def domains(self, shape: Shape) -> Domains:
        refuse_misfit(self.columns, shape)
        return [column.domain for column in single(self.columns)]

    @classmethod
    def for_counts(cls, counts: Sequence[bool]) -> str:
        runs = ((counted, len([*run])) for counted, run in groupby(counts))
        kinds = {True: "negative_binomial", False: "gaussian"}
        columns = ", ".join(f'{{kind = "{kinds[counted]}", count = {count}}}' for counted, count in runs)
        return f'{{type = "{cls.tag()}", columns = [{columns}]}}'

    @classmethod
    def for_columns(cls, columns: Sequence[Column]) -> ColumnDensity | None:
        classes = [len(column.words) for column in columns]  # 0 of numbers
        if 1 in classes:
            return None
        table = [_stated(count, len([*run])) for count, run in groupby(classes)]
        outputs = sum(count or 1 for count in classes)
        namespace = cls.tag().removesuffix("mixed")
        reading = {"type": f"{namespace}columns", "columns": table}
        return ColumnDensity({"type": cls.tag(), "columns": table}, (reading,), outputs)

    def raw_shape(self, shape: Shape) -> Shape:
        refuse_misfit(self.columns, shape)
        return (sum(column.count * column.given for column in self.columns),)

    def parameters(self, shape: Shape) -> int:
        """How many weights it has."""
        return sum(column.count * column.learned for column in self.columns)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_tables.mixed import Mixed

        refuse_misfit(self.columns, shape)
        return Mixed([(column.kind, column.classes) for column in single(self.columns)])


def _stated(classes: int, count: int) -> dict[str, str | int]:
    """So many columns alike, as a spec states them: of classes, or of numbers where there are none."""
    kind: dict[str, str | int] = {"kind": "categorical", "classes": classes} if classes else {"kind": "gaussian"}
    return {**kind, "count": count} if count > 1 else kind
