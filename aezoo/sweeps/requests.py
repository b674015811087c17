"""What is the same for all trials of a sweep."""

from __future__ import annotations

from typing import Any, NamedTuple

from aezoo.data.fields import Fields
from aezoo.spec.document import Spec
from aezoo.spec.limits import DEFAULT_LIMITS, Limits
from aezoo.training.states.resuming import Request


class Settings(NamedTuple):
    """How trials are trained; as `aezoo.train` takes them.

    Attributes:
        data: Instead of the spec's.
        fields: What goes along with the samples.
        device: Where it computes.
        threads: Of the CPU.
        force: Whether a folder may hold something else.
        limits: How large a model may be.
    """

    data: Any = None
    fields: Fields | None = None
    device: str = "auto"
    threads: int | None = None
    force: bool = False
    limits: Limits = DEFAULT_LIMITS

    def request(self, spec: Spec) -> Request:
        """The run of one spec."""
        return Request(spec, self.data, self.fields, self.device, self.threads)
