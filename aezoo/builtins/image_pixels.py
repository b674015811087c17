"""Pixels of an opened image as samples [C, H, W] of 8 bits: its mode, its background, its size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from aezoo.builtins.depths import eight_bits
from aezoo.plugin import DataError, FileDatasetSpec, Shape

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class PixelReader(NamedTuple):
    """How images become samples of one shape.

    Attributes:
        resize: What is done with another size: refuse, fit or crop.
        background: Colour behind transparent pixels, where the samples have no alpha.
        frames_hint: What to do with a file of several images.
    """

    resize: str = "refuse"
    background: Sequence[int] = (0, 0, 0)
    frames_hint: str = "save each of them as an image of its own"

    def size_of(self, shape: Shape) -> Shape | None:
        """Width and height that images are brought to; None where others are refused."""
        return None if self.resize == "refuse" else (shape[2], shape[1])

    def pixels(self, image: Image, shape: Shape, path: Path, frame: int | None = None) -> npt.NDArray[np.uint8]:
        """The pixels of an image: [C, H, W] of this shape.

        Args:
            image: Opened.
            shape: With 1, 3 or 4 channels.
            path: For messages.
            frame: Number of the image in its file; None where it has to be the only one.

        Raises:
            DataError: It has another size, others beside it in its file, or numbers of which none is known to be white.
        """
        import numpy as np

        if frame is None:
            self._refuse_frames(image, path)
        else:
            image.seek(frame)
        channels, height, width = shape
        plain = _converted(image, MODES[channels], self.background, path)
        pixels = np.asarray(self._sized(plain, (width, height), path), dtype=np.uint8)
        return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)

    def _refuse_frames(self, image: Image, path: Path) -> None:
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # MPO: a camera's JPEG, a photo and its previews
            raise DataError(f"{path}: holds {frames} frames; a sample is one image", hint=self.frames_hint)

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
        raise other_size(path, image.size, size)


def other_size(path: Path, size: Shape, wanted_size: Shape) -> DataError:
    """The error of an image of another size, both as width and height."""
    got, wanted = (f"{width} wide and {height} high" for width, height in (size, wanted_size))
    fit = FileDatasetSpec.setting("resize", "fit")
    hint = f"{fit} (or crop) makes them one size; in Python, write it in the spec's data"
    return DataError(f"{path}: is {got}, not {wanted}", hint=hint)


def _converted(image: Image, mode: str, background: Sequence[int], path: Path) -> Image:
    """The image upright, in one of our modes, over the background unless the mode has alpha."""
    import PIL.Image
    from PIL import ImageOps

    image = ImageOps.exif_transpose(eight_bits(image, path))
    if not image.has_transparency_data:
        return image.convert(mode)
    image = image.convert("RGBA")
    if mode == "RGBA":
        return image
    ground = PIL.Image.new("RGBA", image.size, (*background, 255))
    return PIL.Image.alpha_composite(ground, image).convert(mode)
