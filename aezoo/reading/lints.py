"""Lints: specs that are valid and mean something else than their author thinks; and training that must fail.

Nothing here asks what a part is called. What matters of it is a fact of its declaration (`LatentSpec.sparse`,
`RegularizerSpec.rate` ...), so that a plugin's part is judged as a built-in one is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from aezoo.errors import Fault, KeyPath
from aezoo.spec.component import field_name
from aezoo.spec.document import Spec
from aezoo.spec.kinds import RANGES, LayerSpec, RegularizerSpec
from aezoo.spec.shape import Shape, flat, text


def lints(spec: Spec) -> Iterator[Fault]:
    """Lints that need no shapes."""
    yield from _rate(spec)
    yield from _fitted(spec)
    yield from _tied_by_hand(spec)
    yield from _patience(spec)
    yield from _arithmetic(spec)
    for name, term in spec.regularizers.items():
        path = ("regularizers", name)
        yield from _weight(path, term)
        yield from _sparsity(path, term, spec)
        yield from _quantized(path, term, spec)
        yield from _names(path, term, spec)


def shaped_lints(spec: Spec) -> Iterator[Fault]:
    """What follows from shapes, where these fit."""
    yield from _copying(spec)
    yield from _batch_norms(spec)
    yield from _ending(spec)


def _warning(path: KeyPath, code: str, message: str, hint: str = "") -> Fault:
    return Fault(path, code, message, hint, "warning")


# --- terms --------------------------------------------------------------------------------------------------


def idle(term: RegularizerSpec) -> bool:
    """Whether a term's weight is 0 throughout."""
    return term.weight.bounds() == (0.0, 0.0)


def _rate(spec: Spec) -> Iterator[Fault]:
    limited = spec.objective.rate or any(term.rate and not idle(term) for term in spec.regularizers.values())
    learned = spec.latent.prior is not None and spec.latent.prior.learned  # then it is an error, reported elsewhere
    if spec.latent.noisy and not limited and not learned:
        message = f"latent {spec.latent.tag()!r} with no rate term: nothing keeps its codes near the prior"
        rate = "regularizers.kl = {weight = 1.0}" if spec.latent.posterior else "a regularizer that limits the rate"
        yield _warning(("latent",), "AZ511", message, f"add {rate}")


def _fitted(spec: Spec) -> Iterator[Fault]:
    """A rate towards one density, and samples from another."""
    prior = spec.latent.prior
    terms = [name for name, term in spec.regularizers.items() if "posterior" in term.needs]
    if prior and prior.fitted and (terms or "posterior" in spec.objective.needs):
        message = f"{prior.tag()!r} is fitted to codes after training: rate and ELBO are those of N(0, I)"
        yield _warning(("latent", "prior"), "AZ505", message, "leave prior out to draw samples from N(0, I), too")


def _tied_by_hand(spec: Spec) -> Iterator[Fault]:
    if spec.decoder.tied and spec.decoder.type == "layers":
        yield Fault(("decoder", "tied"), "AZ512", "only a mirrored decoder can be tied", "decoder = {tied = true}")


def _patience(spec: Spec) -> Iterator[Fault]:
    if spec.training.patience and spec.training.best_by == "last":
        message = "patience waits for a better value, and to best_by = 'last' each is better: it never ends the run"
        yield _warning(("training", "patience"), "AZ505", message, "best_by = 'total', or leave patience out")


def _arithmetic(spec: Spec) -> Iterator[Fault]:
    """How a run computes, where that cannot be or changes nothing."""
    training, axes = spec.training, len(spec.input.shape)
    if training.precision == "float16" and not training.optimizer.divisible:
        message = f"{training.optimizer.tag()!r} compares losses, whose scale float16 changes as it goes"
        yield Fault(("training", "precision"), "AZ505", message, 'precision = "float32", or another optimizer')
    if training.channels_last and axes != 3:
        message = f"only images have channels that can lie last, and the input has {axes} axes"
        yield Fault(("training", "channels_last"), "AZ505", message, "leave it out")


def _weight(path: KeyPath, term: RegularizerSpec) -> Iterator[Fault]:
    least, most = term.weight.bounds() or (inf, inf)
    if least < 0:
        message = f"weight falls to {least:g}: a negative one rewards what the penalty measures, without end"
        yield _warning((*path, "weight"), "AZ505", message, "take a weight of 0 or more")
    elif most == 0:
        message = "weight is 0 throughout: the term is worked out and changes nothing"
        yield _warning((*path, "weight"), "AZ505", message, "give it a weight, or leave the term out")


def _sparsity(path: KeyPath, term: RegularizerSpec, spec: Spec) -> Iterator[Fault]:
    if term.sparsifies and spec.latent.sparse and term.on in ("latent", spec.latent.point):
        message = f"the latent {spec.latent.tag()!r} fixes how many units are active; the penalty only shrinks them"
        yield _warning(path, "AZ513", f"{message} (arXiv:2406.04093, section 2.3)", "leave the term out")


def _quantized(path: KeyPath, term: RegularizerSpec, spec: Spec) -> Iterator[Fault]:
    if term.rate and spec.latent.quantized:
        message = f"the codebook bounds what a code of {spec.latent.tag()!r} tells; a rate term has nothing to limit"
        yield _warning(path, "AZ514", f"{message} (arXiv:1711.00937, section 3.1)", "leave the term out")


def _names(path: KeyPath, term: RegularizerSpec, spec: Spec) -> Iterator[Fault]:
    if spec.latent.discrete and term.on == spec.latent.discrete:
        message = f"{term.on!r} are names of codes, not sizes: there is no gradient to penalize them by"
        yield Fault((*path, "on"), "AZ502", message, 'on = "latent"')
    field = spec.fields.get(field_name(term.on))
    if field is not None and field.classes is not None and not term.reads_classes:
        message = f"{term.on!r} are names of classes, not sizes: there is nothing to penalize"
        yield Fault((*path, "on"), "AZ502", message, 'on = "latent"')


# --- shapes -------------------------------------------------------------------------------------------------


def _copying(spec: Spec) -> Iterator[Fault]:
    """A network without bottleneck, noise or penalty: the identity is optimal."""
    latent = spec.latent
    kept = spec.corruption or spec.regularizers or latent.sparse or latent.quantized or latent.noisy
    copying = spec.reconstructs and spec.objective.copying
    if kept or not copying or any(layer.draws() for _, layer, _ in all_layers(spec)):
        return
    if spec.target is not None:  # then a copy is not what is asked for
        return
    narrowest = min(map(flat, [*spec.encoder_shapes, spec.code_shape, *spec.decoder_shapes]))
    if narrowest >= flat(spec.input.shape) > 1:  # nothing is narrower than one value
        message = f"a code of {text(spec.code_shape)} holds all of {text(spec.input.shape)}: copying it is perfect"
        hint = "a narrower latent.dim, a corruption, or a regularizer"
        yield _warning(("latent",), "AZ517", f"{message} (Vincent et al. 2010, section 2.3)", hint)


def _batch_norms(spec: Spec) -> Iterator[Fault]:
    """Batch norm with one sample in a batch.

    Over one position torch refuses to train. Over more it normalizes each sample by its own moments in training and
    by running ones afterwards: what is judged is not what was trained.
    """
    if spec.training.batch_size > 1:
        return
    hint = 'training.batch_size = 2 or more, or norm = "group"'
    reported: set[tuple[KeyPath, str]] = set()
    for path, layer, shape in all_layers(spec):
        over = layer.batch_norm(shape)
        if over is None:
            continue
        alone = flat(over[1:]) == 1
        why = "has one value a channel: it cannot train" if alone else "trains on other moments than it is judged by"
        fault = Fault(path, "AZ518", f"batch norm over a batch of 1 {why}", hint, "error" if alone else "warning")
        if (path, fault.level) not in reported:  # a mirror's layers share a path
            reported.add((path, fault.level))
            yield fault


def _ending(spec: Spec) -> Iterator[Fault]:
    """A decoder of its own whose last function keeps it from what it should give: a forgotten `identity`."""
    style = spec.decoder.layers[-1].style() if spec.decoder.layers else None
    data = spec.target_range if spec.input.normalize == "none" else None
    wanted = spec.likelihood.raw_range(data or (-inf, inf))
    if style is None or wanted is None:
        return
    low, high = RANGES[style.activation]
    if not low <= wanted[0] <= wanted[1] <= high:
        message = f"ends in {style.activation}, which gives [{low:g}, {high:g}]"
        message += f"; the likelihood {spec.likelihood.tag()!r} takes [{wanted[0]:g}, {wanted[1]:g}]"
        path = ("decoder", "layers", len(spec.decoder.layers) - 1)
        yield _warning(path, "AZ505", message, 'activation = "identity"')


Placed = tuple[KeyPath, LayerSpec, Shape]


def all_layers(spec: Spec) -> Iterator[Placed]:
    """Every layer, those inside layers too, with its input shape; a mirror's layers stand at `decoder`."""
    yield from _stack(("encoder",), spec.encoder_layers(), spec.encoder_shapes)
    if spec.decoder.type != "mirror":
        yield from _stack(("decoder", "layers"), spec.decoder_layers(), spec.decoder_shapes)
    else:
        mirrored = _stack((), spec.decoder_layers(), spec.decoder_shapes)
        yield from ((("decoder",), layer, shape) for _, layer, shape in mirrored)


def _stack(path: KeyPath, layers: Sequence[LayerSpec], shapes: Sequence[Shape]) -> Iterator[Placed]:
    for i, (layer, shape) in enumerate(zip(layers, shapes, strict=False)):
        yield from _within((*path, i), layer, shape)


def _within(path: KeyPath, layer: LayerSpec, shape: Shape) -> Iterator[Placed]:
    yield path, layer, shape
    for key, inner, input_shape in layer.inside(shape):
        yield from _within((*path, *key), inner, input_shape)
