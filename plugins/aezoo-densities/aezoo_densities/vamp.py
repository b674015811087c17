"""The VampPrior: a mixture of the posteriors of learned pseudo-inputs."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.code import Network, Output, Posterior
from aezoo.nn.modes import evaluating

#: Values of code and component that are compared at once: 16 MB of them.
VALUES = 2**22
#: Noise of the first pseudo-inputs, as a share of the deviation of the samples.
NOISE = 0.01


class VampPrior(nn.Module):
    """The mean of the posteriors of K pseudo-inputs: p(z) = 1/K sum_k q(z | u_k).

    Tomczak and Welling 2017, "VAE with a VampPrior", arXiv:1705.07120, equation 9. There pseudo-inputs are held within
    the range of the data; here they start as samples and go where the loss leads them.

    Args:
        input_shape: Of a pseudo-input, as of a sample.
        components: How many pseudo-inputs, K.

    Shape:
        z: [B, *code] -> log_prob: [B]
    """

    def __init__(self, input_shape: tuple[int, ...], components: int) -> None:
        super().__init__()
        self.pseudo_inputs = nn.Parameter(torch.randn(components, *input_shape))
        self._encoder: tuple[nn.Module, ...] = ()

    def attach(self, model: Network) -> None:
        """Keep the layers that lead from an input to its posterior."""
        # In a tuple: as submodules their weights would be counted and saved twice.
        self._encoder = (*model.encoder, model.latent)

    @torch.no_grad()
    def prepare(self, first_input: Output, *, model: Network, generator: Generator) -> None:
        """Start from the samples of the first batch, with a little noise, so that copies of one sample differ."""
        x, pseudo = first_input.x, self.pseudo_inputs
        chosen = torch.randperm(len(x), generator=generator, device=x.device).repeat(-(-len(pseudo) // len(x)))
        noise = torch.randn(pseudo.shape, generator=generator, device=x.device, dtype=x.dtype)
        pseudo.copy_(x[chosen[: len(pseudo)]] + NOISE * x.std() * noise)

    def posteriors(self) -> Any:
        """The code of each pseudo-input, nothing drawn: [K, *code]."""
        *layers, latent = self._encoder
        h: Tensor = self.pseudo_inputs
        with evaluating(*self._encoder):
            for layer in layers:
                h = layer(h)
            return latent(h, None)

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """`n` codes; the generator lives on the module's device."""
        pseudo = self.pseudo_inputs
        chosen = torch.randint(len(pseudo), (n,), generator=generator, device=pseudo.device)
        code = self.posteriors()
        if generator is None:  # `redraw` needs one
            generator = Generator(pseudo.device).manual_seed(int(torch.randint(2**62, ())))
        of_chosen = type(code)(*(value[chosen] for value in code))
        return self._latent.redraw(of_chosen, generator).z  # type: ignore[no-any-return]

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats."""
        code = self.posteriors()
        rows = max(1, VALUES // (len(self.pseudo_inputs) * z[0].numel()))
        each = [self._of_components(code, part) for part in torch.split(z, rows)]
        return torch.cat(each).logsumexp(dim=1) - math.log(len(self.pseudo_inputs))

    def fit(self, codes: Tensor) -> None:
        """Nothing to learn after training."""

    @property
    def _latent(self) -> Posterior:
        return cast(Posterior, self._encoder[-1])

    def _of_components(self, code: Any, z: Tensor) -> Tensor:
        """log q(z | u_k) of each code and pseudo-input: [B, K]."""
        count = len(self.pseudo_inputs)
        tiled = type(code)(*(value.repeat(len(z), *(1 for _ in value.shape[1:])) for value in code))
        return self._latent.log_prob(tiled, z.repeat_interleave(count, dim=0)).reshape(len(z), count)
