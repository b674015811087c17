"""Arrays in .npy, .npz, .safetensors, idx and HDF5 files: opened or mapped, and never unpickled."""

from __future__ import annotations

import gzip
import json
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aezoo.plugin import ConvertedRows, DataError, FileDatasetSpec, LazyArray, Shape

Array = npt.NDArray[Any]
HDF5 = (".h5", ".hdf5")
#: Endings of the files that are read.
SUFFIXES = (".npy", ".npz", ".safetensors", ".idx", *HDF5)
#: Types of idx files by their codes; numbers are written with the largest byte first.
_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
#: Bytes of a file whose values are converted at once; of a larger one, rows are when they are read.
HELD = 256 << 20


def as_samples(values: Array | LazyArray, path: Path) -> Array | LazyArray:
    """The array, if it can be a set of samples [N, ...] or of discrete codes, which are integers, perhaps [N]."""
    if not isinstance(values, (np.ndarray, LazyArray)):
        raise DataError(f"{path}: holds something that is not an array")
    if values.ndim < 1:
        raise DataError(f"{path}: an array {values.shape} is not a set of samples; one is [N, ...]")
    if not len(values):
        raise DataError(f"{path}: holds no samples: {values.shape}")
    if isinstance(values, np.ndarray) and narrow_type(values) is not None:
        return values
    if values.dtype.kind not in "iuf":
        hint = "save uint8 (0..255 spans the declared range) or float32"
        name = type_name(values) if isinstance(values, np.ndarray) else str(values.dtype)
        raise DataError(f"{path}: values are {name}", hint=hint)
    return values


def type_name(values: Array) -> str:
    """The type of an array, in words where numpy has none for it."""
    if values.dtype.kind == "V" and not values.dtype.names:
        return f"{values.dtype.itemsize} raw bytes each, as numpy saves bfloat16 and other types that it lacks"
    return narrow_type(values) or str(values.dtype)


def narrow_type(values: Array) -> str | None:
    """The name of the type, if numpy lacks it and the array has its bits; else None."""
    return next((name for name, bits in _NARROW.values() if values.dtype == np.dtype([(name, bits)])), None)


def readable(values: Array | LazyArray) -> Array | LazyArray:
    """The values as torch can read them: a copy, or of a large mapped file one that is made of the rows that are read.

    torch reads neither another byte order nor unaligned memory, and numpy has no bfloat16.
    """
    if isinstance(values, LazyArray):
        return values
    plain = values.dtype.isnative and values.flags.aligned
    if plain and narrow_type(values) is None:
        return values
    return ConvertedRows(values, _converted) if values.nbytes > HELD else _converted(values)


def _converted(values: Array) -> Array:
    values = widened(values)
    return np.array(values, dtype=values.dtype.newbyteorder("="))


def widened(values: Array) -> Array:
    """Bits of bfloat16 or of a float of 8 bits as float32, which holds all of them exactly; all else as it is."""
    name = narrow_type(values)
    if name is None:
        return values
    bits = values[name]
    if name == "bfloat16":
        return (bits.astype(np.uint32) << 16).view(np.float32)
    import torch

    table = torch.arange(256, dtype=torch.uint8).view(getattr(torch, name)).float().numpy()
    return np.asarray(table[bits], dtype=np.float32)


@contextmanager
def opened(path: Path) -> Iterator[Mapping[str, Array | LazyArray]]:
    """The arrays of a file by name; those of .npz are read at access."""
    suffix = FileDatasetSpec.ending(path)
    if suffix == ".npy":
        yield {path.stem: _npy(path)}
    elif suffix == ".npz":
        # Opened here: `np.load(path)` does not close a damaged file.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            yield stored
    elif suffix == ".safetensors":
        yield _safetensors(path)
    elif suffix == ".idx":
        yield {path.name.partition(".")[0]: _idx(path)}
    elif suffix in HDF5:
        from aezoo.builtins.hdf5_files import Datasets

        yield Datasets(path)
    else:
        raise DataError(
            f"{path}: is not a {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file", hint="rename it to its format"
        )


class OtherArrays(Mapping[str, Array]):
    """Arrays of a file by name, read when they are asked for; they are fields of the samples in the same file.

    Args:
        path: The file.
        names: Those of the arrays.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._path, self._names = path, names
        self._read: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            with FileDatasetSpec.reading(self._path), opened(self._path) as arrays:
                array = arrays[name]
                if not array.ndim:
                    raise DataError(f"{self._path}: {name!r} is one number, not one for each sample")
                self._read[name] = widened(np.asarray(array) if isinstance(array, LazyArray) else array)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _npy(path: Path) -> Array:
    with path.open("rb") as file:
        first = np.lib.format.read_magic(file) == (1, 0)
        header = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(file)
        start = file.tell()
    if dtype.hasobject:
        raise DataError(f"{path}: holds Python objects, which would have to be unpickled", hint="save plain numbers")
    return _mapped(path, dtype, shape, start, order="F" if fortran else "C", ends=True)


def _idx(path: Path) -> Array:
    """The array of an idx file, as MNIST comes: mapped, or decompressed."""
    compressed = path.suffix.lower() == ".gz"
    with gzip.open(path) if compressed else path.open("rb") as file:
        zeros, code, axes = struct.unpack(">HBB", file.read(4))
        if zeros or code not in _IDX_TYPES or not axes:
            raise DataError(f"{path}: is no idx file", hint="it is damaged, or not what its name says")
        shape = struct.unpack(f">{axes}I", file.read(4 * axes))
        dtype = np.dtype(_IDX_TYPES[code])
        if not compressed:
            return _mapped(path, dtype, shape, 4 + 4 * axes, ends=True)
        needed = math.prod(shape) * dtype.itemsize
        values = file.read(needed + 1)
    if len(values) != needed:
        more = "more" if len(values) > needed else f"{len(values)}"
        raise DataError(f"{path}: damaged: its header announces {needed} bytes, {more} follow")
    return np.frombuffer(values, dtype).reshape(shape)


def _mapped(
    path: Path,
    dtype: np.dtype[Any],
    shape: Shape,
    start: int,
    *,
    order: Literal["C", "F"] = "C",
    ends: bool = False,
) -> Array:
    """An array in a file, memory-mapped; with `ends`, the file must end where the array ends."""
    needed = int(np.prod(shape, dtype=object)) * dtype.itemsize
    got = path.stat().st_size - start
    if got < needed or (ends and got != needed):
        raise DataError(f"{path}: damaged: its header announces {needed} bytes, {got} follow")
    if not needed:  # nothing to map
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, mode="r", offset=start, shape=shape, order=order)


_DTYPES = {
    "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8",
    "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8",
    "F16": "<f2", "F32": "<f4", "F64": "<f8", "BOOL": "?", "C64": "<c8",
}  # fmt: skip
#: Types that numpy lacks: their name in torch, and the type of their bits. `widened` converts them to float32.
_NARROW = {
    "BF16": ("bfloat16", "<u2"),
    "F8_E4M3": ("float8_e4m3fn", "u1"),
    "F8_E5M2": ("float8_e5m2", "u1"),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", "u1"),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", "u1"),
}


class _Tensors(Mapping[str, Array]):
    """The tensors of a safetensors file by name, each mapped at access."""

    def __init__(self, path: Path, header: dict[str, Any], start: int) -> None:
        self._path, self._header, self._start = path, header, start

    def __iter__(self) -> Iterator[str]:
        return iter(self._header)

    def __len__(self) -> int:
        return len(self._header)

    def __getitem__(self, name: str) -> Array:
        entry = self._header[name]
        dtype = _numpy_type(entry["dtype"])
        if dtype is None:
            hint = "save it as float32"
            raise DataError(f"{self._path}: {name!r} is of type {entry['dtype']}, which is not read", hint=hint)
        return _mapped(self._path, dtype, tuple(entry["shape"]), self._start + entry["data_offsets"][0])


def _numpy_type(name: str) -> np.dtype[Any] | None:
    if name in _NARROW:
        return np.dtype([_NARROW[name]])
    return np.dtype(_DTYPES[name]) if name in _DTYPES else None


def _safetensors(path: Path) -> Mapping[str, Array]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy"):
        pass  # for its strict check of header and offsets; tensors are mapped below, since it would copy them
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return _Tensors(path, header, 8 + length)
