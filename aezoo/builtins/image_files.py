"""Samples from a folder of images, of whatever mode each is, read strictly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from aezoo.builtins.image_decoding import be_strict_in_threads, frames_of, opened, unreadable
from aezoo.builtins.image_folders import (
    GREY,
    SUFFIXES,
    Picture,
    common,
    common_shape,
    listed,
    say_skipped,
    upright_size,
)
from aezoo.builtins.image_labels import LabelTable, classes_of, numbered, read_labels
from aezoo.builtins.image_pixels import MODES, PixelReader, other_size
from aezoo.builtins.image_settings import IN_MEMORY, ImageDatasetSpec
from aezoo.plugin import (
    DataError,
    Description,
    Field,
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

    from aezoo.builtins.image_index import Header, ImageIndex

#: Images whose headers a description reads, evenly spaced; the longest side that it leaves as it is, and those to which
#: it would bring others.
LOOKED_AT, WHOLE, SIDES = 200, 96, (64, 48, 32, 16)


class ImagesSpec(ImageDatasetSpec):
    """A folder of images, searched through all sub-folders and sorted by path; or one image.

    The input's channels decide the mode: 1 grey, 3 RGB, 4 RGBA. Without alpha in the input, transparent
    pixels show the `background`. EXIF orientation is applied, colour profiles and gamma are not. 16 bits of a
    channel become 8, as do other depths that a file declares: the largest number that its bits or its PGM
    header allow is white, or black in a TIFF of which white is zero. CMYK becomes RGB by the plain formula.
    Signed numbers, floats and 32 bits are refused, since nothing says which of them is white.

    Files of another ending are skipped, as are hidden files and folders, `__MACOSX`, `@eaDir` and the recycle bins
    of network storages. Links are followed; a folder that several paths lead to counts once, with a warning, and
    a link that leads nowhere is refused. Truncated images are refused by name, as are more than 10^9 pixels or more
    than memory holds. Several images in a file, such as a stack of TIFF, are refused unless `frames = "each"` makes
    each of them a sample, called stack.tif:0, stack.tif:1 ... If every image lies in a sub-folder, and there are
    several, the first sub-folder's name is its class. A model keeps these names, so that they mean the same classes in
    another folder; others are numbered after them.

    `labels` is a table (.csv, .tsv) in place of that: its column `id` names the files, `label` has words, or whole
    numbers. Every image must have a line; lines without an image are told. `group` and `time` are columns of it by
    which images are split.

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
    path_settings: ClassVar[tuple[str, ...]] = ("path", "labels")
    type: Literal["images"] = "images"
    classes: Strings | None = Field(
        None, description="names of the sub-folders that are classes, in their order; by default all, alphabetically"
    )
    labels: str | None = Field(None, min_length=1, description="table of labels, from the working folder or absolute")
    label: str | None = Field(None, description="its column of labels; by default `label`, or the only one but the id")
    id: str | None = Field(None, description="its column of names of files; by default one called so, or the first")
    frames: Literal["refuse", "each"] = Field(
        "refuse", description="several images in a file, such as a stack of TIFF: refuse, or each is a sample"
    )

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        for key in ("label", "id", "group", "time") if self.labels is None else ():
            if getattr(self, key) is not None:
                yield Remark(f"`{key}` is a column of a table of labels", 'labels = "labels.csv", say', at=key)
        yield from super().remarks(spec)

    def at(self, path: Path) -> Self:
        # The table names the images of its own folder.
        none = dict.fromkeys(("labels", "label", "id", "group", "time"))
        return super().at(path).model_copy(update=none)

    def at_split(self, path: Path) -> Self:
        named = {key: getattr(self, key) for key in ("labels", "label", "id", "group", "time")}
        return super().at(path).model_copy(update=named)

    def describe(self, *, label: str | None = None) -> Description:
        paths = listed(self.found())
        looked_at = [paths[i * len(paths) // LOOKED_AT] for i in range(LOOKED_AT)] if len(paths) > LOOKED_AT else paths
        sizes, grey = set(), True
        for path in looked_at:
            with opened(path) as image:
                sizes.add(upright_size(image))
                grey = grey and (image.mode in GREY or image.mode == "I")
        channels = 1 if grey else 3
        if len(sizes) == 1 and max(map(max, sizes)) <= WHOLE:
            width, height = sizes.pop()
            return Description(shape=(channels, height, width))
        middle = sorted(min(size) for size in sizes)[len(sizes) // 2]
        side = next((side for side in SIDES if side <= middle), SIDES[-1])
        shown = "x".join(map(str, sizes.pop())) if len(sizes) == 1 else f"{len(sizes):,} sizes"
        why = f"images are of {shown}: all are brought to {side}x{side}, so that a model is trained in minutes"
        return Description({"resize": "crop"}, {"resize": why}, shape=(channels, side, side), shape_reason=why)

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        import numpy as np

        folder = self.found()
        paths = listed(folder)
        lines = self._lines(folder, paths)
        pictures, files = self._pictures(paths)
        if self._is_large(len(pictures), shape, paths):
            return self._lazy(folder, pictures, shape, lines and lines.take(files))
        if self.on_bad_sample == "skip":
            paths = [*dict.fromkeys(picture.path for picture in pictures)]
            errors = {path: error for path in paths if (error := unreadable(path, alone=True))}
            say_skipped(folder, len(paths), errors)
            good = [place for place, picture in enumerate(pictures) if picture.path not in errors]
            pictures, files = [pictures[place] for place in good], [files[place] for place in good]
        shape = shape or common([picture.path for picture in pictures])
        if len(shape) != 3 or shape[0] not in MODES:
            raise DataError(f"{folder}: images give samples [C, H, W] with 1, 3 or 4 channels, not {text(shape)}")
        values = np.empty((len(pictures), *shape), dtype=np.uint8)
        self._fill(values, pictures, shape)
        return self._samples(folder, values, pictures, lines and lines.take(files))

    def _samples(
        self,
        folder: Path,
        values: npt.NDArray[np.uint8] | LazyArray,
        pictures: Sequence[Picture],
        lines: LabelTable | None,
    ) -> Samples:
        """The samples with their names and labels, and what they are split by."""
        names = tuple(picture.name(folder) for picture in pictures)
        found: npt.NDArray[np.int64] | None
        if lines is not None:
            found, classes = lines.labels(self.classes)
        else:
            classes = classes_of(names, self.classes)
            found = None if classes is None else numbered(names, classes)
        settings, words = ({"classes": classes}, {"label": classes}) if classes else ({}, {})
        samples = Samples(values, str(folder), labels=found, names=names, settings=settings, class_names=words)
        if lines is None:  # then only the order of the files can say how they are split
            return self.with_splits(samples, lambda name: (), lambda row, name: names[row])
        return self.with_splits(samples, lines.table.column, lines.table.place)

    def _lines(self, folder: Path, paths: Sequence[Path]) -> LabelTable | None:
        """The lines of the table of labels, one for each file."""
        if self.labels is None:
            return None
        table = self.model_copy(update={"path": self.labels}).found()
        with self.reading(table):
            root = folder if folder.is_dir() else folder.parent
            lines = read_labels(table, root, paths, self.id, self.label)
            for name in self.beside_splits():
                if name not in lines.table.header:
                    there = ", ".join(lines.table.header)
                    raise DataError(f"{table}: has no column {name!r}; it has: {there}")
        return lines

    def _pictures(self, paths: Sequence[Path]) -> tuple[list[Picture], list[int]]:
        """The images that are samples, and the number of the file of each."""
        found: list[tuple[Picture, int]] = []
        for file, path in enumerate(paths):
            count = frames_of(path) if self.frames == "each" else 1
            numbers = [None] if count == 1 else range(count)
            found += ((Picture(path, frame), file) for frame in numbers)
        chosen = [found[row] for row in self.picked(len(found))]
        return [picture for picture, _ in chosen], [file for _, file in chosen]

    def _is_large(self, count: int, shape: Shape | None, paths: Sequence[Path]) -> bool:
        """Whether images are decoded as they are needed."""
        if self.in_memory is not None or count < 2:
            return self.in_memory is False
        if shape is None:
            shape = (1, *self._first_size(paths))
        return count * math.prod(shape) > IN_MEMORY

    def _first_size(self, paths: Sequence[Path]) -> tuple[int, int]:
        """Width and height of the first image that can be opened; others are refused or left out later."""
        for path in paths[:-1] if self.on_bad_sample == "skip" else ():
            try:
                with opened(path) as image:
                    return upright_size(image)
            except DataError:
                continue
        with opened(paths[-1] if self.on_bad_sample == "skip" else paths[0]) as image:
            return upright_size(image)

    def _lazy(
        self, folder: Path, pictures: Sequence[Picture], shape: Shape | None, lines: LabelTable | None
    ) -> Samples:
        """The images of a large folder, by its index."""
        from aezoo.builtins.image_index import BAD, DECODED, ImageIndex
        from aezoo.builtins.image_rows import ImageRows

        be_strict_in_threads()
        paths = [*dict.fromkeys(picture.path for picture in pictures)]
        index = ImageIndex(folder, [str(path.relative_to(folder)) for path in paths])
        if self.on_bad_sample == "skip":
            index.test(_can_be_decoded)
            damaged = (index.facts[:, DECODED] == BAD).nonzero()[0].tolist()
            say_skipped(folder, len(paths), {paths[row]: unreadable(paths[row]) for row in damaged})
            bad = {paths[row] for row in damaged}
            good = [place for place, picture in enumerate(pictures) if picture.path not in bad]
            pictures, lines = [pictures[place] for place in good], lines and lines.take(good)
            paths = [path for path in paths if path not in bad]
            index = ImageIndex(folder, [str(path.relative_to(folder)) for path in paths])
        if shape is None:
            index.fill(_header)
            shape = common_shape(index)
        if len(shape) != 3 or shape[0] not in MODES:
            raise DataError(f"{folder}: images give samples [C, H, W] with 1, 3 or 4 channels, not {text(shape)}")
        if self.resize == "refuse":
            index.fill(_header)
            self._refuse_other_sizes(index, shape)
        decode = partial(self._pixels, shape=shape, alone=False)
        settings = f"{self.resize} {list(self.background)} {list(shape)}"
        files = {path: row for row, path in enumerate(paths)}
        rows = [files[picture.path] for picture in pictures]
        frames = [picture.frame for picture in pictures] if self.frames == "each" else None
        return self._samples(folder, ImageRows(index, rows, shape, decode, settings, frames), pictures, lines)

    def _refuse_other_sizes(self, index: ImageIndex, shape: Shape) -> None:
        from aezoo.builtins.image_index import HEIGHT, WIDTH

        other = (index.facts[:, WIDTH] != shape[2]) | (index.facts[:, HEIGHT] != shape[1])
        if other.any():
            row, count = int(other.argmax()), int(other.sum())
            error = other_size(index.path(row), tuple(index.facts[row, [WIDTH, HEIGHT]].tolist()), shape[:0:-1])
            more = f", as are {count - 1} more of another size" if count > 1 else ""
            raise DataError(f"{error.message}{more}", hint=error.hint)

    def _fill(self, values: npt.NDArray[np.uint8], pictures: Sequence[Picture], shape: Shape) -> None:
        """Read each file into its row. Raises `DataError` with all files that cannot be read."""
        errors: list[DataError] = []
        for row, picture in enumerate(pictures):
            try:
                values[row] = self._pixels(*picture, shape=shape)
            except DataError as error:
                errors.append(error)
        if errors:
            raise DataError.several(errors)

    def _pixels(self, path: Path, frame: int | None, *, shape: Shape, alone: bool = True) -> npt.NDArray[np.uint8]:
        hint = f"{self.setting('frames', 'each')} makes each of them a sample"
        reader = PixelReader(self.resize, self.background, hint)
        with opened(path, reader.size_of(shape), alone=alone) as image:
            # As messages call it.
            name = path if frame is None else path.with_name(f"{path.name}:{frame}")
            return reader.pixels(image, shape, name, frame)


def _header(path: Path) -> Header:
    """Of an image, in any thread."""
    from aezoo.builtins.image_index import Header

    with opened(path, alone=False) as image:
        return Header(*upright_size(image), image.mode in GREY or image.mode == "I")


def _can_be_decoded(path: Path) -> bool:
    """Whether an image can be decoded at all, whatever its size, in any thread."""
    return unreadable(path) is None
