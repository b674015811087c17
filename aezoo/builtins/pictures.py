"""Samples from a folder of images, of whatever mode each is, read strictly."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aezoo.plugin import (
    Component,
    DataError,
    Field,
    FileDatasetSpec,
    Ints,
    Remark,
    Samples,
    Shape,
    Spec,
    text,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

#: The only formats that are opened: no fonts, no PostScript, nothing that starts another program.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
GREY = {"1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N"}


class ImagesSpec(FileDatasetSpec):
    """A folder of images, searched through all sub-folders and sorted by path; or one image.

    The input's channels decide the mode: 1 grey, 3 RGB, 4 RGBA. Without alpha in the input, transparent
    pixels show the `background`. EXIF orientation is applied, 16 bits of grey become 8, CMYK becomes RGB by
    the plain formula. Files of another ending are passed over; truncated, animated or gigantic images are
    refused by name. If every image lies in a sub-folder, and there are several, the first sub-folder's name
    is its class.

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

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if len(spec.input.shape) != 3 or spec.input.shape[0] not in MODES:
            hint = "write input.shape = [C, H, W] with 1, 3 or 4 channels"
            yield Remark(f"images give samples [C, H, W], the input is {text(spec.input.shape)}", hint=hint)
        if not all(0 <= value <= 255 for value in self.background):
            yield Remark(f"data.background: {list(self.background)} is no colour", hint="three values from 0 to 255")
        yield from super().remarks(spec)

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        import numpy as np

        folder = self.found()
        paths = _listed(folder)
        paths = [paths[row] for row in self.picked(len(paths))]
        with _strict():
            shape = shape or _common(paths)
            if len(shape) != 3 or shape[0] not in MODES:
                raise DataError(f"{folder}: images give samples [C, H, W] with 1, 3 or 4 channels, not {text(shape)}")
            values = np.empty((len(paths), *shape), dtype=np.uint8)
            self._fill(values, paths, shape)
        names = tuple(str(path.relative_to(folder)) if path != folder else path.name for path in paths)
        return Samples(values, str(folder), labels=_classes(names), names=names)

    def _fill(self, values: npt.NDArray[np.uint8], paths: Sequence[Path], shape: Shape) -> None:
        """Read each file into its row. Raises `DataError` with all files that cannot be read."""
        faults: list[DataError] = []
        for row, path in enumerate(paths):
            try:
                values[row] = self._pixels(path, shape)
            except DataError as fault:
                faults.append(fault)
        if faults:
            raise DataError.several(faults)

    def _pixels(self, path: Path, shape: Shape) -> npt.NDArray[np.uint8]:
        import numpy as np
        from PIL import Image

        channels, height, width = shape
        with self.reading(path), Image.open(path, formats=FORMATS) as image:
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
    if folder.is_file():
        return [folder]
    named = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    found = (path for path in named if path.is_file() and not path.name.startswith("."))
    paths = sorted(found, key=lambda path: path.relative_to(folder).parts)
    if not paths:
        raise DataError(f"{folder}: holds no images", hint=f"files that count end in {' '.join(SUFFIXES)}")
    return paths


def _classes(names: Sequence[str]) -> npt.NDArray[np.int64] | None:
    """Number of each image's first sub-folder; None where that says nothing."""
    import numpy as np

    folders = [Path(name).parts[0] for name in names if len(Path(name).parts) > 1]
    if len(folders) < len(names) or len(set(folders)) < 2:
        return None
    return np.unique(folders, return_inverse=True)[1].astype(np.int64)


@contextmanager
def _strict() -> Iterator[None]:
    """Pillow at its strictest: nothing truncated, and what it warns of (a decompression bomb) is an error."""
    from PIL import ImageFile

    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            for category in (UserWarning, RuntimeWarning):  # a decompression bomb is the latter
                warnings.simplefilter("error", category)
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _common(paths: Sequence[Path]) -> Shape:
    """The one shape of all images: grey if all of them are, else RGB. Reads headers only."""
    from PIL import Image

    sizes: dict[tuple[int, int], Path] = {}
    grey = True
    for path in paths:
        with FileDatasetSpec.reading(path), Image.open(path, formats=FORMATS) as image:
            turned = image.getexif().get(0x0112, 1) >= 5  # orientation: width and height change places
            sizes.setdefault(image.size[::-1] if turned else image.size, path)
            grey = grey and image.mode in GREY
    if len(sizes) > 1:
        (size, path), (other, another) = list(sizes.items())[:2]
        raise DataError(f"images differ in size: {path} {text(size)}, {another} {text(other)} (width x height)")
    width, height = next(iter(sizes))
    return 1 if grey else 3, height, width


def _converted(image: Image, mode: str, background: Sequence[int], path: Path) -> Image:
    """The image upright, in one of our modes, over the background unless the mode has alpha."""
    import PIL.Image
    from PIL import ImageOps

    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise DataError(f"{path}: holds {frames} frames; a sample is one image")
    image = _eight_bits(ImageOps.exif_transpose(image), path)
    if not image.has_transparency_data:
        return image.convert(mode)
    image = image.convert("RGBA")
    if mode == "RGBA":
        return image
    ground = PIL.Image.new("RGBA", image.size, (*background, 255))
    return PIL.Image.alpha_composite(ground, image).convert(mode)


def _eight_bits(image: Image, path: Path) -> Image:
    """16-bit grey as 8-bit grey, which Pillow would clip at 255; wider numbers have no known white."""
    import numpy as np
    import PIL.Image

    if image.mode in ("I", "F"):
        raise DataError(f"{path}: pixels are numbers of 32 bits, and nothing says which is white", hint="use arrays")
    if not image.mode.startswith("I;16"):
        return image
    if "transparency" in image.info:
        raise DataError(f"{path}: 16-bit grey with a transparent colour", hint="save it with 8 bits")
    grey: npt.NDArray[Any] = np.asarray(image).astype(np.uint32)
    return PIL.Image.fromarray(((grey + 128) // 257).astype(np.uint8))


COMPONENTS: list[type[Component]] = [ImagesSpec]
