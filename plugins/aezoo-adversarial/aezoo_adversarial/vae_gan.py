"""Reconstructions that are alike in what a critic sees in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor, nn

from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Output
from aezoo_adversarial.critic import Critic, adversarial, discrimination, drawn


class VAEGAN(nn.Module):
    """Compare samples by the features of a critic that tells data from what is decoded.

    Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric", arXiv:1512.09300, algorithm 1;
    with the adversarial loss that does not saturate, and each of the three kinds of samples (data, reconstructed,
    decoded from the prior) with the weights 2 : 1 : 1.

    Args:
        critic: Of samples: the first kind are data, the second are decoded.
    """

    def __init__(self, critic: Critic) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, out: Output, player: str) -> dict[str, Tensor]:
        if player == "critic":
            return {"discrimination": self._tell(out)}
        again = out.model.likelihood.mean(out.raw)
        terms = {"feature_error": self._error(out.x, again)}
        if player == "decoder":
            made = self._made(out)
            terms["adversarial"] = (adversarial(self.critic(again)) + adversarial(self.critic(made))) / 2
        return terms

    def split(self, model: Autoencoder) -> Mapping[str, Sequence[nn.Module]]:
        return {"encoder": [model.encoder, model.latent], "decoder": [model.decoder, model.likelihood]}

    def own(self, player: str) -> Iterator[nn.Parameter]:
        return self.critic.parameters() if player == "critic" else iter(())

    def _error(self, x: Tensor, again: Tensor) -> Tensor:
        """-log N(features of x; features of the reconstruction, I), without the constant (equations 7 and 8)."""
        seen, remade = self.critic.features(x), self.critic.features(again)
        return 0.5 * (seen - remade).square().sum(dim=1).mean()

    def _made(self, out: Output) -> Tensor:
        """Samples decoded from the prior."""
        mean: Tensor = out.model.likelihood.mean(out.model.expand(drawn(out)))
        return mean

    def _tell(self, out: Output) -> Tensor:
        real = self.critic(out.x)
        again = self.critic(out.model.likelihood.mean(out.raw).detach())
        made = self.critic(self._made(out).detach())
        return (discrimination(real, again) + discrimination(real, made)) / 2
