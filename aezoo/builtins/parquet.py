"""Samples from Parquet and Arrow files, and from Hugging Face data sets that were saved to disk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from aezoo.builtins.grouping import DAY, GroupedDatasetSpec
from aezoo.builtins.image_pixels import PixelReader
from aezoo.builtins.missing_values import gap_remarks
from aezoo.builtins.parquet_images import holds_images, pixels_of
from aezoo.plugin import DataError, Field, Remark, Samples, Shape, Spec, Strings, text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from aezoo.builtins.parquet_files import Block

    Array = npt.NDArray[Any]

#: Bytes of samples that are held; larger sets are read a block at a time.
IN_MEMORY = 1 << 30
#: Columns that a message names.
NAMED = 40


class ParquetSpec(GroupedDatasetSpec):
    """Rows of a .parquet, .arrow or .feather file, of a folder of them, or of a saved Hugging Face data set.

    Each row is a sample [F] of the numeric columns, in the order of the file, without those of `exclude`, or of
    `columns`; or, with `column`, what one column holds: lists, all of one length, read in the input's shape, or encoded
    images (bytes, or a table of `bytes` and `path`, as Hugging Face has them), read as those of `images`.
    `label` and `fields` name columns that go along: whole numbers, or words, which are numbered in alphabetical order,
    or numbers; `id` is a column that names the samples. A missing value is refused with its file, row and column, or
    with `missing = "mask"` read as a gap. A model keeps the names of its columns, by which it reads other files.

    `group` and `time` are columns by which samples are split: by whole groups, or with the last ones as the test.

    Up to 1 GiB of samples are held. Of a larger set one block of rows (a row group, a batch of Arrow) after another is
    read: blocks are shuffled, and then the rows of those that fill 128 MiB together. Files of Parquet are best written
    with blocks of a few MiB. It needs pyarrow: pip install 'aezoo[parquet]'.

    Example:
        [data]
        type = "parquet"
        path = "flights.parquet"
        label = "carrier"
    """

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".arrow", ".feather")
    type: Literal["parquet"] = "parquet"
    column: str | None = Field(None, description="the column of lists of numbers, or of images, that holds the samples")
    resize: Literal["refuse", "fit", "crop"] = Field("refuse", description="images of another size, as in `images`")
    columns: Strings | None = Field(None, description="names of the columns to read, in this order")
    exclude: Strings = Field((), description="names of columns that are not read")
    id: str | None = Field(None, description="name of the column that holds the names of the samples")
    label: str | None = Field(None, description="name of the column that holds the labels: the field `label`")
    fields: dict[str, str] | None = Field(None, description="columns that go along, by the names of their fields")
    categories: dict[str, Strings] | None = Field(
        None, description="the words of columns of words, in the order of their numbers; a model keeps them"
    )
    dates: Strings = Field((), description="columns of dates or times: each is read as days since 1970-01-01")
    missing: Literal["mask"] | None = Field(
        None, description="mask: gaps are filled with 0, and the field `observed` is 0 there; refused unless said"
    )
    in_memory: bool | None = Field(None, description="whether all samples are held; by default up to 1 GiB of them")

    @classmethod
    def knows(cls, folder: Path) -> bool:
        from aezoo.builtins.shards import holds

        return (folder / "state.json").is_file() or holds(folder, cls.suffixes)

    def at(self, path: Path) -> Self:
        from aezoo.builtins.parquet_files import files, schema_of

        first = files(path)[0]
        with self.reading(first):
            there = {*schema_of(first).names}
        kept: dict[str, Any] = {key: name if name in there else None for key, name in self._single().items()}
        fields = {name: column for name, column in (self.fields or {}).items() if column in there}
        listed = {key: tuple(name for name in getattr(self, key) if name in there) for key in ("exclude", "dates")}
        return super().at(path).model_copy(update={**kept, **listed, "fields": fields or None})

    def field_names(self) -> frozenset[str]:
        named = {"label": self.label, "observed": self.missing}
        return frozenset({*(name for name, value in named.items() if value), *(self.fields or {})})

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.column is not None and (self.columns is not None or self.exclude):
            yield Remark(
                "`column` is one of lists, `columns` and `exclude` are of numbers", "leave one out", at="column"
            )
        if self.columns is not None and self.exclude:
            yield Remark(
                "`columns` says what is read, and `exclude` what is not", "leave one of them out", at="exclude"
            )
        yield from gap_remarks(self.missing, spec)
        yield from super().remarks(spec)

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        import numpy as np

        from aezoo.builtins.parquet_files import BlockRows, blocks_of_file, files, schema_of

        path = self.found()
        paths = files(path)
        with self.reading(paths[0]):
            schema = schema_of(paths[0])
        names = self._names(schema, paths[0])
        blocks: list[Block] = []
        for file in paths:
            with self.reading(file):
                _refuse_other_columns(schema_of(file), schema, {*names, *self._beside()}, f"{file}", f"{paths[0]}")
                blocks += (block for block in blocks_of_file(file) if block.rows)
        if not blocks:
            raise DataError(f"{path}: holds no rows")
        first = self._values(blocks[0], names, shape)
        decode = partial(self._values, names=names, shape=first.shape[1:] if self.column else None)
        settings = f"{names} {self.missing}" + (f" {self.resize}" if self.resize != "refuse" else "")
        lazy = BlockRows(blocks, first.shape[1:], first.dtype, decode, settings)
        held = lazy.nbytes <= IN_MEMORY if self.in_memory is None else self.in_memory
        values = np.concatenate([decode(block) for block in blocks]) if held or self.missing else lazy
        read = {key: self._column(blocks, name) for key, name in self._fields().items()}
        words = self._all_categories(read)
        beside = {key: self._beside_column(name, read[key], words.get(name)) for key, name in self._fields().items()}
        ids = tuple(self._words(blocks, self.id)) if self.id else ()
        found: dict[str, Any] = {} if self.column else {"columns": tuple(names), "exclude": ()}
        if words:
            found["categories"] = words
        named = {key: words[name] for key, name in self._fields().items() if name in words}
        samples = Samples(values, str(path), names=ids, fields=beside, settings=found, class_names=named)
        samples = self.with_splits(
            samples, partial(self._column, blocks), lambda row, name: f"{path}: row {row}, {name!r}"
        )
        rows = self.picked(len(samples))
        samples = samples if len(rows) == len(samples) else self._limited(samples, rows)
        return samples.with_gaps() if self.missing else samples

    @staticmethod
    def _limited(samples: Samples, rows: Any) -> Samples:
        from dataclasses import replace

        return replace(samples.take(rows), settings=samples.settings)

    def _single(self) -> dict[str, str | None]:
        return {"label": self.label, "id": self.id, "group": self.group, "time": self.time}

    def _fields(self) -> dict[str, str]:
        return {**({"label": self.label} if self.label else {}), **(self.fields or {})}

    def _beside(self) -> list[str]:
        return [*self._fields().values(), *([self.id] if self.id else []), *self.beside_splits()]

    def _names(self, schema: Any, path: Path) -> list[str]:
        """The columns of the samples. Raises `DataError` for those that are not there, or hold no numbers."""
        there = [*schema.names]
        wanted = [*([self.column] if self.column else self.columns or ()), *self._beside(), *self.exclude, *self.dates]
        if absent := [name for name in dict.fromkeys(wanted) if name not in there]:
            shown = ", ".join(there[:NAMED])
            raise DataError(f"{path}: has no column {', '.join(map(repr, absent))}; it has: {shown}")
        if self.column:
            return [self.column]
        left_out = {*self._beside(), *self.exclude}
        names = [*(self.columns or (name for name in there if name not in left_out))]
        others = [
            name for name in names if not (_is_date if name in self.dates else _is_number)(schema.field(name).type)
        ]
        if others:
            kind = schema.field(others[0]).type
            kinds = {name: schema.field(name).type for name in others}
            lists = [name for name, kind in kinds.items() if _is_list(kind) or holds_images(kind)]
            dates = [name for name, kind in kinds.items() if _is_date(kind)]
            if dates and len(dates) == len(others):
                hint = f"{self.setting('dates', [*self.dates, *dates])} reads dates as days"
                raise DataError(f"{path}: column {', '.join(map(repr, dates))} holds dates", hint=hint)
            hint = (
                f"{self.setting('column', lists[0])} reads what it holds as samples"
                if lists
                else f"{self.setting('exclude', [*self.exclude, *others])} leaves out what is no number"
            )
            listed = ", ".join(map(repr, others[:NAMED]))
            raise DataError(f"{path}: no numbers are in column {listed} ({kind})", hint=hint)
        if not names:
            raise DataError(f"{path}: has no column to read beside {', '.join(map(repr, sorted(left_out)))}")
        return names

    def _values(self, block: Block, names: Sequence[str], shape: Shape | None = None) -> Array:
        """The samples of a block."""
        import numpy as np

        with self.reading(block.path):
            table = block.read(names)
            if self.column:
                column = table.column(0).combine_chunks()
                if holds_images(column.type):
                    return pixels_of(block, self.column, column, shape, PixelReader(self.resize))
                return self._lists(block, column, shape)
            columns = [self._numbers(block, name, table.column(name)) for name in names]
            return np.stack([np.asarray(column) for column in columns], axis=1)

    def _numbers(self, block: Block, name: str, column: Any) -> Array:
        """A column of numbers as floats: float32 where that is what they are, else float64; a gap is NaN."""
        import numpy as np

        if name in self.dates:
            column = _days(column)
        values = np.asarray(column.to_numpy())
        gaps = values != values if values.dtype.kind == "f" else np.zeros(len(values), bool)
        if column.null_count or gaps.any():
            bad = gaps if values.dtype.kind == "f" else np.asarray(column.is_null().to_numpy(zero_copy_only=False))
            if not self.missing:
                row = block.first + int(bad.argmax())
                hint = f"{self.setting('missing', 'mask')} reads gaps as such"
                raise DataError(f"{block.path}: row {row}, column {name!r}: the value is missing", hint=hint)
            if values.dtype.kind != "f":
                values = np.array([math.nan if value is None else float(value) for value in column.to_pylist()])
        return values if values.dtype == np.float32 else values.astype(np.float64)

    def _lists(self, block: Block, column: Any, shape: Shape | None) -> Array:
        """A column of lists, nested or not, as [n, *shape]; the shape of the lists where there are none so long."""
        import numpy as np

        n, inner, sizes = len(column), column, []
        while _is_list(inner.type):
            if inner.null_count:
                row = block.first + int(np.asarray(inner.is_null().to_numpy(zero_copy_only=False)).argmax())
                raise DataError(f"{block.path}: row {row}, column {self.column!r}: the value is missing")
            counts = np.diff(_offsets(inner))
            if len(counts) and (counts != counts[0]).any():
                odd = int((counts != counts[0]).argmax())
                where = f"{block.path}: row {block.first + odd * n // len(counts)}, column {self.column!r}"
                raise DataError(f"{where}: {counts[odd]} values, where others have {counts[0]}", hint="make them equal")
            sizes.append(int(counts[0]) if len(counts) else 0)
            inner = inner.flatten()
        if not _is_number(inner.type) or inner.null_count:
            what = "holds missing values" if inner.null_count else f"holds no lists of numbers ({column.type})"
            raise DataError(f"{block.path}: column {self.column!r} {what}")
        values = np.asarray(inner.to_numpy(zero_copy_only=False)).reshape(n, *sizes)
        if values.dtype != np.uint8 and values.dtype not in (np.float16, np.float32):
            values = values.astype(np.float64)
        fits = shape is not None and math.prod(shape) == math.prod(sizes)
        if shape is not None and not fits:
            raise DataError(
                f"{block.path}: column {self.column!r} holds {text(tuple(sizes))}, the input is {text(shape)}"
            )
        return values.reshape(n, *shape) if fits and shape is not None else values

    def _column(self, blocks: Sequence[Block], name: str) -> list[Any]:
        found: list[Any] = []
        for block in blocks:
            with self.reading(block.path):
                values = block.read([name]).column(0).to_pylist()
            if None in values:
                raise DataError(f"{block.path}: row {block.first + values.index(None)}, column {name!r}: is missing")
            found += values
        return found

    def _words(self, blocks: Sequence[Block], name: str) -> Iterator[str]:
        return map(str, self._column(blocks, name))

    def _all_categories(self, read: Mapping[str, Sequence[Any]]) -> dict[str, Strings]:
        """The words of each column of words, by its name: those that are known, else all, in alphabetical order."""
        names = self._fields()
        found = {
            names[key]: tuple(sorted({*values}))
            for key, values in read.items()
            if all(isinstance(value, str) for value in values)
        }
        return {**found, **{name: words for name, words in (self.categories or {}).items() if name in names.values()}}

    def _beside_column(self, name: str, values: Sequence[Any], words: Strings | None) -> Array:
        """A field: whole numbers as they are, words by their place in the column's list, other numbers as floats."""
        import numpy as np

        if words is not None:
            places = {word: place for place, word in enumerate(words)}
            if unknown := sorted({*map(str, values)} - places.keys()):
                listed = ", ".join(map(repr, unknown[:NAMED]))
                hint = "leave those rows out, or leave the label out where the model does not need it"
                raise DataError(
                    f"{self.path}: column {name!r} holds {listed}, which the model does not know", hint=hint
                )
            return np.array([places[str(value)] for value in values], np.int64)
        array = np.array(values)
        if array.dtype.kind not in "biuf":
            raise DataError(f"{self.path}: column {name!r} holds neither numbers nor words")
        return array.astype(np.int64) if array.dtype.kind in "biu" else array


def _refuse_other_columns(there: Any, first: Any, names: set[str], file: str, first_file: str) -> None:
    """Refuse a file whose columns are not those of the first, or of other types: its values would be read otherwise."""
    if names - {*there.names}:
        raise DataError(f"{file}: has other columns than {first_file}", hint="keep one kind in a folder")
    for name in sorted(names):
        if (found := there.field(name).type) != (wanted := first.field(name).type):
            message = f"{file}: column {name!r} is {found}, in {first_file} {wanted}"
            raise DataError(message, hint="write the files with one schema")


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _is_date(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_date(kind) or types.is_timestamp(kind))


def _days(column: Any) -> Any:
    """Dates and times as days since 1970-01-01, of UTC where they have a zone."""
    import pyarrow
    from pyarrow import compute

    microseconds = compute.cast(compute.cast(column, pyarrow.timestamp("us"), safe=False), pyarrow.int64())
    return compute.divide(compute.cast(microseconds, pyarrow.float64()), float(DAY))


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _offsets(lists: Any) -> npt.NDArray[np.int64]:
    """Where each list begins among the values, and where the last one ends."""
    import numpy as np
    from pyarrow import types

    if types.is_fixed_size_list(lists.type):
        size: int = lists.type.list_size
        return np.arange(len(lists) + 1, dtype=np.int64) * size
    offsets: npt.NDArray[np.int64] = lists.offsets.to_numpy().astype(np.int64)
    return offsets
