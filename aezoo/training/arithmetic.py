"""Arithmetic: how the passes of a run are computed, where its spec leaves that to the machine.

Weights, their gradients and what an optimizer keeps are float32 under each of them, and so are the terms of the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from aezoo.nn.lower_products import Rounding
from aezoo.nn.objective import Objective

#: How products of float32 tensors are rounded, by the name of a precision.
_ROUNDING: Mapping[str, Rounding] = {"tf32": "high", "bfloat16_products": "medium"}


class Arithmetic(NamedTuple):
    """How the passes of a run are computed.

    Attributes:
        precision: `float32`; `bfloat16`, as autocast; `tf32` or `bfloat16_products`: of float32 tensors, whose values
            are rounded so before they are multiplied.
        channels_last: Whether the channels of images lie side by side in memory.
    """

    precision: str = "float32"
    channels_last: bool = False

    def __str__(self) -> str:
        return f"{self.precision}{', channels-last' if self.channels_last else ''}"

    def set(self, objective: Objective) -> None:
        """Let the passes of an objective be computed so; the order of its weights in memory stays as it is."""
        objective.autocast = torch.bfloat16 if self.precision == "bfloat16" else None
        objective.rounding = _ROUNDING.get(self.precision)


class Choice(NamedTuple):
    """An arithmetic that was chosen, and the reason.

    Attributes:
        arithmetic: Of the run.
        why: In words.
    """

    arithmetic: Arithmetic
    why: str

    def __str__(self) -> str:
        return f"precision: {self.arithmetic} ({self.why})"

    def document(self) -> dict[str, Any]:
        """As JSON: of the record and of each state."""
        return {**self.arithmetic._asdict(), "why": self.why}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Choice:
        """What `document` gave."""
        return cls(Arithmetic(document["precision"], document["channels_last"]), document["why"])
