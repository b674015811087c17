"""Evaluator: measures a model and its baselines on one split."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product

import torch
from torch import Generator, Tensor

from aezoo.data.batches import Batch, Batches
from aezoo.diagnosis.model_figures import ModelFigures, model_figures
from aezoo.errors import DataWarning
from aezoo.evaluation import baselines
from aezoo.evaluation.baselines import Batched
from aezoo.evaluation.units import Units
from aezoo.model import Model
from aezoo.modules.output_checks import numbers_of
from aezoo.modules.part import made
from aezoo.nn.code import Accumulator, Fitted, Output
from aezoo.nn.corruption import attach, corrupt
from aezoo.nn.distributed import dealt, sharing, team
from aezoo.nn.metrics import Moments, psnr
from aezoo.nn.row_noise import RowNoise
from aezoo.nn.whole_output import WholeOutput
from aezoo.randomness import derive
from aezoo.registry.registry import Registry
from aezoo.spec.component import field_name
from aezoo.spec.document import Spec
from aezoo.spec.kinds import MetricSpec
from aezoo.spec.parts import parts
from aezoo.spec.samples import Array, Samples
from aezoo.spec.shape import flat

#: Samples that pictures show.
EXAMPLES = 10
Table = dict[str, float]
#: What a model or a baseline makes of a batch: [B, *target].
Estimate = Callable[[Batch], Tensor]
#: Gives all batches of a split anew at every call.
Passes = Callable[[], Iterable[Batch]]
Accumulators = dict[MetricSpec, Accumulator]


@dataclass(frozen=True)
class Examples:
    """A few samples of the split, evenly spaced, for pictures; in data units.

    Attributes:
        originals: [N, *input]; of a model with another target, that.
        reconstructions: Of the originals; of the corrupted ones, if there are any.
        corrupted: What the spec's corruption made of the originals, or None.
        inputs: What was encoded, with its fields.
    """

    originals: Array
    reconstructions: Array
    corrupted: Array | None
    inputs: Samples


class Evaluator:
    """Measures a model and its baselines on one split.

    Args:
        model: In evaluation mode.
        batches: The split.
        seed: Of latent noise and corruption.
        batch_size: Samples in one pass; by default as many as the memory estimate allows, and 256 at most.
        spec: The model's, with more metrics.
    """

    def __init__(
        self, model: Model, batches: Batches, seed: int, batch_size: int | None = None, *, spec: Spec | None = None
    ) -> None:
        self.model, self.spec = model, spec or model.spec
        self.units = Units(model.network)
        self.batches = batches
        self.seed = seed
        batch_size = batch_size or model.samples_at_once(model.spec.input.shape, 256)
        self.batch_size = batch_size
        self.passes = partial(batches.sequential, batch_size)
        shape, span = self.spec.input.shape, self.spec.input.range
        self.corruptions = [made(part, shape, span).eval() for part in self.spec.corruption]
        attach(self.corruptions, model.network)

    def metrics(self, registry: Registry, training: Passes | None) -> Table:
        """Every metric that applies, in passes without latent noise, and with it for the metrics that need it.

        Args:
            registry: Where metrics are found.
            training: Batches of the training split, for metrics that are fitted to it. Without, these are left out.
        """
        values: dict[MetricSpec, Table] = {part: {} for part in _applicable(self.spec, registry)}
        for noisy, grad in product((False, True), repeat=2):
            chosen = [part for part in values if part.noisy is noisy and part.grad is grad]
            accumulators = self._fitted({part: made(part, self.spec) for part in chosen}, training)
            if accumulators:
                self._feed(self.passes, {part: metric.update for part, metric in accumulators.items()})
            for part, metric in accumulators.items():
                values[part] = numbers_of(part, metric)
        return {name: value for numbers in values.values() for name, value in numbers.items()}

    def _fitted(self, accumulators: Accumulators, training: Passes | None) -> Accumulators:
        """The metrics, fitted where they ask for it; without those that cannot be."""
        fits = {part: metric.fit for part, metric in accumulators.items() if isinstance(metric, Fitted)}
        if fits and training is not None:
            self._feed(training, fits)
        elif fits:
            names = ", ".join(part.tag() for part in fits)
            message = f"there is no training split to fit {names} to"
            warnings.warn(DataWarning(message, "evaluate a split of the data, not all of it"), stacklevel=2)
            return {part: metric for part, metric in accumulators.items() if part not in fits}
        return accumulators

    def _feed(self, passes: Passes, metrics: Mapping[MetricSpec, Callable[[Output], None]]) -> None:
        """Hand passes of the network to metrics that all want the same kind of them."""
        first = next(iter(metrics))
        # Seeded anew for each feed: what a metric gives does not depend on which others there are.
        generator = self._generator("latent") if first.noisy else None
        with torch.inference_mode(not first.grad):
            for batch in passes():
                out = self._pass(batch, generator, grad=first.grad)
                for take in metrics.values():
                    take(out)

    def _pass(self, batch: Batch, generator: Generator | None, *, grad: bool) -> Output:
        """A pass of the network; several processes share it, unless a metric goes back through it."""
        place = team()
        layout = dealt(batch.rows, *place) if place and not grad else None
        if layout is None:
            return self._passed(*batch, generator, grad=grad)
        with sharing(layout), RowNoise():
            out = self._passed(*batch.stretch(layout.start, layout.start + layout.rows), generator, grad=grad)
        return WholeOutput.of(out, layout)

    def _passed(self, x: Tensor, fields: Mapping[str, Tensor], generator: Generator | None, *, grad: bool) -> Output:
        x = x.to(self.model.device)
        fields = {name: value.to(self.model.device) for name, value in fields.items()}
        # Copies: batches may be views of what was made in inference mode, of which no graph can be kept.
        x = x.clone().requires_grad_() if grad else x
        return self.model.network(x, generator=generator, fields=fields)  # type: ignore[no-any-return]

    def compare(self, training: Batched | None, count: int) -> dict[str, Table]:
        """The metrics of each baseline by name; under "" those of the model that need a corruption.

        Baselines are of the input alone, and judged by squared errors: where the target is another, a mask leaves
        values out, some are no quantities, or the model reconstructs nothing, there are none.

        Args:
            training: Gives the samples that they are fitted to; None: there are none.
            count: How many these are.
        """
        spec = self.spec
        if not spec.decodes or spec.target is not None or spec.mask is not None or not spec.likelihood.quantities:
            return {}
        # The filter solves for their covariance, and wants all digits of it; axes in other units come from another one.
        filters = bool(self.corruptions)
        wanted = filters or self.units.name == "data"
        moments = baselines.moments_of(training, exact=filters) if training and wanted else None
        tables: dict[str, Table] = {}
        if training and flat(self.spec.code_shape) < min(count, flat(self.spec.input.shape)):
            tables["pca"] = self._error(self._pca(training, moments)).table(self._span)
        if self.corruptions:
            for name, denoise in self._denoisers(moments).items():
                errors = self._error(denoise, corrupted=True).table(self._span)
                chosen = {f"denoising_{key}": errors[key] for key in ("squared_error", "psnr") if key in errors}
                tables[name] = tables.get(name, {}) | chosen
        return tables

    def _pca(self, training: Batched, moments: Moments | None) -> Estimate:
        """The projection on the principal axes in units of the loss: data in, data out."""
        units, dim = self.units, flat(self.spec.code_shape)
        if units.name == "data":
            linear = baselines.pca(training, dim, moments=moments)
            return lambda batch: linear.apply(batch.x)
        scaled = baselines.pca(lambda: map(units.of_data, training()), dim)
        return lambda batch: units.to_data(scaled.apply(units.of_data(batch.x)))

    def _denoisers(self, moments: Moments | None) -> dict[str, Estimate]:
        """Functions from a corrupted batch to an estimate of the clean one, by name."""
        denoisers: dict[str, Estimate] = {"": self._reconstruct, "noisy input": lambda batch: batch.x}
        if moments and moments.full:
            linear = baselines.wiener(moments, self.corruptions, self.spec.input.shape)
            if linear is not None:
                denoisers["wiener"] = lambda batch: linear.apply(batch.x)
                if self.spec.input.range is not None:
                    low, high = self.spec.input.range
                    # A model's reconstructions stay within the range; the filter is compared on the same terms.
                    denoisers["wiener_clipped"] = lambda batch: linear.apply(batch.x).clamp(low, high)
        return denoisers

    def _error(self, estimate: Estimate, *, corrupted: bool = False) -> SquaredErrors:
        errors = SquaredErrors(self.units)
        # Seeded anew for each denoiser: all see the same corrupted samples.
        generator = self._generator("corruption")
        for batch in self.passes():
            errors.update(batch.x, estimate(self._corrupt(batch, generator) if corrupted else batch))
        return errors

    def figures(self, training: Batches | None, metrics: Table, baseline: Mapping[str, Table]) -> ModelFigures:
        """What a diagnosis reads beside the metrics of the model and of its baselines."""
        network, size = self.model.network, self.batch_size
        return model_figures(
            self.spec, network, self.batches, training, metrics, baseline, batch_size=size, seed=self.seed
        )

    def examples(self) -> Examples | None:
        """A few samples, and what the model makes of them; None where it decodes none."""
        if not self.spec.decodes:
            return None
        batch = self.batches.head(EXAMPLES)
        inputs = Samples(_array(batch.x), "examples", fields={name: _array(v) for name, v in batch.fields.items()})
        if self.spec.target is not None:
            return Examples(inputs.fields[field_name(self.spec.target)], _array(self._reconstruct(batch)), None, inputs)
        corrupted = self._corrupt(batch, self._generator("examples")) if self.corruptions else None
        reconstructions = _array(self._reconstruct(batch if corrupted is None else corrupted))
        return Examples(_array(batch.x), reconstructions, None if corrupted is None else _array(corrupted.x), inputs)

    def _reconstruct(self, batch: Batch) -> Tensor:
        return self.model.network.reconstruct(*batch)

    def _corrupt(self, batch: Batch, generator: Generator) -> Batch:
        return batch._replace(x=corrupt(self.corruptions, batch.x, generator, batch.fields))

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
