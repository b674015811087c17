"""Tensors in parts: files that several processes write together, through torch's distributed checkpoints.

Each process writes one safetensors file of its parts, and notes in its header as JSON where each begins. There is no
other file, and nothing is pickled. Any number of processes can read them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aezoo.errors import Refused, RunFailed

if TYPE_CHECKING:
    from torch import Tensor


def write_parts(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write the parts that this process has of tensors; to be called by all processes.

    Args:
        folder: One that all processes reach.
        tensors: By name; one that is not sharded is written by one process.

    Raises:
        RunFailed: A part cannot be written, by any process.
    """
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
    from torch.distributed.checkpoint.state_dict_saver import save

    try:
        save(dict(tensors), storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))
    except CheckpointException as error:
        reason = next(iter(error.failures.values()), (error, None))[0]
        raise RunFailed(f"{folder.parent} cannot be written to: {reason}") from error


def refuse_missing(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise `RunFailed` if a part that was written is not in the folder: another process wrote elsewhere."""
    entries = _entries(folder)
    for name, tensor in tensors.items():
        if name not in entries or sum(chunk.sizes.numel() for chunk in entries[name].chunks) != tensor.numel():
            raise RunFailed(f"{folder.parent}: parts of other processes are not there; all have to reach this folder")


def read_parts(folder: Path) -> dict[str, Tensor]:
    """The whole tensors, put together in this process; whoever calls it has seen that no file is missing.

    Raises:
        Refused: A part cannot be read.
    """
    import torch
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
    from torch.distributed.checkpoint.state_dict_loader import load

    entries = _entries(folder)
    tensors = {name: torch.empty(entry.size, dtype=entry.properties.dtype) for name, entry in entries.items()}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)
        try:
            load(tensors, storage_reader=HuggingFaceStorageReader(str(folder)), no_dist=True)
        except CheckpointException as error:  # which is no `Exception`
            raise Refused(f"{folder} cannot be read: {error}") from error
    return tensors


def _entries(folder: Path) -> dict[str, Any]:
    """The size and the parts of each tensor, as the headers of the files say them."""
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader

    return HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
