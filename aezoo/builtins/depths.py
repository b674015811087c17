"""Images of any depth as images of 8 bits a channel, with black at 0 and white at 255; or the reason why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aezoo.plugin import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from PIL.Image import Image

#: Tags of a TIFF (Adobe 1992, TIFF 6.0, section 8).
BITS, PHOTOMETRIC, FORMAT = 258, 262, 339
WHITE_IS_ZERO, UNSIGNED = 0, 1
KINDS = {2: "signed numbers", 3: "floats", 5: "complex numbers", 6: "complex numbers"}


def eight_bits(image: Image, path: Path) -> Image:
    """The image with 8 bits a channel. Raises `DataError` where nothing says which number is white."""
    _refuse_other_numbers(image, path)
    if not (image.mode.startswith("I;16") or image.mode == "I"):
        return image
    import numpy as np
    import PIL.Image

    white = _white(image)
    numbers: npt.NDArray[Any] = np.asarray(image).astype(np.int32)
    grey = ((numbers * 255 + white // 2) // white).clip(0, 255).astype(np.uint8)
    if _tag(image, PHOTOMETRIC) == WHITE_IS_ZERO:
        grey = 255 - grey
    plain = PIL.Image.fromarray(grey)
    if "transparency" in image.info:
        plain.putalpha(PIL.Image.fromarray(np.where(numbers == image.info["transparency"], 0, 255).astype(np.uint8)))
    # `fromarray` loses the EXIF data, whose orientation is applied later.
    plain.info = {key: value for key, value in image.info.items() if key != "transparency"}
    plain.getexif().update(image.getexif())
    return plain


def _white(image: Image) -> int:
    """The largest number of a grey pixel, such as 4095 for 12 bits. Pillow scales a PGM's to 65535 by itself."""
    bits = _tag(image, BITS)
    return 2 ** int(bits) - 1 if bits is not None else 65535


def _refuse_other_numbers(image: Image, path: Path) -> None:
    kind = KINDS.get(_tag(image, FORMAT) or UNSIGNED)
    if kind is None and (image.mode == "F" or (image.mode == "I" and not _is_known(image))):
        kind = "numbers of 32 bits"
    if kind is not None:
        raise DataError(f"{path}: pixels are {kind}, and nothing says which is white", hint="use arrays")
    if image.mode == "LAB":
        raise DataError(f"{path}: pixels are in the colour space LAB", hint="save it as RGB")


def _is_known(image: Image) -> bool:
    """Whether pixels that Pillow has read as 32 bits have 16 in the file."""
    return image.format in ("PNG", "PPM") or _tag(image, BITS) == 16


def _tag(image: Image, tag: int) -> int | None:
    """A tag of a TIFF, the first of its values; None of all other files."""
    value = getattr(image, "tag_v2", {}).get(tag)
    return value[0] if isinstance(value, tuple) else value
