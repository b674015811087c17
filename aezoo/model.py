"""Model: a spec and its network, used. Arrays, tensors and files go in; codes, reconstructions and scores come out.

    data ──encode──> codes ──decode──> data        sample: prior ──> codes ──decode──> data
    data ──reconstruct──> data                     score:  data ──> how anomalous it is

Nothing here trains, and nothing draws but `sample` and the ELBO of `score`, both from a seed. Batch normalization
and dropout are as in evaluation, whatever mode the network is in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from copy import deepcopy
from os import PathLike
from typing import Any, Literal, NamedTuple, Self, cast, get_args, overload

import numpy as np
import torch
from torch import Generator, Tensor

from aezoo.data.batches import Batch, Batches
from aezoo.data.fields import Fields, check_fields, with_fields
from aezoo.data.indices import Indices, index_shape
from aezoo.data.sources import check, open_samples
from aezoo.data.values import check_values, warn_outside
from aezoo.errors import AnswerNo, DataError, UsageError
from aezoo.hints import did_you_mean
from aezoo.modules.part import made
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Output, Posterior, Reparameterized
from aezoo.nn.corruption import FieldCorruption
from aezoo.nn.divergence import closed_form, rate
from aezoo.nn.likelihood import reconstruction
from aezoo.nn.metrics import nll
from aezoo.nn.modes import evaluating
from aezoo.randomness import derive
from aezoo.registry.attribution import attributed
from aezoo.spec.document import Spec
from aezoo.spec.samples import Array, Samples
from aezoo.spec.shape import Shape, text

#: What a verb takes: [N, *shape], one sample [*shape], or a file or folder of samples.
Data = Array | Tensor | Samples | str | PathLike[str]
Score = Literal["auto", "objective", "reconstruction", "elbo"]

#: Samples in one pass. On a CPU convolutional models are fastest at 32 to 128 samples, where activations still fit
#: the cache; others do not mind.
CHUNK = 128
#: Input may leave the declared range by so many times its width: noise does, another unit goes much farther.
SLACK = 10.0
#: Beyond so much of its width, and beyond what the spec's corruption adds, a warning tells of it.
MILD = 0.1


class AllAlike:
    """Noise of levels that all samples share, so that the score of one does not depend on those beside it.

    The second half of the draws has the opposite noise of the first, as the code has.

    Args:
        seed: Of the score.
        position: Of the draw.
        draws: How many there are.
    """

    def __init__(self, seed: int, position: int, draws: int) -> None:
        half = (draws + 1) // 2
        self.generator = Generator().manual_seed(derive(seed, "score.levels", position % half))
        self.sign = 1 if position < half else -1

    def __call__(self, like: Tensor) -> Tensor:
        noise = torch.randn(1, *like.shape[1:], generator=self.generator)
        return (self.sign * noise).to(like).expand_as(like)


class EachItsOwn:
    """Noise of levels that depends on the position of a sample alone, not on the batch that it is drawn in.

    Args:
        seed: Of the samples.
        start: Position of the first sample of the batch.
    """

    def __init__(self, seed: int, start: int) -> None:
        self.seed, self.start = seed, start
        self.generators: list[Generator] = []

    def __call__(self, like: Tensor) -> Tensor:
        rows = range(self.start, self.start + len(like))
        self.generators = self.generators or [Generator().manual_seed(derive(self.seed, "levels", i)) for i in rows]
        return torch.stack([torch.randn(like.shape[1:], generator=one) for one in self.generators]).to(like)


class Opened(NamedTuple):
    """The data of a call, ready to pass through the network."""

    batches: Batches | Indices
    samples: Samples  # what the batches are made of
    single: bool  # one sample without a batch axis
    like: torch.device | None  # where tensors came from, None for everything else


class Model:
    """An autoencoder that can be used: what `aezoo.build` and `aezoo.load` give.

    A tensor gives a tensor on the same device, all else a numpy array. A sample without a batch axis gives a
    result without one. uint8 values are scaled to the declared range, as in training; floats are taken as they
    are.

    Attributes:
        spec: What was declared.
        network: What computes; plain torch.
        pulled: Whether it came from the Hub or out of the wheel: a path in its spec is somebody else's.
    """

    def __init__(self, spec: Spec, network: Autoencoder, *, pulled: bool = False) -> None:
        self.spec = spec
        self.network = network
        self.pulled = pulled

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        tensors = [*self.network.parameters(), *self.network.buffers()]
        return tensors[0].device if tensors else torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        return next((p.dtype for p in self.network.parameters()), torch.float32)

    def to(self, device: torch.device | str) -> Self:
        """Move it, in place."""
        self.network.to(device)
        return self

    def __repr__(self) -> str:
        shapes = f"{text(self.spec.input.shape)} -> {text(self.spec.code_shape)}"
        return f"Model({self.spec.name!r}, {shapes}, {self.spec.parameters:,} parameters, {self.device})"

    # --- the verbs ----------------------------------------------------------------------------------------

    @overload
    def encode(
        self, data: Tensor, *, what: str = "code", fields: Fields | None = None, batch_size: int = CHUNK
    ) -> Tensor: ...
    @overload
    def encode(
        self,
        data: Array | Samples | str | PathLike[str],
        *,
        what: str = "code",
        fields: Fields | None = None,
        batch_size: int = CHUNK,
    ) -> Array: ...
    @attributed()
    def encode(
        self, data: Data, *, what: str = "code", fields: Fields | None = None, batch_size: int = CHUNK
    ) -> Array | Tensor:
        """The code of each sample, nothing drawn: the mean of a Gaussian. Of a hierarchy it is the top level.

        Args:
            data: [N, *input].
            what: The code, or another field that the latent provides: `logvar` of a Gaussian, `indices` of a
                codebook.
            fields: What goes along with the samples and the encoder reads, beside or in place of what the data hold:
                for each field one value for all samples, or [N, *shape].
            batch_size: Samples in one pass.

        Shape:
            data: [N, *input] -> [N, *code]

        Raises:
            DataError: Data of another shape or type, or with values that are no numbers.
            NotFound: There is no such file.
            UsageError: The latent provides no such field, or the spec declares none of this name.
        """
        latent = self.spec.latent
        shape = None if what == "code" else self._field(what)
        opened = self._open(data, fields, self.spec.input_fields)
        if shape is None:
            return self._pass(opened, self.spec.code_shape, Model._code, batch_size)
        dtype = torch.int64 if what == latent.discrete else None
        return self._pass(
            opened,
            shape,
            lambda m, batch: getattr(m.network.encode(batch.x, fields=batch.fields), what),
            batch_size,
            dtype,
        )

    @overload
    def decode(self, codes: Tensor, *, fields: Fields | None = None, batch_size: int = CHUNK) -> Tensor: ...
    @overload
    def decode(
        self, codes: Array | Samples | str | PathLike[str], *, fields: Fields | None = None, batch_size: int = CHUNK
    ) -> Array: ...
    @attributed()
    def decode(self, codes: Data, *, fields: Fields | None = None, batch_size: int = CHUNK) -> Array | Tensor:
        """The mean of the data for each code, in data units.

        Whole numbers are the indices that a discrete code is made of: what `encode(..., what="indices")` gives. Of a
        hierarchy the levels below the code have the means of their priors.

        Shape:
            codes: [N, *code] -> [N, *target], which is the input unless the spec says otherwise

        Raises:
            AnswerNo: The model has no decoder.
            DataError: Codes of another shape, or that are no numbers, or indices that name no code.
        """
        self._need_decoder()
        opened = self._open_codes(codes, fields)
        by_index = isinstance(opened.batches, Indices)
        compute = Model._decode_indices if by_index else Model._decode
        return self._pass(opened, self.spec.target_shape, compute, batch_size)

    @overload
    def reconstruct(self, data: Tensor, *, fields: Fields | None = None, batch_size: int = CHUNK) -> Tensor: ...
    @overload
    def reconstruct(
        self, data: Array | Samples | str | PathLike[str], *, fields: Fields | None = None, batch_size: int = CHUNK
    ) -> Array: ...
    @attributed()
    def reconstruct(self, data: Data, *, fields: Fields | None = None, batch_size: int = CHUNK) -> Array | Tensor:
        """Each sample, encoded and decoded: no corruption, no latent noise, in data units.

        Of a hierarchy each level has the mean of its posterior.

        Shape:
            data: [N, *input] -> [N, *target]

        Raises:
            AnswerNo: The model has no decoder.
        """
        self._need_decoder()
        spec = self.spec
        opened = self._open(data, fields, spec.input_fields | spec.code_fields)
        return self._pass(opened, spec.target_shape, lambda m, batch: m.network.reconstruct(*batch), batch_size)

    @attributed()
    def sample(self, n: int, *, seed: int = 0, fields: Fields | None = None, batch_size: int = CHUNK) -> Array:
        """New data: the means for `n` codes drawn from the prior; of a hierarchy, for draws of each level.

        Args:
            n: How many.
            seed: Of the codes.
            fields: What the decoder reads beside the code: one value for all, or [n, *shape].
            batch_size: Samples in one pass.

        Shape:
            -> [n, *target]

        Raises:
            AnswerNo: The latent has no prior, or the model no decoder.
            UsageError: `n` is less than 1.
        """
        if n < 1:
            raise UsageError(f"cannot draw {n} samples", hint="ask for at least 1")
        self._need_decoder()
        codes = self._draw(n, seed)
        if self.spec.levels:
            return self._draw_levels(self._open_codes(codes, fields), seed, batch_size).cpu().numpy()
        return self.decode(codes, fields=fields, batch_size=batch_size).cpu().numpy()

    @overload
    def score(
        self,
        data: Tensor,
        *,
        by: Score = "auto",
        draws: int = 8,
        seed: int = 0,
        fields: Fields | None = None,
        batch_size: int = CHUNK,
    ) -> Tensor: ...
    @overload
    def score(
        self,
        data: Array | Samples | str | PathLike[str],
        *,
        by: Score = "auto",
        draws: int = 8,
        seed: int = 0,
        fields: Fields | None = None,
        batch_size: int = CHUNK,
    ) -> Array: ...
    @attributed()
    def score(
        self,
        data: Data,
        *,
        by: Score = "auto",
        draws: int = 8,
        seed: int = 0,
        fields: Fields | None = None,
        batch_size: int = CHUNK,
    ) -> Array | Tensor:
        """Anomaly score of each sample: higher is more anomalous.

        A density ranks samples of its own kind; of another kind it may call the simpler one likelier (Nalisnick
        et al. 2018, arXiv:1810.09136).

        Args:
            data: [N, *input].
            by: `reconstruction`: negative log likelihood of the sample, its code known, in nats (the summed
                squared error, where the likelihood is `mse`). `elbo`: the negative ELBO, in nats. `objective`: the
                objective's own, where it has one. `auto`: the objective's own; else the ELBO of a model that is
                trained with a rate (`regularizers.kl`, or an objective that has it), else the reconstruction.
            draws: Draws of the code for an ELBO, in pairs of opposite noise where the posterior is a function of
                standard normal noise. All samples share them, so a sample has one score whatever stands beside it.
            seed: Of these draws.
            fields: As for `encode`; target and mask among them.
            batch_size: Samples in one pass.

        Shape:
            -> [N]

        Raises:
            AnswerNo: The model has no decoder, and its objective no score.
            UsageError: The model has no such score.
        """
        by = self._settle(by)
        opened = self._open(data, fields, self.spec.score_fields)
        if by == "objective":
            # A score depends on the model alone, so an objective that is built anew has the same.
            own = made(self.spec.objective, self.spec).eval()

            def score(m: Model, batch: Batch) -> Tensor:
                return own.score(m.network(batch.x, fields=batch.fields))  # type: ignore[no-any-return]

            return self._pass(opened, (), score, batch_size, torch.float64)
        if by == "reconstruction":
            return self._pass(opened, (), Model._reconstruction_nll, batch_size, torch.float64)
        noise = self._noise(draws, seed)
        return self._pass(
            opened, (), lambda m, batch: m._negative_elbo(batch, noise.to(batch.x), seed), batch_size, torch.float64
        )

    @attributed()
    def interpolate(
        self, a: Data, b: Data, steps: int = 8, *, fields: Fields | None = None, batch_size: int = CHUNK
    ) -> Array | Tensor:
        """From one sample to another on a straight line between their codes, both ends included.

        Of a hierarchy the codes are the top level, and each level below has the mean of its prior. `fields` go along
        with both ends; where an end has its own, these do. What decodes reads those of `a`.

        Shape:
            a, b: [*input] -> [steps, *target]; [N, *input] -> [N, steps, *target]

        Raises:
            AnswerNo: The model has no decoder.
            UsageError: Fewer than 2 steps, or not as many samples on either side.
        """
        self._need_decoder()
        if steps < 2:
            raise UsageError(f"{steps} steps lead nowhere", hint="take at least 2: both ends")
        first, last = (
            torch.as_tensor(self.encode(cast(Any, end), fields=fields, batch_size=batch_size)) for end in (a, b)
        )
        if first.shape != last.shape:
            raise UsageError(f"{len(first)} samples on one side, {len(last)} on the other")
        code, data = self.spec.code_shape, self.spec.target_shape
        batch = first.shape[: first.ndim - len(code)]  # empty for one sample: its steps come first
        share = torch.linspace(0, 1, steps, dtype=first.dtype, device=first.device)
        share = share.reshape(steps, *(1 for _ in code))
        codes = torch.lerp(first.unsqueeze(len(batch)), last.unsqueeze(len(batch)), share)
        along = self._fields_of(a, fields, steps)
        walk = self.decode(codes.reshape(-1, *code), fields=along, batch_size=batch_size)
        walk = walk.reshape(*batch, steps, *data)
        return walk if isinstance(a, Tensor) else walk.numpy()

    # --- what they share ----------------------------------------------------------------------------------

    def _code(self, batch: Batch) -> Tensor:
        x, fields = batch
        return self.network.code_of(self.network.normalized(x, fields), fields)

    def _decode(self, codes: Batch) -> Tensor:
        return self.network.decode(codes.x, codes.fields)

    def _decode_indices(self, indices: Batch) -> Tensor:
        return self.network.decode(self.network.embed(indices.x), indices.fields)

    def _fields_of(self, data: Data, fields: Fields | None, times: int) -> dict[str, Array]:
        """What decoding reads, of each sample of `data` so many times in a row."""
        names = self.spec.code_fields
        if not names:
            return {}
        single = _is_single(data, self.spec.input.shape)
        samples = with_fields(open_samples(data[None] if single else data, self.spec), fields, self.spec)  # type: ignore[index]
        return {name: np.repeat(samples.fields[name], times, axis=0) for name in names}

    def _field(self, what: str) -> Shape:
        """Shape of a field that the latent provides."""
        latent = self.spec.latent
        if what not in latent.provides:
            message = f"latent {latent.tag()!r} provides no {what!r}"
            raise UsageError(message, hint=did_you_mean(what, ["code", *sorted(latent.provides)]))
        return latent.tap_shape(what, self.spec.feature_shape)

    def _reconstruction_nll(self, batch: Batch) -> Tensor:
        return self._measure(self.network(batch.x, fields=batch.fields))

    def _measure(self, out: Output) -> Tensor:
        # A squared error has no units of density that a normalizer would change.
        if not self.spec.likelihood.density:
            return reconstruction(out)
        return nll(out)

    def _negative_elbo(self, batch: Batch, noise: Tensor, seed: int) -> Tensor:
        """The mean over draws of -log p(x | z), and the rate: in closed form, else its mean over the same draws."""
        out = self.network(batch.x, fields=batch.fields)
        codes = enumerate(self._redrawn(out, noise, seed))
        drawn = [self.network.redecode(out, code, AllAlike(seed, i, len(noise))) for i, code in codes]
        distortion = torch.stack([self._measure(one) for one in drawn]).mean(dim=0)
        if (closed := closed_form(out)) is not None:
            return distortion + closed.sum(dim=-1)
        return distortion + torch.stack([rate(one) for one in drawn]).mean(dim=0)

    def _redrawn(self, out: Output, noise: Tensor, seed: int) -> Iterator[Any]:
        """A code for each draw of noise, the same noise for all samples."""
        latent = self.network.latent
        for position, draw in enumerate(noise):
            if isinstance(latent, Reparameterized):
                yield latent.reparameterize(out.code, draw.unsqueeze(0))
                continue
            # The draws of any other sampler may depend on the batch, so each sample is drawn alone.
            code, redraw = out.code, cast(Posterior, latent).redraw
            alone = (type(code)(*(field[i : i + 1] for field in code)) for i in range(len(code.z)))
            seeded = derive(seed, "score", position)
            drawn = [redraw(one, Generator(self.device).manual_seed(seeded)) for one in alone]
            yield type(code)(*(torch.cat(fields) for fields in zip(*drawn, strict=True)))

    def _noise(self, draws: int, seed: int) -> Tensor:
        """[draws, *code], each value beside its opposite: the linear part of the error cancels."""
        if draws < 1:
            raise UsageError(f"an ELBO of {draws} draws is none", hint="draws = 8, say")
        generator = Generator().manual_seed(derive(seed, "score"))
        half = torch.randn((draws + 1) // 2, *self.spec.code_shape, generator=generator, dtype=self.dtype)
        return torch.cat([half, -half])[:draws].to(self.device)

    def _need_decoder(self) -> None:
        if not self.spec.reconstructs:
            able = "it can encode and score" if self.spec.objective.scores else "it can encode"
            raise AnswerNo(f"{self.spec.name} has no decoder: it makes codes, and no data of them", hint=able)

    def _settle(self, by: Score) -> Score:
        if by not in get_args(Score):
            raise UsageError(f"cannot score by {by!r}", hint="by auto, objective, reconstruction or elbo")
        if self.spec.objective.scores and by in ("auto", "objective"):
            return "objective"
        if by == "objective":
            raise UsageError(f"the objective {self.spec.objective.tag()!r} has no score", hint='score by "auto"')
        self._need_decoder()
        return self._settle_density(by)

    def _settle_density(self, by: Score) -> Score:
        latent, terms = self.spec.latent, self.spec.regularizers.values()
        possible = latent.has_rate and self.spec.likelihood.density
        if by == "auto":
            trained = self.spec.objective.rate or any(term.rate for term in terms)
            return "elbo" if possible and trained else "reconstruction"
        if by == "elbo" and not possible:
            raise UsageError(
                f"latent {latent.tag()!r} with likelihood {self.spec.likelihood.tag()!r} has no ELBO",
                hint='score by "reconstruction"',
            )
        return by

    def _draw(self, n: int, seed: int) -> Tensor:
        prior = self.network.prior
        if prior is None:
            raise AnswerNo(
                f"{self.spec.name} has no prior: nothing says which codes are likely",
                hint='a variational one has; or train it with latent.prior = "fitted_gaussian"',
            )
        generator = Generator(self.device).manual_seed(derive(seed, "sample"))
        with torch.no_grad():
            return prior.sample(n, generator)  # type: ignore[no-any-return]

    def _draw_levels(self, opened: Opened, seed: int, batch_size: int) -> Tensor:
        """Codes decoded, with draws of the levels below them."""
        drawn: list[Tensor] = []
        start = 0
        with evaluating(self.network), torch.inference_mode():
            for codes in opened.batches.sequential(batch_size):
                drawn.append(self.network.decode(*codes, EachItsOwn(seed, start)))
                start += codes.rows
        result = torch.cat(drawn)
        if rows := _not_finite(result):
            raise _beyond(opened.samples, rows)
        return result

    def _open(self, data: Data, fields: Fields | None, needed: Collection[str]) -> Opened:
        single, like = _is_single(data, self.spec.input.shape), _device(data)
        samples = open_samples(data[None] if single else data, self.spec)  # type: ignore[index]
        samples = with_fields(samples, fields, self.spec)
        check(samples, self.spec, widths=SLACK, fields=needed)
        self._warn_outside(samples)
        return Opened(Batches(samples, self.spec, device=self.device, fields=needed), samples, single, like)

    def _open_codes(self, codes: Data, fields: Fields | None) -> Opened:
        named = bool(self.spec.latent.discrete) and _is_whole(codes)
        shape = index_shape(self.spec) if named else self.spec.code_shape
        single, like = _is_single(codes, shape), _device(codes)
        samples = open_samples(codes[None] if single else codes, self.spec, as_input=False)  # type: ignore[index]
        samples, needed = with_fields(samples, fields, self.spec), self.spec.code_fields
        check_fields(samples, self.spec, needed)
        if self.spec.latent.discrete and samples.values.dtype.kind in "iu":
            return Opened(Indices(samples, self.spec, device=self.device, fields=needed), samples, single, like)
        if samples.shape != shape:
            got, wanted = text(samples.shape) or "single numbers", text(shape)
            raise DataError(f"{samples.source}: codes are {got}, the model's are {wanted}")
        if samples.values.dtype.kind != "f":
            raise DataError(f"{samples.source}: codes take finite floating values, got {samples.values.dtype}")
        check_values(samples, None, double=self.spec.training.precision == "float64")
        return Opened(Batches(samples, self.spec, device=self.device, fields=needed), samples, single, like)

    def _warn_outside(self, samples: Samples) -> None:
        """Warn of values beyond the declared range; a corruption's noise widens it, since the model has seen that."""
        interval = self.spec.input.range
        if interval is None or samples.values.dtype == np.uint8:
            return
        low, high = interval
        mild = MILD * (high - low)
        least, most = low, high
        for x in self._corrupted(interval):
            least, most = min(least, float(x.min())), max(most, float(x.max()))
        # The few values that were drawn reach less far than those of many samples do.
        warn_outside(samples, interval, (low - 1.5 * (low - least) - mild, high + 1.5 * (most - high) + mild))

    def _corrupted(self, interval: tuple[float, float]) -> Iterator[Tensor]:
        """What the spec's corruptions make of samples at either end of the range."""
        shape = self.spec.input.shape
        built = (made(part, shape, interval).eval() for part in self.spec.corruption)
        corruptions = [corruption for corruption in built if not isinstance(corruption, FieldCorruption)]
        generator = Generator().manual_seed(0)
        for end in interval if corruptions else ():
            x = torch.full((16, *shape), end)
            for corruption in corruptions:
                x = corruption(x, generator)
            yield x

    def _pass(
        self,
        opened: Opened,
        shape: Shape,
        compute: Callable[[Model, Batch], Tensor],
        batch_size: int,
        dtype: torch.dtype | None = None,
    ) -> Array | Tensor:
        """All batches through `compute`, into one result that is made beforehand. Numbers are finite, or refused."""
        if batch_size < 1:
            raise UsageError(f"batch_size = {batch_size}", hint="take 1 or more")
        # Made outside of inference mode: what is returned may take part in a later autograd graph.
        device = opened.like or torch.device("cpu")
        dtype = torch.float32 if dtype == torch.float64 and device.type == "mps" else dtype or self.dtype
        result = torch.empty((len(opened.batches), *shape), dtype=dtype, device=device)
        with evaluating(self.network), torch.inference_mode():
            start = 0
            for batch in opened.batches.sequential(batch_size):
                result[start : start + batch.rows] = compute(self, batch)
                start += batch.rows
        self._mend(result, opened, compute)
        result = result[0] if opened.single else result
        return result if opened.like is not None else result.numpy()

    def _mend(self, result: Tensor, opened: Opened, compute: Callable[[Model, Batch], Tensor]) -> None:
        """Compute in float64 what is not finite in float32, sample by sample; refuse what is not finite then."""
        rows = _not_finite(result)
        if not rows:
            return
        if self.dtype != torch.float64:
            with suppress(RuntimeError, TypeError):  # a plugin's layer may know float32 alone
                exact = Model(self.spec, deepcopy(self.network).cpu().double().eval())
                with torch.inference_mode():
                    for row in rows:
                        x, fields = opened.batches.row(row)
                        exactly = {name: _exact(value) for name, value in fields.items()}
                        result[row] = compute(exact, Batch(_exact(x), exactly))[0]
            rows = _not_finite(result)
        if rows:
            raise _beyond(opened.samples, rows)


def _exact(x: Tensor) -> Tensor:
    return x.cpu().double() if x.is_floating_point() else x.cpu()


def _not_finite(result: Tensor) -> list[int]:
    """Rows that hold a value which is no finite number."""
    # One sum tells of all values, without a copy of them; a finite one may overflow, and is then looked at.
    if not result.is_floating_point() or bool(result.sum().isfinite()):
        return []
    broken = (~result.isfinite()).reshape(len(result), -1).any(dim=1)
    return [int(row) for row in broken.nonzero().flatten()]


def _beyond(samples: Samples, rows: list[int]) -> DataError:
    more = f", nor of {len(rows) - 1} more" if len(rows) > 1 else ""
    values = samples.values[rows[0]]
    extent = f"its values go from {float(values.min()):g} to {float(values.max()):g}"
    return DataError(
        f"{samples.source}: {samples.name(rows[0])}: what the model makes of it is no finite number{more}; {extent}",
        hint="leave it out, or bring it to the scale of what the model was trained on",
    )


def _is_single(data: Any, shape: Shape) -> bool:
    return isinstance(data, (np.ndarray, Tensor)) and tuple(data.shape) == shape


def _is_whole(data: Any) -> bool:
    """Whether these are whole numbers, as far as is known before a file is read."""
    if isinstance(data, Tensor):
        return not (data.is_floating_point() or data.is_complex() or data.dtype == torch.bool)
    return isinstance(data, np.ndarray) and data.dtype.kind in "iu"


def _device(data: Any) -> torch.device | None:
    return data.device if isinstance(data, Tensor) else None
