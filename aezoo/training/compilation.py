"""Compilation: layers by `torch.compile`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from aezoo.errors import UsageError
from aezoo.nn.autoencoder import Autoencoder


def refuse_no_compiler(device: torch.device) -> None:
    """Refuse to compile where there is nothing to compile with: torch would say so in fifty lines.

    Raises:
        UsageError: The device is a CPU, and there is no C++ compiler.
    """
    if device.type == "cpu" and not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++", "c++"))):
        raise UsageError(
            "training.compile: torch compiles for the CPU with a C++ compiler, and there is none",
            hint="install g++, or --set training.compile=false",
        )


@contextmanager
def compiling(model: Autoencoder) -> Iterator[None]:
    """Within, each layer of encoder and decoder is compiled as it is called first, and again for another shape."""
    layers = [*model.encoder, *model.decoder]
    for layer in layers:
        layer.compile()
    try:
        yield
    finally:
        for layer in layers:
            layer._compiled_call_impl = None
