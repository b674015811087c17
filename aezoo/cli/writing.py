"""Files that commands write: refused if they are there, named by their suffix, written whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aezoo.errors import NotFound, Refused, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.generic]

ARRAYS = (".npy", ".npz", ".safetensors")


def claim(path: Path, *, force: bool, suffixes: Sequence[str] = ()) -> Path:
    """The path, if it may be written: asked before any work is done. Raises `Refused`, `UsageError`, `NotFound`."""
    if suffixes and path.suffix.lower() not in suffixes:
        raise UsageError(f"--out {path}: takes a name that ends in {', '.join(suffixes)}")
    if path.is_dir():
        raise Refused(f"{path} is a folder", hint="name a file")
    if path.exists() and not force:
        raise Refused(f"{path} exists", hint="name another --out, or --force replaces it")
    if not path.parent.is_dir():
        raise NotFound(f"{path.parent}: no such folder", hint="make it first")
    return path


def write_text(path: Path, text: str) -> None:
    from aezoo.files import atomic_write

    atomic_write(path, text)


def write_array(path: Path, array: Array) -> None:
    """Write an array in the format that the suffix names."""
    from aezoo.files import atomic_write

    atomic_write(path, WRITERS[path.suffix.lower()](array))


def _npy(array: Array) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _npz(array: Array) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.savez_compressed(buffer, values=array)
    return buffer.getvalue()


def _safetensors(array: Array) -> bytes:
    import numpy as np
    from safetensors.numpy import save

    tensors: Mapping[str, Any] = {"values": np.ascontiguousarray(array)}
    return save(dict(tensors))


WRITERS: dict[str, Callable[[Array], bytes]] = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors}
