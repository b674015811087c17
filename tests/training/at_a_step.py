"""A progress that does something when a step is shown."""

from __future__ import annotations

from collections.abc import Callable


class At:
    """Does something at a step."""

    interval = 0.0

    def __init__(self, step: int, act: Callable[[], None]) -> None:
        self.step, self.act = step, act

    def start(self, steps: int) -> None: ...
    def show(self, step: int, terms: object) -> None:
        if step == self.step:
            self.act()

    def close(self) -> None: ...
