"""Model: a spec and its network, used. Arrays, tensors and files go in; codes, reconstructions and scores come out.

    data ──encode──> codes ──decode──> data        sample: prior ──> codes ──decode──> data
    data ──reconstruct──> data                     score:  data ──> how anomalous it is

Nothing here trains, and nothing draws but `sample` and the ELBO of `score`, both from a seed. Batch normalization
and dropout are as in evaluation, whatever mode the network is in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from copy import deepcopy
from numbers import Integral
from os import PathLike
from typing import Any, Literal, NamedTuple, Self, cast, get_args, overload

import numpy as np
import torch
from torch import Generator, Tensor

from aezoo.data.batches import Batch, Batches
from aezoo.data.fields import Fields, check_fields, with_fields
from aezoo.data.frames import Frame
from aezoo.data.indices import Indices, index_shape
from aezoo.data.objects import Objects
from aezoo.data.sample_sizes import input_of
from aezoo.data.sources import check, open_samples
from aezoo.data.values import Survey, check_values, warn_outside
from aezoo.errors import AnswerNo, DataError, UsageError
from aezoo.hardware import device as devices
from aezoo.hints import did_you_mean
from aezoo.modules.level_noise import NoiseBySample, SharedNoise
from aezoo.modules.part import made
from aezoo.modules.tiling import Compute, Tiling
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Output, Posterior, Reparameterized
from aezoo.nn.corruption import FieldCorruption
from aezoo.nn.distributed import join_rows, team
from aezoo.nn.divergence import closed_form, rate
from aezoo.nn.likelihood import reconstruction
from aezoo.nn.metrics import nll
from aezoo.nn.modes import evaluating
from aezoo.randomness import derive
from aezoo.registry.attribution import attributed
from aezoo.spec.amounts import size
from aezoo.spec.document import Spec
from aezoo.spec.memory import memory
from aezoo.spec.samples import Array, Samples
from aezoo.spec.shape import Shape, text
from aezoo.spec.tiles import plan

#: What a verb takes: [N, *shape], one sample [*shape], or a file or folder of samples.
Data = Array | Tensor | Samples | str | PathLike[str] | Objects | Frame
Score = Literal["auto", "objective", "reconstruction", "elbo"]

#: Samples in one pass at most, unless the call says how many. On a CPU convolutional models are fastest at 32 to 128
#: samples, where activations still fit the cache; others do not mind.
CHUNK = 128
#: Bytes that a pass may hold at once, unless the call says how many samples it takes; one sample may hold more.
WORKING = 1 << 30
#: Input may leave the declared range by so many times its width: noise does, another unit goes much farther.
SLACK = 10.0
#: Beyond so much of its width, and beyond what the spec's corruption adds, a warning tells of it.
MILD = 0.1


class Opened(NamedTuple):
    """The data of a call, ready to pass through the network."""

    batches: Batches | Indices
    samples: Samples  # what the batches are made of
    spec: Spec  # of samples of this size
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
        self._needed: dict[Shape, int] = {}  # bytes that a pass holds, by the shape of a sample

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
        self,
        data: Tensor,
        *,
        what: str = "code",
        fields: Fields | None = None,
        batch_size: int | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Tensor: ...
    @overload
    def encode(
        self,
        data: Array | Samples | str | PathLike[str],
        *,
        what: str = "code",
        fields: Fields | None = None,
        batch_size: int | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Array: ...
    @attributed()
    def encode(
        self,
        data: Data,
        *,
        what: str = "code",
        fields: Fields | None = None,
        batch_size: int | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Array | Tensor:
        """The code of each sample, nothing drawn: the mean of a Gaussian; scaled where `latent.scale` says so.

        Of a hierarchy it is the top level.

        Args:
            data: [N, *input].
            what: The code, or another field that the latent provides: `logvar` of a Gaussian, `indices` of a
                codebook.
            fields: What goes along with the samples and the encoder reads, beside or in place of what the data hold:
                for each field one value for all samples, or [N, *shape].
            batch_size: Samples in one pass; by default as many as hold 1 GiB at once, and 128 at most.
            tile: Side of the tiles into which large inputs are cut, of a model whose input has `sizes`; None passes
                them whole. Where tiles overlap by what the model sees, their codes are those of the whole; else they
                are blended, and a warning says by how much neighbours differ.
            overlap: Of neighbouring tiles; by default what makes them exact if that is at most half of a tile, else a
                quarter.

        Shape:
            data: [N, *input] -> [N, *code]

        Raises:
            DataError: Data of another shape or type, or with values that are no numbers.
            NotFound: There is no such file.
            UsageError: The latent provides no such field, the spec declares none of this name, or the model takes
                no such tiles.
        """
        latent = self.spec.latent
        if what != "code":
            self._refuse_field(what)
        opened, tiles = self._open(data, fields, self.spec.input_fields), self._tiles(tile, overlap)
        if what == "code":
            compute = tiles.encoded(Model._scaled_code)
            return self._pass(opened, opened.spec.code_shape, compute, batch_size, tiles=tiles)
        shape = latent.tap_shape(what, opened.spec.feature_shape)
        dtype = torch.int64 if what == latent.discrete else None
        compute = tiles.encoded(lambda m, batch: getattr(m.network.encode(batch.x, fields=batch.fields), what))
        return self._pass(opened, shape, compute, batch_size, dtype, tiles=tiles)

    @overload
    def decode(
        self,
        codes: Tensor,
        *,
        fields: Fields | None = None,
        batch_size: int | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Tensor: ...
    @overload
    def decode(
        self,
        codes: Array | Samples | str | PathLike[str],
        *,
        fields: Fields | None = None,
        batch_size: int | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Array: ...
    @attributed()
    def decode(
        self,
        codes: Data,
        *,
        fields: Fields | None = None,
        batch_size: int | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Array | Tensor:
        """The mean of the data for each code, in data units.

        Whole numbers are the indices that a discrete code is made of: what `encode(..., what="indices")` gives. Of a
        hierarchy the levels below the code have the means of their priors.

        `tile` and `overlap` are those of `encode`, in positions of the data.

        Shape:
            codes: [N, *code] -> [N, *target], which is the input unless the spec says otherwise

        Raises:
            AnswerNo: The model has no decoder.
            DataError: Codes of another shape, or that are no numbers, or indices that name no code.
        """
        self._need_decoder()
        opened, tiles = self._open_codes(codes, fields), self._tiles(tile, overlap)
        decode = tiles.decoded(Model._decode)
        compute = tiles.decoded(Model._decode_scaled)
        if isinstance(opened.batches, Indices):
            compute = lambda m, batch: decode(m, batch._replace(x=m.network.embed(batch.x)))  # noqa: E731
        return self._pass(opened, opened.spec.target_shape, compute, batch_size, tiles=tiles)

    @overload
    def reconstruct(
        self,
        data: Tensor,
        *,
        fields: Fields | None = None,
        batch_size: int | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Tensor: ...
    @overload
    def reconstruct(
        self,
        data: Array | Samples | str | PathLike[str],
        *,
        fields: Fields | None = None,
        batch_size: int | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Array: ...
    @attributed()
    def reconstruct(
        self,
        data: Data,
        *,
        fields: Fields | None = None,
        batch_size: int | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Array | Tensor:
        """Each sample, encoded and decoded: no corruption, no latent noise, in data units.

        Of a hierarchy each level has the mean of its posterior.
        `tile` and `overlap` are those of `encode`: the tiles of the data make a whole code, which is decoded in tiles.

        Shape:
            data: [N, *input] -> [N, *target]

        Raises:
            AnswerNo: The model has no decoder.
        """
        self._need_decoder()
        opened = self._open(data, fields, self.spec.input_fields | self.spec.code_fields)
        tiles = self._tiles(tile, overlap)
        encode, decode = tiles.encoded(Model._code), tiles.decoded(Model._decode)
        compute: Compute = lambda m, batch: decode(m, batch._replace(x=encode(m, batch)))  # noqa: E731
        if tiles.plan is None:  # whole samples: levels of a hierarchy read the encoder
            compute = lambda m, batch: m.network.reconstruct(*batch)  # noqa: E731
        return self._pass(opened, opened.spec.target_shape, compute, batch_size, tiles=tiles)

    @attributed()
    def sample(self, n: int, *, seed: int = 0, fields: Fields | None = None, batch_size: int | None = None) -> Array:
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
            UsageError: `n` is less than 1, or the prior is not fitted yet.
        """
        if not isinstance(n, Integral) or n < 1:
            raise UsageError(f"cannot draw {n} samples", hint="ask for a whole number, at least 1")
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
        batch_size: int | None = None,
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
        batch_size: int | None = None,
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
        batch_size: int | None = None,
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
        noise = self._noise(draws, seed, opened.spec.code_shape)
        return self._pass(
            opened, (), lambda m, batch: m._negative_elbo(batch, noise.to(batch.x), seed), batch_size, torch.float64
        )

    @attributed()
    def interpolate(
        self, a: Data, b: Data, steps: int = 8, *, fields: Fields | None = None, batch_size: int | None = None
    ) -> Array | Tensor:
        """From one sample to another on the way between their codes, both ends included.

        The way is a straight line, or the shortest one in the space that the latent's codes lie in.

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
        batch = first.shape[: first.ndim - len(self.spec.code_shape)]  # empty for one sample: its steps come first
        code = first.shape[len(batch) :]
        codes = self._way(first.reshape(-1, *code), last.reshape(-1, *code), steps)
        along = self._fields_of(a, fields, steps)
        walk = self.decode(codes, fields=along, batch_size=batch_size)
        walk = walk.reshape(*batch, steps, *walk.shape[1:])
        return walk if isinstance(a, Tensor) else walk.numpy()

    # --- what they share ----------------------------------------------------------------------------------

    def _way(self, first: Tensor, last: Tensor, steps: int) -> Tensor:
        """Codes on the ways from one to another, evenly spaced: [N, *code] -> [N * steps, *code]."""
        share = torch.linspace(0, 1, steps, dtype=first.dtype, device=first.device)
        share = share.reshape(-1, *(1 for _ in first.shape[1:])).repeat(len(first), *(1 for _ in first.shape[1:]))
        a, b = (end.repeat_interleave(steps, dim=0).to(self.device) for end in (first, last))
        with torch.no_grad():
            return self.network.between(a, b, share.to(self.device)).to(first.device)

    def _code(self, batch: Batch) -> Tensor:
        x, fields = batch
        return self.network.code_of(self.network.normalized(x, fields), fields)

    def _scaled_code(self, batch: Batch) -> Tensor:
        return self.network.scaled(self._code(batch))

    def _decode_scaled(self, codes: Batch) -> Tensor:
        return self._decode(codes._replace(x=self.network.unscaled(codes.x)))

    def _decode(self, codes: Batch) -> Tensor:
        return self.network.decode(codes.x, codes.fields)

    def _fields_of(self, data: Data, fields: Fields | None, times: int) -> dict[str, Array]:
        """What decoding reads, of each sample of `data` so many times in a row."""
        names = self.spec.code_fields
        if not names:
            return {}
        spec, resized = self.spec, self.spec.input.sizes is not None
        single = _is_single(data, spec.input.shape, fixed=self._fixed(spec.input.shape))
        samples = open_samples(data[None] if single else data, spec, resized=resized)  # type: ignore[index, call-overload]
        samples = with_fields(samples, fields, spec)
        return {name: np.repeat(samples.fields[name], times, axis=0) for name in names}

    def _refuse_field(self, what: str) -> None:
        """Refuse a field that the latent does not provide."""
        latent = self.spec.latent
        if what not in latent.provides:
            message = f"latent {latent.tag()!r} provides no {what!r}"
            raise UsageError(message, hint=did_you_mean(what, ["code", *sorted(latent.provides)]))

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
        drawn = [self.network.redecode(out, code, SharedNoise(seed, i, len(noise))) for i, code in codes]
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

    def _noise(self, draws: int, seed: int, code: Shape) -> Tensor:
        """[draws, *code], each value beside its opposite: the linear part of the error cancels."""
        if draws < 1:
            raise UsageError(f"an ELBO of {draws} draws is none", hint="draws = 8, say")
        generator = Generator().manual_seed(derive(seed, "score"))
        half = torch.randn((draws + 1) // 2, *code, generator=generator, dtype=self.dtype)
        return torch.cat([half, -half])[:draws].to(self.device)

    def _need_decoder(self) -> None:
        able = "it can encode and score" if self.spec.objective.scores else "it can encode"
        if self.spec.reconstructs and not self.spec.decodes:
            message = f"{self.spec.name} was trained to decode what is hidden from it, and of a whole sample nothing is"
            raise AnswerNo(message, hint=able)
        if not self.spec.reconstructs:
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
        if not bool(getattr(prior, "fitted", True)):
            name = self.spec.latent.prior.tag() if self.spec.latent.prior else ""
            raise UsageError(
                f"the prior {name!r} is not fitted yet",
                hint="train the model first: training ends by fitting it",
            )
        generator = Generator(self.device).manual_seed(derive(seed, "sample"))
        with torch.no_grad():
            return self.network.scaled(prior.sample(n, generator))

    def _draw_levels(self, opened: Opened, seed: int, batch_size: int | None) -> Tensor:
        """Codes decoded, with draws of the levels below them."""
        batch_size = batch_size or self.samples_at_once(opened.spec.input.shape)
        drawn: list[Tensor] = []
        start = 0
        with evaluating(self.network), torch.inference_mode():
            for codes in opened.batches.sequential(batch_size):
                z = self.network.unscaled(codes.x)
                drawn.append(self.network.decode(z, codes.fields, NoiseBySample(seed, start)))
                start += codes.rows
        result = torch.cat(drawn)
        if rows := _not_finite(result):
            raise _beyond(opened.samples, rows)
        return result

    def _open(self, data: Data, fields: Fields | None, needed: Collection[str]) -> Opened:
        spec, resized = self.spec, self.spec.input.sizes is not None
        single, like = _is_single(data, spec.input.shape, fixed=self._fixed(spec.input.shape)), _device(data)
        samples = open_samples(data[None] if single else data, spec, resized=resized)  # type: ignore[index, call-overload]
        samples = with_fields(samples, fields, spec)
        self._warn_outside(samples, check(samples, spec, widths=SLACK, fields=needed, resized=resized))
        batches = Batches(samples, spec, device=self.device, fields=needed)
        return Opened(batches, samples, spec.at(samples.shape), single, like)

    def _open_codes(self, codes: Data, fields: Fields | None) -> Opened:
        named = bool(self.spec.latent.discrete) and _is_whole(codes)
        shape = index_shape(self.spec) if named else self.spec.code_shape
        single, like = _is_single(codes, shape, fixed=self._fixed(shape)), _device(codes)
        samples = open_samples(codes[None] if single else codes, self.spec, as_input=False)  # type: ignore[index, call-overload]
        samples, needed = with_fields(samples, fields, self.spec), self.spec.code_fields
        check_fields(samples, self.spec, needed)
        size = input_of(samples.shape, shape, self.spec)
        spec = self.spec.at(size) if size else self.spec
        if spec.latent.discrete and samples.values.dtype.kind in "iu":
            return Opened(Indices(samples, spec, device=self.device, fields=needed), samples, spec, single, like)
        if samples.shape != spec.code_shape:
            got, wanted = text(samples.shape) or "single numbers", text(shape)
            wanted += ", or on another grid" if self.spec.input.sizes is not None else ""
            raise DataError(f"{samples.source}: codes are {got}, the model's are {wanted}")
        if samples.values.dtype.kind != "f":
            raise DataError(f"{samples.source}: codes take finite floating values, got {samples.values.dtype}")
        check_values(samples, None, double=self.spec.training.precision == "float64")
        return Opened(Batches(samples, spec, device=self.device, fields=needed), samples, spec, single, like)

    def _fixed(self, shape: Shape) -> int:
        """How many of the first axes of a shape are the same for every size of the input."""
        return len(shape) - (0 if self.spec.input.sizes is None else len(self.spec.input.shape) - 1)

    def _warn_outside(self, samples: Samples, seen: Survey | None) -> None:
        """Warn of values beyond the declared range; a corruption's noise widens it, since the model has seen that."""
        interval = self.spec.input.range
        if interval is None or seen is None:
            return
        low, high = interval
        mild = MILD * (high - low)
        least, most = low, high
        for x in self._corrupted(interval):
            least, most = min(least, float(x.min())), max(most, float(x.max()))
        # The few values that were drawn reach less far than those of many samples do.
        bounds = low - 1.5 * (low - least) - mild, high + 1.5 * (most - high) + mild
        warn_outside(samples, interval, bounds, seen)

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

    def _tiles(self, tile: int | None, overlap: int | None) -> Tiling:
        if tile is None and overlap is not None:
            raise UsageError(f"overlap = {overlap} is that of tiles", hint="give tile, too: tile = 256, say")
        read = self.spec.input_fields | self.spec.code_fields if tile is not None else ()
        for name in sorted(name for name in read if self.spec.fields[name].shape is not None):
            message = f"{self.spec.name} reads fields.{name}, which belongs to the whole sample, not to a tile of it"
            raise UsageError(message, hint="leave tile out")
        return Tiling(None if tile is None else plan(self.spec, tile, overlap), blend=not self.spec.latent.quantized)

    def samples_at_once(self, shape: Shape, most: int = CHUNK) -> int:
        """How many samples of this shape a pass takes, by the memory that it is estimated to need.

        Raises:
            DataError: There is not enough free memory for one.
        """
        needed = self._needed.get(shape)
        if needed is None:
            needed = self._needed[shape] = memory(self.spec.at(shape)).in_use
        if needed > WORKING and (available := devices.free(self.device)) is not None and needed > available:
            raise DataError(
                f"a pass over one sample of {text(shape)} takes about {size(needed)}, {size(available)} are free",
                hint="cut it into tiles: tile = 256, --tile 256" if self.spec.input.sizes else "free some memory",
            )
        return max(1, min(most, WORKING // max(needed, 1)))

    def _pass(
        self,
        opened: Opened,
        shape: Shape,
        compute: Compute,
        batch_size: int | None,
        dtype: torch.dtype | None = None,
        *,
        tiles: Tiling | None = None,
    ) -> Array | Tensor:
        """All batches through `compute`, into one result that is made beforehand. Numbers are finite, or refused."""
        if batch_size is None:
            sample = opened.spec.input.shape
            batch_size = self.samples_at_once(tiles.shape(sample) if tiles else sample)
        if batch_size < 1:
            raise UsageError(f"batch_size = {batch_size}", hint="take 1 or more")
        # Made outside of inference mode: what is returned may take part in a later autograd graph.
        device = opened.like or torch.device("cpu")
        dtype = torch.float32 if dtype == torch.float64 and device.type == "mps" else dtype or self.dtype
        result = torch.empty((len(opened.batches), *shape), dtype=dtype, device=device)
        with evaluating(self.network), torch.inference_mode():
            if (place := team()) is not None:
                self._fill_together(result, opened, compute, batch_size, place)
            else:
                start = 0
                for batch in opened.batches.sequential(batch_size, transient=True):
                    result[start : start + batch.rows] = compute(self, batch)
                    start += batch.rows
        self._mend(result, opened, compute)
        if tiles:
            tiles.warn()
        result = result[0] if opened.single else result
        return result if opened.like is not None else result.numpy()

    def _fill_together(
        self, result: Tensor, opened: Opened, compute: Compute, batch_size: int, place: tuple[int, int]
    ) -> None:
        """Every so many batches in this process, the others in others: the batches, and so the bits, of one process."""
        rank, processes = place
        result.zero_()
        for start in range(rank * batch_size, len(result), processes * batch_size):
            batch = opened.batches.stretch(start, start + batch_size)
            result[start : start + batch.rows] = compute(self, batch)
        join_rows(result)

    def _mend(self, result: Tensor, opened: Opened, compute: Compute) -> None:
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
        f"{samples.where(rows[0])}: what the model makes of it is no finite number{more}; {extent}",
        hint="leave it out, or bring it to the scale of what the model was trained on",
    )


def _is_single(data: Any, shape: Shape, *, fixed: int) -> bool:
    """Whether this is one sample: of this shape, in its first axes at least."""
    if not isinstance(data, (np.ndarray, Tensor)) or data.ndim != len(shape):
        return False
    return tuple(data.shape[:fixed]) == shape[:fixed]


def _is_whole(data: Any) -> bool:
    """Whether these are whole numbers, as far as is known before a file is read."""
    if isinstance(data, Tensor):
        return not (data.is_floating_point() or data.is_complex() or data.dtype == torch.bool)
    return isinstance(data, np.ndarray) and data.dtype.kind in "iu"


def _device(data: Any) -> torch.device | None:
    return data.device if isinstance(data, Tensor) else None
