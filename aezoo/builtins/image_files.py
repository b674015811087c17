"""Samples from a folder of images, of whatever mode each is, read strictly."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import field_validator

from aezoo.builtins.depths import eight_bits
from aezoo.plugin import (
    DataError,
    Field,
    FileDatasetSpec,
    Ints,
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
    from PIL.ImageFile import ImageFile

#: The only formats that are opened: no fonts, no PostScript, nothing that starts another program.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
GREY = {"1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N"}
#: Pixels of the largest image that is decoded: the header of a small file may claim any number.
PIXELS = 10**9
#: A JPEG of more pixels that will be resized is decoded at a half, a quarter or an eighth.
DRAFTED = 2**26


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
        shape = shape or _common(paths)
        if len(shape) != 3 or shape[0] not in MODES:
            raise DataError(f"{folder}: images give samples [C, H, W] with 1, 3 or 4 channels, not {text(shape)}")
        values = np.empty((len(paths), *shape), dtype=np.uint8)
        self._fill(values, paths, shape)
        names = tuple(str(path.relative_to(folder)) if path != folder else path.name for path in paths)
        classes = _classes(names, self.classes)
        labels = None if classes is None else _numbered(names, classes)
        found = {"classes": classes} if classes else {}
        return Samples(values, str(folder), labels=labels, names=names, settings=found)

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

    def _pixels(self, path: Path, shape: Shape) -> npt.NDArray[np.uint8]:
        import numpy as np

        channels, height, width = shape
        with _opened(path, None if self.resize == "refuse" else (width, height)) as image:
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
        got, wanted = (f"{width} wide and {height} high" for width, height in (image.size, size))
        hint = f"{self.setting('resize', 'fit')} (or crop) makes them one size; in Python, write it in the spec's data"
        raise DataError(f"{path}: is {got}, not {wanted}", hint=hint)


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


@contextmanager
def _opened(path: Path, resized: Shape | None = None) -> Iterator[ImageFile]:
    """An image, its header read and its size known to be within `PIXELS`.

    Pillow reads strictly: truncated files and its warnings are errors. Its own limit of pixels is off, since
    scans exceed it; `_check_size` has another.

    Args:
        path: The file.
        resized: Width and height that it will be resized to, or None: a huge JPEG is then decoded at a fraction.

    Raises:
        DataError: It is damaged, too large, or not an image.
    """
    from PIL import Image, ImageFile

    before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, None
    try:
        with warnings.catch_warnings(), _naming_errors(path), Image.open(path, formats=FORMATS) as image:
            for category in (UserWarning, RuntimeWarning):
                warnings.simplefilter("error", category)
            if resized and math.prod(image.size) > DRAFTED:
                image.draft(None, (4 * max(resized),) * 2)
            _check_size(image, path)
            yield image
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before


@contextmanager
def _naming_errors(path: Path) -> Iterator[None]:
    """Turn a decoder's exceptions into a `DataError` with the file's name and the true reason."""
    from PIL import UnidentifiedImageError

    try:
        with FileDatasetSpec.reading(path):
            yield
    except DataError as error:
        if isinstance(error.__cause__, MemoryError):
            hint = "scale it down first, or cut it into tiles"
            raise DataError(f"{path}: there is not enough memory to decode it", hint=hint) from error
        if isinstance(error.__cause__, UnidentifiedImageError) and _is_tiff(path):
            hint = "save it as PNG; TIFF files of floats with channels, of 64 bits or of rare layouts are not read"
            raise DataError(f"{path}: is damaged, or a TIFF of a kind that is not read", hint=hint) from error
        raise


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
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


def _common(paths: Sequence[Path]) -> Shape:
    """The one shape of all images: grey if all of them are, else RGB. Reads headers only."""
    sizes: dict[tuple[int, int], Path] = {}
    grey = True
    for path in paths:
        with _opened(path) as image:
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
