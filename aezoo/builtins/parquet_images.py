"""Encoded images in a column of Parquet or Arrow, as Hugging Face data sets hold them: bytes, or bytes and a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aezoo.builtins.image_decoding import be_strict_in_threads, opened
from aezoo.builtins.image_folders import GREY, upright_size
from aezoo.builtins.image_pixels import MODES, PixelReader
from aezoo.plugin import DataError, Shape, text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from aezoo.builtins.parquet_files import Block


def holds_images(kind: Any) -> bool:
    """Whether a type is that of encoded images: binary, or a table with such a field `bytes`."""
    from pyarrow import types

    if types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and holds_images(kind.field(place).type)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def pixels_of(block: Block, name: str, column: Any, shape: Shape | None, reader: PixelReader) -> npt.NDArray[np.uint8]:
    """The images of a column as samples [n, C, H, W].

    Args:
        block: Of the rows.
        name: Of the column.
        column: Its values in the block.
        shape: [C, H, W]; None for that of the first image.
        reader: What is done with other sizes, and with transparent pixels.

    Raises:
        DataError: One is missing, cannot be decoded, or has another size.
    """
    import numpy as np
    from pyarrow import types

    be_strict_in_threads()
    encoded = column.field("bytes") if types.is_struct(column.type) else column
    values: npt.NDArray[np.uint8] | None = None
    for row, content in enumerate(encoded):
        where = block.path / f"row {block.first + row}, column {name!r}"
        if not content.is_valid:
            hint = "images that lie in files beside the table are read by type = 'images'"
            raise DataError(f"{where}: holds no bytes of an image", hint=hint)
        with opened(
            where, None if shape is None else reader.size_of(shape), alone=False, content=content.as_py()
        ) as image:
            if shape is None:
                width, height = upright_size(image)
                shape = 1 if image.mode in GREY or image.mode == "I" else 3, height, width
            if len(shape) != 3 or shape[0] not in MODES:
                message = f"{where}: images give samples [C, H, W] with 1, 3 or 4 channels, not {text(shape)}"
                raise DataError(message, hint="write input.shape = [C, H, W]")
            values = np.empty((len(encoded), *shape), np.uint8) if values is None else values
            values[row] = reader.pixels(image, shape, where)
    assert values is not None  # a block has rows
    return values
