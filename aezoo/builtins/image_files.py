"""Samples from a folder of images, of whatever mode each is, read strictly."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import field_validator

from aezoo.builtins.depths import eight_bits
from aezoo.builtins.image_decoding import be_strict_in_threads, opened, unreadable
from aezoo.plugin import (
    DataError,
    DataWarning,
    Field,
    FileDatasetSpec,
    Ints,
    LazyArray,
    Remark,
    Samples,
    Shape,
    Spec,
    Strings,
    text,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

    from aezoo.builtins.image_index import Header, ImageIndex

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
GREY = {"1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N"}
#: Bytes of decoded images that are held, unless a spec says otherwise.
IN_MEMORY = 1 << 30


class ImagesSpec(FileDatasetSpec):
    """A folder of images, searched through all sub-folders and sorted by path; or one image.

    The input's channels decide the mode: 1 grey, 3 RGB, 4 RGBA. Without alpha in the input, transparent
    pixels show the `background`. EXIF orientation is applied, colour profiles and gamma are not. 16 bits of a
    channel become 8, as do other depths that a file declares: the largest number that its bits or its PGM
    header allow is white, or black in a TIFF of which white is zero. CMYK becomes RGB by the plain formula.
    Signed numbers, floats and 32 bits are refused, since nothing says which of them is white.

    Files of another ending are skipped, as are hidden files and folders, `__MACOSX`, `@eaDir` and the recycle bins
    of network storages. Links are followed; a folder that several paths lead to counts once, with a warning, and
    a link that leads nowhere is refused. Truncated, animated or several images in a file are refused by name, as
    are more than 10^9 pixels or more than memory holds. If every image lies in a sub-folder, and there are
    several, the first sub-folder's name is its class. A model keeps these names, so that they mean the same classes in
    another folder; others are numbered after them.

    Up to 1 GiB of pixels are decoded once and held. Of a larger folder the headers are read once, into an index in the
    cache folder of aezoo, and images are decoded by threads as they are needed, with the same result;
    `in_memory` chooses. An image that changes after it was indexed, or cannot be decoded, ends the run with its name;
    `on_bad_sample = "skip"` leaves out those that cannot be decoded, with a warning that counts them.

    Example:
        [data]
        type = "images"
        path = "photos"
        resize = "crop"
    """

    suffixes: ClassVar[tuple[str, ...]] = ("/", *SUFFIXES)
    type: Literal["images"] = "images"
    resize: Literal["refuse", "fit", "crop"] = Field(
        "refuse",
        description="images of another size: refuse, fit to the exact size, or scale and crop the centre",
    )
    background: Ints = Field((0, 0, 0), min_length=3, max_length=3, description="colour behind transparent pixels, RGB")

    classes: Strings | None = Field(
        None, description="names of the sub-folders that are classes, in their order; by default all, alphabetically"
    )

    in_memory: bool | None = Field(
        None, description="whether all images are decoded and held; by default up to 1 GiB of pixels"
    )
    on_bad_sample: Literal["refuse", "skip"] = Field(
        "refuse", description="images that cannot be decoded: refuse, or leave them out and say how many"
    )

    @field_validator("classes")
    @classmethod
    def _each_once(cls, classes: Strings | None) -> Strings | None:
        twice = sorted({name for name in classes or () if (classes or ()).count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} stands twice")
        return classes

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if len(spec.input.shape) != 3 or spec.input.shape[0] not in MODES:
            hint = "write input.shape = [C, H, W] with 1, 3 or 4 channels"
            yield Remark(f"images give samples [C, H, W], the input is {text(spec.input.shape)}", hint=hint)
        if not all(0 <= value <= 255 for value in self.background):
            yield Remark(f"data.background: {list(self.background)} is not a colour", hint="three values from 0 to 255")
        yield from super().remarks(spec)

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        import numpy as np

        folder = self.found()
        paths = _listed(folder)
        paths = [paths[row] for row in self.picked(len(paths))]
        if self._is_large(len(paths), shape, paths):
            return self._lazy(folder, paths, shape)
        if self.on_bad_sample == "skip":
            errors = {row: error for row, path in enumerate(paths) if (error := unreadable(path, alone=True))}
            _say_skipped(folder, len(paths), errors)
            paths = [path for row, path in enumerate(paths) if row not in errors]
        shape = shape or _common(paths)
        if len(shape) != 3 or shape[0] not in MODES:
            raise DataError(f"{folder}: images give samples [C, H, W] with 1, 3 or 4 channels, not {text(shape)}")
        values = np.empty((len(paths), *shape), dtype=np.uint8)
        self._fill(values, paths, shape)
        return self._samples(folder, values, paths)

    def _samples(self, folder: Path, values: npt.NDArray[np.uint8] | LazyArray, paths: Sequence[Path]) -> Samples:
        names = tuple(str(path.relative_to(folder)) if path != folder else path.name for path in paths)
        classes = _classes(names, self.classes)
        labels = None if classes is None else _numbered(names, classes)
        found = {"classes": classes} if classes else {}
        return Samples(values, str(folder), labels=labels, names=names, settings=found)

    def _is_large(self, count: int, shape: Shape | None, paths: Sequence[Path]) -> bool:
        """Whether images are decoded as they are needed."""
        if self.in_memory is not None or count < 2:
            return self.in_memory is False
        if shape is None:
            with opened(paths[0]) as image:
                shape = (1, *_upright_size(image))
        return count * math.prod(shape) > IN_MEMORY

    def _lazy(self, folder: Path, paths: Sequence[Path], shape: Shape | None) -> Samples:
        """The images of a large folder, by its index."""
        from aezoo.builtins.image_index import BAD, DECODED, ImageIndex
        from aezoo.builtins.image_rows import ImageRows

        be_strict_in_threads()
        index = ImageIndex(folder, [str(path.relative_to(folder)) for path in paths])
        if self.on_bad_sample == "skip":
            index.test(_can_be_decoded)
            damaged = (index.facts[:, DECODED] == BAD).nonzero()[0].tolist()
            _say_skipped(folder, len(paths), {row: unreadable(paths[row]) for row in damaged})
            bad = {*damaged}
            paths = [path for row, path in enumerate(paths) if row not in bad]
            index = ImageIndex(folder, [str(path.relative_to(folder)) for path in paths])
        if shape is None:
            index.fill(_header)
            shape = _common_shape(index)
        if len(shape) != 3 or shape[0] not in MODES:
            raise DataError(f"{folder}: images give samples [C, H, W] with 1, 3 or 4 channels, not {text(shape)}")
        if self.resize == "refuse":
            index.fill(_header)
            self._refuse_other_sizes(index, shape)
        decode = partial(self._pixels, shape=shape, alone=False)
        settings = f"{self.resize} {list(self.background)} {list(shape)}"
        return self._samples(folder, ImageRows(index, range(len(paths)), shape, decode, settings), paths)

    def _refuse_other_sizes(self, index: ImageIndex, shape: Shape) -> None:
        from aezoo.builtins.image_index import HEIGHT, WIDTH

        other = (index.facts[:, WIDTH] != shape[2]) | (index.facts[:, HEIGHT] != shape[1])
        if other.any():
            row, count = int(other.argmax()), int(other.sum())
            error = self._other_size(index.path(row), tuple(index.facts[row, [WIDTH, HEIGHT]].tolist()), shape[:0:-1])
            more = f", as are {count - 1} more of another size" if count > 1 else ""
            raise DataError(f"{error.message}{more}", hint=error.hint)

    def _fill(self, values: npt.NDArray[np.uint8], paths: Sequence[Path], shape: Shape) -> None:
        """Read each file into its row. Raises `DataError` with all files that cannot be read."""
        errors: list[DataError] = []
        for row, path in enumerate(paths):
            try:
                values[row] = self._pixels(path, shape)
            except DataError as error:
                errors.append(error)
        if errors:
            raise DataError.several(errors)

    def _pixels(self, path: Path, shape: Shape, *, alone: bool = True) -> npt.NDArray[np.uint8]:
        import numpy as np

        channels, height, width = shape
        with opened(path, None if self.resize == "refuse" else (width, height), alone=alone) as image:
            plain = _converted(image, MODES[channels], self.background, path)
            pixels = np.asarray(self._sized(plain, (width, height), path), dtype=np.uint8)
        return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)

    def _sized(self, image: Image, size: tuple[int, int], path: Path) -> Image:
        from PIL import ImageOps
        from PIL.Image import Resampling

        if image.size == size:
            return image
        if self.resize == "crop":
            return ImageOps.fit(image, size, method=Resampling.BICUBIC)
        if self.resize == "fit":
            # Pillow widens the filter when it shrinks, so that nothing aliases.
            return image.resize(size, Resampling.BICUBIC)
        raise self._other_size(path, image.size, size)

    def _other_size(self, path: Path, size: Shape, wanted_size: Shape) -> DataError:
        got, wanted = (f"{width} wide and {height} high" for width, height in (size, wanted_size))
        hint = f"{self.setting('resize', 'fit')} (or crop) makes them one size; in Python, write it in the spec's data"
        return DataError(f"{path}: is {got}, not {wanted}", hint=hint)


def _listed(folder: Path) -> list[Path]:
    """The images under a folder by path, or the one image itself."""
    from aezoo.builtins.folders import files_under

    if folder.is_file():
        return [folder]
    paths = files_under(folder, SUFFIXES)
    if not paths:
        raise DataError(f"{folder}: holds no images", hint=f"files are read that end in {' '.join(SUFFIXES)}")
    return paths


def _class(name: str) -> str:
    """The first sub-folder of an image; bytes of it that are no UTF-8 are spelt out."""
    return os.fsencode(Path(name).parts[0]).decode(errors="backslashreplace")


def _classes(names: Sequence[str], known: Sequence[str] | None) -> tuple[str, ...] | None:
    """Names of the first sub-folders, known ones first; None unless all images have one, and there are several."""
    folders = [_class(name) for name in names if len(Path(name).parts) > 1]
    if len(folders) < len(names) or (known is None and len(set(folders)) < 2):
        return None
    return (*(known or ()), *sorted(set(folders) - {*(known or ())}))


def _numbered(names: Sequence[str], classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """The class of each image, by its first sub-folder."""
    import numpy as np

    places = {name: place for place, name in enumerate(classes)}
    return np.array([places[_class(name)] for name in names], dtype=np.int64)


def _header(path: Path) -> Header:
    """Of an image, in any thread."""
    from aezoo.builtins.image_index import Header

    with opened(path, alone=False) as image:
        return Header(*_upright_size(image), image.mode in GREY or image.mode == "I")


def _can_be_decoded(path: Path) -> bool:
    """Whether an image can be decoded at all, whatever its size, in any thread."""
    return unreadable(path) is None


def _say_skipped(folder: Path, total: int, errors: Mapping[int, DataError | None]) -> None:
    """Warn of the images that are left out, naming the first. Raises `DataError` where none is left."""
    if not errors:
        return
    reason = next((error.message for error in errors.values() if error is not None), "")
    if len(errors) == total:
        raise DataError(f"{folder}: none of {total:,} images can be decoded; {reason}")
    message = f"{folder}: {len(errors):,} of {total:,} images cannot be decoded and are left out, the first: {reason}"
    warnings.warn(DataWarning(message), stacklevel=4)


def _common_shape(index: ImageIndex) -> Shape:
    """`_common` of an index."""
    from aezoo.builtins.image_index import GREY as IS_GREY
    from aezoo.builtins.image_index import HEIGHT, WIDTH

    first = index.facts[0]
    return 1 if index.facts[:, IS_GREY].all() else 3, int(first[HEIGHT]), int(first[WIDTH])


def _common(paths: Sequence[Path]) -> Shape:
    """The one shape of all images: grey if all of them are, else RGB. Reads headers only."""
    sizes: dict[tuple[int, int], Path] = {}
    grey = True
    for path in paths:
        with opened(path) as image:
            sizes.setdefault(_upright_size(image), path)
            grey = grey and (image.mode in GREY or image.mode == "I")
    if len(sizes) > 1:
        (size, path), (other, another) = list(sizes.items())[:2]
        raise DataError(f"images differ in size: {path} {text(size)}, {another} {text(other)} (width x height)")
    width, height = next(iter(sizes))
    return 1 if grey else 3, height, width


def _upright_size(image: Image) -> tuple[int, int]:
    # Orientations from 5 on change width and height; Pillow applies a TIFF's by itself.
    turned = image.format != "TIFF" and image.getexif().get(0x0112, 1) >= 5
    return (image.size[1], image.size[0]) if turned else image.size


def _converted(image: Image, mode: str, background: Sequence[int], path: Path) -> Image:
    """The image upright, in one of our modes, over the background unless the mode has alpha."""
    import PIL.Image
    from PIL import ImageOps

    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # MPO: a camera's JPEG, a photo and its previews
        raise DataError(f"{path}: holds {frames} frames; a sample is one image")
    image = ImageOps.exif_transpose(eight_bits(image, path))
    if not image.has_transparency_data:
        return image.convert(mode)
    image = image.convert("RGBA")
    if mode == "RGBA":
        return image
    ground = PIL.Image.new("RGBA", image.size, (*background, 255))
    return PIL.Image.alpha_composite(ground, image).convert(mode)
