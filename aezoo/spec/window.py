"""Windows: what a position of a part's output sees of its input, along each axis of a grid. In plain arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import floor, gcd, inf, isinf, lcm
from typing import NamedTuple

Distance = Fraction | int | float


class Window(NamedTuple):
    """The positions that one output position sees, the same along every axis; those at the border see fewer.

    Position j sees the input from `j * stride - before` to `j * stride + after`. A part that has a window works at any
    size: its output has `size / stride` positions, and always as many more or fewer as it has at the declared size.

    Attributes:
        stride: From one output position to the next, in input positions; 1/2 where an axis grows twofold.
        before: How far it sees to the left, at most; infinite for a part that mixes all positions.
        after: To the right.
        multiple: What an input size must be divisible by.
    """

    stride: Distance = 1
    before: Distance = 0
    after: Distance = 0
    multiple: int = 1

    def then(self, later: Window) -> Window:
        """The window of this part and then another."""
        stride = Fraction(self.stride)
        # size / stride has to be a whole number, and a multiple of what the later part takes.
        needed = stride.numerator * (later.multiple // gcd(later.multiple, stride.denominator))
        return Window(
            stride * Fraction(later.stride),
            self.before + later.before * stride,
            self.after + later.after * stride,
            lcm(self.multiple, needed),
        )

    def beside(self, other: Window) -> Window:
        """The window of the sum of two parts of the same stride."""
        before, after = max(self.before, other.before), max(self.after, other.after)
        return Window(self.stride, before, after, lcm(self.multiple, other.multiple))

    @property
    def bounded(self) -> bool:
        """Whether it ends anywhere."""
        return not (isinf(self.before) or isinf(self.after))

    @property
    def first(self) -> int:
        """The first output position of a tile that sees nothing before its start; of a bounded window."""
        return max(0, floor((Fraction(self.before) - 1) / Fraction(self.stride)) + 1)

    @property
    def overlap(self) -> int | None:
        """How many input positions two tiles must share, so that one or the other holds all that each output sees.

        Tiles begin where an output position does. None if no overlap is enough.
        """
        if not self.bounded:
            return None
        # The earlier tile must hold what the last position sees that the later one has not.
        return max(0, floor((self.first - 1) * Fraction(self.stride) + self.after) + 1)

    @property
    def positions(self) -> int | None:
        """How many positions it holds; None for all."""
        return floor(self.before + self.after) + 1 if self.bounded else None


#: Of a function of each position by itself.
POINTWISE = Window()
#: Of a function of all positions at once that is defined for any number of them, such as attention.
EVERYWHERE = Window(1, inf, inf)
