"""Autoencoder: encode, decode, forward. Its state is what is saved and published; training's is in `Objective`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.code import NONE, Attached, Curved, Draw, Likelihood, Network, Output, Prior
from aezoo.nn.data_normalizer import Identity, Normalizer
from aezoo.nn.latent import standard_normal
from aezoo.nn.layer_stack import Pass, Read
from aezoo.nn.prior import StandardNormal
from aezoo.nn.selection import SelectedCode, reads_selections

#: N(0, I) over codes of any shape.
STANDARD = StandardNormal(())


class Autoencoder(Network):
    """Encoder, latent, decoder and likelihood.

    Args:
        input_shape: Shape of one sample.
        encoder: Layers from the input to the features.
        latent: Features to a code: `latent(h, generator) -> code`.
        decoder: Layers from the code's `z` to the parameters of the likelihood.
        likelihood: What these parameters mean: `mean`, `nll`, `sample`. None in a model that does not reconstruct: it
            has no decoder either, and the `raw` of a pass is its `z`.
        point: The field of the code that "the code of x" means: `z`, or `mean` of a posterior.
        prior: The density that samples are drawn from, if there is one.
        fitted: Whether the prior is fitted to codes after training: a rate is then measured against N(0, I), which the
            model is trained with.
        standardize: Whether values are normalized on the way in and out.
        target: Name and shape of the field that outputs are compared with; None for the input.
        mask: Name of the field that says which values of the target count; None for all.
        observed: Name of the field that says which values of the input are known; None for all.
        reads: What layers read beside their input, by the name of the layer: `decoder.1`.
        scaler: Mean and deviation of codes, which a user's codes are free of; None if they keep them.
    """

    def __init__(
        self,
        *,
        input_shape: Sequence[int],
        encoder: Sequence[nn.Module],
        latent: nn.Module,
        decoder: Sequence[nn.Module],
        likelihood: Likelihood | None,
        point: str = "z",
        prior: Prior | None = None,
        fitted: bool = False,
        standardize: bool = False,
        target: tuple[str, Sequence[int]] | None = None,
        mask: str | None = None,
        observed: str | None = None,
        reads: Mapping[str, Read] | None = None,
        scaler: Normalizer | None = None,
    ) -> None:
        super().__init__()
        self.input_shape = tuple(input_shape)
        self.point = point
        self.normalizer = Normalizer(input_shape) if standardize else Identity()
        self.target, self.mask, self.observed = (target[0] if target else None), mask, observed
        if target:
            self.target_normalizer = Normalizer(target[1]) if standardize else Identity()
        self.encoder = nn.ModuleList(encoder)
        self.latent = latent
        self.decoder = nn.ModuleList(decoder)
        self.likelihood = likelihood
        self.prior = prior
        self.scaler = scaler
        self._fitted = fitted or prior is None
        self._reads = dict(reads or {})

    def attach(self) -> None:
        """Call `attach(self)` of each module that has it: once all parts are there, and again in each copy."""
        for module in self.modules():
            if module is not self and isinstance(module, Attached) and hasattr(type(module), "attach"):
                module.attach(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Autoencoder:
        copy = type(self).__new__(type(self))
        memo[id(self)] = copy
        copy.__dict__.update(deepcopy(self.__dict__, memo))
        copy.attach()  # what its modules keep of the model must be of the copy
        return copy

    @property
    def reads(self) -> Mapping[str, Read]:
        """What layers read beside their input, by the name of the layer."""
        return self._reads

    @property
    def output_normalizer(self) -> Normalizer | Identity:
        """That of the target, and so of what comes out: the input's own, unless the target is a field."""
        return self.normalizer if self.target is None else self.target_normalizer

    def normalized(self, x: Tensor, fields: Mapping[str, Tensor] = NONE) -> Tensor:
        """`x` of data units as the encoder takes it: normalized, and 0 where no value is known.

        Shape:
            x: [B, *input] -> the same
        """
        x = self._parts["normalizer"](x)
        return x if self.observed is None else x * fields[self.observed]

    def encode(self, x: Tensor, generator: Generator | None = None, fields: Mapping[str, Tensor] = NONE) -> Any:
        """The code of `x` in data units: a NamedTuple with `z`; nothing is drawn without a generator.

        Shape:
            x: [B, *input] -> z: [B, *code]
        """
        return self.latent(self.features(self.normalized(x, fields), fields), generator)

    def features(self, x: Tensor, fields: Mapping[str, Tensor] = NONE) -> Tensor:
        """The encoder's output, from normalized `x`."""
        if self._reads:
            return Pass(self._reads, (), fields).run("encoder", self.encoder, x)
        for layer in self._parts["encoder"]:
            x = layer(x)
        return x

    def code_of(self, x: Tensor, fields: Mapping[str, Tensor] = NONE) -> Tensor:
        """The code of normalized `x` as one tensor, nothing drawn: the mean of a posterior, else `z`."""
        return getattr(self.latent(self.features(x, fields), None), self.point)  # type: ignore[no-any-return]

    def decode(self, z: Tensor, fields: Mapping[str, Tensor] = NONE, draw: Draw | None = None) -> Tensor:
        """The mean of the data for a code, in data units; the levels below the code are drawn from their priors.

        Args:
            z: The code.
            fields: What layers read of the samples.
            draw: Where levels take their noise from; without it each has the mean of its prior.

        Shape:
            z: [B, *code] -> [B, *target]
        """
        return self.output_normalizer.inverse(self.likelihood.mean(self.expand(z, fields, draw)))

    def reconstruct(self, x: Tensor, fields: Mapping[str, Tensor] = NONE) -> Tensor:
        """`x` encoded and decoded, in data units, nothing drawn: each level has the mean of its posterior.

        Shape:
            x: [B, *input] -> [B, *target]
        """
        if not self._reads:
            return self.decode(self.code_of(self.normalized(x, fields)))
        reading = Pass(self._reads, (), fields)
        code = self.latent(reading.run("encoder", self.encoder, self.normalized(x, fields)), None)
        raw = reading.run("decoder", self.decoder, getattr(code, self.point))
        return self.output_normalizer.inverse(self.likelihood.mean(raw))

    def scaled(self, z: Tensor) -> Tensor:
        """A code as a user has it: all that is inside the model, its rate too, is of codes without this scale."""
        return z if self.scaler is None else self.scaler(z)

    def unscaled(self, z: Tensor) -> Tensor:
        """The inverse of `scaled`."""
        return z if self.scaler is None else self.scaler.inverse(z)

    def embed(self, indices: Tensor) -> Tensor:
        """The `z` of a discrete code. Only latents with a discrete code have `embed`.

        Shape:
            indices: [B, *indices] -> [B, *code]
        """
        return self.latent.embed(indices)  # type: ignore[no-any-return, operator]

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """The code at the share `t` of the way from `a` to `b`: on a straight line, unless the latent has another way.

        Shape:
            a, b: [B, *code], t: [B, 1, ...] -> [B, *code]
        """
        return self.latent.between(a, b, t) if isinstance(self.latent, Curved) else torch.lerp(a, b, t)

    @property
    def rate_prior(self) -> Prior:
        """What a rate is measured against: the prior, or N(0, I) where there is none or it is fitted after training."""
        return STANDARD if self._fitted else self._parts["prior"]

    def expand(self, z: Tensor, fields: Mapping[str, Tensor] = NONE, draw: Draw | None = None) -> Tensor:
        """The parameters of the likelihood for a code; as `decode`."""
        if self._reads:
            return Pass(self._reads, (), fields, draw).run("decoder", self.decoder, z)
        for layer in self._parts["decoder"]:
            z = layer(z)
        return z

    def redecode(self, out: Output, code: Any, draw: Draw | None = None) -> Output:
        """The pass with another code of the same samples, its levels drawn anew from their posteriors.

        Args:
            out: A pass, whose fields and taps of the encoder layers read.
            code: Of the same samples.
            draw: Where levels take their noise from; without it each has the mean of its posterior.
        """
        if not self._reads:
            return out._replace(code=code, raw=self.expand(code.z))
        again = Pass(self._reads, out.taps, out.fields, draw)
        again.tapped |= out.taps
        raw = again.run("decoder", self.decoder, code.z)
        return out._replace(code=code, raw=raw, taps=again.tapped, levels=tuple(again.levels))

    def _expand_selected(self, code: SelectedCode) -> Tensor:
        """The parameters of the likelihood for a selection: from its active units where the first layer is linear."""
        first, *others = self.decoder
        raw: Tensor = first(code.selection if reads_selections(first) else code.z)
        for layer in others:
            raw = layer(raw)
        return raw

    @property
    def _parts(self) -> dict[str, Any]:
        """The modules by name: `nn.Module.__getattr__` (`self.latent`) costs half a microsecond more, at each step."""
        return self._modules

    def forward(
        self,
        x: Tensor,
        corrupted: Tensor | None = None,
        generator: Generator | None = None,
        taps: Collection[str] = (),
        fields: Mapping[str, Tensor] = NONE,
    ) -> Output:
        """One pass from data units to the parameters of the likelihood.

        Args:
            x: The clean input; the target, unless that is a field.
            corrupted: The encoder's input, if it is not `x`.
            generator: Draws the latent noise; without one nothing is drawn.
            taps: Names of layers whose output is wanted: `encoder.0`, `decoder.1`.
            fields: What goes along with the samples, by name: what layers and terms read beside `x`.

        Shape:
            x, corrupted: [B, *input]; fields: [B, ...]
        """
        parts = self._parts
        encoder_input = x if corrupted is None else corrupted
        if self.observed is not None or not isinstance(parts["normalizer"], Identity):
            x = self.normalized(x, fields)
            encoder_input = x if corrupted is None else self.normalized(corrupted, fields)
        aim = None if self.target is None else self.target_normalizer(fields[self.target])
        mask = None if self.mask is None else fields[self.mask]
        if not taps and not self._reads:
            code = parts["latent"](self.features(encoder_input), generator)
            raw = (
                self._expand_selected(code) if type(code) is SelectedCode and len(self.decoder) else self.expand(code.z)
            )
            return Output(self, x, encoder_input, code, raw, {}, generator, fields, aim, mask)
        draw = None if generator is None else partial(standard_normal, generator=generator)
        kept = Pass(self._reads, taps, fields, draw)
        code = self.latent(kept.run("encoder", self.encoder, encoder_input), generator)
        raw = kept.run("decoder", self.decoder, code.z)
        levels = tuple(kept.levels)
        return Output(self, x, encoder_input, code, raw, kept.tapped, generator, fields, aim, mask, levels)
