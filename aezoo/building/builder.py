"""build: Spec -> Model; and the Objective of a Model, for training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from aezoo.building.limit_checks import SizeCheck
from aezoo.errors import Fault, ShapeError, SpecError
from aezoo.model import Model
from aezoo.modules.output_checks import curve
from aezoo.modules.part import made
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.data_normalizer import Normalizer
from aezoo.nn.layer_stack import Read
from aezoo.nn.layers import matrices, tie
from aezoo.nn.objective import Constraints, Objective, Terms, Weight
from aezoo.nn.projection import Tangential
from aezoo.randomness import derive
from aezoo.reading.reader import Source, read
from aezoo.registry.attribution import attributed
from aezoo.spec.component import FIELDS, field_name
from aezoo.spec.contracts import broken
from aezoo.spec.document import Spec
from aezoo.spec.kinds import LayerSpec, ReadingLayerSpec, ScheduleSpec
from aezoo.spec.limits import DEFAULT_LIMITS, Limits, size_of
from aezoo.spec.parts import parts
from aezoo.spec.shape import Shape, flat, text

#: Of a model whose shapes are verified on the CPU: multiplications of a sample, and values in memory. Some 0.2 s.
MOST_WORK, MOST_VALUES = 2 * 10**9, 2 * 10**7

#: Precisions of products alone, over weights in float32.
AUTOCAST = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@attributed()
def build(source: Spec | Source, *, seed: int | None = None, limits: Limits = DEFAULT_LIMITS) -> Model:
    """A fresh model of a spec, on the CPU, its weights drawn from `seed` (the spec's own, if None).

    Args:
        source: A spec, or what `read` takes.
        seed: Of the weights.
        limits: How large the model may be; what a spec that was read declares is taken as read.

    Raises:
        SpecError: The spec is wrong; or a part's module is larger than its declaration says, and than the limits.
        PluginError: A part's module has not the shape or the weights that its declaration says.
    """
    spec = source if isinstance(source, Spec) else read(source, limits=limits)
    verify(spec, limits=limits)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(spec.training.seed if seed is None else seed, "init"))
        network = assemble(spec)
    return Model(spec, network)


def skeleton(spec: Spec) -> Autoencoder:
    """The network without memory: names, shapes and types of its weights, on the meta device."""
    with torch.device("meta"):
        return assemble(spec)


def assemble(spec: Spec) -> Autoencoder:
    """The network, its weights drawn from torch's global generator."""
    encoder = _stack("encoder", spec.encoder_layers(), spec.encoder_shapes)
    latent = made(spec.latent, spec.feature_shape, key_path="latent")
    decoder = _stack("decoder", spec.decoder_layers(), spec.decoder_shapes)
    if spec.decoder.tied:
        decoder = _tied(decoder, [*encoder, latent])
    prior = spec.latent.prior
    network = Autoencoder(
        input_shape=spec.input.shape,
        encoder=encoder,
        latent=latent,
        decoder=decoder,
        likelihood=made(spec.likelihood, spec.target_shape) if spec.reconstructs else None,
        point=spec.latent.point,
        prior=made(prior, spec.code_shape, spec) if prior else None,
        fitted=prior is not None and prior.fitted,
        standardize=spec.input.normalize == "standardize",
        target=(field_name(spec.target), spec.target_shape) if spec.target else None,
        mask=field_name(spec.mask) if spec.mask else None,
        observed=field_name(spec.input.observed) if spec.input.observed else None,
        reads=_reads(spec),
        scaler=_scaler(spec),
    )
    network.attach()
    return network.double() if spec.training.precision == "float64" else network


def _reads(spec: Spec) -> dict[str, Read]:
    """What layers read beside their input, by the name of the layer."""
    stacks = {"encoder": spec.encoder, "decoder": spec.decoder_layers()}
    classes = {f"{FIELDS}{name}": field.classes or 0 for name, field in spec.fields.items()}
    return {
        f"{stack}.{i}": Read(layer.reads, classes.get(layer.reads, 0), layer.stochastic)
        for stack, layers in stacks.items()
        for i, layer in enumerate(layers)
        if isinstance(layer, ReadingLayerSpec)
    }


def _scaler(spec: Spec) -> Normalizer | None:
    """What takes mean and deviation out of codes: learned from the training split, or those of the spec."""
    scale = spec.latent.scale
    if scale is None:
        return None
    scaler = Normalizer(spec.code_shape, saved=scale == "fitted")
    if scale != "fitted":
        mean, deviation = scale if isinstance(scale, tuple) else (0.0, 1 / scale)
        scaler.shift.fill_(mean)
        scaler.scale.fill_(deviation)
    return scaler


def verify(spec: Spec, *, limits: Limits = DEFAULT_LIMITS) -> None:
    """Hold each part to the weights that it declares, and pass two samples through: to the shapes.

    Raises:
        SpecError: What is built is larger than what is declared, and than the limits.
        PluginError: A part has other weights than it declares, or gives another shape.
    """
    network = skeleton(spec)
    size_check = SizeCheck(spec, limits)
    size_check.hold(network)
    for one in _placed(spec, network):
        one.weigh()
    for key_path, inner, input_shape in _inside(spec):
        with torch.no_grad(), torch.device("meta"):
            module = made(inner, input_shape, key_path=key_path).eval()
            declared = {"": inner.output_shape(input_shape)}
            one = _Placed(key_path, inner, module, inner.parameters(input_shape), declared)
            one.weigh()
            one.watch()
            module(torch.empty(2, *input_shape))
    device = "cpu" if _is_light(spec) else "meta"
    passed = _unseeded(spec) if device == "cpu" else network
    for one in _placed(spec, passed):
        one.watch()
    with torch.no_grad(), size_check.watch(passed, 2):
        dtype = _dtype(passed)
        fields = {
            name: torch.zeros(2, *field.sample_shape, device=device, dtype=dtype if field.shape else torch.int64)
            for name, field in spec.fields.items()
        }
        passed.eval()(torch.zeros(2, *spec.input.shape, device=device, dtype=dtype), fields=fields)


def _is_light(spec: Spec) -> bool:
    """Whether two samples may pass on the CPU: all parts are built in, and they have little to do.

    On the meta device nothing is computed, but the first operation there has torch import its compiler and sympy,
    which takes longer than such a model trains. What a plugin's part really does, only that device finds out for free.
    """
    network = (spec.encoder_layers(), spec.latent, spec.decoder_layers(), spec.likelihood)
    if any(part.namespace for _, part in parts(network)):
        return False
    stacks = ((spec.encoder_layers(), spec.encoder_shapes), (spec.decoder_layers(), spec.decoder_shapes))
    # At most: every weight once at every position.
    work = sum(
        layer.parameters(input_shape) * max(flat(input_shape[1:]), flat(output[1:]))
        for layers, shapes in stacks
        for layer, input_shape, output in zip(layers, shapes, shapes[1:], strict=False)
    )
    size = size_of(spec)
    return work <= MOST_WORK and size.parameters + size.activations <= MOST_VALUES


def _unseeded(spec: Spec) -> Autoencoder:
    """The network with any weights; torch's global generator stays as it is."""
    with torch.random.fork_rng(devices=[]):
        return assemble(spec)


class _Placed(NamedTuple):
    """A part, its key path, the module that it built, and what it declares of that."""

    key_path: str
    part: Any
    module: nn.Module
    weights: int
    gives: Mapping[str, Shape]  # of a code or level, by field; of a layer, under no name
    tied: bool = False

    def weigh(self) -> None:
        """Hold the weights of the module to those that are declared; a tied one has them from its source."""
        built = sum(p.numel() for p in self.module.parameters())
        if built != self.weights and not self.tied:
            message = f"declares {self.weights:,}, the module of {self.key_path} has {built:,}"
            raise broken(self.part, "parameters", message)

    def watch(self) -> None:
        """Check the output of the module against what is declared, before the next one takes it."""
        self.module.register_forward_hook(lambda _, __, output: self._compare(output))

    def _compare(self, output: Any) -> None:
        for field, declared in self.gives.items():
            result = getattr(output, field, None) if field else output
            built = text(tuple(result.shape[1:])) if isinstance(result, Tensor) else type(result).__name__
            if built != text(declared):
                what = f"{self.key_path}.{field}" if field else self.key_path
                layer = isinstance(self.part, LayerSpec)
                method = "output_shape" if layer else "code_shape" if field == "z" else "tap_shape"
                raise broken(self.part, method, f"declares {text(declared)}, the module of {what} gives {built}")


def _placed(spec: Spec, network: Autoencoder) -> Iterator[_Placed]:
    """Every part that has weights or a shape of its own, from the input to the output."""
    stacks = {
        "encoder": (network.encoder, spec.encoder_layers(), spec.encoder_shapes),
        "decoder": (network.decoder, spec.decoder_layers(), spec.decoder_shapes),
    }
    for stack, (modules, layers, shapes) in stacks.items():
        tied = stack == "decoder" and spec.decoder.tied
        for i, (module, layer) in enumerate(zip(modules, layers, strict=True)):
            field = "h" if isinstance(layer, ReadingLayerSpec) and layer.stochastic else ""
            yield _Placed(f"{stack}.{i}", layer, module, layer.parameters(shapes[i]), {field: shapes[i + 1]}, tied)
    latent = spec.latent
    code = {"z": spec.code_shape} | {field: spec.taps[field] for field in sorted(latent.provides)}
    yield _Placed("latent", latent, network.latent, latent.parameters(spec.feature_shape), code)
    if spec.reconstructs:
        likelihood = spec.likelihood
        yield _Placed("likelihood", likelihood, network.likelihood, likelihood.parameters(spec.target_shape), {})
    if (prior := latent.prior) and isinstance(network.prior, nn.Module):
        yield _Placed("latent.prior", prior, network.prior, prior.parameters(spec.code_shape, spec), {})


def _inside(spec: Spec) -> Iterator[tuple[str, LayerSpec, Shape]]:
    """Key path, declaration and input shape of plugins' layers within other layers, whose module hides them."""
    stacks = {
        "encoder": (spec.encoder_layers(), spec.encoder_shapes),
        "decoder": (spec.decoder_layers(), spec.decoder_shapes),
    }
    for stack, (layers, shapes) in stacks.items():
        for i, layer in enumerate(layers):
            yield from _nested(f"{stack}.{i}", layer, shapes[i])


def _nested(key_path: str, layer: LayerSpec, input_shape: Shape) -> Iterator[tuple[str, LayerSpec, Shape]]:
    for path, inner, shape in layer.inside(input_shape):
        here = ".".join(map(str, (key_path, *path)))
        if inner.namespace:
            yield here, inner, shape
        yield from _nested(here, inner, shape)


@attributed()
def objective_of(model: Model, *, steps: int) -> Objective:
    """What trains the model: its spec's corruption, regularizers, constraints and objective.

    Args:
        model: As `build` made it.
        steps: Length of the run, for schedules that span it.
    """
    # What it has of its own is drawn as the model is: from the seed, whatever was drawn before.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(model.spec.training.seed, "objective"))
        return _objective(model.spec, model.network, steps)


def _objective(spec: Spec, network: Autoencoder, steps: int) -> Objective:
    # Built in this order, since parts may draw their weights: the loss terms, corruptions, regularizers.
    loss_terms = made(spec.objective, spec)
    corruption = [made(part, spec.input.shape, spec.input.range) for part in spec.corruption]
    objective = Objective(
        network,
        _terms(spec, loss_terms, steps),
        _constraints(spec, network),
        corruption=corruption,
        steps=steps,
        autocast=AUTOCAST.get(spec.training.precision),
    )
    if unmoved := objective.unmoved():
        more = f" and {len(unmoved) - 3} more" if len(unmoved) > 3 else ""
        message = f"leaves weights to no player: {', '.join(unmoved[:3])}{more}; freeze them, or give them to one"
        raise broken(spec.objective, "build", message)
    return objective


def _terms(spec: Spec, loss_terms: nn.Module, steps: int) -> Terms:
    penalties = spec.regularizers
    factors = {name: part.weight for name, part in penalties.items()} | dict(spec.objective.weights())
    for name, part in penalties.items():
        factors |= {f"{name}.{term}": factor for term, factor in part.weights().items()}
    return Terms(
        loss_terms,
        players=tuple(spec.objective.players),
        regularizers={name: made(part, spec.taps[part.on]) for name, part in penalties.items()},
        term_players={f"{name}.{one}": (name, one) for name, part in penalties.items() for one in part.players},
        weights={name: weight_of(factor, steps) for name, factor in factors.items()},
        taps=sorted({part.on for part in penalties.values() if part.on.startswith(("encoder.", "decoder."))}),
    )


def _constraints(spec: Spec, network: Autoencoder) -> Constraints:
    built = [(made(part), _layer(network, part.on)) for part in spec.constraints.values()]
    return Constraints(
        projections=[partial(project, layer) for project, layer in built],
        tangents=[partial(project.tangent, layer) for project, layer in built if isinstance(project, Tangential)],
    )


def weight_of(schedule: ScheduleSpec, steps: int) -> Weight | None:
    """The schedule as a function of the step; None if it is 1 throughout."""
    if schedule.bounds() == (1.0, 1.0):
        return None
    value = curve(schedule)
    return lambda step: value(step, steps)


def _stack(name: str, layers: Sequence[LayerSpec], shapes: Sequence[Shape]) -> list[nn.Module]:
    placed = enumerate(zip(layers, shapes, strict=False))
    return [made(layer, shape, key_path=f"{name}.{i}") for i, (layer, shape) in placed]


def _tied(decoder: list[nn.Module], encoder: list[nn.Module]) -> list[nn.Module]:
    """Give each map of the mirrored decoder the weights of its source: the last mirrors the first.

    Raises:
        SpecError: There is one that cannot have them.
    """
    sources = [m for m in encoder if matrices(m)]
    targets = [i for i, m in enumerate(decoder) if matrices(m)]
    tied = list(decoder)
    try:
        for source, target in zip(sources, reversed(targets), strict=True):
            tied[target] = tie(decoder[target], source)
    except ValueError as error:  # shapes that do not fit, or maps without a partner
        why = str(error) if isinstance(error, ShapeError) else "encoder and decoder have not as many maps"
        raise SpecError([Fault(("decoder", "tied"), "AZ407", why, "leave 'tied' out, or take other layers")]) from None
    return tied


def _layer(network: Autoencoder, key_path: str) -> nn.Module:
    return network.get_submodule(key_path)


def _dtype(network: nn.Module) -> Any:
    return next((p.dtype for p in network.parameters()), torch.float32)
