"""Pictures of samples: originals above reconstructions, grids of samples. Numpy and Pillow, no torch.

How a sample is drawn follows from its shape: [C, H, W] as an image, [C, L] and longer vectors [F] as curves,
short vectors as bars, [C, D, H, W] by the slice in its middle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Array = npt.NDArray[Any]
Range = tuple[float, float]

#: Pictures whose longer side is below are enlarged by a whole factor, those above are reduced.
READABLE, LARGEST = 84, 256
GAP, MARGIN = 4, 14
PAPER, INK, FAINT = (255, 255, 255), (70, 70, 70), (222, 222, 222)
#: Told apart by people who see red and green alike (Okabe and Ito's colours).
LINES = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))
PLOT = (176, 84)
#: What is beyond is drawn as this: the difference of two such values is a number still.
LARGEST_VALUE = 1e300
#: Vectors of up to so many values are drawn as bars.
BARS = 48


def comparison(
    originals: Array,
    reconstructions: Array,
    *,
    corrupted: Array | None = None,
    range: Range | None = None,
) -> Image.Image:
    """Rows of originals, of the corrupted input if there is any, and of reconstructions.

    Args:
        originals: [N, *shape]; one column each.
        reconstructions: Of the same shape.
        corrupted: Of the same shape, or None.
        range: Lowest and highest value: what is black and white, the ends of an axis. If None, that of the
            originals for images, and of all that is drawn for curves and bars.
    """
    rows = [("original", originals), ("corrupted", corrupted), ("reconstruction", reconstructions)]
    drawn = [(name, np.asarray(values)) for name, values in rows if values is not None]
    # Noise may leave the range: in an image it is cut off, a curve has room for it.
    seen = [values for _, values in drawn]
    scale = _scale(seen[0] if seen[0].ndim > 3 else np.stack(seen), range)
    return _sheet([Row(name, [draw(value, scale) for value in values]) for name, values in drawn])


def grid(samples: Array, *, range: Range | None = None, columns: int | None = None) -> Image.Image:
    """Samples [N, *shape] side by side, `columns` to a row; about as wide as high by default."""
    samples = np.asarray(samples)
    scale = _scale(samples, range)
    tiles = [draw(sample, scale) for sample in samples]
    columns = columns or _columns(tiles)
    return _sheet([Row("", tiles[i : i + columns]) for i in np.arange(0, len(tiles), columns)])


def draw(sample: Array, scale: Range) -> Image.Image:
    """One sample [*shape], by the kind that its shape says."""
    # Differences of two values of 32 bits may need more than 32.
    low, high = -LARGEST_VALUE, LARGEST_VALUE
    sample = np.nan_to_num(sample.astype(np.float64), nan=scale[0], posinf=high, neginf=low).clip(low, high)
    if sample.ndim == 4:
        sample = sample[:, sample.shape[1] // 2]
    if sample.ndim == 3:
        return _image(sample, scale)
    if sample.ndim == 1 and len(sample) <= BARS:
        return _bars(sample, scale)
    return _curves(np.atleast_2d(sample), scale)


# --- one sample ----------------------------------------------------------------------------------------


def _image(sample: Array, scale: Range) -> Image.Image:
    """[C, H, W]: grey, colour, colour over a checkerboard, or the mean of any other number of channels."""
    channels = len(sample)
    if channels not in (1, 3, 4):
        sample, channels = sample.mean(axis=0, keepdims=True), 1
    low, high = scale
    levels = np.clip((sample - low) / (high - low), 0, 1)
    if channels == 4:
        levels = levels[3] * levels[:3] + (1 - levels[3]) * _checkers(sample.shape[1:])
    pixels = np.rint(255 * np.moveaxis(levels, 0, -1)).astype(np.uint8)
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")
    if max(picture.size) > LARGEST:
        picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
        return picture
    factor = math.ceil(READABLE / max(picture.size))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def _checkers(size: Sequence[int]) -> Array:
    rows, columns = np.indices(size) // 4
    return np.where((rows + columns) % 2, 0.9, 0.75)


def _curves(sample: Array, scale: Range) -> Image.Image:
    """[C, L]: one curve for each channel, over one axis."""
    # Drawn at four times the size and reduced: Pillow's lines have steps.
    picture, pen, height = _canvas(scale, 4)
    width = picture.width - 1
    for i, channel in enumerate(sample):
        steps = max(len(channel) - 1, 1)
        points = [(x * width / steps, height(y)) for x, y in enumerate(channel.tolist())]
        pen.line(
            points if len(points) > 1 else [*points, (width, points[0][1])],
            fill=LINES[i % 6],
            width=5,
            joint="curve",
        )
    return picture.resize(PLOT, Image.Resampling.LANCZOS)


def _bars(sample: Array, scale: Range) -> Image.Image:
    """[F]: a bar for each value, from zero where the range has it, else from the bottom."""
    picture, pen, height = _canvas(scale, 4)
    foot = height(min(max(0.0, scale[0]), scale[1]))
    step = picture.width / len(sample)
    for i, value in enumerate(sample.tolist()):
        top = height(value)
        pen.rectangle(
            (i * step + step / 10, min(top, foot), (i + 1) * step - step / 10, max(top, foot) + 1),
            fill=LINES[0],
        )
    return picture.resize(PLOT, Image.Resampling.LANCZOS)


def _canvas(scale: Range, factor: int) -> tuple[Image.Image, ImageDraw.ImageDraw, Any]:
    """An empty plot with its frame and zero line, and the function from a value to a height on it."""
    width, tall = PLOT[0] * factor, PLOT[1] * factor
    picture = Image.new("RGB", (width, tall), PAPER)
    pen = ImageDraw.Draw(picture)
    low, high = scale
    inset = 3 * factor

    def height(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return tall - 1 - inset - share * (tall - 1 - 2 * inset)

    if low < 0 < high:
        pen.line((0, height(0), width, height(0)), fill=FAINT, width=factor)
    pen.rectangle((0, 0, width - 1, tall - 1), outline=FAINT, width=factor)
    return picture, pen, height


# --- the sheet -----------------------------------------------------------------------------------------


class Row(NamedTuple):
    """Tiles side by side, and what they are."""

    label: str
    tiles: list[Image.Image]


def _sheet(rows: Sequence[Row]) -> Image.Image:
    """Rows below each other; labels stand on the left, where there are any."""
    font = ImageFont.load_default(size=13)
    label = max(math.ceil(font.getlength(row.label)) for row in rows)
    left = MARGIN + (label + MARGIN if label else 0)
    wide, high = rows[0].tiles[0].size
    columns = max(len(row.tiles) for row in rows)
    size = (
        left + columns * (wide + GAP) - GAP + MARGIN,
        2 * MARGIN + len(rows) * (high + GAP) - GAP,
    )
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    for i, row in enumerate(rows):
        top = MARGIN + i * (high + GAP)
        pen.text((left - MARGIN, top + high // 2), row.label, fill=INK, font=font, anchor="rm")
        for j, tile in enumerate(row.tiles):
            sheet.paste(tile, (left + j * (wide + GAP), top))
    return sheet


def _columns(tiles: Sequence[Image.Image]) -> int:
    wide, high = tiles[0].size
    return max(1, min(len(tiles), round(math.sqrt(len(tiles) * high / wide))))


def _scale(values: Array, range: Range | None) -> Range:
    """The range, never empty, and finite."""
    low, high = range or _extent(values)
    low, high = max(low, -LARGEST_VALUE), min(high, LARGEST_VALUE)
    # Around a large value half a unit is no distance: the two ends would be one number.
    room = max(0.5, 1e-6 * abs(low))
    return (low, high) if high > low else (low - room, high + room)


def _extent(values: Array) -> Range:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
