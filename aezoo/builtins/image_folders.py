"""The images of a folder: which files and frames there are, and the one shape that they have."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from aezoo.builtins.image_decoding import opened
from aezoo.plugin import DataError, DataWarning, Shape, text

if TYPE_CHECKING:
    from PIL.Image import Image

    from aezoo.builtins.image_index import ImageIndex

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
GREY = {"1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N"}


class Picture(NamedTuple):
    """One image of a file.

    Attributes:
        path: Of the file.
        frame: Its number in the file, from 0; None in a file that holds no other.
    """

    path: Path
    frame: int | None = None

    def name(self, folder: Path) -> str:
        """What it is called in a folder."""
        name = self.path.name if self.path == folder else str(self.path.relative_to(folder))
        return name if self.frame is None else f"{name}:{self.frame}"


def listed(folder: Path) -> list[Path]:
    """The images under a folder by path, or the one image itself."""
    from aezoo.builtins.folders import files_under

    if folder.is_file():
        return [folder]
    paths = files_under(folder, SUFFIXES)
    if not paths:
        raise DataError(f"{folder}: holds no images", hint=f"files are read that end in {' '.join(SUFFIXES)}")
    return paths


def say_skipped(folder: Path, total: int, errors: Mapping[Path, DataError | None]) -> None:
    """Warn of the images that are left out, naming the first. Raises `DataError` where none is left."""
    if not errors:
        return
    reason = next((error.message for error in errors.values() if error is not None), "")
    if len(errors) == total:
        raise DataError(f"{folder}: none of {total:,} images can be decoded; {reason}")
    message = f"{folder}: {len(errors):,} of {total:,} images cannot be decoded and are left out, the first: {reason}"
    warnings.warn(DataWarning(message), stacklevel=4)


def common_shape(index: ImageIndex) -> Shape:
    """`_common` of an index."""
    from aezoo.builtins.image_index import GREY as IS_GREY
    from aezoo.builtins.image_index import HEIGHT, WIDTH

    first = index.facts[0]
    return 1 if index.facts[:, IS_GREY].all() else 3, int(first[HEIGHT]), int(first[WIDTH])


def common(paths: Sequence[Path]) -> Shape:
    """The one shape of all images: grey if all of them are, else RGB. Reads headers only."""
    sizes: dict[tuple[int, int], Path] = {}
    grey = True
    for path in paths:
        with opened(path) as image:
            sizes.setdefault(upright_size(image), path)
            grey = grey and (image.mode in GREY or image.mode == "I")
    if len(sizes) > 1:
        (size, path), (other, another) = list(sizes.items())[:2]
        raise DataError(f"images differ in size: {path} {text(size)}, {another} {text(other)} (width x height)")
    width, height = next(iter(sizes))
    return 1 if grey else 3, height, width


def upright_size(image: Image) -> tuple[int, int]:
    # Orientations from 5 on change width and height; Pillow applies a TIFF's by itself.
    turned = image.format != "TIFF" and image.getexif().get(0x0112, 1) >= 5
    return (image.size[1], image.size[0]) if turned else image.size
