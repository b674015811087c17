"""Datasets: where samples come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field

from aezoo.errors import DataError, NotFound
from aezoo.files import expanded
from aezoo.hints import assigned
from aezoo.spec.component import AnySpec, Component, Remark
from aezoo.spec.description import Description
from aezoo.spec.samples import Samples
from aezoo.spec.shape import Shape, text

#: Names of idx files: train-images-idx3-ubyte, train-images.idx3-ubyte.gz, x.idx.
_IDX = re.compile(r"([.-]idx\d-\w+|\.idx)(\.gz)?$", re.IGNORECASE)
#: A share of the samples, or the settings of a source of its own: those that differ from the training data's.
Held = Annotated[float, Field(ge=0, lt=1)] | dict[str, Any]
#: Settings of data that do not change which data they are: how much of them is taken, and for what.
SHARES = frozenset({"validation", "test", "limit"})


class DatasetSpec(Component):
    """Where samples come from."""

    kind: ClassVar[str] = "dataset"

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        """All samples, in memory or mapped. `shape` is the spec's input shape, for sources that can adapt to it
        (a folder of images resized as declared); None leaves them as they are. Raises `DataError`, `NotFound`."""
        raise NotImplementedError

    def sample_shape(self) -> Shape | None:
        """Shape of a sample, where it is known without loading anything."""
        return None

    def fractions(self) -> tuple[float, float]:
        """Shares held out for validation and test, where the samples come without splits of their own."""
        return 0.1, 0.1

    def separate(self) -> dict[str, Any]:
        """The splits that have a source of their own, and the settings by which each differs from this one."""
        return {}

    def field_names(self) -> frozenset[str] | None:
        """Names of the fields that its samples come with, where they are known without loading anything."""
        return None

    def remarks(self, spec: AnySpec) -> Iterator[Remark]:
        known = self.field_names()
        if known is not None:
            there = ", ".join(sorted(known)) or "none"
            for name in spec.fields.keys() - known:
                message = f"{self.tag()} gives no field {name!r}; it gives: {there}"
                yield Remark(message, f"leave fields.{name} out, or take other data", code="AZ533")
        shape = self.sample_shape()
        if shape is not None and shape != spec.input.shape:
            yield Remark(
                f"{self.tag()} gives samples {text(shape)}, the input is {text(spec.input.shape)}",
                hint=f"write input.shape = {list(shape)}",
            )


class SplitDatasetSpec(DatasetSpec):
    """Base of the sets that come without splits of their own: says how much is held out."""

    validation: float = Field(0.1, ge=0, lt=1, description="share of the samples held out for validation")
    test: float = Field(0.1, ge=0, lt=1, description="share of the samples held out for the test")

    def fractions(self) -> tuple[float, float]:
        return self.validation, self.test

    def remarks(self, spec: AnySpec) -> Iterator[Remark]:
        yield from _too_much_held_out(self)
        yield from super().remarks(spec)


class FileDatasetSpec(DatasetSpec):
    """Base of the sets that are read from a file or a folder.

    `validation` and `test` are shares of the samples, or each a source of its own: a table of the settings that
    differ from those of the training data, `test = { path = "test.csv" }`.
    """

    #: Endings of the files it reads, for callers that give nothing but a path; "/" stands for a folder.
    suffixes: ClassVar[tuple[str, ...]] = ()
    #: Whether it reads a data frame too: then it has `at_columns` and `load_columns`.
    reads_columns: ClassVar[bool] = False
    #: Settings that name a file or a folder.
    path_settings: ClassVar[tuple[str, ...]] = ("path",)
    validation: Held = Field(0.1, description="share held out for validation, or settings of a source of its own")
    test: Held = Field(0.1, description="share held out for the test, or settings of a source of its own")
    path: str = Field(min_length=1, description="file or folder, from the working folder or absolute")
    limit: int | None = Field(None, ge=1, description="take only so many samples, evenly spaced over the source")

    def fractions(self) -> tuple[float, float]:
        """The shares held out of this source: 0 of a split that has a source of its own."""
        validation, test = (0.0 if isinstance(held, dict) else held for held in (self.validation, self.test))
        return validation, test

    def separate(self) -> dict[str, Any]:
        held = {"validation": self.validation, "test": self.test}
        return {name: settings for name, settings in held.items() if isinstance(settings, dict)}

    def alone(self) -> Self:
        """The set without sources of their own for validation and test, of which it then holds out shares."""
        return self.model_copy(update={name: type(self).model_fields[name].default for name in self.separate()})

    def moved(self, to: Callable[[str], str]) -> Self:
        """The set with every path in it, those of sources of their own too, replaced."""

        def changed(settings: Mapping[str, Any]) -> dict[str, Any]:
            named = {key: settings.get(key) for key in self.path_settings}
            return {key: to(path) for key, path in named.items() if isinstance(path, str)}

        held = {name: {**settings, **changed(settings)} for name, settings in self.separate().items()}
        return self.model_copy(update={**changed({key: getattr(self, key) for key in self.path_settings}), **held})

    def remarks(self, spec: AnySpec) -> Iterator[Remark]:
        yield from _too_much_held_out(self)
        yield from super().remarks(spec)

    @classmethod
    def knows(cls, folder: Path) -> bool:
        """Whether a folder is one of its sets, for callers that give nothing but a path."""
        return False

    def describe(self, *, label: str | None = None) -> Description:
        """What the file holds, and the settings with which it can be read: for specs that are written from data.

        `label` names what is known of the samples and is no input. Raises `DataError`, `NotFound`.
        """
        return Description()

    def found(self) -> Path:
        """The path, or `NotFound`."""
        path = expanded(Path(self.path))
        if not path.exists():
            raise NotFound(f"{path.absolute()}: no such file or folder")
        return path

    def at(self, path: Path) -> Self:
        """The set at another path, all of it, read in the same way; names that only this file has are dropped.

        Sources of their own for validation and test are not those of another path.
        """
        return self.alone().model_copy(update={"path": str(path), "limit": None})

    def at_split(self, path: Path) -> Self:
        """The set of a single split that has another path: as `at`, with what names samples of both."""
        return self.at(path)

    def at_training(self, path: Path) -> Self:
        """The set at another path that is trained on in place of this one: as `at`, with what it is split by."""
        return self.at(path)

    def knowing(self, words: Mapping[str, Sequence[str]]) -> Self:
        """The set of a single split, whose fields number these words first, whether or not a model keeps them.

        `words` are those of the training data, by the names of the fields. The settings of its samples need not say
        them. By default the set as it is: right where the settings of samples have all words, and others are refused.
        """
        return self

    def at_columns(self, names: Sequence[str], source: str) -> Self:
        """The set of a data frame with these columns, read in the same way; names that it does not have are dropped.

        `source` stands for its path.
        """
        raise NotImplementedError

    def load_columns(self, columns: Mapping[str, Sequence[Any]], source: str) -> Samples:
        """The samples of a data frame: the values of each column by its name. Raises `DataError`."""
        raise NotImplementedError

    @staticmethod
    def ending(path: Path) -> str:
        """The ending of a file's name, by which its dataset is chosen; ".idx" of idx files, compressed or not."""
        return ".idx" if _IDX.search(path.name) else path.suffix.lower()

    @staticmethod
    def setting(key: str, value: object) -> str:
        """What a user types to have the data read with another setting: `--set data.key=images`."""
        return assigned(f"data.{key}", value)

    @staticmethod
    @contextmanager
    def reading(path: Path) -> Iterator[None]:
        """Turn whatever a parser makes of a damaged file into one `DataError` that names the file."""
        try:
            yield
        except DataError:
            raise
        except Exception as error:  # damaged files raise a dozen types, from SyntaxError to zlib.error
            raise DataError(
                f"{path}: cannot be read: {error}", hint="it is damaged, or not what its name says"
            ) from error

    def picked(self, n: int) -> range | list[int]:
        """Which of `n` samples to take: all, or `limit` of them, from all over the source (it may be sorted)."""
        limit = self.limit or n
        return range(n) if limit >= n else [row * n // limit for row in range(limit)]


def _too_much_held_out(dataset: DatasetSpec) -> Iterator[Remark]:
    if sum(dataset.fractions()) >= 1:
        yield Remark("validation and test leave nothing to train on", hint="let them add up to less than 1")
