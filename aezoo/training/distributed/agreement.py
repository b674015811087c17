"""Agreement: what one process of several decides by a clock or a signal, decided by all at the same step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from aezoo.errors import RunFailed
from aezoo.storage.tensor_parts import refuse_missing, write_parts
from aezoo.training.distributed.ranks import Ranks
from aezoo.training.signals import Stop
from aezoo.training.states.checkpointing import Keeper
from aezoo.training.states.state import UnknownState, flattened


class Agreement:
    """Asks after each step whether to stop, to keep the state and to show the losses.

    Each takes the place of what a loop asks in one process: `stop`, `keeper`, `timer`.

    Args:
        ranks: The processes.
        stop: Whether this one was told to stop; one that was ends all.
        keeper: Keeps states, in the first process alone.
    """

    def __init__(self, ranks: Ranks, stop: Stop, keeper: Keeper | None) -> None:
        self.ranks = ranks
        self._stop, self._keeper = stop, keeper
        self._is_time: Callable[[], bool] = lambda: False
        self._due = self._show = False
        self.stop = AgreedStop(stop)
        self.keeper = AgreedKeeper(self, keeper)

    def timer(self, is_time: Callable[[], bool]) -> AgreedTimer:
        """When losses are shown: at the times of the first process."""
        self._is_time = is_time
        return AgreedTimer(self)

    def reach(self, step: int) -> None:
        """Ask; to be called by all processes after the same step."""
        first = self.ranks.is_first
        show = first and self._is_time()
        due = first and self._keeper is not None and self._keeper.due(step)
        stop, self._due, self._show = self.ranks.agreed(self._stop.requested, due, show)
        if stop:
            self.stop.agree()

    @property
    def due(self) -> bool:
        """Whether all keep the state now."""
        return self._due

    @property
    def show(self) -> bool:
        """Whether all look at the losses now."""
        return self._show


class AgreedStop(Stop):
    """Whether all processes stop.

    Args:
        own: Whether this one was told to.
    """

    def __init__(self, own: Stop) -> None:
        super().__init__()
        self.own = own

    def agree(self) -> None:
        """All stop here."""
        self.requested = self.own.requested = self.own.received = True

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """As that of this process, which gets the signals."""
        with self.own.deferred():
            yield


class AgreedKeeper:
    """Keeps states when the first process's clock says so; of a run that is sharded each process writes its parts.

    Args:
        agreement: Says when.
        keeper: That of the first process.
    """

    def __init__(self, agreement: Agreement, keeper: Keeper | None) -> None:
        self.agreement = agreement
        self.ranks = agreement.ranks
        self.keeper = keeper
        (self.keeps_last,) = self.ranks.agreed(keeper is not None and keeper.keeps_last)
        self._written = False
        if keeper is not None and self.ranks.shards:
            keeper.store.write_tensors = self._write_parts

    def due(self, step: int) -> bool:
        """Whether it was agreed on."""
        return self.agreement.due

    def due_at_epoch_end(self) -> bool:
        """Never: processes agree after steps alone."""
        return False

    def save(self, position: tuple[int, int], state: dict[str, Any]) -> None:
        """Keep a state."""
        self._written = False
        if self.keeper is not None:
            self.keeper.save(position, state)
        if self.ranks.shards and not self._written:
            tensors: Mapping[str, Tensor] = {}
            with suppress(UnknownState):  # which the first has found, too
                tensors = {} if self.ranks.is_first else flattened(state)[1]
            self._write_parts(None, tensors)

    def _write_parts(self, folder: Path | None, tensors: Mapping[str, Tensor]) -> None:
        """Write the parts of tensors where the first process says; nowhere, where it writes no state after all."""
        self._written = True
        folder = self.ranks.told(folder)
        if folder is None:
            return
        with nullcontext() if self.ranks.is_first else suppress(RunFailed):  # which says so
            write_parts(folder, tensors)
        if self.ranks.is_first:
            refuse_missing(folder, tensors)


class AgreedTimer:
    """Says when losses are shown.

    Args:
        agreement: Says when.
    """

    def __init__(self, agreement: Agreement) -> None:
        self.agreement = agreement

    def due(self) -> bool:
        """Whether it was agreed on."""
        return self.agreement.show
