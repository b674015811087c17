"""Limits: how large a model may be before it is refused, in plain arithmetic, before PyTorch is imported.

    structure   nesting, lengths of lists, number of layers   known from the document alone
    size        layers, weights, values kept for a sample     known layer by layer, as far as shapes stay in bounds

Nothing is multiplied out, looped over or traced before what it depends on is known to be in bounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from aezoo.errors import Fault, KeyPath, NoMirror, ShapeError
from aezoo.spec.amounts import count, size
from aezoo.spec.contracts import count_of, shape_of
from aezoo.spec.parts import parts
from aezoo.spec.shape import Shape, flat

if TYPE_CHECKING:
    from aezoo.spec.document import Spec
    from aezoo.spec.kinds import LayerSpec

#: Of a value that a pass keeps: a float32.
BYTES = 4


class Limits(NamedTuple):
    """What a spec may ask for.

    Attributes:
        modules: Layers, those inside layers counted.
        parameters: Weights.
        activations: Bytes that a forward pass keeps of one sample, in training.
        depth: Layers inside each other.
        repeats: Entries of a list of parts, and repetitions of `each`.
        in_use: Bytes of one sample that a pass without gradients holds at once.
    """

    modules: int = 4096
    parameters: int = 2_000_000_000
    activations: int = 2 << 30
    depth: int = 32
    repeats: int = 512
    in_use: int = 6 << 30


NO_LIMIT = 1 << 99
#: Of a spec that is to be trained.
DEFAULT_LIMITS = Limits()
#: Of a model that is there and to be used, or of a spec that is only to be shown: no pass keeps its activations.
LIMITS_IN_USE = Limits(activations=NO_LIMIT)


def excesses(spec: Spec, limits: Limits = DEFAULT_LIMITS) -> list[Fault]:
    """What of a spec goes beyond the limits, once for each limit."""
    return list(_structure(spec, limits)) or _Measure(spec, limits).faults


class Size(NamedTuple):
    """How large a model is, as its parts declare it.

    Attributes:
        modules: Layers, those inside layers counted.
        parameters: Weights.
        activations: Values that a forward pass keeps of one sample.
        in_use: Values of one sample that a pass without gradients holds at once.
    """

    modules: int
    parameters: int
    activations: int
    in_use: int


def size_of(spec: Spec) -> Size:
    """How large the model of a spec is whose shapes fit."""
    measure = _Measure(spec, Limits(*(NO_LIMIT for _ in Limits._fields)))
    return Size(measure.modules, measure.parameters, measure.activations // BYTES, measure.in_use // BYTES)


def excess(code: str, path: KeyPath, does: str, number: int, name: str, limits: Limits) -> Fault:
    """The fault of a number beyond its limit.

    Args:
        code: Of the fault.
        path: Where the limit is crossed.
        does: What is counted: `makes {} layers`.
        number: How many.
        name: Of the limit.
        limits: Those in force.
    """
    most: int = getattr(limits, name)
    words, unit = (size, "BYTES") if name in ("activations", "in_use") else (count, "N")
    message = f"{does.format(words(number))}; the limit is {words(most)}"
    return Fault(path, code, message, f"`--limit {name}={unit}` raises it, for a spec of your own")


# --- structure ----------------------------------------------------------------------------------------------


def _structure(spec: Spec, limits: Limits) -> Iterator[Fault]:
    there = [*parts(spec)]
    lists = Counter(path[:-1] for path, _ in there)
    for path, length in lists.items():
        if length > limits.repeats:
            yield excess("AZ605", path, "holds {} entries", length, "repeats", limits)
    layers = [*_nested(there)]
    if len(layers) > limits.modules:
        (most, _), *_ = Counter(path[:1] for path, _ in layers).most_common(1)
        yield excess("AZ602", most, "brings the model to {} layers", len(layers), "modules", limits)
    deepest, depth = max(layers, key=lambda layer: layer[1], default=((), 0))
    if depth > limits.depth:
        yield excess("AZ605", deepest[:2], "holds layers inside layers, {} deep", depth, "depth", limits)


def _nested(there: Sequence[tuple[KeyPath, object]]) -> Iterator[tuple[KeyPath, int]]:
    """Every layer and how many layers deep it stands."""
    from aezoo.spec.kinds import LayerSpec

    above: list[KeyPath] = []
    for path, part in there:
        while above and path[: len(above[-1])] != above[-1]:
            above.pop()
        if isinstance(part, LayerSpec):
            above.append(path)
            yield path, len(above)


# --- size ---------------------------------------------------------------------------------------------------


def _weights(part: Any, shape: Any) -> int:
    return count_of(part, "parameters", part.parameters(shape))


class _OutOfBounds(Exception):
    """A shape so large that nothing that follows from it is worth working out."""


class _Measure:
    """Adds up a model from the input to the output, and stops where a shape leaves all bounds."""

    def __init__(self, spec: Spec, limits: Limits) -> None:
        self.spec = spec
        self.limits = limits
        self.faults: list[Fault] = []
        self.modules = self.parameters = self.activations = self.in_use = self.held = 0
        self.taps = dict(spec.readable_fields)
        with suppress(_OutOfBounds, ShapeError, NoMirror):  # what does not fit is reported elsewhere
            self._model()

    def _model(self) -> None:
        spec = self.spec
        self._shape(("input", "shape"), spec.input.shape)
        self.held = flat(spec.input.shape)
        for name, field in spec.fields.items():
            self._shape(("fields", name), field.sample_shape)
            self._add(("fields", name), 0, 0, flat(field.sample_shape))
        features = self._stack("encoder", ("encoder",), spec.encoder, spec.input.shape)
        code = spec.code_shape
        self._add(("latent",), 1, _weights(spec.latent, features), spec.latent.activations(features))
        self._hold(("latent",), spec.latent.in_use(features))
        self.held += spec.latent.activations(features)
        self._shape(("latent",), code)
        if prior := spec.latent.prior:
            weights = count_of(prior, "parameters", prior.parameters(code, spec))
            self._add(("latent", "prior"), 0, weights, 0)
        self._add(("likelihood",), 1, _weights(spec.likelihood, spec.target_shape), flat(spec.raw_shape))
        # The parameters, the mean and the mean in data units.
        self._hold(("likelihood",), flat(spec.raw_shape) + 2 * flat(spec.target_shape))
        self._shape(("likelihood",), spec.raw_shape)
        own = spec.decoder.type == "layers"
        stem: KeyPath = ("decoder", "layers") if own else ("decoder",)
        layers = spec.decoder.layers if own else spec.decoder_layers()
        self._stack("decoder", stem, layers, spec.code_shape, written=own, tied=spec.decoder.tied)
        self._add(("objective",), 0, _weights(spec.objective, spec), 0)
        for name, term in spec.regularizers.items():
            if term.on in spec.taps:
                self._add(("regularizers", name), 0, _weights(term, spec.taps[term.on]), 0)

    def _stack(
        self,
        stack: str,
        stem: KeyPath,
        layers: Sequence[LayerSpec],
        shape: Shape,
        *,
        written: bool = True,
        tied: bool = False,
    ) -> Shape:
        """Add a stack of layers, each before what comes out of it is looked at."""
        from aezoo.spec.reads import bind

        for i, declared in enumerate(layers):
            path = (*stem, i) if written else stem
            layer = bind(declared, stack, i, self.taps)
            self._look_inside(path, layer, shape)
            output = shape_of(layer, "output_shape", layer.output_shape(shape))
            weights = _weights(layer, shape) - (layer.borrowed(shape) if tied else 0)
            self._add(path, layer.modules(shape), weights, layer.activations(shape))
            self._hold(path, layer.in_use(shape))
            self._shape(path, output)
            shape = self.taps[f"{stack}.{i}"] = output
        return shape

    def _look_inside(self, path: KeyPath, layer: LayerSpec, shape: Shape) -> None:
        for key, inner, input_shape in layer.inside(shape):
            here = (*path, *key)
            self._shape(here, input_shape)
            self._look_inside(here, inner, input_shape)

    def _shape(self, path: KeyPath, shape: Shape) -> None:
        """Stop where one shape alone is beyond the limit."""
        name = min(("activations", "in_use"), key=lambda name: int(getattr(self.limits, name)))
        if BYTES * flat(shape) > getattr(self.limits, name):
            self._note("AZ604", path, "makes a value of {} for one sample", BYTES * flat(shape), name)
            raise _OutOfBounds

    def _add(self, path: KeyPath, modules: int, parameters: int, activations: int) -> None:
        self.modules += modules
        self.parameters += parameters
        self.activations += BYTES * activations
        self._check("AZ602", path, "brings the model to {} layers", "modules")
        self._check("AZ603", path, "brings the model to {} weights", "parameters")
        self._check("AZ604", path, "brings what a pass keeps of one sample to {}", "activations")

    def _hold(self, path: KeyPath, values: int) -> None:
        """Of a part that holds so many values at once, beside the input of the model, and the code once it is there."""
        self.in_use = max(self.in_use, BYTES * (values + self.held))
        self._check("AZ604", path, "brings what a pass holds of one sample at once to {}", "in_use")

    def _check(self, code: str, path: KeyPath, does: str, name: str) -> None:
        if getattr(self, name) > getattr(self.limits, name):
            self._note(code, path, does, getattr(self, name), name)

    def _note(self, code: str, path: KeyPath, does: str, number: int, name: str) -> None:
        """Each limit is crossed once."""
        if code not in {fault.code for fault in self.faults}:
            self.faults.append(excess(code, path, does, number, name, self.limits))
