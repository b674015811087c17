"""The argument SPEC|MODEL: a spec, or a model, of which the spec is read and no weights are fetched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aezoo
from aezoo.errors import UsageError
from aezoo.files import is_file

if TYPE_CHECKING:
    from aezoo.spec.document import Spec
    from aezoo.spec.limits import Limits


def read_spec(source: str, overrides: Sequence[str] = (), *, limits: Limits) -> Spec:
    """The spec of a file, of a bundled name or of a model, without torch.

    Lints go to stderr as warnings.

    Raises:
        UsageError: `overrides` for a trained model, which cannot be changed.
        NotFound, HubError, Refused, SpecError: There is none, or it cannot be read here.
    """
    with folder_of(source, overrides, limits=limits) as folder:
        return read_spec_of(source, folder, overrides, limits=limits)


@contextmanager
def folder_of(source: str, overrides: Sequence[str] = (), *, limits: Limits) -> Iterator[Path | None]:
    """The folder of a model while the context lasts; None for a spec.

    An embedded model has the name of the spec that trained it: with overrides, the spec is meant.
    """
    from aezoo.storage import config_json
    from aezoo.storage.writer import current

    has_config = is_file(current(Path(source)) / config_json.NAME)
    if has_config and overrides:
        raise UsageError("--set changes a spec; a trained model cannot be changed", hint=f"leave it out for {source}")
    if has_config:
        from aezoo.zoo.cache import local

        yield local(Path(source))
    elif overrides or is_file(Path(source)) or not _may_be_a_model(source):
        yield None
    else:
        from aezoo.zoo.pulling import preview

        with preview(source, limits=limits) as folder:
            yield folder


def read_spec_of(source: str, folder: Path | None, overrides: Sequence[str] = (), *, limits: Limits) -> Spec:
    """As `read_spec`, of what `folder_of` gives."""
    from aezoo.storage import config_json

    if folder is None:
        return aezoo.read(source, overrides=overrides, limits=limits)
    return config_json.read_manifest(folder, limits=limits)


def resolved_document(
    source: str, folder: Path | None, overrides: Sequence[str] = (), *, limits: Limits
) -> tuple[dict[str, Any], dict[str, str]]:
    """The resolved document of a spec whose plugin is missing; of a model also its fingerprints."""
    from aezoo.reading.provenance import plain
    from aezoo.reading.resolver import Resolver
    from aezoo.registry.loader import default_registry
    from aezoo.storage import config_json

    if folder is not None:
        document, prints = config_json.noted(folder)
        return dict(document), prints
    return plain(Resolver(default_registry(), limits=limits).resolve(source, overrides).tree), {}


def _may_be_a_model(source: str) -> bool:
    """Whether a text has the form of a name in the zoo or on the Hub; else it is the path of a spec."""
    from aezoo.zoo import embedded
    from aezoo.zoo.address import PREFIX, remote

    if source in embedded.names() or source.startswith(PREFIX):
        return True
    if "/" not in source or source.endswith((".toml", ".json")):
        return False
    try:
        return not Path(remote(source).owner).is_dir()
    except UsageError:
        return False
