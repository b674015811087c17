"""load: a name or a path -> a Model. The zoo says where its folder is, storage reads it."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from aezoo.errors import AezooError
from aezoo.model import Model
from aezoo.registry.attribution import attributed
from aezoo.spec.limits import DEFAULT_LIMITS, Limits
from aezoo.storage import folder, manifest, weights
from aezoo.zoo import embedded
from aezoo.zoo.pulling import locate


@attributed()
def load(source: str | PathLike[str], *, device: str = "auto", limits: Limits = DEFAULT_LIMITS) -> Model:
    """The model of a folder; of a weight file alone, whose header holds its spec; of the zoo; or of the Hub.

    Names, types and shapes are compared with the spec before any weight is read, and a folder that was pulled is held
    to the hash of each of its files.

    Args:
        source: What `save` or `train` wrote; `vae-mnist`, a model of the embedded zoo; `owner/name@revision`, which is
            pulled unless it is here.
        device: `auto`, `cpu`, `cuda:1` ...
        limits: How large the model may be; checked before memory is touched.

    Raises:
        NotFound: There is no model.
        HubError: It is not here, and the Hub does not give it.
        Refused: It is damaged, or spec and weights do not belong together.
        SpecError, PluginError: Its spec cannot be read here.
    """
    while True:
        place = locate(source, limits=limits)
        before = _state(place)
        try:
            return folder.load(place, pulled=embedded.holds(place), device=device, limits=limits)
        except (AezooError, OSError):
            if _state(locate(source, limits=limits)) == before:
                raise
            # Another model took its place meanwhile: that one is read, from its beginning.


def _state(place: Path) -> tuple[object, ...]:
    """Which files a model is read from: others, once another model took its place."""
    states: list[tuple[int, ...]] = []
    for path in (place / manifest.NAME, place / weights.NAME):
        try:
            stat = path.stat()
            states.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
        except OSError:
            states.append(())
    return place, *states
