"""Arrays in .npy, .npz and .safetensors files: opened or mapped, and never unpickled."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aezoo.plugin import DataError, Shape

Array = npt.NDArray[Any]


def as_samples(values: Array, path: Path) -> Array:
    """The array, if it can be a set of samples, or of codes: those may be whole numbers, and one for a sample."""
    if not isinstance(values, np.ndarray):
        raise DataError(f"{path}: holds something that is no array")
    if values.ndim < 1:
        raise DataError(f"{path}: an array {values.shape} is no set of samples; one is [N, ...]")
    if not len(values):
        raise DataError(f"{path}: holds no samples: {values.shape}")
    if values.dtype.kind not in "iuf":
        hint = "save uint8 (0..255 spans the declared range) or float32"
        raise DataError(f"{path}: values are {values.dtype}", hint=hint)
    # torch takes neither a foreign byte order nor unaligned memory.
    plain = values.dtype.isnative and values.flags.aligned
    return values if plain else np.array(values, dtype=values.dtype.newbyteorder("="))


@contextmanager
def opened(path: Path) -> Iterator[Mapping[str, Array]]:
    """The arrays of a file by name; those of .npz are read when they are asked for."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        yield {path.stem: _npy(path)}
    elif suffix == ".npz":
        # Opened here: numpy leaves a file open that turns out to be damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            yield stored
    elif suffix == ".safetensors":
        yield _safetensors(path)
    else:
        raise DataError(f"{path}: is no .npy, .npz or .safetensors file", hint="its name has to say which it is")


def _npy(path: Path) -> Array:
    with path.open("rb") as file:
        first = np.lib.format.read_magic(file) == (1, 0)
        header = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(file)
        start = file.tell()
    if dtype.hasobject:
        raise DataError(f"{path}: holds Python objects, which would have to be unpickled", hint="save plain numbers")
    return _mapped(path, dtype, shape, start, order="F" if fortran else "C", ends=True)


def _mapped(
    path: Path,
    dtype: np.dtype[Any],
    shape: Shape,
    start: int,
    *,
    order: Literal["C", "F"] = "C",
    ends: bool = False,
) -> Array:
    """An array in a file; `ends` says that the file must end with it."""
    needed = int(np.prod(shape, dtype=object)) * dtype.itemsize
    got = path.stat().st_size - start
    if got < needed or (ends and got != needed):
        raise DataError(f"{path}: damaged: its header announces {needed} bytes, {got} follow")
    if not needed:  # nothing to map
        return np.empty(shape, dtype)
    # "c" is copy on write: the file stays as it is, and torch does not warn of memory it cannot write to.
    return np.memmap(path, dtype, mode="c", offset=start, shape=shape, order=order)


_DTYPES = {
    "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8",
    "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8",
    "F16": "<f2", "F32": "<f4", "F64": "<f8", "BOOL": "?",
}  # fmt: skip


def _safetensors(path: Path) -> dict[str, Array]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy"):
        pass  # its strict check of header and offsets; it would copy the tensors, so they are mapped by hand
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    strange = [f"{name} ({at['dtype']})" for name, at in header.items() if at["dtype"] not in _DTYPES]
    if strange:
        raise DataError(f"{path}: numpy has no such type: {', '.join(strange)}", hint="save it as float32")
    data = 8 + length
    return {
        name: _mapped(path, np.dtype(_DTYPES[at["dtype"]]), tuple(at["shape"]), data + at["data_offsets"][0])
        for name, at in header.items()
    }
