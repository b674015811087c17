"""What the commands about specs are given: a spec, or a model's folder, which holds its spec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import aezoo
from aezoo.errors import UsageError

if TYPE_CHECKING:
    from aezoo.spec.document import Spec
    from aezoo.spec.limits import Limits


def spec_of(source: str, overrides: Sequence[str] = (), *, limits: Limits) -> Spec:
    """The spec of a file, of a bundled name or of a model's folder, without torch.

    What its author may want to look at again goes to stderr as warnings.

    Raises:
        UsageError: A trained model is what it is: nothing of it can be set.
        NotFound, Refused, SpecError: There is none, or it cannot be read here.
    """
    from aezoo import manifest

    if not _is_file(Path(source) / manifest.NAME):
        return aezoo.read(source, overrides=overrides, limits=limits)
    if overrides:
        raise UsageError("--set changes a spec; a trained model is what it is", hint=f"leave it out for {source}")
    return manifest.read_manifest(Path(source))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file system takes
        return False
