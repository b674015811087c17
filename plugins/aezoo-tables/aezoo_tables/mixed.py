"""The density of a table's rows: independent columns of several kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.code import Output
from aezoo.nn.likelihood import total
from aezoo_tables.families import Categorical, Family, Gaussian, NegativeBinomial, Ordinal, Poisson, ZeroInflated

#: By kind: a family of so many columns, of so many classes if it has any.
FAMILIES: dict[str, Callable[[int, Any], Family]] = {
    "gaussian": lambda n, _: Gaussian(n),
    "categorical": Categorical,
    "ordinal": Ordinal,
    "poisson": lambda n, _: Poisson(n),
    "negative_binomial": lambda n, _: NegativeBinomial(n),
    "zinb": lambda n, _: ZeroInflated(n),
}


class Mixed(nn.Module):
    """Independent columns, each with a density of its kind. Columns of a kind are computed together.

    Args:
        columns: Kind of each column, and how many classes it has; None for one without.

    Shape:
        raw: [B, P], the parameters of the columns one after another
        x: [B, F]
    """

    _order: Tensor

    def __init__(self, columns: Sequence[tuple[str, int | None]]) -> None:
        super().__init__()
        places: dict[tuple[str, int | None], list[int]] = {}
        for index, column in enumerate(columns):
            places.setdefault(column, []).append(index)
        families = [FAMILIES[kind](len(at), classes) for (kind, classes), at in places.items()]
        self.families = nn.ModuleList(families)
        widths = [0] * len(columns)
        for family, at in zip(families, places.values(), strict=True):
            for index in at:
                widths[index] = family.given
        ends = [*accumulate(widths)]
        for number, at in enumerate(places.values()):
            given = [[*range(ends[index] - widths[index], ends[index])] for index in at]
            self.register_buffer(f"_columns{number}", torch.tensor(at), persistent=False)
            self.register_buffer(f"_given{number}", torch.tensor(given), persistent=False)
        joined = [index for at in places.values() for index in at]
        order = sorted(range(len(joined)), key=joined.__getitem__)  # where among the families' columns each one is
        self.register_buffer("_order", torch.tensor(order), persistent=False)

    def _parts(self) -> Iterator[tuple[Family, Tensor, Tensor]]:
        """Each family; which its columns are, [N], and where in `raw` their parameters are, [N, P]."""
        for number, family in enumerate(self.families):
            yield family, getattr(self, f"_columns{number}"), getattr(self, f"_given{number}")  # type: ignore[misc]

    @torch.no_grad()
    def prepare(self, first_input: Output, *, model: nn.Module, generator: Generator) -> None:
        """Give counts the means of the first batch as their units, of the values that the mask counts."""
        target, mask = first_input.target, first_input.mask
        known = torch.ones_like(target) if mask is None else mask.expand_as(target)
        for family, at, _ in self._parts():
            family.start(target[:, at], known[:, at])

    def _joined(self, compute: Callable[[Family, Tensor, Tensor], Tensor]) -> Tensor:
        """What each family gives, in the order of the columns: [B, F]."""
        return torch.cat([compute(*part) for part in self._parts()], dim=1)[:, self._order]

    def mean(self, raw: Tensor) -> Tensor:
        """The mean of a number or count, the most probable class: [B, P] -> [B, F]."""
        return self._joined(lambda family, _, given: family.mean(raw[:, given]).to(raw.dtype))

    def nll_values(self, raw: Tensor, x: Tensor) -> Tensor:
        return self._joined(lambda family, at, given: family.nll(raw[:, given], x[:, at]).to(x.dtype))

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        return total(self.nll_values(raw, x))

    def sample(self, raw: Tensor, generator: Generator | None = None) -> Tensor:
        return self._joined(lambda family, _, given: family.sample(raw[:, given], generator).to(raw.dtype))
