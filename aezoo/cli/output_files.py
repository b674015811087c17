"""Files that commands write: refused if they exist, the format by their suffix, written whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aezoo.cli.file_names import file_stems
from aezoo.errors import NotFound, Refused, UsageError
from aezoo.files import atomic_write

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

    Array = npt.NDArray[np.generic]

ARRAYS = (".npy", ".npz", ".safetensors")
PICTURE = ".png"
#: A picture shows so many samples at most; an array or a folder holds them all.
SHOWN = 64


def claim(path: Path, *, force: bool, suffixes: Sequence[str] = (), folder: bool = False) -> Path:
    """The path, if it may be written; checked before any work is done.

    Args:
        path: What the user named.
        force: Whether an existing file may be replaced.
        suffixes: Those that a file may have, or any.
        folder: Whether a name without a suffix is a folder, to be made.

    Raises:
        Refused: The path exists.
        UsageError: The suffix is none of `suffixes`.
        NotFound: The parent folder does not exist.
    """
    as_folder = folder and not path.suffix
    if suffixes and not as_folder and path.suffix.lower() not in suffixes:
        also = ", or a folder's name" if folder else ""
        raise UsageError(f"--out {path}: takes a name that ends in {', '.join(suffixes)}{also}")
    if path.is_dir() != as_folder and path.exists() and (path.is_dir() or as_folder):
        raise Refused(f"{path} is a {'folder' if path.is_dir() else 'file'}", hint="name another --out")
    filled = any(path.iterdir()) if path.is_dir() else path.exists()
    if filled and not force:
        raise Refused(f"{path} exists", hint="name another --out, or --force replaces it")
    if not path.parent.is_dir():
        raise NotFound(f"{path.parent}: no such folder", hint="make it first")
    return path


def write_array(path: Path, array: Array, companions: Mapping[str, Array] | None = None) -> None:
    """Write an array in the format that the suffix names; .npz alone takes what goes along, by name."""
    suffix = path.suffix.lower()
    atomic_write(path, _npz(array, companions or {}) if suffix == ".npz" else WRITERS[suffix](array))


def write_picture(path: Path, picture: Image) -> None:
    """Write a picture as PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    atomic_write(path, buffer.getvalue())


def write_images(folder: Path, images: Array, names: Sequence[str], interval: tuple[float, float] | None) -> list[str]:
    """Write each image [C, H, W] into the folder as a PNG of its own size; returns the names of the files, in order.

    Raises:
        UsageError: The samples are not images.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3, 4):
        raise UsageError("only grey, RGB and RGBA images make a folder of pictures", hint="name an --out file .npy")
    folder.mkdir(exist_ok=True)
    files = [f"{stem}.png" for stem in file_stems(names)]
    for file, image in zip(files, images, strict=True):
        write_picture(folder / file, _pixels(image, interval or (0.0, 1.0)))
    return files


def _pixels(image: Array, interval: tuple[float, float]) -> Image:
    import numpy as np
    from PIL import Image

    low, high = interval
    levels = np.clip((image.astype(np.float64) - low) / (high - low), 0, 1)
    pixels = np.rint(levels * 255).astype(np.uint8)
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))


def _npy(array: Array) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _npz(array: Array, companions: Mapping[str, Array]) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{**companions, "values": array})  # type: ignore[arg-type]
    return buffer.getvalue()


def _safetensors(array: Array) -> bytes:
    import numpy as np
    from safetensors.numpy import save

    tensors: dict[str, Any] = {"values": np.ascontiguousarray(array)}
    return save(tensors)


WRITERS: dict[str, Callable[[Array], bytes]] = {".npy": _npy, ".safetensors": _safetensors}
