"""Starting from a model: the tensors of its weights that fit take the place of random ones; each other one is named."""

from __future__ import annotations

from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from aezoo.errors import UsageError
from aezoo.files import expanded
from aezoo.model import Model
from aezoo.storage.loading import model_of
from aezoo.storage.model_files import ModelFiles
from aezoo.storage.verification import verify
from aezoo.storage.weights import weights_in_bytes
from aezoo.storage.writer import current


class Start(NamedTuple):
    """A model whose weights a run starts from.

    Attributes:
        model: Is not changed.
        source: Its folder, name or address, for the record.
    """

    model: Model
    source: str

    @classmethod
    def of(cls, given: Start | Model | str | PathLike[str]) -> Start:
        """A start from a model, or from the folder of one. Raises as `load` does."""
        if isinstance(given, Start):
            return given
        if isinstance(given, Model):
            return cls(given, given.spec.name)
        folder = current(expanded(Path(given)))
        return cls(model_of(verify(ModelFiles(folder)), device="cpu"), str(given))

    @property
    def digest(self) -> str:
        """The sha256 of its weights."""
        return sha256(weights_in_bytes(self.model.network.state_dict(), "")).hexdigest()

    def record(self, network: nn.Module) -> dict[str, Any]:
        """What a network takes from it, and what not.

        Raises:
            UsageError: It takes nothing.
        """
        given, own = self.model.network.state_dict(), network.state_dict()
        left = {name: why for name, value in given.items() if (why := _misfit(value, own.get(name)))}
        taken = [name for name in given if name not in left]
        if not taken:
            name, why = next(iter(left.items()), ("the model", "it has no weights"))
            message = f"none of the {len(given)} tensors of {self.source} fits the spec: {name}: {why}, and so on"
            raise UsageError(message, hint=f"`aezoo show {self.source}` says how it is built")
        new = [name for name in own if name not in given or name in left]
        spec = self.model.spec
        known = {"from": self.source, "arch": spec.arch, "run": spec.run, "sha256": self.digest}
        return {**known, "taken": taken, "left": left, "new": new}

    @torch.no_grad()
    def give(self, network: nn.Module) -> None:
        """Copy what fits into a network."""
        own = network.state_dict()
        for name, value in self.model.network.state_dict().items():
            if not _misfit(value, own.get(name)):
                own[name].copy_(value)


def _misfit(value: Tensor, own: Tensor | None) -> str:
    """Why a tensor cannot be taken; empty if it can."""
    if own is None:
        return "the spec's model has no such tensor"
    if own.shape != value.shape:
        return f"it is {list(value.shape)}, the spec's {list(own.shape)}"
    if own.is_floating_point() != value.is_floating_point():
        return f"it holds {value.dtype}, the spec's {own.dtype}".replace("torch.", "")
    return ""


def summary(record: dict[str, Any]) -> str:
    """A line that says what was taken."""
    taken, left, new = record["taken"], record["left"], record["new"]
    text = f"starts from {record['from']}: {len(taken)} of {len(taken) + len(left)} tensors taken"
    parts = [f"{name} is left: {why}" for name, why in left.items()]
    missing = [name for name in new if name not in left]
    parts += [f"{', '.join(missing)}: random, as the spec says"] if missing else []
    return "; ".join([text, *parts])
