"""Early stopping: which epoch was the best so far, and after how many without a better one a run ends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aezoo.errors import RunFailed
from aezoo.training.meter import Means


class EarlyStopping:
    """The best value of a run so far, and the epochs since then.

    Args:
        best_by: The term by which epochs are compared; `last`: each is better than those before.
        patience: Epochs without a better value that end a run; None: it does not end early.

    Attributes:
        pruned: Whether a search that compares the run with others has ended it.
    """

    def __init__(self, best_by: str, *, patience: int | None = None) -> None:
        self.best_by = best_by
        self.patience = patience
        self.best = math.inf
        self.epochs_waited = 0
        self.pruned = False

    def improves(self, terms: Means, step: int) -> bool:
        """Whether an epoch that ended with this step is the best so far; if so, later ones are compared with it.

        Raises:
            RunFailed: There is no such term.
        """
        if self.best_by != "last" and self.best_by not in terms:
            known = ", ".join(terms)
            raise RunFailed(f"training.best_by: no term is called {self.best_by!r}", hint=f"there are: last, {known}")
        value = -step if self.best_by == "last" else terms[self.best_by]
        if value >= self.best:
            return False
        self.best = value
        return True

    def ends_run(self, *, improved: bool) -> bool:
        """Whether patience is at its end after an epoch that was the best so far, or was not."""
        self.epochs_waited = 0 if improved else self.epochs_waited + 1
        return self.exhausted

    @property
    def exhausted(self) -> bool:
        """Whether patience is at its end, or the run was pruned."""
        return self.pruned or (self.patience is not None and self.epochs_waited >= self.patience)

    @property
    def reason(self) -> str:
        """Why it ends a run."""
        return "pruned" if self.pruned else "patience"

    def state(self) -> dict[str, Any]:
        """The best value so far, and the epochs since."""
        return {"best": self.best, "epochs_waited": self.epochs_waited}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.best, self.epochs_waited = state["best"], state["epochs_waited"]
