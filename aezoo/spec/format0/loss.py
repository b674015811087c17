"""The loss of format 0: `reconstruction`, the KL term that stood in the latent, penalties and constraints."""

from __future__ import annotations

from typing import Any

from aezoo.reading.carrier import Carrier, plain, tables
from aezoo.reading.edits import Table, put, take

LIKELIHOODS = {"bce": "bernoulli"}
PENALTIES = {"kl_bernoulli": "kl_sparsity"}
TAPS = {"latent.mean": "mean", "latent.logvar": "logvar", "latent.pre": "pre"}
#: How losses are reduced now, always.
SUMS = ("sum_features",)
#: What the mean of a likelihood may pass through, and the likelihoods whose mean is a sigmoid as it is.
OUTPUTS = ("identity", "sigmoid", "tanh")
LOGITS = ("bernoulli", "continuous_bernoulli")
WEIGHTS = "losses are summed over a sample: leave it out, and change the weight"


# --- the rate ---------------------------------------------------------------------------------------------


def carry_rate(carrier: Carrier) -> None:
    """The KL term of a Gaussian code is a penalty like any other now; `beta` was its weight."""
    latent = carrier.table.get("latent")
    latent = latent if isinstance(latent, dict) else {"type": latent}
    said = [key for key in ("beta", "warmup_steps", "free_bits") if key in latent]
    terms = carrier.table.get("regularizers", {})
    if not (said or latent.get("type") == "gaussian") or not isinstance(terms, dict):
        return
    if said and _half(carrier, latent):
        told = "says half of the weight of the KL term; the other half may stand in a base"
        carrier.lost(("latent", said[0]), told, "say beta and warmup_steps side by side (0 for no warm-up)")
    elif "kl" in terms:
        carrier.lost(("regularizers", "kl"), "has the name of the latent's own KL term", "give it another name")
    else:
        # Without a weight, it is that of the base, or 1: just what format 0 meant.
        term = _rate({key: take(latent, key) for key in said})
        put(carrier.table.setdefault("regularizers", {}), "kl", term)


def _half(carrier: Carrier, latent: Table) -> bool:
    """Whether a base may hold the other one of weight and warm-up. A code of a new type takes nothing over."""
    variants = carrier.table.get("variants")
    fresh = "type" in latent or (isinstance(variants, list) and "variational" in variants)
    if not carrier.based or ("beta" in latent) == ("warmup_steps" in latent):
        return False
    return "warmup_steps" in latent or not fresh


def _rate(said: Table) -> Table:
    term: Table = {}
    if said.get("warmup_steps"):
        weight = {"type": "linear", "start": 0.0, "end": said.get("beta", 1.0), "steps": said["warmup_steps"]}
        term["weight"] = weight
    elif "beta" in said:
        term["weight"] = said["beta"]
    if "free_bits" in said:
        term["free_bits"] = said["free_bits"]
    return term


# --- what comes out ---------------------------------------------------------------------------------------


def carry_likelihood(carrier: Carrier) -> None:
    """`reconstruction` is the likelihood; losses are summed over a sample, always."""
    carrier.renamed(carrier.table, {"reconstruction": "likelihood"}, ())
    if "likelihood" in carrier.table:
        carrier.retyped(carrier.table, "likelihood", LIKELIHOODS, ("reconstruction",))
    if isinstance(carrier.table.get("likelihood"), dict):
        carrier.dropped(carrier.table["likelihood"], "reduction", SUMS, ("reconstruction",), WEIGHTS)


def carry_output(carrier: Carrier) -> None:
    """The function at the decoder's end is the likelihood's now, and a Bernoulli has its own."""
    decoder = carrier.table.get("decoder")
    if not isinstance(decoder, dict) or "out_act" not in decoder:
        return
    output, path = take(decoder, "out_act"), ("decoder", "out_act")
    likelihood = carrier.table.get("likelihood", {})
    kind = likelihood.get("type") if isinstance(likelihood, dict) else likelihood
    if output not in OUTPUTS or (kind in LOGITS and output != "sigmoid"):
        there = f"a {kind} ends in a sigmoid" if kind in LOGITS else f"there are: {', '.join(OUTPUTS)}"
        carrier.lost(path, f"cannot be {plain(output)!r} now", there)
    elif isinstance(likelihood, dict) and "output" in likelihood:
        carrier.lost(path, "is called likelihood.output now, which is there, too", "leave one of them out")
    elif kind not in LOGITS and (output != "identity" or carrier.based):
        _give(carrier, likelihood, output)


def _give(carrier: Carrier, likelihood: Any, output: Any) -> None:
    if isinstance(likelihood, dict) and "likelihood" in carrier.table:
        put(likelihood, "output", output)
    else:
        kind = {} if isinstance(likelihood, dict) else {"type": likelihood}
        put(carrier.table, "likelihood", {**kind, "output": output})


# --- penalties --------------------------------------------------------------------------------------------


def carry_terms(carrier: Carrier) -> None:
    """Penalties and constraints by their names now, at the taps and layers as they are called now."""
    for slot in ("regularizers", "constraints"):
        for name, term in tables(carrier.table.get(slot)):
            if name in PENALTIES and "type" not in term:
                put(term, "type", PENALTIES[name])
            carrier.retyped(carrier.table[slot], name, PENALTIES, (slot, name))
            carrier.dropped(term, "at", ("input.clean",), (slot, name), "it differentiates at the clean input")
            carrier.dropped(term, "reduction", SUMS, (slot, name), WEIGHTS)
            if isinstance(term.get("on"), str):
                _tap(term, slot)


def _tap(term: Table, slot: str) -> None:
    now = TAPS.get(term["on"]) if slot == "regularizers" else term["on"].removesuffix(".weight")
    if now and now != term["on"]:
        put(term, "on", now)
