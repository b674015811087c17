"""Reading: a pass through stacks of layers of which some read a tap beside their input.

         tap                                        tap of the encoder, or None in use without one
          │                                          │
h ── layer(h, read) ──> h                  h ── layer(h, read, draw) ──> level, whose `h` goes on
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from aezoo.errors import UsageError
from aezoo.nn.code import Draw, Level

FIELDS = "fields."


class Read(NamedTuple):
    """What a layer reads beside its input.

    Attributes:
        tap: Its name: `fields.label`, `encoder.1`.
        classes: Of a class field, which is read one-hot; 0 for any other tap.
        stochastic: Whether the layer draws a level of the code.
    """

    tap: str
    classes: int = 0
    stochastic: bool = False


class Pass:
    """One pass through the encoder, the decoder or both.

    Args:
        reads: What layers read, by the name of the layer: `decoder.1`.
        taps: Names of layers whose outputs are kept, beside those that are read.
        fields: Of the samples, by name.
        draw: Where stochastic layers take their noise from; without it nothing is drawn.

    Attributes:
        tapped: The outputs that were kept, by name.
        levels: Those of the stochastic layers that had a posterior.
    """

    def __init__(
        self, reads: Mapping[str, Read], taps: Collection[str], fields: Mapping[str, Tensor], draw: Draw | None = None
    ) -> None:
        self.reads = reads
        self.kept = {*taps, *(read.tap for read in reads.values())} if reads else taps
        self.fields = fields
        self.draw = draw
        self.tapped: dict[str, Tensor] = {}
        self.levels: list[Level] = []

    def run(self, stack: str, layers: Iterable[nn.Module], h: Tensor) -> Tensor:
        """What the last of the layers gives."""
        for i, layer in enumerate(layers):
            name = f"{stack}.{i}"
            read = self.reads.get(name)
            h = layer(h) if read is None else self._reading(layer, h, read)
            if name in self.kept:
                self.tapped[name] = h
        return h

    def _reading(self, layer: nn.Module, h: Tensor, read: Read) -> Tensor:
        if not read.stochastic:
            return layer(h, self._field(read, h) if read.tap.startswith(FIELDS) else self.tapped[read.tap])  # type: ignore[no-any-return]
        posterior = self.tapped.get(read.tap)
        level: Level = layer(h, posterior, self.draw)
        if posterior is not None:
            self.levels.append(level)
        return level.h

    def _field(self, read: Read, like: Tensor) -> Tensor:
        name = read.tap.removeprefix(FIELDS)
        if name not in self.fields:
            raise UsageError(f"the model reads the field {name!r}, which is not given", hint="pass it as `fields`")
        value = self.fields[name]
        return one_hot(value, read.classes, like) if read.classes else value


def one_hot(indices: Tensor, classes: int, like: Tensor) -> Tensor:
    """Whole numbers as rows with a single 1, of the type of another tensor.

    Shape:
        indices: [B] -> [B, classes]
    """
    # Not F.one_hot, which looks at values: there are none on the meta device.
    return (indices.unsqueeze(-1) == torch.arange(classes, device=indices.device)).to(like.dtype)
