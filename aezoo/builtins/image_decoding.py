"""Decoding of images: only plain formats, strictly, and nothing larger than memory holds."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from aezoo.plugin import DataError, FileDatasetSpec, Shape

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

#: The only formats that are opened: no fonts, no PostScript, nothing that starts another program.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
#: Pixels of the largest image that is decoded: the header of a small file may claim any number.
PIXELS = 10**9
#: A JPEG of more pixels that will be resized is decoded at a half, a quarter or an eighth.
DRAFTED = 2**26


@contextmanager
def opened(
    path: Path, resized: Shape | None = None, *, alone: bool = True, content: bytes | None = None
) -> Iterator[ImageFile]:
    """An image, its header read and its size known to be within `PIXELS`.

    Pillow reads strictly: truncated files and its warnings are errors. Its own limit of pixels is off, since
    scans exceed it; `_check_size` has another.

    Args:
        path: The file.
        resized: Width and height that it will be resized to, or None: a huge JPEG is then decoded at a fraction.
        alone: Whether no other thread opens images; else `be_strict_in_threads` was called.
        content: Of the image, where it is no file of its own: `path` is then for messages.

    Raises:
        DataError: It is damaged, too large, or not an image.
    """
    from PIL import Image, ImageFile

    source = path if content is None else BytesIO(content)
    if not alone:
        with _naming_errors(path, content), Image.open(source, formats=FORMATS) as image:
            _prepare(image, path, resized)
            yield image
        return
    before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, None
    try:
        with warnings.catch_warnings(), _naming_errors(path, content), Image.open(source, formats=FORMATS) as image:
            for category in (UserWarning, RuntimeWarning):
                warnings.simplefilter("error", category)
            _prepare(image, path, resized)
            yield image
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before


def _prepare(image: ImageFile, path: Path, resized: Shape | None) -> None:
    """Have a huge JPEG decoded at a fraction, and refuse what is too large."""
    if resized and math.prod(image.size) > DRAFTED:
        image.draft(None, (4 * max(resized),) * 2)
    _check_size(image, path)


@contextmanager
def _naming_errors(path: Path, content: bytes | None) -> Iterator[None]:
    """Turn a decoder's exceptions into a `DataError` with the file's name and the true reason."""
    from PIL import UnidentifiedImageError

    try:
        with FileDatasetSpec.reading(path):
            yield
    except DataError as error:
        if isinstance(error.__cause__, MemoryError):
            hint = "scale it down first, or cut it into tiles"
            raise DataError(f"{path}: there is not enough memory to decode it", hint=hint) from error
        if isinstance(error.__cause__, UnidentifiedImageError) and _is_tiff(path, content):
            hint = "save it as PNG; TIFF files of floats with channels, of 64 bits or of rare layouts are not read"
            raise DataError(f"{path}: is damaged, or a TIFF of a kind that is not read", hint=hint) from error
        raise


def _is_tiff(path: Path, content: bytes | None) -> bool:
    with path.open("rb") if content is None else BytesIO(content) as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _check_size(image: Image, path: Path) -> None:
    """Refuse an image that is too large for the limit or the free memory, before it is decoded."""
    pixels = math.prod(image.size)
    size = f"{path}: has {image.size[0]}x{image.size[1]} pixels"
    hint = "scale it down first, or cut it into tiles"
    if pixels > PIXELS:
        raise DataError(f"{size}, more than the {PIXELS:,} that are decoded", hint=hint)
    # Memory for the stored pixels and for the converted ones.
    needed = pixels * (len(image.getbands()) + 4) if pixels > DRAFTED else 0
    if needed > (free := _free_memory()):
        raise DataError(f"{size}, which take {needed / 2**30:.1f} GiB; {free / 2**30:.1f} GiB are free", hint=hint)


def _free_memory() -> float:
    """Bytes that are free without swapping, where /proc says so; else no limit."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * float(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return math.inf


def be_strict_in_threads() -> None:
    """Have Pillow's warnings be errors in each thread, and large images be opened: for good, since threads share this.

    `opened` changes these settings around each image, which only one thread can do at a time.
    """
    from PIL import Image, ImageFile

    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, None
    for category in (UserWarning, RuntimeWarning):
        warnings.filterwarnings("error", category=category, module=r"PIL\.")


def frames_of(path: Path) -> int:
    """How many images a file holds; one, where it cannot be opened, which is told when it is read."""
    try:
        with opened(path) as image:
            return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
    except DataError:
        return 1


def unreadable(path: Path, *, alone: bool = False) -> DataError | None:
    """Why an image cannot be decoded; None if it can."""
    try:
        with opened(path, alone=alone) as image:
            image.load()
    except DataError as error:
        return error
    return None
