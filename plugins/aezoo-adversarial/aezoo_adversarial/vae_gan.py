"""VAE-GAN: reconstructions compared by the features of a critic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor, nn

from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Output
from aezoo_adversarial.critic import Critic, adversarial, discrimination, drawn


class VAEGAN(nn.Module):
    """Compare samples by the features of a critic that discriminates data from decoded samples.

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
            return {"discrimination": self._discrimination(out)}
        reconstruction = out.model.likelihood.mean(out.raw)
        terms = {"feature_error": self._error(out.target, reconstruction)}
        if player == "decoder":
            generated = self._generated(out)
            terms["adversarial"] = (adversarial(self.critic(reconstruction)) + adversarial(self.critic(generated))) / 2
        return terms

    def split(self, model: Autoencoder) -> Mapping[str, Sequence[nn.Module]]:
        prior = [model.prior] if isinstance(model.prior, nn.Module) else []  # one that learns does so by the rate
        return {"encoder": [model.encoder, model.latent, *prior], "decoder": [model.decoder, model.likelihood]}

    def own(self, player: str) -> Iterator[nn.Parameter]:
        return self.critic.parameters() if player == "critic" else iter(())

    def _error(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """-log N(features of x; features of the reconstruction, I), without the constant (equations 7 and 8)."""
        features, reconstructed = self.critic.features(x), self.critic.features(reconstruction)
        return 0.5 * (features - reconstructed).square().sum(dim=1).mean()

    def _generated(self, out: Output) -> Tensor:
        """Samples decoded from the prior."""
        mean: Tensor = out.model.likelihood.mean(out.model.expand(drawn(out), out.fields))
        return mean

    def _discrimination(self, out: Output) -> Tensor:
        real = self.critic(out.target)
        reconstruction = self.critic(out.model.likelihood.mean(out.raw).detach())
        generated = self.critic(self._generated(out).detach())
        return (discrimination(real, reconstruction) + discrimination(real, generated)) / 2
