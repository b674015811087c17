"""Judge: what is measured on one split, of a model and of its baselines."""

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


class Judge:
    """What is measured on one split, in passes of one batch size.

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
        """Every metric that applies: one pass that draws nothing, and one that does for those that ask for it."""
        metrics = list(_applicable(self.spec, registry))
        found: Table = {}
        for noisy in (False, True):
            working = {part: made(part, self.spec) for part in metrics if part.noisy is noisy}
            if working:
                self._feed(working, self._generator("latent") if noisy else None)
            found |= {part.tag(): number_of(part, metric) for part, metric in working.items()}
        return {part.tag(): found[part.tag()] for part in metrics}

    def _feed(self, working: Mapping[MetricSpec, Accumulator], generator: Generator | None) -> None:
        for x in self.passes():
            out = self.model.network(x, generator=generator)
            for metric in working.values():
                metric.update(out)

    def compare(self, fitting: Batched | None) -> dict[str, Table]:
        """The metrics of each baseline by name; under "" those of the model that need a corruption."""
        moments = baselines.moments_of(fitting) if fitting else None
        found: dict[str, Table] = {}
        if fitting and moments and flat(self.spec.code_shape) < min(moments.count, flat(self.spec.input.shape)):
            found["pca"] = self._error(self._pca(fitting, moments)).table(self._span)
        if self.corruptions:
            for name, answer in self._denoisers(moments).items():
                errors = self._error(answer, corrupt=True).table(self._span)
                chosen = {f"denoising_{key}": errors[key] for key in ("squared_error", "psnr") if key in errors}
                found[name] = found.get(name, {}) | chosen
        return found

    def _pca(self, fitting: Batched, moments: Moments) -> Callable[[Tensor], Tensor]:
        """The projection on the principal axes in units of the loss: data in, data out."""
        units, dim = self.units, flat(self.spec.code_shape)
        if units.name == "data":
            return baselines.pca(fitting, dim, moments=moments).answer
        linear = baselines.pca(lambda: map(units.of_data, fitting()), dim)
        return lambda x: units.to_data(linear.answer(units.of_data(x)))

    def _denoisers(self, moments: Moments | None) -> dict[str, Callable[[Tensor], Tensor]]:
        """What takes a corrupted batch to a guess of the clean one."""
        found: dict[str, Callable[[Tensor], Tensor]] = {"": self._reconstruct, "noisy input": lambda x: x}
        if moments and moments.full:
            filtered = baselines.wiener(moments, self.corruptions, self.spec.input.shape)
            if filtered is not None:
                found["wiener"] = filtered.answer
                if self.spec.input.range is not None:
                    low, high = self.spec.input.range
                    # No model of the range answers outside of it, so the filter need not either.
                    found["wiener_clipped"] = lambda x: filtered.answer(x).clamp(low, high)
        return found

    def _error(self, answer: Callable[[Tensor], Tensor], *, corrupt: bool = False) -> Errors:
        errors = Errors(self.units)
        generator = self._generator("corruption")
        for x in self.passes():
            errors.update(x, answer(self._corrupt(x, generator) if corrupt else x))
        return errors

    def examples(self) -> Examples:
        x = self.batches.head(EXAMPLES)
        corrupted = self._corrupt(x, self._generator("examples")) if self.corruptions else None
        again = self._reconstruct(x if corrupted is None else corrupted)
        return Examples(_array(x), _array(again), None if corrupted is None else _array(corrupted))

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


class Errors:
    """Squared errors of guesses, against samples; and what they are measured by.

    Args:
        units: Those of the loss, in which errors are measured.
    """

    def __init__(self, units: Units) -> None:
        self.units = units
        self.moments = Moments()
        self.total = 0.0
        self.data_total = 0.0

    def update(self, x: Tensor, guess: Tensor) -> None:
        """Take in samples and guesses of them, [B, *shape], in data units."""
        exact = self.units.of_data(x)
        self.moments.update(exact.flatten(1))
        self.total += (exact - self.units.of_data(guess)).square().sum().item()
        self.data_total += (x.cpu().double() - guess.cpu().double()).square().sum().item()

    def table(self, span: float | None) -> Table:
        """The metrics of these names; PSNR only with a range, in whose units it is."""
        variances = self.moments.variance()
        each = self.total / self.moments.count
        mse = each / len(variances)
        found = {"squared_error": each, "mse": mse}
        if span is not None:
            found["psnr"] = psnr(self.data_total / self.moments.count / len(variances), span)
        variance = variances.sum().item()
        return {**found, "fvu": each / variance if variance > 0 else math.nan}


def _applicable(spec: Spec, registry: Registry) -> Iterator[MetricSpec]:
    """What the spec asks for, and every metric that means something for it and needs no setting.

    Those are metrics in the box, and of plugins that the spec names.
    """
    asked = {metric.tag(): metric for metric in spec.metrics}
    # What another spec had loaded in this process must not change what this one is told.
    named = {"", *(part.namespace for _, part in parts(spec))}
    for name in registry.names("metric"):
        if name in asked or name.rpartition(":")[0] not in named:
            continue
        part: type[MetricSpec] = registry.get("metric", name)
        settled = not any(info.is_required() for info in part.model_fields.values())
        if settled and part.applies(spec):
            yield part()  # type: ignore[call-arg]
    yield from asked.values()


def _array(x: Tensor) -> Array:
    return x.cpu().numpy()
