"""Values of one pass through a model: its code, and its output with named values (taps).

A latent may return any NamedTuple that has a `z`; its other fields are what the latent provides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Generator, Tensor, nn

from aezoo.nn.data_normalizer import Identity, Normalizer

#: Standard normal noise of the shape, device and type of a tensor. The noise of all samples is alike or each one's
#: own, as the caller wants it: a layer that draws does not know.
Draw = Callable[[Tensor], Tensor]
#: The fields of a pass whose samples have none.
NONE: Mapping[str, Tensor] = MappingProxyType({})


class Code(NamedTuple):
    """The code of a deterministic latent."""

    z: Tensor  # [B, *code]


class GaussianCode(NamedTuple):
    """The code of a diagonal Gaussian posterior; `z` is the mean where nothing was drawn."""

    z: Tensor  # [B, *code]
    mean: Tensor  # [B, *code]
    logvar: Tensor  # [B, *code], log of the variance


class Network(nn.Module):
    """What a loss term or a metric may use of the model: the base of `Autoencoder`."""

    input_shape: tuple[int, ...]
    point: str
    normalizer: Normalizer | Identity
    encoder: nn.ModuleList
    latent: nn.Module
    decoder: nn.ModuleList
    likelihood: Any  # a module that follows the protocol `Likelihood`
    prior: Any  # follows the protocol `Prior`, or None

    @property
    def rate_prior(self) -> Any:
        """What a rate is measured against: the prior that the model is trained with."""
        raise NotImplementedError

    @property
    def output_normalizer(self) -> Normalizer | Identity:
        """That of the target, and so of what comes out: the input's own, unless the target is a field."""
        raise NotImplementedError

    def expand(self, z: Tensor, fields: Mapping[str, Tensor] = NONE, draw: Draw | None = None) -> Tensor:
        """The parameters of the likelihood for a code."""
        raise NotImplementedError

    def code_of(self, x: Tensor, fields: Mapping[str, Tensor] = NONE) -> Tensor:
        """The code of normalized `x` as one tensor, nothing drawn: the mean of a posterior, else `z`."""
        raise NotImplementedError

    def redecode(self, out: Output, code: Any, draw: Draw | None = None) -> Output:
        """The pass with another code of the same samples: what it is decoded to, and its levels drawn anew."""
        raise NotImplementedError


class Output(NamedTuple):
    """One pass through a model. Values are normalized, as the encoder reads and the loss compares them."""

    model: Network
    x: Tensor  # [B, *input], clean
    corrupted: Tensor  # [B, *input], the encoder's input; `x` itself without corruption
    code: Any  # a NamedTuple with a `z`
    raw: Tensor  # [B, *raw], the decoder's output: parameters of the likelihood
    taps: Mapping[str, Tensor]  # encoder.<i> and decoder.<i>, of the names in the pass's `taps` and those that are read
    generator: Generator | None = None  # of the pass; a term that draws (random probes) draws from it
    fields: Mapping[str, Tensor] = NONE  # what goes along with the samples, as it was given
    aim: Tensor | None = None  # the target, where it is not x
    mask: Tensor | None = None  # broadcasts to the target: 1 for values that are compared, 0 for those that are not
    levels: tuple[Level, ...] = ()  # of the decoder's stochastic layers, in their order

    @property
    def target(self) -> Tensor:
        """What the decoder's output is compared with: `x`, unless the spec names another target."""
        return self.x if self.aim is None else self.aim

    def masked(self, values: Tensor) -> Tensor:
        """Values of the target, [B, *target], with 0 for those that do not count."""
        return values if self.mask is None else self.mask * values

    def repeated(self, times: int) -> Output:
        """The pass with its samples several times over, all and then all again; code and output stay as they are."""

        def again(value: Tensor) -> Tensor:
            return value.repeat(times, *(1 for _ in value.shape[1:]))

        x = again(self.x)
        return self._replace(
            x=x,
            corrupted=x if self.corrupted is self.x else again(self.corrupted),
            taps={name: again(value) for name, value in self.taps.items()},
            fields={name: again(value) for name, value in self.fields.items()},
            aim=None if self.aim is None else again(self.aim),
            mask=None if self.mask is None else again(self.mask),
        )

    def tap(self, name: str) -> Tensor:
        """The named value: `latent`, a field of the code, `input.clean`, `output`, `encoder.<i>`, `fields.label` ..."""
        if name == "latent":
            return getattr(self.code, self.model.point)  # type: ignore[no-any-return]
        if name == "input.clean":
            return self.x
        if name == "input.corrupted":
            return self.corrupted
        if name == "output":
            return self.model.likelihood.mean(self.raw)  # type: ignore[no-any-return]
        if name in self.taps:
            return self.taps[name]
        if name.startswith("fields."):
            return self.fields[name.removeprefix("fields.")]
        return getattr(self.code, name)  # type: ignore[no-any-return]


class Likelihood(Protocol):
    """What the decoder's output means: the parameters of a density of the data.

    Of a declaration with `valuewise` it also has `nll_values(raw, x) -> [B, *input]`, whose sum is `nll`.
    """

    def mean(self, raw: Tensor) -> Tensor: ...
    def nll(self, raw: Tensor, x: Tensor) -> Tensor: ...
    def sample(self, raw: Tensor, generator: Generator | None = None) -> Tensor: ...
    def parameters(self) -> Iterator[nn.Parameter]: ...


class Prior(Protocol):
    """A density over codes."""

    def sample(self, n: int, generator: Generator | None = None) -> Tensor: ...
    def log_prob(self, z: Tensor) -> Tensor: ...
    def fit(self, codes: Tensor) -> None: ...


@runtime_checkable
class Attached(Protocol):
    """A module of a model that reads other parts of it."""

    def attach(self, model: Network) -> None:
        """Called once all parts are there, and again in a copy: keep the parts it needs, or `weakref.ref(model)`."""
        ...


class Posterior(Protocol):
    """A latent that knows the density its codes are drawn from, q(z | x).

    It may also have `kl(code, prior) -> Tensor | None`: KL(q(z | x) || prior) in nats, [B, ...], a sum over the axes
    after the first; None where there is no closed form for this prior.
    """

    def log_prob(self, code: Any, z: Tensor) -> Tensor:
        """log q(z | x) of each sample, in nats: code of [B, *code], z [B, *code] -> [B]."""
        ...

    def redraw(self, code: Any, generator: Generator) -> Any:
        """The code with another draw `z` of each sample's posterior."""
        ...


@runtime_checkable
class Reparameterized(Protocol):
    """A latent whose draw is a function of standard normal noise."""

    def reparameterize(self, code: Any, noise: Tensor) -> Any:
        """The code whose `z` this noise gives; noise: [B or 1, *code]."""
        ...


@runtime_checkable
class Curved(Protocol):
    """A latent whose codes do not fill a flat space: the way from one to another is no straight line."""

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """The code at the share `t` of the shortest way from `a` to `b`; a, b: [B, *code], t: [B, 1, ...] in [0, 1]."""
        ...


class Level(Protocol):
    """One level of a hierarchy below the code, as a stochastic layer of the decoder gives it: a NamedTuple of tensors.

    Its posterior q depends on the sample and on the levels above, its prior p on the levels above.
    """

    @property
    def h(self) -> Tensor:
        """The drawn value, which goes on to the next layer."""
        ...

    def kl(self) -> Tensor | None:
        """KL(q || p) in nats, [B, ...], a sum over the axes after the first; None where there is no closed form."""
        ...

    def log_ratio(self) -> Tensor:
        """log q - log p of each sample at the drawn value, in nats: [B]."""
        ...

    def __iter__(self) -> Iterator[Tensor]: ...


class Accumulator(Protocol):
    """The state of a metric: updated batch by batch, read once. The result is one number, or several by name."""

    def update(self, out: Output) -> None: ...
    def result(self) -> float | Mapping[str, float]: ...


@runtime_checkable
class Fitted(Protocol):
    """A metric that is fitted to the training split before it judges another one."""

    def fit(self, out: Output) -> None:
        """Called with each pass of the training split, before the first `update`."""
        ...
