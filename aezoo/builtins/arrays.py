"""Samples from arrays in files: .npy, .npz, .safetensors, idx and HDF5, mapped where the format allows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from aezoo.builtins.grouping import GroupedDatasetSpec
from aezoo.builtins.missing_values import gap_remarks
from aezoo.plugin import DataError, Field, Remark, Samples, Shape, Spec

if TYPE_CHECKING:
    from aezoo.builtins.array_files import Array
    from aezoo.plugin import LazyArray


class ArraysSpec(GroupedDatasetSpec):
    """An array of samples [N, ...] in a .npy, .npz, .safetensors, idx or HDF5 file, or in a folder of shards.

    .npy and .safetensors are mapped, so they may be larger than memory. uint8 stays uint8 (0..255 spans the
    declared range), floats keep their width; bfloat16 and floats of 8 bits in .safetensors become float32, which is
    exact, in memory or, of files over 256 MiB, when they are read. The shards of a folder are joined in the order of
    their names, 2 before 10; they have one shape, one type and the same fields. Other integers, booleans and complex
    numbers are refused, since nothing says what their numbers mean. float64
    values beyond float32 are refused, unless `training.precision` is float64.
    Nothing is unpickled.

    `group` and `time` name arrays [N] by which samples are split: `group` keeps those of one patient, say, together.

    An idx file, as MNIST comes (train-images-idx3-ubyte, perhaps .gz), is mapped or decompressed; its labels are a file
    beside it, which `labels` names. Of HDF5 files, read by h5py (pip install 'aezoo[hdf5]'), names are paths such as
    group/images; what lies there in one piece is mapped, chunks are held up to 1 GiB and else read block by block.

    Of a file of several the samples are `values`, unless `key` names others. The rest are fields of the samples, by
    their names, where a spec declares them. `missing = "mask"` reads NaN as a gap: the value becomes 0, and the field
    `observed` is 1 where a value is known and 0 where none is.

    Example:
        [data]
        type = "arrays"
        path = "faces.npz"
        key = "images"
    """

    suffixes: ClassVar[tuple[str, ...]] = (".npy", ".npz", ".safetensors", ".idx", ".h5", ".hdf5")
    type: Literal["arrays"] = "arrays"
    key: str | None = Field(None, description="name of the array; `values`, or that of the only one, unless said")
    labels: str | None = Field(
        None,
        description="name of an array of integer labels [N] in the same file, or of a file beside it that holds one:"
        " the field `label`",
    )
    missing: Literal["mask"] | None = Field(
        None, description="mask: NaN are gaps, filled with 0, and the field `observed` is 0 there; refused unless said"
    )

    @classmethod
    def knows(cls, folder: Path) -> bool:
        from aezoo.builtins.shards import ARRAYS, holds

        return holds(folder, ARRAYS)

    def at(self, path: Path) -> Self:
        from aezoo.builtins.array_files import opened
        from aezoo.builtins.shards import shards

        first = shards(path)[0]
        with self.reading(first), opened(first) as arrays:
            named = {"key": self.key, "labels": self.labels, "group": self.group, "time": self.time}
            names = {name: key if key in arrays else None for name, key in named.items()}
        return super().at(path).model_copy(update=names)

    def at_split(self, path: Path) -> Self:
        from aezoo.builtins.shards import shards

        there, own = (self._beside(shards(source)[0]) for source in (path, self.found()))
        # A file of this name in the folder of the training data is of those.
        if there is None or (own is not None and there.samefile(own)):
            return self.at(path)
        return self.at(path).model_copy(update={"labels": self.labels})

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        from aezoo.builtins.shards import joined, shards

        path = self.found()
        samples = self._with_splits(joined([self._read(shard) for shard in shards(path)], path))
        values, rows = samples.values, self.picked(len(samples))
        samples = samples.take(rows) if len(rows) < len(values) else samples
        return samples.with_gaps() if self.missing else samples

    def _with_splits(self, samples: Samples) -> Samples:
        """The samples with the groups and times that arrays of the file hold."""

        def column(name: str) -> Array:
            array = samples.fields[name]
            if array.shape != (len(samples),):
                message = (
                    f"{samples.source}: {name!r} is {array.shape}, not one value for each of {len(samples)} samples"
                )
                raise DataError(message, hint="name an array [N]")
            return array

        return self.with_splits(samples, column, lambda row, name: f"{samples.where(row)}: {name!r}")

    def _read(self, path: Path) -> Samples:
        """All samples of one file."""
        from aezoo.builtins.array_files import OtherArrays, as_samples, opened, readable

        with self.reading(path), opened(path) as arrays:
            key = self._sample_key(arrays, path)
            values = as_samples(arrays[key], path)
            labels = self._labels(arrays, path, len(values))
            others = OtherArrays(path, [name for name in arrays if name != key])
        return Samples(readable(values), str(path), labels=labels, fields=others)

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from gap_remarks(self.missing, spec)
        yield from super().remarks(spec)

    def _sample_key(self, arrays: Mapping[str, Array | LazyArray], path: Path) -> str:
        """The name of the array of samples. Raises `DataError` with all names that the file does not have."""
        labels = None if self._beside(path) else self.labels
        named = {"key": self.key, "labels": labels, "group": self.group, "time": self.time}
        absent = {field: name for field, name in named.items() if name is not None and name not in arrays}
        names = ", ".join(arrays) or "none"
        if self.key is None and "values" in arrays and not absent:
            return "values"
        if self.key is None and len(arrays) != 1:
            raise DataError(f"{path}: holds {len(arrays)} arrays: {names}", hint=self._choice(arrays, ["key"]))
        if absent:
            missing = " and no array ".join(map(repr, absent.values()))
            raise DataError(f"{path}: holds no array {missing}; it holds: {names}", hint=self._choice(arrays, absent))
        return self.key or next(iter(arrays))

    def _beside(self, path: Path) -> Path | None:
        """The file of labels in the folder of the samples, if `labels` names one."""
        name = Path(self.labels or "")
        if self.labels != name.name or self.ending(name) not in self.suffixes:
            return None
        beside = path.parent / name
        return beside if beside.is_file() else None

    def _choice(self, arrays: Iterable[str], fields: Iterable[str]) -> str:
        """A hint with the settings that name other arrays, such as the first ones."""
        named = " ".join(self.setting(field, name) for field, name in zip(fields, arrays, strict=False))
        return f"name one of them: {named} (in Python, pass the array itself)" if named else ""

    def _labels(self, arrays: Mapping[str, Array | LazyArray], path: Path, n: int) -> Array | None:
        if self.labels is None:
            return None
        import numpy as np

        from aezoo.builtins.array_files import opened, type_name

        if (beside := self._beside(path)) is not None:
            with self.reading(beside), opened(beside) as others:
                if len(others) != 1:
                    raise DataError(f"{beside}: holds {len(others)} arrays, not one of labels")
                labels = np.asarray(next(iter(others.values())))
        else:
            labels = np.asarray(arrays[self.labels])
        if labels.dtype.kind not in "iu" or labels.shape != (n,):
            raise DataError(f"{path}: labels {self.labels!r} are {type_name(labels)} {labels.shape}, not {n} integers")
        if n and int(labels.max()) >= 2**63:
            raise DataError(f"{path}: label {labels.max()} is beyond 64 bits with a sign", hint="number the classes")
        return labels.astype("int64")
