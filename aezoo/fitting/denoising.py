"""Denoising: the error of samples restored from noisy ones, beside the best linear filter."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from aezoo.data.batches import Batch
from aezoo.evaluation import baselines
from aezoo.evaluation.baselines import WIDEST
from aezoo.fitting.comparison import Compared, by_samples
from aezoo.fitting.held_out import HeldOut, Split, reconstructed
from aezoo.fitting.linear import principal
from aezoo.model import Model
from aezoo.modules.part import made
from aezoo.nn.corruption import GaussianNoise, attach, corrupt
from aezoo.nn.metrics import psnr
from aezoo.randomness import derive

#: Principal axes of samples that are too wide for a filter of all their values.
AXES = 256


class DenoisingJudge:
    """Judges how near samples come to the clean ones that noise was added to, in data units.

    Args:
        held_out: The samples.
    """

    def __init__(self, held_out: HeldOut) -> None:
        self.held_out = held_out
        self._batches: dict[Split, Batch] = {}

    def choose(self, model: Model) -> Tensor:
        clean, noisy = self._pair(model, "validation")
        return self._errors(clean, reconstructed(model, noisy))

    def compare(self, model: Model) -> list[Compared]:
        clean, noisy = self._pair(model, "test")
        own = self._errors(clean, reconstructed(model, noisy))
        filtered = self._filtered(model, noisy.x.double())
        others = {"the Wiener filter": self._errors(clean, filtered), "the noisy samples": self._errors(clean, noisy.x)}
        found = [by_samples("squared error a value of denoised samples", own, others, better="lower")]
        span = model.spec.input.range
        if span is not None:
            width = span[1] - span[0]
            rivals = tuple(
                rival._replace(
                    value=psnr(rival.value, width),
                    ahead=psnr(found[0].value, width) - psnr(rival.value, width),
                    error=10 / 2.302585 * rival.error / max(found[0].value, 1e-30),
                )
                for rival in found[0].rivals
            )
            found.append(Compared("PSNR in dB", "higher", psnr(found[0].value, width), rivals, found[0].n))
        return found

    def _pair(self, model: Model, split: Split) -> tuple[Tensor, Batch]:
        """Clean samples, and noisy ones: of every model the same."""
        if split not in self._batches:
            self._batches[split] = self.held_out.batch(split)
        batch = self._batches[split]
        spec = model.spec
        corruptions = [made(part, spec.input.shape, spec.input.range).eval() for part in spec.corruption]
        attach(corruptions, model.network)
        generator = Generator().manual_seed(derive(spec.training.seed, f"fit.{split}"))
        noisy = corrupt(corruptions, batch.x, generator, batch.fields)
        return batch.x.double(), batch._replace(x=noisy)

    def _errors(self, clean: Tensor, estimate: Tensor) -> Tensor:
        return (clean - estimate.double()).square().flatten(1).mean(dim=1)

    def _filtered(self, model: Model, noisy: Tensor) -> Tensor:
        """The linear estimate of least error; of wide samples among those along their leading axes."""
        spec = model.spec
        corruptions = [made(part, spec.input.shape, spec.input.range).eval() for part in spec.corruption]
        training = self.held_out.batch("train").x
        flat = training.double().flatten(1)
        if flat.shape[1] <= WIDEST:
            moments = baselines.moments_of(lambda: [training])
            linear = baselines.wiener(moments, corruptions, spec.input.shape)
            assert linear is not None  # there is a formula for the noise that is proposed
            estimate = linear.apply(noisy)
        else:
            found = principal(flat, AXES)
            noise = sum(c.std**2 for c in corruptions if isinstance(c, GaussianNoise) and isinstance(c.std, float))
            gains = (variances := found.codes(flat).var(dim=0)) / (variances + noise)
            estimate = (found.mean + (found.codes(noisy.flatten(1)) * gains) @ found.axes.T).reshape(noisy.shape)
        if spec.input.range is not None:
            estimate = estimate.clamp(*spec.input.range)
        return torch.as_tensor(estimate)
