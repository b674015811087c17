"""Everything aezoo raises on purpose.

    AezooError                    a line for the user, and an exit code for the shell
    ├── SpecError           1     the spec is wrong; holds every fault found
    ├── AnswerNo            1     the command worked and the answer is no
    ├── UsageError          2     the call itself is wrong
    ├── NotFound            3     no such file, name or model
    ├── PluginError         4     a plugin is broken or incompatible
    │   ├── PluginMissing   4     a plugin is not there
    │   └── UnmetSpec       4     a SpecError, too: a spec that needs it
    ├── HubError            5     network, authentication or Hub
    ├── RunFailed           6     the run failed
    │   ├── DataError       6     the data are not what the spec says
    │   └── OtherFailed     6     another process of the same run failed, and says why
    ├── Refused             7     refused for safety: integrity, unsafe or oversized content
    └── Interrupted       130     stopped by the user; what was good is kept
        └── Resumable      75     stopped by the user; a command goes on from where it was stopped

`ShapeError` and `NoMirror` are what a part raises; the code that walks the spec adds the key path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

KeyPath = tuple[str | int, ...]


class AezooError(Exception):
    """Base of all: `str(error)` is what the user reads, `hint` what to do about it.

    Args:
        message: What is wrong, and where.
        hint: What to do about it, in one line.
    """

    exit_code: ClassVar[int] = 1
    #: Of a training that ended with this error: its `Run`, with the weights that it had.
    run: Any = None

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Where(NamedTuple):
    """A stretch of one line of a text; lines and columns count from 1, in characters. Line 0 is the text as a whole."""

    file: str
    line: int = 0
    column: int = 0
    length: int = 1
    text: str = ""  # the whole line, for a frame with a caret


class Fault(NamedTuple):
    """One thing wrong with a spec: where, what, and what to do."""

    path: KeyPath
    code: str
    message: str
    hint: str = ""
    level: str = "error"  # or "warning": a lint, which refuses nothing
    where: Where | None = None

    @property
    def place(self) -> str:
        """The path as people write it: `encoder[1].channels`."""
        return render_path(self.path)

    def __str__(self) -> str:
        where = f"{self.place}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        text = f"{self.level}[{self.code}]: {where}{self.message}{hint}"
        # What is quoted may come from outside, and must not move the cursor of a terminal.
        return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def render_path(path: KeyPath) -> str:
    """`("encoder", 1, "channels")` as `encoder[1].channels`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
            continue
        # A key may hold what would move a terminal's cursor.
        name = step if step.isprintable() else repr(step)
        text += f".{name}" if text else name
    return text


class SpecError(AezooError):
    """A spec is wrong; `faults` holds every fault, not only the first."""

    def __init__(self, faults: Sequence[Fault], *, source: str = "") -> None:
        self.faults = tuple(faults)
        self.source = source
        super().__init__("\n".join(f"{self._prefix(fault)}{fault}" for fault in self.faults))

    def _prefix(self, fault: Fault) -> str:
        at = fault.where
        if at is None:
            return f"{self.source}: " if self.source else ""
        return f"{at.file}:{at.line}:{at.column}: " if at.line else f"{at.file}: "


class AnswerNo(AezooError):
    """The command did its work, and its answer is no."""


class UsageError(AezooError):
    """The call itself is wrong: options that exclude each other, a value out of range."""

    exit_code = 2


class NotFound(AezooError):
    """A file, a name or a model that is not there."""

    exit_code = 3


class PluginError(AezooError):
    """A plugin is broken, disabled, in conflict or written for another API.

    Args:
        message: Which plugin, and what is wrong with it.
        hint: What to do.
        state: Broken, disabled, conflict or incompatible.
    """

    exit_code = 4
    #: Of the fault, where a spec names the plugin.
    code: ClassVar[str] = "AZ303"

    def __init__(self, message: str, *, hint: str = "", state: str = "broken") -> None:
        super().__init__(message, hint=hint)
        self.state = state


class PluginMissing(PluginError):
    """No installed distribution provides the plugin."""

    code = "AZ302"


#: Faults of plugins: a spec with one of these may be right elsewhere.
UNMET = frozenset({"AZ302", "AZ303", "AZ304"})


class UnmetSpec(SpecError, PluginError):
    """A spec that cannot be judged here: it names a plugin that is missing or broken; holds every fault found."""

    exit_code = 4


class HubError(AezooError):
    """Network, authentication or the Hub itself."""

    exit_code = 5


class RunFailed(AezooError):
    """A run that cannot go on: a loss that is not finite, memory, data."""

    exit_code = 6


class DataError(RunFailed):
    """The data are not what the spec says; names the file, the sample and the value."""

    #: More faults than these are counted, not shown.
    SHOWN: ClassVar[int] = 12

    @classmethod
    def several(cls, faults: Sequence[DataError], *, count: int = 0) -> DataError:
        """One error of all faults of a source, a line for each; `count` of them, where some stand for more."""
        count = count or len(faults)
        if count == 1:
            return faults[0]
        lines = [fault.message for fault in _of_each_kind(faults, cls.SHOWN)]
        if len(faults) > len(lines):
            lines.append(f"... and {len(faults) - len(lines):,} more; {count:,} faults in all")
        elif count > len(faults):
            lines.append(f"{count:,} faults in all")
        return cls("\n".join(lines), hint="; ".join(dict.fromkeys(fault.hint for fault in faults if fault.hint)))


class OtherFailed(RunFailed):
    """Another process of the same run failed: it says why, and this one ends with it."""


def _of_each_kind(faults: Sequence[DataError], most: int) -> list[DataError]:
    """So many of the faults, in their order; none is left out for one more of a kind that is cured alike."""
    seen: dict[str, int] = {}
    ranks = []
    for index, fault in enumerate(faults):
        seen[fault.hint] = seen.get(fault.hint, 0) + 1
        ranks.append((seen[fault.hint], index))
    return [faults[index] for _, index in sorted(sorted(ranks)[:most], key=lambda rank: rank[1])]


class DataWarning(UserWarning):
    """The data are taken, but not all is as one would think.

    Args:
        message: What is not.
        hint: What to do.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}: {hint}" if hint else message)


class CheckpointWarning(UserWarning):
    """A state of a run could not be kept, or was damaged: the run works on, and can go on from an earlier state."""


class DivergenceWarning(UserWarning):
    """A loss was not finite: the run went back to an earlier state, and says what it does otherwise from there."""


class Refused(AezooError):
    """Refused for safety: something would be overwritten, is damaged, or too large."""

    exit_code = 7


class Interrupted(AezooError):
    """Stopped by the user; what was good is kept, and the message says where."""

    exit_code = 130


class Resumable(Interrupted):
    """Stopped by the user with its state kept: the hint is the command that goes on."""

    exit_code = 75


class ShapeError(ValueError):
    """A part cannot take this shape; says what it wants and what it got."""


class NoMirror(ValueError):
    """A layer that has no mirror; says how to write the decoder instead."""
