"""Labels of images: by their first sub-folder, or by a table that names the files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from aezoo.builtins import table_files
from aezoo.builtins.table_classes import classes
from aezoo.builtins.table_files import NAMED, Dialect, Table, read_table, setting
from aezoo.plugin import DataError, DataWarning

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Labels = npt.NDArray[np.int64]

#: Words in a column's name that say that it names files, where `data.id` does not.
NAMES = ("file", "filename", "file_name", "image", "path", "name", "id", "image_id")


class LabelTable(NamedTuple):
    """The lines of a table for some images, in their order.

    Attributes:
        table: As many rows as images.
        label: The column of labels.
    """

    table: Table
    label: str

    def take(self, rows: Sequence[int]) -> LabelTable:
        """Those of some of the images."""
        return self._replace(table=self.table.take(rows))

    def labels(self, known: Sequence[str] | None) -> tuple[Labels, tuple[str, ...] | None]:
        """The label of each image, and the names of classes where these are words.

        Args:
            known: Names that have numbers already.

        Raises:
            DataError: A label is missing, or is neither a word nor a whole number.
        """
        words = [word.strip() for word in self.table.column(self.label)]
        in_words = known is not None or any(self.table.number(word) is None for word in words)
        found = classes(self.table, self.label, known)
        if self.table.faults:
            raise DataError(table_files.line_of(self.table, self.table.faults), hint="correct the table of labels")
        return found, (*(known or ()), *sorted({*words} - {*(known or ())})) if in_words else None


def read_labels(path: Path, folder: Path, images: Sequence[Path], id: str | None, label: str | None) -> LabelTable:
    """The lines of a table of labels for these images, each of which must have one.

    A line names its image by the path in the folder or beside the table, or by the name of the file alone where no two
    images share it; with or without the ending.

    Args:
        path: Of the table.
        folder: Of the images.
        images: All of them.
        id: The column of names; None for one that is called so, or the first.
        label: The column of labels; None for the only other one, or one called label.

    Raises:
        DataError: It cannot be read, or an image has no line, or several.
    """
    table = read_table(path, Dialect())
    if table.faults:
        raise DataError(table_files.line_of(table, table.faults[:1]))
    id = _column(table, "id", id, [name for name in table.header if name.lower() in NAMES] or table.header[:1])
    others = [name for name in table.header if name != id]
    label = _column(table, "label", label, others if len(others) == 1 else [n for n in others if n.lower() == "label"])
    rows = _rows_of(table, id, folder, images)
    _say_unused(table, id, folder, {*rows})
    return LabelTable(table.take(rows), label)


def _column(table: Table, key: str, said: str | None, found: Sequence[str]) -> str:
    if said is not None and said in table.header:
        return said
    there = ", ".join(table.header[:NAMED])
    if said is not None:
        raise DataError(f"{table.path}: has no column {said!r}; it has: {there}")
    if not found:
        hint = f"{setting(key, table.header[-1])}, say, names it"
        raise DataError(f"{table.path}: which column is the {key} is not said; it has: {there}", hint=hint)
    return found[0]


def _rows_of(table: Table, id: str, folder: Path, images: Sequence[Path]) -> list[int]:
    """The row of each image."""
    rows: dict[str, int] = {}
    for row, word in enumerate(table.column(id)):
        name = word.strip().replace("\\", "/").removeprefix("./")
        if name in rows:
            before = table.lines[rows[name]]
            raise DataError(f"{table.place(row, id)}: {name!r} stands in line {before} already", hint="leave one out")
        rows[name] = row
    ways = [*_ways(table.path, folder, images)]
    found = [next((rows[way[place]] for way in ways if way[place] in rows), None) for place in range(len(images))]
    if missing := [path for path, row in zip(images, found, strict=True) if row is None]:
        more = f", nor for {len(missing) - 1:,} more" if len(missing) > 1 else ""
        message = f"{table.path}: column {id!r} has no line for {missing[0].relative_to(folder)}{more}"
        raise DataError(message, hint="add it, or keep images without a label in another folder")
    return [row for row in found if row is not None]


def _ways(table: Path, folder: Path, images: Sequence[Path]) -> Iterator[list[str]]:
    """The names that images may have in a table, one list for each way to call them."""
    inside = [path.relative_to(folder).as_posix() for path in images]
    beside = [Path(os.path.relpath(path, table.parent)).as_posix() for path in images]
    for names in (inside, beside, [path.name for path in images]):
        for cut in (names, [name.rpartition(".")[0] for name in names]):
            if len({*cut}) == len(cut):  # else a name may mean any of several
                yield cut


def _say_unused(table: Table, id: str, folder: Path, used: set[int]) -> None:
    unused = [row for row in range(len(table.rows)) if row not in used]
    if unused:
        lines = f"{len(unused):,} of {len(table.rows):,} lines name no image of {folder}"
        first = f"the first: {table.unit} {table.lines[unused[0]]}, {table.column(id)[unused[0]].strip()!r}"
        warnings.warn(DataWarning(f"{table.path}: {lines}, {first}"), stacklevel=4)


# --- sub-folders --------------------------------------------------------------------------------------------


def classes_of(names: Sequence[str], known: Sequence[str] | None) -> tuple[str, ...] | None:
    """Names of the first sub-folders, known ones first; None unless all images have one, and there are several."""
    folders = [_class(name) for name in names if len(Path(name).parts) > 1]
    if len(folders) < len(names) or (known is None and len(set(folders)) < 2):
        return None
    return (*(known or ()), *sorted(set(folders) - {*(known or ())}))


def numbered(names: Sequence[str], classes: Sequence[str]) -> Labels:
    """The class of each image, by its first sub-folder."""
    import numpy as np

    places: Mapping[str, int] = {name: place for place, name in enumerate(classes)}
    return np.array([places[_class(name)] for name in names], dtype=np.int64)


def _class(name: str) -> str:
    """The first sub-folder of an image; bytes of it that are no UTF-8 are spelt out."""
    return os.fsencode(Path(name).parts[0]).decode(errors="backslashreplace")
