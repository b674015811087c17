"""Lints about modelling: specs that train without a fault to a model that is of no use. Codes AZ70.

As in `aezoo.reading.lints`, nothing here asks what a part is called.
"""

from __future__ import annotations

from collections.abc import Iterator

from aezoo.errors import Fault
from aezoo.reading.lints import all_layers
from aezoo.spec.document import Spec
from aezoo.spec.shape import flat, text

#: From which share of the input on a code that nothing else restrains is nearly as wide as its input.
NEARLY = 0.9
#: A rate below this weight was chosen for a likelihood that is no density, with its variance in mind.
CHOSEN = 0.5


def modelling_lints(spec: Spec) -> Iterator[Fault]:
    """Lints that need no shapes."""
    yield from _rate_without_density(spec)


def shaped_modelling_lints(spec: Spec) -> Iterator[Fault]:
    """What follows from shapes, where these fit."""
    yield from _order_forgotten(spec)
    yield from _nearly_as_wide(spec)


def _rate_without_density(spec: Spec) -> Iterator[Fault]:
    """A KL beside an error that is no log density: what a nat costs depends on the unit of the data."""
    if spec.likelihood.density or not spec.reconstructs:
        return
    factor = spec.likelihood.error_factor()
    for name, term in spec.regularizers.items():
        if "posterior" in term.needs and not spec.latent.posterior:  # an error, reported elsewhere
            continue
        price = term.price(spec) if term.is_rate() else None
        if price is None or price < CHOSEN:
            continue
        sigma = f": a Gaussian of sigma {(price / (2 * factor)) ** 0.5:.2g}, whatever the data" if factor else ""
        what = f"{spec.likelihood.tag()!r} is no density, and beside {name} it weighs errors in the unit of the data"
        yield Fault(("likelihood",), "AZ701", what + sigma, 'likelihood = "gaussian"', "warning")


def order_forgotten(spec: Spec) -> list[int]:
    """The layers of the encoder that make one number of all positions of a channel, and weigh none of them."""
    if len(spec.code_shape) > 1 or not spec.reconstructs:  # a code with positions has lost none
        return []
    layers = zip(spec.encoder_layers(), spec.encoder_shapes, strict=False)
    return [i for i, (layer, shape) in enumerate(layers) if layer.forgets_order(shape)]


def _order_forgotten(spec: Spec) -> Iterator[Fault]:
    for i in order_forgotten(spec):
        before = text(spec.encoder_shapes[i])
        message = f"makes one vector of {before}: where something was is lost before the flat code"
        hint = 'leave it out; of a recurrent layer, take the last state: {type = "last"}'
        yield Fault(("encoder", i), "AZ702", message, hint, "warning")


def _nearly_as_wide(spec: Spec) -> Iterator[Fault]:
    latent, width = spec.latent, flat(spec.input.shape)
    restrained = spec.corruption or spec.regularizers or latent.sparse or latent.quantized or latent.noisy
    if restrained or not spec.reconstructs or not spec.objective.copying or spec.target is not None:
        return
    if any(layer.draws() for _, layer, _ in all_layers(spec)):
        return
    narrowest = min(map(flat, [*spec.encoder_shapes, spec.code_shape, *spec.decoder_shapes]))
    if NEARLY * width <= narrowest < width:  # as wide as it: AZ517
        message = f"a code of {narrowest} of {width} values: all but a copy, in which an anomaly is copied, too"
        hint = f"latent.dim = {max(1, width // 2)} or less, or a corruption"
        yield Fault(("latent",), "AZ703", message, hint, "warning")
