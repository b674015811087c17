"""AdamW without a schedule, as the package `schedulefree` computes it."""

from __future__ import annotations

from typing import Any

from aezoo.errors import RunFailed
from aezoo.nn.optimizers import Uncompiled

try:
    import schedulefree
except ImportError:
    message = "schedule_free is computed by schedulefree, which is not installed"
    raise RunFailed(message, hint="pip install 'aezoo[schedulefree]'") from None


class AdamWScheduleFree(Uncompiled, schedulefree.AdamWScheduleFree):  # type: ignore[misc]
    """Is in its mode of training from the start.

    Defazio et al. 2024, "The Road Less Scheduled", arXiv:2405.15682.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.train()
