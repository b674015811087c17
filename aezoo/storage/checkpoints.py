"""Checkpoints: the states of a run at work, in its folder, so that it can go on after any death.

    FOLDER/.aezoo-checkpoints/run.json              the spec of the run and where its data come from
                             /finished.json         of a run that is at its end: its fingerprint
                             /1200.3/               one state: after 1,200 steps, with 3 epochs done
                                    /*.safetensors  its tensors; of a sharded run a file of each process
                                    /state.json     its numbers, and where each tensor belongs
                                    /manifest.json  sha256 and size of each file, the conditions of the run, run.json
                             /metrics.jsonl         the records, where those of an older model are in the folder

A state is written aside, brought to the disk, and gets its name last. Two are kept: the older goes when a newer one is
on the disk. One whose bytes are not those that were written does not count; the one before it does.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aezoo.errors import AezooError, Refused, RunFailed
from aezoo.files import atomic_write, digest_of, sync
from aezoo.spec.amounts import size as spelled
from aezoo.spec.canonical import to_json
from aezoo.storage import layout, tensor_parts, weights

if TYPE_CHECKING:
    from torch import Tensor

    #: Writes tensors into the folder of a state, by their names.
    WriteTensors = Callable[[Path, Mapping[str, Tensor]], None]

#: Of the folder of checkpoints, inside a model's folder: it is never published.
NAME = layout.CHECKPOINTS
RUN, STATE, MANIFEST, FINISHED = "run.json", "state.json", "manifest.json", "finished.json"
#: Of a manifest: the tensors are in parts, each with its place in the header of its file.
IN_PARTS = "parts"
#: States that are kept.
KEPT = 2
FORMAT = 1
_ASIDE = ".new-"
_GENERATION = re.compile(r"(\d+)\.(\d+)")
#: Bytes of a state beside its tensors, at most, and of the folder's own needs.
_BESIDE = 1 << 20


class Position(NamedTuple):
    """Where a run is: the steps and the epochs that are done."""

    step: int
    epoch: int

    @property
    def name(self) -> str:
        """Of the folder of this state."""
        return f"{self.step}.{self.epoch}"


class Checkpoint(NamedTuple):
    """A state that was read, and is as it was written.

    Attributes:
        position: Of the run.
        document: The numbers, and where each tensor belongs.
        tensors: By their names in the document.
        facts: What else was noted with it.
    """

    position: Position
    document: Any
    tensors: dict[str, Tensor]
    facts: Mapping[str, Any]


class Checkpoints:
    """The states of one run.

    Args:
        folder: Of the model; whoever writes holds its lock.

    Attributes:
        write_tensors: Writes the tensors of a state in parts, with other processes; None where this one has them whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / NAME
        self.write_tensors: WriteTensors | None = None

    def positions(self) -> list[Position]:
        """Where the states are from, the newest first, be they whole or damaged."""
        try:
            folders = [path for path in self.folder.iterdir() if path.is_dir()]
        except (FileNotFoundError, NotADirectoryError):  # a run that ends takes it away
            return []
        names = (_GENERATION.fullmatch(path.name) for path in folders)
        return sorted((Position(int(name[1]), int(name[2])) for name in names if name), reverse=True)

    def begin(self, run: Mapping[str, Any]) -> None:
        """Note what is run, in place of what another run has left here. Raises `RunFailed`."""
        self.clear()
        self.folder.mkdir(exist_ok=True)
        atomic_write(self.folder / RUN, _signed(run))

    def note(self, run: Mapping[str, Any]) -> None:
        """Note that a run goes on, as this one. Raises `RunFailed`."""
        atomic_write(self.folder / RUN, _signed(run))
        (self.folder / FINISHED).unlink(missing_ok=True)

    def finish(self, run: str) -> None:
        """Note that the run of this fingerprint is at its end, and keep its last state alone. Raises `RunFailed`."""
        atomic_write(self.folder / FINISHED, _signed({"run": run}))
        for position in self.positions()[1:]:
            _remove(self.folder / position.name)

    def finished(self) -> str | None:
        """The fingerprint of the run that is at its end here; None where none is."""
        try:
            run: str = _verified(self.folder / FINISHED)["run"]
            return run
        except (OSError, Refused, KeyError):
            return None

    def run(self) -> dict[str, Any] | None:
        """What is run, as it was noted before the first step; None where nothing is, or it is damaged."""
        try:
            return _verified(self.folder / RUN)
        except (OSError, Refused):
            return None

    def write(self, position: Position, document: Any, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Write a state, and remove those that are too old.

        Args:
            position: Of the run.
            document: JSON; infinities and NaN are allowed.
            tensors: By their names in the document: all that begin alike up to a slash are in one file.
            facts: JSON without these, noted in the manifest.

        Raises:
            RunFailed: It cannot be written; those before are as they were.
        """
        if (self.folder / position.name).exists():  # a run is at one state at one position
            return
        try:
            self._refuse_full_disk(tensors)
            stage = self.folder / f"{_ASIDE}{secrets.token_hex(4)}"
            stage.mkdir(parents=True)
            try:
                if self.write_tensors:
                    self.write_tensors(stage, tensors)
                    facts = {**facts, IN_PARTS: True}
                else:
                    _write_groups(stage, tensors)
                _sign(stage, document, {**facts, "position": position._asdict()})
                sync(stage)
                stage.rename(self.folder / position.name)
            finally:
                shutil.rmtree(stage, ignore_errors=True)
            sync(self.folder)
            self._remove_old()
        except OSError as error:
            raise RunFailed(f"{self.folder} cannot be written to: {error.strerror or error}") from error

    def newest(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest state that is whole, and what is wrong with those after it."""
        faults: list[str] = []
        for position in self.positions():
            try:
                return self._read(position), faults
            except (AezooError, OSError, ValueError) as error:
                faults.append(str(error))
        return None, faults

    def keep_up_to(self, position: Position) -> None:
        """Remove the states after this one, which are damaged, and what a crash left."""
        for left in self.folder.glob(f"{_ASIDE}*"):
            shutil.rmtree(left, ignore_errors=True)
        for other in self.positions():
            if other > position:
                _remove(self.folder / other.name)

    def remove_from(self, position: Position) -> None:
        """Remove the states at this position and after it."""
        for other in self.positions():
            if other >= position:
                _remove(self.folder / other.name)

    def clear(self) -> None:
        """Remove all, in one step: half of them would be states that are damaged."""
        if self.folder.is_dir():
            # What begins so is of no use to anyone, and goes with the next writer if not now.
            left = self.folder.rename(self.folder.parent / f"{layout.WRITERS[0]}{secrets.token_hex(4)}")
            shutil.rmtree(left, ignore_errors=True)

    def sweep(self) -> None:
        """Remove all where no state is: then nothing can go on."""
        if not self.positions():
            self.clear()

    def _refuse_full_disk(self, tensors: Mapping[str, Tensor]) -> None:
        needed = sum(tensor.nbytes for tensor in tensors.values()) + _BESIDE
        free = shutil.disk_usage(self.folder.parent).free
        if free < needed:
            raise RunFailed(f"{self.folder}: a checkpoint needs {spelled(needed)}, {spelled(free)} are free")

    def _remove_old(self) -> None:
        for position in self.positions()[KEPT:]:
            _remove(self.folder / position.name)

    def _read(self, position: Position) -> Checkpoint:
        folder = self.folder / position.name
        facts = _verified(folder / MANIFEST)
        for name, noted in facts["files"].items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != noted["size"] or digest_of(path) != noted["sha256"]:
                raise Refused(f"{path} is not as it was written")
        stray = {path.name for path in folder.iterdir()} - {*facts["files"], MANIFEST}
        if stray:  # parts are read by what lies there
            raise Refused(f"{folder} holds what no run wrote: {', '.join(sorted(stray)[:3])}")
        if Position(**facts["position"]) != position or STATE not in facts["files"]:
            raise Refused(f"{folder} is not as it was written")
        tensors: dict[str, Tensor] = {}
        if facts.get(IN_PARTS):
            tensors = tensor_parts.read_parts(folder)
        else:
            for name in facts["files"]:
                if name != STATE:
                    tensors |= weights.read_weights(folder / name)
        document = json.loads((folder / STATE).read_bytes())
        return Checkpoint(position, document, tensors, facts)


def _write_groups(stage: Path, tensors: Mapping[str, Tensor]) -> None:
    for group, members in _grouped(tensors):
        weights.write_weights(stage / f"{group}.safetensors", members, "")


def _sign(stage: Path, document: Any, facts: Mapping[str, Any]) -> None:
    """Write what is beside the tensors, and the digest of each file."""
    atomic_write(stage / STATE, json.dumps(document, allow_nan=True, separators=(",", ":")))
    files = {path.name: {"size": path.stat().st_size, "sha256": digest_of(path)} for path in sorted(stage.iterdir())}
    atomic_write(stage / MANIFEST, _signed({**facts, "files": files}))


def _grouped(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    for group in dict.fromkeys(name.partition("/")[0] for name in tensors):
        yield group, {name: tensor for name, tensor in tensors.items() if name.partition("/")[0] == group}


def _remove(folder: Path) -> None:
    """Remove a state; its manifest first, so that half of it is no state."""
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _signed(document: Mapping[str, Any]) -> str:
    """A text that holds its own digest: a changed byte anywhere in it is found."""
    document = {**document, "checkpoint": FORMAT}
    return to_json({**document, "digest": _digest(document)}) + "\n"


def _digest(document: Mapping[str, Any]) -> str:
    return sha256(to_json(dict(document), indent=None).encode()).hexdigest()


def _verified(path: Path) -> dict[str, Any]:
    """What a signed file holds. Raises `OSError`, and `Refused` if it is not as it was written."""
    data = path.read_bytes()
    try:
        document: dict[str, Any] = json.loads(data)
        document.pop("digest")
        if document.pop("checkpoint") != FORMAT or data != _signed(document).encode():
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused(f"{path} is not as it was written") from None
    return document
