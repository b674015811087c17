"""Evaluator: measures a model and its baselines on one split."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from torch import Generator, Tensor

from aezoo.data.batches import Batches
from aezoo.evaluation import baselines
from aezoo.evaluation.baselines import Batched
from aezoo.evaluation.units import Units
from aezoo.model import Model
from aezoo.modules.output_checks import number_of
from aezoo.modules.part import made
from aezoo.nn.code import Accumulator
from aezoo.nn.metrics import Moments, psnr
from aezoo.randomness import derive
from aezoo.registry.registry import Registry
from aezoo.spec.document import Spec
from aezoo.spec.kinds import MetricSpec
from aezoo.spec.parts import parts
from aezoo.spec.samples import Array
from aezoo.spec.shape import flat

#: Samples that pictures show.
EXAMPLES = 10
Table = dict[str, float]


@dataclass(frozen=True)
class Examples:
    """A few samples of the split, evenly spaced, for pictures; in data units.

    Attributes:
        originals: [N, *input].
        reconstructions: Of the originals; of the corrupted ones, if there are any.
        corrupted: What the spec's corruption made of the originals, or None.
    """

    originals: Array
    reconstructions: Array
    corrupted: Array | None = None


class Evaluator:
    """Measures a model and its baselines on one split.

    Args:
        model: In evaluation mode.
        batches: The split.
        seed: Of latent noise and corruption.
        batch_size: Samples in one pass.
    """

    def __init__(self, model: Model, batches: Batches, seed: int, batch_size: int) -> None:
        self.model, self.spec = model, model.spec
        self.units = Units(model.network)
        self.batches = batches
        self.seed = seed
        self.passes: Batched = partial(batches.sequential, batch_size)
        shape, span = self.spec.input.shape, self.spec.input.range
        self.corruptions = [made(part, shape, span).eval() for part in self.spec.corruption]

    def metrics(self, registry: Registry) -> Table:
        """Every metric that applies: one pass without latent noise, and one with it for the metrics that need it."""
        parts = list(_applicable(self.spec, registry))
        values: Table = {}
        for noisy in (False, True):
            accumulators = {part: made(part, self.spec) for part in parts if part.noisy is noisy}
            if accumulators:
                self._feed(accumulators, self._generator("latent") if noisy else None)
            values |= {part.tag(): number_of(part, metric) for part, metric in accumulators.items()}
        return {part.tag(): values[part.tag()] for part in parts}

    def _feed(self, accumulators: Mapping[MetricSpec, Accumulator], generator: Generator | None) -> None:
        for x in self.passes():
            out = self.model.network(x, generator=generator)
            for metric in accumulators.values():
                metric.update(out)

    def compare(self, training: Batched | None) -> dict[str, Table]:
        """The metrics of each baseline by name; under "" those of the model that need a corruption.

        All of them judge reconstructions: there are none where the model gives none.
        """
        if not self.spec.reconstructs:
            return {}
        moments = baselines.moments_of(training) if training else None
        tables: dict[str, Table] = {}
        if training and moments and flat(self.spec.code_shape) < min(moments.count, flat(self.spec.input.shape)):
            tables["pca"] = self._error(self._pca(training, moments)).table(self._span)
        if self.corruptions:
            for name, denoise in self._denoisers(moments).items():
                errors = self._error(denoise, corrupt=True).table(self._span)
                chosen = {f"denoising_{key}": errors[key] for key in ("squared_error", "psnr") if key in errors}
                tables[name] = tables.get(name, {}) | chosen
        return tables

    def _pca(self, training: Batched, moments: Moments) -> Callable[[Tensor], Tensor]:
        """The projection on the principal axes in units of the loss: data in, data out."""
        units, dim = self.units, flat(self.spec.code_shape)
        if units.name == "data":
            return baselines.pca(training, dim, moments=moments).apply
        linear = baselines.pca(lambda: map(units.of_data, training()), dim)
        return lambda x: units.to_data(linear.apply(units.of_data(x)))

    def _denoisers(self, moments: Moments | None) -> dict[str, Callable[[Tensor], Tensor]]:
        """Functions from a corrupted batch to an estimate of the clean one, by name."""
        denoisers: dict[str, Callable[[Tensor], Tensor]] = {"": self._reconstruct, "noisy input": lambda x: x}
        if moments and moments.full:
            linear = baselines.wiener(moments, self.corruptions, self.spec.input.shape)
            if linear is not None:
                denoisers["wiener"] = linear.apply
                if self.spec.input.range is not None:
                    low, high = self.spec.input.range
                    # A model's reconstructions stay within the range; the filter is compared on the same terms.
                    denoisers["wiener_clipped"] = lambda x: linear.apply(x).clamp(low, high)
        return denoisers

    def _error(self, estimate: Callable[[Tensor], Tensor], *, corrupt: bool = False) -> SquaredErrors:
        errors = SquaredErrors(self.units)
        # Seeded anew for each denoiser: all see the same corrupted samples.
        generator = self._generator("corruption")
        for x in self.passes():
            errors.update(x, estimate(self._corrupt(x, generator) if corrupt else x))
        return errors

    def examples(self) -> Examples | None:
        """A few samples, and what the model makes of them; None where it reconstructs none."""
        if not self.spec.reconstructs:
            return None
        x = self.batches.head(EXAMPLES)
        corrupted = self._corrupt(x, self._generator("examples")) if self.corruptions else None
        reconstructions = self._reconstruct(x if corrupted is None else corrupted)
        return Examples(_array(x), _array(reconstructions), None if corrupted is None else _array(corrupted))

    def _reconstruct(self, x: Tensor) -> Tensor:
        network = self.model.network
        return network.decode(network.code_of(network.normalizer(x)))

    def _corrupt(self, x: Tensor, generator: Generator) -> Tensor:
        for corruption in self.corruptions:
            x = corruption(x, generator)
        return x

    def _generator(self, stream: str) -> Generator:
        return Generator(self.model.device).manual_seed(derive(self.seed, f"evaluate.{stream}"))

    @property
    def _span(self) -> float | None:
        return None if self.spec.input.range is None else self.spec.input.range[1] - self.spec.input.range[0]


class SquaredErrors:
    """Squared errors of estimates of samples, and the samples' variance.

    Args:
        units: Those of the loss, in which errors are measured.
    """

    def __init__(self, units: Units) -> None:
        self.units = units
        self.moments = Moments()
        self.total = 0.0
        self.data_total = 0.0

    def update(self, x: Tensor, estimate: Tensor) -> None:
        """Add samples and their estimates, [B, *shape], in data units."""
        exact = self.units.of_data(x)
        self.moments.update(exact.flatten(1))
        error = (exact - self.units.of_data(estimate)).square().sum().item()
        self.total += error
        if self.units.name == "data":
            self.data_total += error
        else:
            self.data_total += (x.cpu().double() - estimate.cpu().double()).square().sum().item()

    def table(self, span: float | None) -> Table:
        """The metrics of these names; PSNR only with a range, in whose units it is."""
        variances = self.moments.variance()
        each = self.total / self.moments.count
        mse = each / len(variances)
        table = {"squared_error": each, "mse": mse}
        if span is not None:
            table["psnr"] = psnr(self.data_total / self.moments.count / len(variances), span)
        variance = variances.sum().item()
        return {**table, "fvu": each / variance if variance > 0 else math.nan}


def _applicable(spec: Spec, registry: Registry) -> Iterator[MetricSpec]:
    """The spec's own metrics, and every other one that applies to it and has no required setting.

    The others are built-in metrics, and those of plugins that the spec names.
    """
    own = {metric.tag(): metric for metric in spec.metrics}
    # Not all loaded plugins: another spec of this process may have loaded one, and would change these scores.
    namespaces = {"", *(part.namespace for _, part in parts(spec))}
    for name in registry.names("metric"):
        if name in own or name.rpartition(":")[0] not in namespaces:
            continue
        part: type[MetricSpec] = registry.get("metric", name)
        has_defaults = not any(info.is_required() for info in part.model_fields.values())
        if has_defaults and part.suits(spec):
            yield part()  # type: ignore[call-arg]
    yield from own.values()


def _array(x: Tensor) -> Array:
    return x.cpu().numpy()
