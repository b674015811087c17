"""The network of format 0: layers and the latent, with their older names, and the decoder's blocks."""

from __future__ import annotations

from typing import Any

from aezoo.errors import Path
from aezoo.reading.carrier import Carrier, indices, tables
from aezoo.reading.edits import Table, put, take

LAYERS = {"dense": "linear"}
LAYER_KEYS = {"units": "features", "act": "activation"}
#: What a top-k code could be given.
GONE = ("pre_bias", "aux_k")


def carry_encoder(carrier: Carrier) -> None:
    """The encoder's layers, or a table that edits those of a base."""
    _stack(carrier, carrier.table, "encoder", ())


def carry_latent(carrier: Carrier) -> None:
    """The latent, without the KL term that stood in it: see `loss.py`."""
    if "latent" not in carrier.table:
        return
    carrier.retyped(carrier.table, "latent", {}, ("latent",))
    latent = carrier.table["latent"]
    if isinstance(latent, dict):
        carrier.renamed(latent, {"act": "activation"}, ("latent",))
        for key in GONE:
            if key in latent:
                carrier.lost(("latent", key), "is nothing that a code has now", "leave it out")


def carry_decoder(carrier: Carrier) -> None:
    """A mirror, or `blocks`, which are `layers` now."""
    decoder = carrier.table.get("decoder")
    if not isinstance(decoder, dict):
        return
    if "patch" in decoder:
        carrier.lost(("decoder", "patch"), "edits a mirror, which cannot be edited", "write decoder = [...]")
    _stack(carrier, decoder, "blocks", ("decoder",))
    carrier.renamed(decoder, {"blocks": "layers"}, ("decoder",))
    if isinstance(decoder.get("mirror"), bool):
        mirror = take(decoder, "mirror")
        if carrier.based and "layers" not in decoder:  # a base may have said the other
            put(decoder, "type", "mirror" if mirror else "layers")
    if not decoder:
        take(carrier.table, "decoder")


def _stack(carrier: Carrier, holder: Table, key: str, path: Path) -> None:
    """A list of layers, or a table that edits one."""
    stack: Any = holder.get(key)
    path = (*path, key)
    for index in indices(stack):
        dense = isinstance(stack[index], dict) and stack[index].get("type") in ("dense", "dense@1")
        carrier.retyped(stack, index, LAYERS, (*path, index))
        _layer(carrier, stack[index], (*path, index), dense=dense)
    for name, change in tables(stack):
        _layer(carrier, change, (*path, name))


def _layer(carrier: Carrier, layer: Any, path: Path, *, dense: bool = False) -> None:
    if not isinstance(layer, dict):
        return
    carrier.renamed(layer, LAYER_KEYS, path)
    if isinstance(layer.get("each"), dict):
        carrier.renamed(layer["each"], LAYER_KEYS, (*path, "each"))
    if dense:
        carrier.dropped(layer, "dropout", (0,), path, 'write { type = "dropout", p = ... } after the layer')
    _stack(carrier, layer, "body", path)
