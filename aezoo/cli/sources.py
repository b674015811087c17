"""What the commands about specs are given: a spec, or a model's folder, which holds its spec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import aezoo
from aezoo.errors import UnmetSpec, UsageError

if TYPE_CHECKING:
    from aezoo.partial import Partial
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

    if not _holds_model(source):
        return aezoo.read(source, overrides=overrides, limits=limits)
    if overrides:
        raise UsageError("--set changes a spec; a trained model is what it is", hint=f"leave it out for {source}")
    return manifest.read_manifest(Path(source))


def known_of(source: str, overrides: Sequence[str] = (), *, limits: Limits) -> Spec | Partial:
    """As `spec_of`; and of a spec some of whose plugins are not here, what can be told without them."""
    from aezoo import manifest
    from aezoo.partial import partial

    try:
        return spec_of(source, overrides, limits=limits)
    except UnmetSpec as error:
        if _holds_model(source):
            document, noted = manifest.noted(Path(source))
            found = partial(document, error, limits=limits, noted=noted)
        else:
            found = partial(source, error, overrides=overrides, limits=limits)
        if found is None:
            raise
        return found


def _holds_model(source: str) -> bool:
    from aezoo import manifest

    try:
        return (Path(source) / manifest.NAME).is_file()
    except (OSError, ValueError):  # a name that no file system takes
        return False
