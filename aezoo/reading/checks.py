"""What a spec must satisfy between its parts: shapes that fit, taps that exist, needs that are met."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aezoo.errors import Fault, KeyPath, NoMirror, ShapeError
from aezoo.hints import did_you_mean
from aezoo.reading.field_checks import field_faults, target_fault
from aezoo.reading.group_checks import group_faults
from aezoo.reading.lints import idle, lints, shaped_lints
from aezoo.reading.modelling_lints import modelling_lints, shaped_modelling_lints
from aezoo.reading.size_checks import size_faults
from aezoo.spec.component import FIELDS, Component, Remark
from aezoo.spec.contracts import several
from aezoo.spec.document import Spec
from aezoo.spec.kinds import BEYOND_LATENT, PriorSpec
from aezoo.spec.limits import DEFAULT_LIMITS, Limits, excesses
from aezoo.spec.mirror import Misfit
from aezoo.spec.parts import parts
from aezoo.spec.reads import Unreadable
from aezoo.spec.shape import text
from aezoo.spec.tying import untied

#: How many names are searched for one that is near, and listed where none is.
SEARCHED, LISTED = 100, 12


def examine(spec: Spec, *, limits: Limits = DEFAULT_LIMITS) -> list[Fault]:
    """Every fault and lint of a spec whose parts are each valid.

    Where shapes do not fit, or are too large to be worked out, what does not depend on them is reported as well.
    """
    excess = excesses(spec, limits)
    bounded = all(fault.code == "AZ603" for fault in excess)  # many weights make no shape large
    misfits = [*_misfits(spec)] if bounded else []
    fits = bounded and not misfits
    decoder = _decoder_length(spec, bounded=bounded)
    faults = [*excess, *misfits, *field_faults(spec), *_names(spec, decoder=decoder), *_choice(spec), *lints(spec)]
    faults += group_faults(spec, decoder=decoder, fits=fits)
    faults += modelling_lints(spec)
    if fits:
        faults += [*_tied(spec), *size_faults(spec), *shaped_lints(spec), *shaped_modelling_lints(spec)]
    return [*faults, *(_remarks(spec, fits=fits) if bounded else ())]


# --- shapes -------------------------------------------------------------------------------------------------


def _misfits(spec: Spec) -> Iterator[Fault]:
    """Where shapes do not fit: the first layer of each stack, and what does not depend on it."""
    way: Fault | None = _way_there(spec)
    if way:
        yield way
    if fault := target_fault(spec):
        yield fault
        return
    try:
        _ = spec.raw_shape
    except ShapeError as error:
        yield Fault(("likelihood",), "AZ403", str(error))
        return
    if way is None and spec.reconstructs and (back := _way_back(spec)):
        yield back


def _way_there(spec: Spec) -> Fault | None:
    try:
        _ = spec.encoder_shapes
    except Unreadable as error:
        return _unreadable(("encoder",), error)
    except ShapeError as error:
        return Fault(_place(("encoder",), error), "AZ401", str(error))
    try:
        _ = spec.code_shape
    except ShapeError as error:
        return Fault(("latent",), "AZ402", str(error))
    return None


def _way_back(spec: Spec) -> Fault | None:
    own = spec.decoder.type == "layers"
    try:
        shapes = spec.decoder_shapes
    except NoMirror as error:
        return Fault(("decoder",), "AZ405", str(error))
    except Unreadable as error:
        return _unreadable(("decoder", "layers"), error)
    except ShapeError as error:
        return Fault(_place(("decoder", "layers"), error) if own else ("decoder",), "AZ404", str(error))
    if shapes[-1] != spec.raw_shape:
        wanted = f"the likelihood {spec.likelihood.tag()!r} takes {text(spec.raw_shape)}"
        return Fault(("decoder",), "AZ406", f"ends in {text(shapes[-1])}, but {wanted}")
    return None


def _unreadable(stack: KeyPath, error: Unreadable) -> Fault:
    return Fault((*stack, error.index, "reads"), "AZ523", str(error), error.hint)


def _place(stack: KeyPath, error: ShapeError) -> KeyPath:
    return (*stack, error.index) if isinstance(error, Misfit) else stack


def _tied(spec: Spec) -> Iterator[Fault]:
    if spec.decoder.tied and spec.decoder.type == "mirror" and (why := untied(spec)):
        yield Fault(("decoder", "tied"), "AZ407", why, "leave 'tied' out, or take other layers")


# --- names --------------------------------------------------------------------------------------------------


def _decoder_length(spec: Spec, *, bounded: bool) -> int | None:
    """How many layers the decoder has; None where its mirror cannot be worked out."""
    if spec.decoder.type != "mirror":
        return len(spec.decoder.layers)
    try:
        return len(spec.decoder_layers()) if bounded else None
    except (NoMirror, ShapeError):
        return None


def _names(spec: Spec, *, decoder: int | None) -> Iterator[Fault]:
    """Names of terms, taps and layers, and what terms need of the latent: none of it depends on a shape."""
    stacks = {"encoder": len(spec.encoder), **({"decoder": decoder} if spec.reconstructs else {})}
    layers = [f"{stack}.{i}" for stack, length in stacks.items() for i in range(length or 0)]
    output = ["output"] if spec.reconstructs else []
    fields = [f"{FIELDS}{name}" for name in spec.fields]
    taps = ["input.clean", "input.corrupted", "latent", *sorted(spec.latent.provides), *output, *layers, *fields]
    yield from _terms(spec)
    yield from _space(spec)
    for name, term in spec.regularizers.items():
        if term.on not in taps and not (decoder is None and term.on.startswith("decoder.")):
            yield Fault(("regularizers", name, "on"), "AZ502", f"no tap is called {term.on!r}", _near(term.on, taps))
    places = [*stacks, "latent", *layers]
    for name, constraint in spec.constraints.items():
        on = constraint.on
        if on not in places and not (decoder is None and on.startswith("decoder.")):
            yield Fault(("constraints", name, "on"), "AZ503", f"no layer is called {on!r}", _near(on, places))


def _terms(spec: Spec) -> Iterator[Fault]:
    taken = {"total", *spec.objective.terms}
    for name, term in spec.regularizers.items():
        path = ("regularizers", name)
        if name in taken or not name.isidentifier():
            what = "is the name of a term already" if name in taken else "takes letters, digits and _"
            yield Fault(path, "AZ506", f"the name of a penalty: {name!r} {what}", "give it another name")
        yield from _needs(path, term.needs, spec)
    yield from _needs(("objective",), spec.objective.needs, spec)
    yield from _rates(spec)
    yield from _reconstruction(spec)


def _reconstruction(spec: Spec) -> Iterator[Fault]:
    """Decoder, likelihood and an objective that compares: all of them, or none."""
    tag = spec.objective.tag()
    if spec.objective.reconstructs and not spec.reconstructs:
        message = f"there is none, and the objective {tag!r} compares reconstructions"
        yield Fault(("decoder",), "AZ522", message, "leave decoder out, or take an objective that needs none")
    if spec.reconstructs and not spec.objective.reconstructs:
        message = f"{tag!r} compares no reconstructions: nothing would train the decoder"
        yield Fault(("objective",), "AZ522", message, 'decoder = "none"')
    for key in ("target", "mask"):
        if not spec.reconstructs and getattr(spec, key) is not None:
            yield Fault((key,), "AZ522", "there is no decoder whose output would be compared", f"leave {key} out")
    if not spec.reconstructs and "likelihood" in spec.model_fields_set:
        message = f"{spec.likelihood.tag()!r} says what a decoder's output means, and there is no decoder"
        yield Fault(("likelihood",), "AZ522", message, "leave likelihood out")


def _needs(path: KeyPath, needs: frozenset[str], spec: Spec) -> Iterator[Fault]:
    """What latent and likelihood must provide for a term, or for the objective."""
    latent, prior = spec.latent, spec.latent.prior
    cure = f"take another latent, or {'another objective' if path == ('objective',) else 'leave the term out'}"
    if "nll_values" in needs and not spec.likelihood.valuewise:
        message = f"needs the likelihood of single values; {spec.likelihood.tag()!r} as it is set has none"
        yield Fault(path, "AZ501", message, 'likelihood = {type = "gaussian", variance = "learned"}, or another')
    if "decoder" in needs and not spec.reconstructs:
        yield Fault(path, "AZ501", "needs a decoder, and there is none", cure.removeprefix("take another latent, or "))
    if missing := sorted(needs - latent.offers() - BEYOND_LATENT):
        have = ", ".join(sorted(latent.offers() - {"z"})) or "nothing but z"
        wanted = ", ".join("a posterior" if name == "posterior" else name for name in missing)
        message = f"needs {wanted}; the latent {latent.tag()!r} provides {have}"
        if "posterior" in missing and latent.noisy and latent.namespace:
            cure += "; the latent's author: posterior = True, with log_prob(code, z) and redraw(code, generator)"
        yield Fault(path, "AZ501", message, cure)
    elif "posterior" in needs and prior and not (prior.density or prior.fitted):
        message = f"needs the density of the prior; {prior.tag()!r} can only be drawn from"
        yield Fault(path, "AZ501", message, "take another prior")


def _rates(spec: Spec) -> Iterator[Fault]:
    """The rate, counted by one term: none leaves a prior that learns where it starts, two count it twice."""
    terms = [name for name, term in spec.regularizers.items() if term.is_rate()]
    own = spec.objective.is_rate()
    if not own and all(idle(spec.regularizers[name]) for name in terms):
        for path, learner in _learners(spec):
            message = f"{learner} learns by the rate, and no term of the loss has it"
            yield Fault(path, "AZ520", message, "add regularizers.kl = {weight = 1.0}")
    first = f"the objective {spec.objective.tag()!r}" if own else repr(terms[0]) if terms else ""
    for name in terms[0 if own else 1 :]:
        message = f"the rate is counted by {first} already"
        yield Fault(("regularizers", name), "AZ521", message, "keep one of them, and give it the weight")


def _space(spec: Spec) -> Iterator[Fault]:
    """A prior over another space than that of the codes: its samples would be no codes, and rates no divergences."""
    latent, prior = spec.latent, spec.latent.prior
    if not latent.suits_prior:
        over, name = (prior.space, repr(prior.tag())) if prior else ("", "N(0, I)")
        lies = f"the codes of {latent.tag()!r} lie in {latent.space or 'R^n'}"
        message = f"{name} is a density over {over or 'R^n'}, and {lies}"
        own = type(latent).model_fields["prior"].default  # a part, or its name
        own = own.tag() if isinstance(own, PriorSpec) else own
        hint = f'latent.prior = "{own}"' if own else "take another prior, or another latent"
        yield Fault(("latent", "prior") if prior else ("latent",), "AZ501", message, hint)


def _learners(spec: Spec) -> Iterator[tuple[KeyPath, str]]:
    """The priors that learn with the model, and where they stand."""
    prior = spec.latent.prior
    if prior and prior.learned:
        yield ("latent", "prior"), f"the prior {prior.tag()!r}"
    for i in spec.levels:
        yield ("decoder", "layers", i), f"the prior of decoder.{i}"


def _near(word: str, known: Sequence[str]) -> str:
    more = ", ..." if len(known) > LISTED else ""
    return did_you_mean(word, known[:SEARCHED], f"there are: {', '.join(known[:LISTED])}{more}")


def _choice(spec: Spec) -> Iterator[Fault]:
    """The term that chooses the weights must be one that is logged; checked now, not after the first epoch."""
    chosen, terms = spec.training.best_by, spec.regularizers
    weighted = {f"{name}.weighted" for name, term in terms.items() if term.weighted}
    weighted |= {f"{name}.weighted" for name, w in spec.objective.weights().items() if w.bounds() != (1.0, 1.0)}
    known = {"last", "total", *spec.objective.terms, *terms, *weighted}
    if not spec.objective.terms or chosen in known:
        return
    plain = chosen.removesuffix(".weighted")
    hint = f"its weight is 1: take {plain!r}" if plain in terms else _near(chosen, sorted(known))
    yield Fault(("training", "best_by"), "AZ507", f"no term is called {chosen!r}", hint)


# --- what parts say themselves ------------------------------------------------------------------------------


def _remarks(spec: Spec, *, fits: bool) -> Iterator[Fault]:
    for path, part in parts(spec):
        for remark in _said(part, spec, fits=fits):
            code = remark.code if remark.code.startswith("AZ5") else Remark("").code
            at = remark.path or ((*path, remark.at) if remark.at else path)
            yield Fault(at, code, remark.message, remark.hint, remark.level)


def _said(part: Component, spec: Spec, *, fits: bool) -> list[Remark]:
    try:
        return [*several(part, "remarks", part.remarks(spec), Remark, "remarks")]
    except (ShapeError, NoMirror):
        if fits:  # then it is no shape of this spec that the part cannot take
            raise
        return []
