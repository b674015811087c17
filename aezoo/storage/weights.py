"""Weights: a safetensors file, checked before it is trusted, without PyTorch. Nothing is unpickled."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aezoo.errors import NotFound, Refused
from aezoo.files import replacing
from aezoo.reading.text import is_text
from aezoo.storage.layout import WEIGHTS
from aezoo.storage.model_files import Content, ModelFiles

if TYPE_CHECKING:
    from mmap import mmap

    from torch import Tensor

    Buffer = bytes | mmap

NAME = WEIGHTS
#: Key of the one entry of metadata. One, since the order of several is not fixed, and so the bytes would not be.
KEY = "aezoo"
MAX_HEADER = 4 << 20
MAX_TENSORS = 20_000
MAX_METADATA = 16
MAX_AXES = 16
#: Bytes of a value, by safetensors' name of its type; and torch's name.
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
TORCH = {short: name for name, short in DTYPES.items()}


#: Of a floating type: the bits of a value, and those that are all set in NaN and infinity and in nothing else.
EXPONENTS = {
    "F64": ("<u8", 0x7FF << 52),
    "F32": ("<u4", 0xFF << 23),
    "F16": ("<u2", 0x1F << 10),
    "BF16": ("<u2", 0xFF << 7),
}
#: Values that are compared together.
PIECE = 1 << 20


class Entry(NamedTuple):
    """One tensor of a file."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many values it has."""
        return prod(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join(map(str, self.shape))}]"


class Header(NamedTuple):
    """What a file says about itself.

    Attributes:
        tensors: Every tensor by its name, in the order in which they lie in the file.
        metadata: Texts.
        start: Where the first tensor begins.
    """

    tensors: dict[str, Entry]
    metadata: dict[str, str]
    start: int = 0


def read_header(path: Path) -> Header:
    """The header of a weight file. Raises `NotFound`, and `Refused` if it is damaged."""
    return header_of(path, opened(ModelFiles(path.parent), path.name).data)


def opened(files: ModelFiles, name: str) -> Content:
    """What a weight file holds. Raises `NotFound`."""
    path = files.folder / name
    if not path.is_file():
        raise NotFound(f"{path}: no such file", hint="fetch or train the model again")
    return files.content(name)


def header_of(path: Path, data: Buffer) -> Header:
    """The header of a safetensors file.

    Args:
        path: Of the file.
        data: All its bytes.

    Raises:
        Refused: It is damaged, too large, or something else.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise _damaged(path, "it is cut short, or no safetensors file")
    if length > MAX_HEADER:
        raise _damaged(path, f"its header has {length} bytes, {MAX_HEADER} at most are read")
    raw = data[8 : 8 + length]
    try:
        table = json.loads(raw.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its header is no JSON: {error}") from None
    if not is_text(table):
        raise _damaged(path, "its header holds half of a character: a lone surrogate")
    if not isinstance(table, dict) or len(table) > MAX_TENSORS:
        raise _damaged(path, f"its header is no table of at most {MAX_TENSORS} tensors")
    metadata = table.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise _damaged(path, "its metadata are no texts")
    if len(metadata) > MAX_METADATA:
        raise _damaged(path, f"its metadata have more than {MAX_METADATA} entries")
    return Header(_entries(path, table, len(data) - 8 - length), metadata, 8 + length)


def _entries(path: Path, table: Mapping[str, Any], size: int) -> dict[str, Entry]:
    """The tensors, which have to lie one after another and fill the file."""
    spans: dict[str, tuple[int, int]] = {}
    entries: dict[str, Entry] = {}
    for name, item in table.items():
        try:
            dtype, axes, (start, end) = item["dtype"], item["shape"], item["data_offsets"]
            fits = isinstance(axes, list) and len(axes) <= MAX_AXES
            shape = tuple(axes) if fits else ()
            fits = fits and all(type(n) is int and 0 <= n < 1 << 62 for n in (*shape, start, end))
            fits = (
                fits and set(item) == {"dtype", "shape", "data_offsets"} and end - start == prod(shape) * SIZES[dtype]
            )
        except (KeyError, TypeError, ValueError):
            fits = False
        if not fits:
            raise _damaged(path, f"its entry {name[:80]!r} is not what safetensors writes")
        spans[name] = start, end
        entries[name] = Entry(dtype, shape)
    position = 0
    placed = sorted(spans, key=spans.__getitem__)
    for start, end in map(spans.__getitem__, placed):
        if start != position:
            raise _damaged(path, "its tensors overlap or leave gaps")
        position = end
    if position != size:
        raise _damaged(path, f"it holds {size} bytes of tensors, its header speaks of {position}")
    return {name: entries[name] for name in placed}


def compare(path: Path, header: Header, expected: Mapping[str, Tensor]) -> None:
    """Refuse a file that does not hold exactly these tensors: names, types and shapes."""
    wanted = {name: Entry(_dtype(tensor), tuple(tensor.shape)) for name, tensor in expected.items()}
    faults = [
        _listed("missing", sorted(wanted.keys() - header.tensors.keys())),
        _listed("unexpected", sorted(header.tensors.keys() - wanted.keys())),
        _listed(
            "different",
            [
                f"{name} is {header.tensors[name]}, not {entry}"
                for name, entry in sorted(wanted.items())
                if name in header.tensors and header.tensors[name] != entry
            ],
        ),
    ]
    if any(faults):
        raise Refused(
            f"{path} does not fit its spec: {'; '.join(filter(None, faults))}",
            hint="the weights belong to another spec, or to another version of a part",
        )


def not_finite(data: Buffer, header: Header) -> list[str]:
    """The tensors of a file that hold NaN or infinity."""
    import numpy as np

    names, start = [], header.start
    for name, entry in header.tensors.items():
        if entry.dtype in EXPONENTS:
            bits, exponent = EXPONENTS[entry.dtype]
            values = np.frombuffer(data, bits, entry.size, start)
            # Piece by piece: the comparison needs memory of its own.
            pieces = (values[at : at + PIECE] for at in range(0, len(values), PIECE))
            if any(((piece & exponent) == exponent).any() for piece in pieces):
                names.append(name)
        start += entry.size * SIZES[entry.dtype]
    return names


def write_weights(path: Path, tensors: Mapping[str, Tensor], text: str) -> None:
    """Write tensors and one text of metadata; the same ones give the same bytes."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    separate = _separate(tensors)
    with replacing(path) as temporary:
        try:
            save_file(separate, temporary, metadata={KEY: text})
        except SafetensorError as error:
            raise _unwritten(error) from error


def weights_in_bytes(tensors: Mapping[str, Tensor], text: str) -> bytes:
    """The bytes that `write_weights` puts into a file."""
    from safetensors.torch import save

    return save(_separate(tensors), metadata={KEY: text})


def weights_from_bytes(data: bytes) -> dict[str, Tensor]:
    """The tensors in what would be a file. Raises `Refused` if it is damaged."""
    return tensors_of(data, header_of(Path(NAME), data))


def _separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in the order of their names, each with memory of its own: safetensors holds no other."""
    seen: set[int] = set()
    separate: dict[str, Tensor] = {}
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        pointer = tensor.untyped_storage().data_ptr()
        separate[name] = tensor.clone() if pointer in seen else tensor
        seen.add(pointer)
    return separate


def _unwritten(error: Exception) -> OSError:
    """The system's error behind one of safetensors, whose text alone names it."""
    number = re.search(r"os error (\d+)", str(error))
    return OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError(str(error))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file. Raises `NotFound`, and `Refused` if it is damaged."""
    data = opened(ModelFiles(path.parent), path.name).data
    return tensors_of(data, header_of(path, data))


def tensors_of(data: Buffer, header: Header) -> dict[str, Tensor]:
    """The tensors in the bytes of a file, whose header was checked."""
    import numpy as np
    import torch

    tensors, start = {}, header.start
    for name, entry in header.tensors.items():
        size = SIZES[entry.dtype]
        # By their bits: numpy has no bfloat16. In the order of the file, which need not be the processor's.
        array = np.frombuffer(data, f"<i{size}", entry.size, start).astype(f"=i{size}", copy=False)
        # Bytes must not be written to, and a map may be; a tensor has to begin at a multiple of its values' size.
        array = array if array.flags.writeable and array.flags.aligned else array.copy()
        tensors[name] = torch.from_numpy(array).view(getattr(torch, TORCH[entry.dtype])).reshape(entry.shape)
        start += entry.size * size
    return tensors


def _dtype(tensor: Tensor) -> str:
    return DTYPES.get(str(tensor.dtype).removeprefix("torch."), str(tensor.dtype))


def _listed(word: str, names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{word}: {', '.join(map(shown, names[:3]))}{more}" if names else ""


def shown(name: str) -> str:
    """A tensor's name as a message prints it: one in a file of somebody else may hold what moves a cursor."""
    return name if name.isprintable() and len(name) <= 160 else repr(name[:160])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a name stands twice")
    return table


def _damaged(path: Path, why: str) -> Refused:
    return Refused(f"{path} is refused: {why}", hint="fetch or train it again")
