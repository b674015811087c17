"""What a spec must satisfy between its parts: shapes that fit, taps that exist, needs that are met."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from aezoo.errors import Fault, NoMirror, Path, ShapeError
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.mirror import Misfit
from aezoo.spec.shape import text


def examine(spec: Spec) -> list[Fault]:
    """Every fault and lint of a spec whose parts are each valid."""
    misfit = _shapes(spec)
    if misfit:  # without shapes there are no taps to check
        return [misfit]
    return [*_terms(spec), *_choice(spec), *_remarks(spec), *_lints(spec)]


def _shapes(spec: Spec) -> Fault | None:
    try:
        _ = spec.encoder_shapes
    except ShapeError as error:
        return Fault(_place("encoder", error), "AZ401", str(error))
    try:
        _ = spec.code_shape
    except ShapeError as error:
        return Fault(("latent",), "AZ402", str(error))
    try:
        _ = spec.raw_shape
    except ShapeError as error:
        return Fault(("likelihood",), "AZ403", str(error))
    try:
        shapes = spec.decoder_shapes
    except NoMirror as error:
        return Fault(("decoder",), "AZ405", str(error))
    except ShapeError as error:
        place: Path = _place("decoder", error) if spec.decoder.type == "layers" else ("decoder",)
        return Fault(place, "AZ404", str(error))
    if shapes[-1] != spec.raw_shape:
        wanted = f"the likelihood {spec.likelihood.tag()!r} takes {text(spec.raw_shape)}"
        return Fault(("decoder",), "AZ406", f"ends in {text(shapes[-1])}, but {wanted}")
    return None


def _place(stack: str, error: ShapeError) -> Path:
    return (stack, error.index) if isinstance(error, Misfit) else (stack,)


def _terms(spec: Spec) -> Iterator[Fault]:
    provided = {"z", *spec.latent.provides}
    taken = {"total", *spec.objective.terms}
    for name, term in spec.regularizers.items():
        if name in taken or not name.isidentifier():
            what = "is the name of a term already" if name in taken else "takes letters, digits and _"
            yield Fault(
                ("regularizers", name), "AZ506", f"the name of a penalty: {name!r} {what}", "give it another name"
            )
        missing = sorted(term.needs - provided)
        if missing:
            have = ", ".join(sorted(spec.latent.provides)) or "nothing but z"
            yield Fault(
                ("regularizers", name),
                "AZ501",
                f"needs {', '.join(missing)}; the latent {spec.latent.tag()!r} provides {have}",
                "take another latent, or leave the term out",
            )
        if term.on not in spec.taps:
            yield Fault(
                ("regularizers", name, "on"),
                "AZ502",
                f"no tap is called {term.on!r}",
                _nearest(term.on, spec),
            )
    stacks = {"encoder": len(spec.encoder), "decoder": len(spec.decoder_layers())}
    places = {*stacks, "latent", *(f"{stack}.{i}" for stack, n in stacks.items() for i in range(n))}
    for name, constraint in spec.constraints.items():
        if constraint.on not in places:
            yield Fault(
                ("constraints", name, "on"),
                "AZ503",
                f"no layer is called {constraint.on!r}",
                "decoder, decoder.0 ...",
            )


def _choice(spec: Spec) -> Iterator[Fault]:
    """The term that chooses the weights must be one that is logged; found now, not after the first epoch."""
    penalties = {name for term in spec.regularizers for name in (term, f"{term}.weighted")}
    known = {"last", "total", *spec.objective.terms, *penalties}
    if spec.objective.terms and spec.training.best_by not in known:
        there = ", ".join(sorted(known))
        yield Fault(
            ("training", "best_by"), "AZ507", f"no term is called {spec.training.best_by!r}", f"there are: {there}"
        )


def _nearest(word: str, spec: Spec) -> str:
    close = get_close_matches(word, spec.taps, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(spec.taps)}"


def _remarks(spec: Spec) -> Iterator[Fault]:
    for path, part in parts(spec):
        for remark in part.remarks(spec):
            yield Fault(path, "AZ505", remark.message, remark.hint, remark.level)


def parts(spec: Spec) -> Iterator[tuple[Path, Component]]:
    """Every part of a spec and where it stands (the bodies of layers left out)."""
    for i, corruption in enumerate(spec.corruption):
        yield ("corruption", i), corruption
    for i, layer in enumerate(spec.encoder):
        yield ("encoder", i), layer
    yield ("latent",), spec.latent
    for i, layer in enumerate(spec.decoder.layers):
        yield ("decoder", "layers", i), layer
    yield ("likelihood",), spec.likelihood
    for name, term in spec.regularizers.items():
        yield ("regularizers", name), term
    for name, constraint in spec.constraints.items():
        yield ("constraints", name), constraint
    yield ("objective",), spec.objective
    if spec.data is not None:
        yield ("data",), spec.data
    yield ("training", "optimizer"), spec.training.optimizer


def _lints(spec: Spec) -> Iterator[Fault]:
    if {"mean", "logvar"} <= spec.latent.provides and not spec.regularizers:
        yield Fault(
            ("latent",),
            "AZ511",
            f"latent {spec.latent.tag()!r} with no rate term: nothing keeps its codes near the prior",
            "add regularizers.kl = {weight = 1.0}",
            "warning",
        )
    if spec.decoder.tied and spec.decoder.type == "layers":
        yield Fault(("decoder", "tied"), "AZ512", "only a mirrored decoder can be tied", "decoder = {tied = true}")
