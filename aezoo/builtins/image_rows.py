"""Images that are decoded when they are asked for: a folder of any size is never held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from aezoo.builtins.image_index import BYTES, TIME, ImageIndex, stat_of
from aezoo.plugin import DataError, LazyArray, Shape

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    Decode = Callable[[Path, int | None], npt.NDArray[np.uint8]]


class ImageRows(LazyArray):
    """The images of an index as samples [N, C, H, W] of uint8.

    Args:
        index: Says which files, and how they were when it was made.
        rows: Those of the index that are samples.
        shape: [C, H, W].
        decode: Reads a file into that shape, in any thread.
        settings: What else its pixels depend on.
        frames: Of each sample, the number of its image in the file, or None of the only one; None where all are such.
    """

    def __init__(
        self,
        index: ImageIndex,
        rows: Any,
        shape: Shape,
        decode: Decode,
        settings: str,
        frames: Sequence[int | None] | None = None,
    ) -> None:
        import numpy as np

        super().__init__((len(rows), *shape), np.uint8)
        self._index, self._decode, self._settings = index, decode, settings
        self._rows: npt.NDArray[np.int64] = np.asarray(rows, np.int64)
        self._frames = frames

    def read(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        import numpy as np

        result = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for place, sample in enumerate(rows.tolist()):
            result[place] = self._one(int(self._rows[sample]), self._frames[sample] if self._frames else None)
        return result

    @property
    def decodes(self) -> bool:
        return True

    def state(self) -> Iterator[str]:
        yield self._settings
        for row in self._rows.tolist():
            size, time = self._index.facts[row, [BYTES, TIME]].tolist()
            yield f"{self._index.names[row]} {size} {time}"
        if self._frames is not None:
            yield f"frames {[*self._frames]}"

    def _one(self, row: int, frame: int | None) -> npt.NDArray[np.uint8]:
        path = self._index.path(row)
        try:
            same = stat_of(path) == tuple(self._index.facts[row, [BYTES, TIME]].tolist())
        except OSError as error:
            raise DataError(f"{path}: cannot be read any more: {error.strerror}", hint="put it back") from error
        if not same:
            raise DataError(f"{path}: was changed since the folder was read", hint="start again with data that stay")
        return self._decode(path, frame)
