"""Numbers of a part's module that a spec gives as schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from aezoo.spec.kinds import ScheduleSpec

if TYPE_CHECKING:
    from torch import nn

Module = TypeVar("Module", bound="nn.Module")


def scheduled(module: Module, **numbers: Any) -> Module:
    """The module with these numbers, those that are schedules changing before each pass of a run.

    A constant becomes a plain number. A schedule becomes a buffer without axes: its number is that of the step in
    training, and saved with a model that its run ended with.

    Args:
        module: Sets an attribute of each name in `__init__`, and reads it at each pass.
        numbers: Fields of a declaration: schedules; anything else is set as it is.

    Raises:
        AttributeError: The module sets no such attribute.
    """
    changing: dict[str, ScheduleSpec] = {}
    for name, number in numbers.items():
        if name not in vars(module):
            raise AttributeError(f"{type(module).__name__} sets no attribute {name!r} of its own in `__init__`")
        if isinstance(number, ScheduleSpec) and number.constant is None:
            changing[name] = number
        else:
            setattr(module, name, number.constant if isinstance(number, ScheduleSpec) else number)
    if changing:
        # Here: a declaration imports this module, and PyTorch only builds.
        from aezoo.modules.output_checks import curve
        from aezoo.nn.schedule_buffers import follow

        follow(module, {name: curve(schedule) for name, schedule in changing.items()})
    return module
