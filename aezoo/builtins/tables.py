"""Samples from tables: text with a delimiter."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import PrivateAttr, field_validator

from aezoo.builtins import table_classes, table_files
from aezoo.builtins.grouping import GroupedDatasetSpec
from aezoo.builtins.missing_values import gap_remarks
from aezoo.builtins.table_files import NAMED, Dialect, Fault, Table
from aezoo.plugin import (
    DataError,
    DataWarning,
    Description,
    Field,
    Remark,
    Samples,
    Shape,
    Spec,
    Strings,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class TableSpec(GroupedDatasetSpec):
    """A CSV, TSV or other text file of columns: each line is a sample [F] of the numeric columns.

    Every value has to be a number: a missing value, a NaN or a word is refused with its line and column. All
    columns but the label, the id and the fields are read unless `columns` says which, or `exclude` which not; a column
    without a name is refused. A model keeps the names of its columns, by which it reads other tables.

    `fields` names columns that go along with the samples: one of words, which are numbered in alphabetical order, or of
    numbers; or several of numbers. `label` is short for a field of this name. `id` is a column that names the samples.
    `missing = "mask"` reads an empty value or a NaN as a gap: the value becomes 0, and the field `observed` is 1 where
    a value is known and 0 where none is; `gaps` are words that stand for a missing value, too. `categories` lists the
    words of a column, which is then read as their numbers, from 0 on; another word is refused, and in a label or field
    numbered after them.

    `dates` names columns of dates or times, as 2026-05-31 or 2026-05-31T12:00, all with or all without a zone: each is
    read as days since 1970-01-01, with decimals.

    Shares of the splits are drawn at random. With `group`, a column, they are of its groups: none is in two splits.
    With `time`, a column of numbers or dates, or with `split = "chronological"`, the last samples are the test.

    A byte order mark says the encoding, and a first line `sep=;` the delimiter, where the spec does not. Of .txt,
    .data, .dat and .tab it is the sign that cuts the first lines into equally many columns: comma, tab, semicolon, bar,
    or any number of spaces.

    Example:
        [data]
        type = "table"
        path = "wine.csv"
        label = "quality"
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".txt", ".data", ".dat", ".tab")
    reads_columns: ClassVar[bool] = True
    type: Literal["table"] = "table"
    columns: Strings | None = Field(None, description="names of the columns to read, in this order")
    exclude: Strings = Field((), description="names of columns that are not read")
    id: str | None = Field(None, description="name of the column that holds the names of the samples")
    label: str | None = Field(None, description="name of the column that holds the labels: the field `label`")
    fields: dict[str, str | Strings] | None = Field(
        None, description="columns that go along with the samples, by the names of their fields"
    )
    missing: Literal["mask"] | None = Field(
        None, description="mask: gaps are filled with 0, and the field `observed` is 0 there; refused unless said"
    )
    gaps: Strings = Field((), description='words that stand for a missing value, such as "NA"; with `missing`')
    categories: dict[str, Strings] | None = Field(
        None, description="by column, the words that it holds: each is read as its place in this list, from 0 on"
    )
    dates: Strings = Field(
        (), description="columns of dates, such as 2026-05-31: each is read as days since 1970-01-01"
    )
    on_bad_sample: Literal["refuse", "skip"] = Field(
        "refuse", description="lines with a value that cannot be read: refuse, or leave them out and say how many"
    )
    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="by default a tab in .tsv, a comma in .csv, else what is found; a space is any number of them",
    )
    decimal: Literal[".", ","] = Field(".", description="sign before the decimals")
    encoding: str | None = Field(None, description="of the text, such as cp1252 or utf-16; UTF-8 by default")
    header: bool | None = Field(
        None,
        description="false: the first line is a sample, and columns are called 0, 1, ...; true: it has names, which may"
        " be numbers; by default it has names that are not all numbers",
    )

    #: Words of label and fields that the training data have, by column: no setting, so that no model keeps them.
    _words: dict[str, Strings] = PrivateAttr(default_factory=dict)

    @field_validator("categories")
    @classmethod
    def _each_once(cls, categories: dict[str, Strings] | None) -> dict[str, Strings] | None:
        for name, words in (categories or {}).items():
            twice = sorted({word for word in words if words.count(word) > 1})
            if twice or not words:
                raise ValueError(f"of {name!r}: " + (f"{twice[0]!r} stands twice" if twice else "lists no words"))
        return categories

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str | None) -> str | None:
        try:
            "".encode("utf-8" if encoding is None else encoding)
        except (LookupError, ValueError) as error:
            raise ValueError("takes an encoding of text, such as utf-8, utf-16, cp1252 or latin-1") from error
        return encoding

    def at(self, path: Path) -> Self:
        with self.reading(path):
            names = table_files.read_header(path, self._dialect())
        return self.at_columns(names, str(path))

    def at_columns(self, names: Sequence[str], source: str) -> Self:
        there = {*names}
        # New samples need no label; where they have one, it must not be read as an input.
        named = (self.label, self.id, self.group, self.time)
        label, id, group, time = (name if name in there else None for name in named)
        fields = {name: columns for name, columns in (self.fields or {}).items() if there.issuperset(_listed(columns))}
        exclude = tuple(name for name in self.exclude if name in there)
        beside = [label, *(column for columns in fields.values() for column in _listed(columns))]
        read = {*(self.columns or there), *beside}
        categories = {name: words for name, words in (self.categories or {}).items() if name in read} or None
        found = {"label": label, "id": id, "fields": fields or None, "exclude": exclude, "categories": categories}
        found |= {"group": group, "time": time, "dates": tuple(name for name in self.dates if name in there)}
        return super().at(Path(source)).model_copy(update=found)

    def knowing(self, words: Mapping[str, Sequence[str]]) -> Self:
        found, own = self.model_copy(), self.categories or {}
        columns = {field: name for field, name in self._class_columns().items() if field in words}
        # Words of its own settings, too, are numbered after those of the training data.
        found._words = {
            name: tuple(dict.fromkeys((*words[field], *own.get(name, ())))) for field, name in columns.items()
        }
        return found

    def field_names(self) -> frozenset[str]:
        named = {"label": self.label, "observed": self.missing}
        return frozenset({*(name for name, value in named.items() if value), *(self.fields or {})})

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.label is not None and "label" in (self.fields or {}):
            yield Remark("label is given twice: by `label`, and by `fields`", "leave one of them out", at="label")
        if self.gaps and self.missing is None:
            yield Remark("gaps are refused unless `missing` says how they are read", 'missing = "mask"', at="gaps")
        if self.columns is not None and self.exclude:
            yield Remark(
                "`columns` says what is read, and `exclude` what is not", "leave one of them out", at="exclude"
            )
        yield from gap_remarks(self.missing, spec)
        yield from super().remarks(spec)

    def describe(self, *, label: str | None = None) -> Description:
        from aezoo.builtins.table_descriptions import describe

        path = self.found()
        with self.reading(path):
            return describe(path, label)

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        path = self.found()
        with self.reading(path):
            table = table_files.read_table(path, self._dialect())
        return self._samples(table)

    def load_columns(self, columns: Mapping[str, Sequence[Any]], source: str) -> Samples:
        from aezoo.builtins.table_columns import table_of

        return self._samples(table_of(columns, source))

    def _samples(self, table: Table) -> Samples:
        return self._read(table.take(self.picked(len(table.rows))))

    def _read(self, table: Table, left_out: int = 0) -> Samples:
        """The samples of a table; without its bad lines, if they are left out."""
        columns = self._read_columns(table)
        known = self._numbered()
        labels = None if self.label is None else table_classes.classes(table, self.label, known.get(self.label))
        fields = {name: table_classes.field(table, named, known) for name, named in (self.fields or {}).items()}
        values = self._values(table, columns)
        if table.faults and (self.on_bad_sample == "refuse" or left_out):
            raise self._error(table, columns)
        if table.faults:
            bad = {fault.line for fault in table.faults}
            good = [row for row, line in enumerate(table.lines) if line not in bad]
            if not good:
                raise self._error(table, columns)
            first = table_files.line_of(table, sorted(table.faults)[:1])
            message = f"{len(bad):,} of {len(good) + len(bad):,} {table.unit}s are left out, the first: {first}"
            warnings.warn(DataWarning(f"{table.path}: {message}"), stacklevel=4)
            return self._read(table.take(good)._replace(faults=[]), left_out=len(bad))
        # Without those left out, a number would name another line.
        names = tuple(f"{table.unit} {line}" for line in table.lines) if left_out else ()
        names = names if self.id is None else tuple(word.strip() for word in table.column(self.id))
        found = {"columns": tuple(columns), "exclude": (), "categories": self._all_categories(table)}
        shown = ", ".join(columns[:NAMED]) + (f" and {len(columns) - NAMED} more" if len(columns) > NAMED else "")
        hint = f"data.exclude, data.label or data.id says which columns are no features, of {shown}"
        samples = Samples(
            values, str(table.path), labels=labels, names=names, fields=fields, settings=found, shape_hint=hint,
            class_names=self._class_names(table),
        )  # fmt: skip
        samples = self.with_splits(samples, table.column, table.place)
        return samples.with_gaps() if self.missing else samples

    def _dialect(self) -> Dialect:
        return Dialect(self.delimiter, self.encoding, self.decimal, self.header)

    def _all_categories(self, table: Table) -> dict[str, Strings] | None:
        """The words of read columns, and those of labels and fields as they are numbered here."""
        classed = [name for name in self._class_columns().values() if name not in self._words]
        found = {name: table_classes.classes_of(table, name) for name in classed}
        categories = {**{name: tuple(words) for name, words in found.items() if words}, **(self.categories or {})}
        return categories or None

    def _class_names(self, table: Table) -> dict[str, Strings]:
        """The words of label and fields, by the names of the fields."""
        known = self._numbered()
        return {
            field: tuple(table_classes.words_in_order(table, column, known.get(column, ())))
            for field, column in self._class_columns().items()
            if column in known or table_classes.holds_words(table, column)
        }

    def _numbered(self) -> dict[str, Strings]:
        """Words that have numbers already, by column."""
        return {**(self.categories or {}), **self._words}

    def _class_columns(self) -> dict[str, str]:
        """Columns that may hold classes beside the samples, by the names of their fields."""
        named = {**({"label": self.label} if self.label else {}), **(self.fields or {})}
        return {field: column for field, column in named.items() if isinstance(column, str)}

    def _read_columns(self, table: Table) -> Sequence[str]:
        """The columns that are read. Raises `DataError` with all names that the table does not have."""
        beside = [column for columns in (self.fields or {}).values() for column in _listed(columns)]
        beside += [name for name in (self.label, self.id, *self.beside_splits()) if name is not None]
        self._refuse_absent(table, [*(self.columns or ()), *beside, *self.exclude, *self.dates])
        left_out = {*beside, *self.exclude}
        names = self.columns or tuple(name for name in table.header if name not in left_out)
        unread = [name for name in self.categories or () if name not in {*names, *self._class_columns().values()}]
        if unread:
            listed = ", ".join(map(repr, unread))
            hint = "take it out of data.categories, or read it"
            raise DataError(f"{table.path}: categories are of columns that are read, and {listed} is not", hint=hint)
        if not names:
            raise DataError(f"{table.path}: has no column to read beside {', '.join(map(repr, sorted(left_out)))}")
        if self.columns is None:
            self._look_for_index(table, names)
        return names

    def _refuse_absent(self, table: Table, wanted: Sequence[str]) -> None:
        absent = [name for name in dict.fromkeys(wanted) if name not in table.header]
        if not absent:
            return
        there = ", ".join(table.header)
        # With as many columns, they may be the same ones by other names.
        as_many = absent == list(self.columns or ()) and len(absent) == len(table.header) <= NAMED
        hint = f"if these are the same: {self.setting('columns', table.header)}" if as_many else ""
        raise DataError(f"{table.path}: has no column {', '.join(map(repr, absent))}; it has: {there}", hint=hint)

    def _look_for_index(self, table: Table, names: Sequence[str]) -> None:
        """Refuse a column without a name, and warn of one that counts the rows: it is no feature."""
        if "" in names:
            position = table.header.index("")
            counted = ", and counts the rows" if table_files.counts_rows(table, "") else ""
            message = f"{table.path}: column {position} (counted from 0) has no name{counted}"
            raise DataError(message, hint=f"{self.setting('exclude', [*self.exclude, ''])} leaves it out")
        for name in names if len(names) > 1 else ():
            if table_files.counts_rows(table, name):
                message = f"{table.path}: column {name!r} counts the rows, and is read as a feature"
                hint = f"{self.setting('exclude', [*self.exclude, name])} leaves it out"
                warnings.warn(DataWarning(message, hint), stacklevel=4)

    def _values(self, table: Table, names: Sequence[str]) -> npt.NDArray[np.float64]:
        import numpy as np

        gaps, categories = ("", *self.gaps) if self.missing else (), self.categories or {}
        columns = (
            table_classes.days(table, name, gaps=gaps)
            if name in self.dates
            else table_files.numbers(table, name, gaps=gaps, words=categories.get(name))
            for name in names
        )
        return np.stack([np.array(column, dtype=np.float64) for column in columns], axis=1)

    def _error(self, table: Table, columns: Sequence[str]) -> DataError:
        """All faults of the values as one error: a line for each kind of fault of a column."""
        by_kind: dict[tuple[str, str], list[Fault]] = {}
        for fault in sorted(table.faults):
            by_kind.setdefault((fault.column, fault.kind), []).append(fault)
        hint = self._hint(table, columns)
        return DataError.several(
            [DataError(table_files.line_of(table, faults), hint=hint) for faults in by_kind.values()],
            count=len(table.faults),
        )

    def _hint(self, table: Table, columns: Sequence[str]) -> str:
        """Hint: the setting that reads what is there, where one does; else to correct the lines."""
        kinds = {fault.kind for fault in table.faults}
        if "comma" in kinds:
            return f"{self.setting('decimal', ',')} reads decimal commas"
        if "point" in kinds:
            return f"{self.setting('decimal', '.')} reads decimal points"
        ways = ["correct these lines, or leave them out"]
        bad = [name for name in columns if any(fault.column == name for fault in table.faults)]
        marks = [word for word in table_files.gap_words(table, bad) if word not in self.gaps]
        if marks or (kinds & {"missing", "nan"} and self.missing is None):
            settings = [self.setting("gaps", [*self.gaps, *marks])] if marks else []
            settings += [self.setting("missing", "mask")] if self.missing is None else []
            ways.append(f"{' '.join(settings)} reads gaps as such")
        if dates := [
            name for name in bad if name not in self.dates and table_classes.holds_dates(table, name, self.gaps)
        ]:
            ways.append(f"{self.setting('dates', [*self.dates, *dates])} reads dates as days")
        words = [name for name in bad if table_files.is_of_words(table, name) and name not in (self.categories or {})]
        return "; or ".join([*ways, *self._ways_with_words(table, columns, words)])

    def _ways_with_words(self, table: Table, columns: Sequence[str], in_words: Sequence[str]) -> Iterator[str]:
        """What can be done with columns that hold words."""
        if words := table_files.words_of(table, in_words, self.gaps):
            yield f"{self.setting('categories', {**(self.categories or {}), **words})} numbers words"
        if len(in_words) == 1 and self.columns is None:
            (name,) = in_words
            distinct = len({*table.column(name)})
            if distinct == len(table.rows) > NAMED and self.id is None:
                yield f"{self.setting('id', name)} names the samples"
            elif distinct <= NAMED // 2 and self.label is None:
                yield f"{self.setting('label', name)} makes it the label"
        if in_words and self.columns is None and len(in_words) < len(columns):
            setting = "data.exclude" if len(in_words) > NAMED else self.setting("exclude", [*self.exclude, *in_words])
            yield f"{setting} leaves columns of words out"


def _listed(columns: str | Sequence[str]) -> Sequence[str]:
    return (columns,) if isinstance(columns, str) else columns
