"""load: a name or a path -> a Model. The zoo gives its files, checked; storage builds the network."""

from __future__ import annotations

from os import PathLike

from aezoo.model import Model
from aezoo.registry.attribution import attributed
from aezoo.spec.limits import LIMITS_IN_USE, Limits
from aezoo.storage.loading import model_of
from aezoo.zoo.pulling import verified


@attributed()
def load(source: str | PathLike[str], *, device: str = "auto", limits: Limits = LIMITS_IN_USE) -> Model:
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
    return model_of(verified(source, limits=limits), device=device)
