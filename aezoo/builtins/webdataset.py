"""Samples from shards of WebDataset: images in tar files, with their labels beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from aezoo.builtins.image_decoding import be_strict_in_threads, opened
from aezoo.builtins.image_folders import GREY, SUFFIXES, say_skipped, upright_size
from aezoo.builtins.image_labels import LabelTable
from aezoo.builtins.image_pixels import MODES, PixelReader
from aezoo.builtins.image_settings import IN_MEMORY, ImageDatasetSpec
from aezoo.builtins.table_files import Table
from aezoo.builtins.tar_files import Members, TarIndex, TarRows, index_of
from aezoo.plugin import DataError, Field, Samples, Shape, text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class WebDatasetSpec(ImageDatasetSpec):
    """Images in a .tar file, or in a folder of them: shards of WebDataset, read where they lie.

    Members that share a name up to its first dot are one sample: 0012.jpg, 0012.cls, 0012.json. Its image is the member
    with an image's ending, or with that of `image`. Its label is the text of .cls, or of the ending or the key of .json
    that `label` names: whole numbers, or words, which are numbered in alphabetical order. `group` and `time` name an
    ending or a key likewise. Pixels are read as those of `images`.

    The members are looked up once, into an index in the cache folder of aezoo. Up to 1 GiB of pixels are decoded and
    held; of more, each image is read from its place in the shard when it is needed, decoded by threads. Shards are
    plain tar files; compressed ones are refused. They are joined in the order of their names, 2 before 10.

    Example:
        [data]
        type = "webdataset"
        path = "train.tar"
    """

    suffixes: ClassVar[tuple[str, ...]] = (".tar",)
    type: Literal["webdataset"] = "webdataset"
    image: str | None = Field(None, description="ending of the images, such as jpg; by default the only one there is")
    label: str | None = Field(
        None,
        description="ending of the labels, or a key of .json; by default cls, where there is one: the field `label`",
    )

    @classmethod
    def knows(cls, folder: Path) -> bool:
        from aezoo.builtins.shards import holds

        return holds(folder, cls.suffixes)

    def at(self, path: Path) -> Self:
        from aezoo.builtins.shards import shards

        indexes = self._indexes(shards(path, self.suffixes))
        named = {key: getattr(self, key) for key in ("label", "group", "time")}
        there = {key: name if name and _is_there(indexes, name) else None for key, name in named.items()}
        return super().at(path).model_copy(update=there)

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        from aezoo.builtins.shards import shards

        path = self.found()
        indexes = self._indexes(shards(path, self.suffixes))
        members = self._members(path, indexes)
        members = members.take([*self.picked(len(members))])
        reader = PixelReader(self.resize, self.background)
        be_strict_in_threads()
        if self.on_bad_sample == "skip":
            members = self._readable(path, members)
        shape = shape or _shape_of(members)
        if len(shape) != 3 or shape[0] not in MODES:
            raise DataError(f"{path}: images give samples [C, H, W] with 1, 3 or 4 channels, not {text(shape)}")

        def decode(content: bytes, name: Path) -> npt.NDArray[np.uint8]:
            with opened(name, reader.size_of(shape), alone=False, content=content) as image:
                return reader.pixels(image, shape, name)

        lazy = TarRows(members, shape, decode, f"{self.resize} {list(self.background)} {list(shape)}")
        held = lazy.nbytes <= IN_MEMORY if self.in_memory is None else self.in_memory
        return self._labelled(path, indexes, members, lazy[:] if held else lazy)

    def _labelled(self, path: Path, indexes: Sequence[TarIndex], members: Members, values: Any) -> Samples:
        """The samples with their names and labels, and what they are split by."""
        single = len(indexes) == 1
        shards = members.shards.tolist()
        keys = (members.key(row) for row in range(len(members)))
        names = tuple(
            key if single else f"{indexes[shard].path.name}/{key}" for shard, key in zip(shards, keys, strict=True)
        )
        label = self.label or ("cls" if _is_there(indexes, "cls") else None)
        found, classes = None, None
        if label is not None:
            cells = [[str(value)] for value in _column(members, label)]
            table = Table(path, [label], cells, [*range(len(cells))], [], unit="sample")
            found, classes = LabelTable(table, label).labels(self.classes)
        settings: dict[str, Any] = {"classes": classes} if classes else {}
        words = {"label": classes} if classes else {}
        samples = Samples(values, str(path), labels=found, names=names, settings=settings, class_names=words)
        return self.with_splits(
            samples, lambda name: _column(members, name), lambda row, name: f"{path}: {names[row]}: {name!r}"
        )

    def _indexes(self, paths: Sequence[Path]) -> list[TarIndex]:
        found = []
        for path in paths:
            with self.reading(path):
                found.append(index_of(path))
        return found

    def _members(self, path: Path, indexes: Sequence[TarIndex]) -> Members:
        """The image of each sample. Raises `DataError` where one has none, or which ending is meant is not said."""
        endings = [*dict.fromkeys(ending for index in indexes for ending in index.endings)]
        images = [self.image.lower().lstrip(".")] if self.image else [e for e in endings if f".{e}" in SUFFIXES]
        there = ", ".join(endings) or "none"
        if len(images) != 1:
            hint = f"{self.setting('image', images[0])} names one" if images else "images end in png, jpg, webp ..."
            raise DataError(f"{path}: which members are the images is not said; their endings: {there}", hint=hint)
        members = Members(indexes, images[0])
        if not len(members):
            raise DataError(f"{path}: holds no samples")
        without = members.places[:, 0] < 0
        if without.any():
            count = int(without.sum()) - 1
            more = f", nor have {count:,} more" if count else ""
            name = members.name(int(without.argmax()))
            raise DataError(f"{name}: the sample has no such member{more}", hint=f"endings that are there: {there}")
        return members

    def _readable(self, path: Path, members: Members) -> Members:
        """Those whose image can be decoded, with a warning of the others."""
        errors: dict[Path, DataError | None] = {}
        good: list[int] = []
        for row in range(len(members)):
            try:
                with opened(members.name(row), alone=False, content=members.read(row)) as image:
                    image.load()
                good.append(row)
            except DataError as error:
                errors[members.name(row)] = error
        say_skipped(path, len(members), errors)
        return members.take(good)


def _is_there(indexes: Sequence[TarIndex], name: str) -> bool:
    """Whether all shards have members of this ending, or .json, which may have it as a key."""
    return all(name in index.endings or (name != "cls" and "json" in index.endings) for index in indexes)


def _column(members: Members, name: str) -> list[Any]:
    """The text of each sample's member of this ending, or what its .json has under this key."""
    as_text = any(name in index.endings for index in members.indexes)
    others = members.others(name if as_text else "json")
    return [_value(others.read(row), name, others.name(row), as_json=not as_text) for row in range(len(others))]


def _value(content: bytes, name: str, where: Path, *, as_json: bool) -> Any:
    try:
        if not as_json:
            return content.decode().strip()
        value = json.loads(content)[name]
    except (UnicodeError, ValueError, TypeError, KeyError, IndexError) as error:
        what = f"has no key {name!r}" if isinstance(error, (KeyError, IndexError, TypeError)) else "is no text of UTF-8"
        raise DataError(f"{where}: {what}", hint="correct it, or name another label") from error
    if value is None:
        raise DataError(f"{where}: {name!r} is null", hint="correct it, or leave the sample out")
    return value if isinstance(value, (str, int, float)) else json.dumps(value)


def _shape_of(members: Members) -> Shape:
    """The shape of the first image: grey if it is, else RGB; others have to be of its size."""
    with opened(members.name(0), alone=False, content=members.read(0)) as image:
        width, height = upright_size(image)
        return 1 if image.mode in GREY or image.mode == "I" else 3, height, width
