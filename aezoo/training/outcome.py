"""How a run went: its weights, its length, and why it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from aezoo.training.meter import Means


@dataclass
class Outcome:
    """How a run went.

    Attributes:
        state: The weights to keep: the best by the spec's `best_by`, else the last good ones.
        auxiliary_state: Of all but the model, of the same step: the critics' weights, running means of penalties.
        step: Steps done.
        epoch: Epochs done, or begun.
        best_step: The step that `state` is from.
        stop_reason: "finished", "patience", "pruned", "interrupted", "not finite" or "failed".
        failure: What to raise once the weights are kept, if the run did not end well.
    """

    state: dict[str, Tensor]
    auxiliary_state: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0
    epoch: int = 0
    best_step: int = 0
    stop_reason: str = "finished"
    failure: Exception | None = None
    seconds: float = 0.0
    validation: Means = field(default_factory=dict)
