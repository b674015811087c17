"""AAE and WAE-GAN: a critic makes the distribution of codes that of the prior."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor, nn

from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Output
from aezoo.nn.likelihood import reconstruction
from aezoo_adversarial.critic import Critic, adversarial, discrimination, drawn


def _reconstruction(out: Output) -> Tensor:
    return reconstruction(out).mean()


class _Matching(nn.Module):
    """A critic of codes: the first kind is drawn from the prior, the second is the encoder's.

    Args:
        critic: Of codes as vectors.
    """

    def __init__(self, critic: Critic) -> None:
        super().__init__()
        self.critic = critic

    def discrimination(self, out: Output) -> Tensor:
        """Loss of the critic."""
        codes = out.code.z.detach().flatten(1)
        return discrimination(self.critic(drawn(out).flatten(1)), self.critic(codes))

    def adversarial(self, out: Output) -> Tensor:
        """Loss of the encoder."""
        return adversarial(self.critic(out.code.z.flatten(1)))


class AdversarialAutoencoder(_Matching):
    """Reconstruct, then train the critic, then train the encoder alone to mislead it.

    Makhzani et al. 2015, "Adversarial autoencoders", arXiv:1511.05644, section 2.
    """

    def forward(self, out: Output, player: str) -> dict[str, Tensor]:
        if player == "critic":
            return {"discrimination": self.discrimination(out)}
        if player == "encoder":
            return {"adversarial": self.adversarial(out)}
        return {"reconstruction": _reconstruction(out)}

    def split(self, model: Autoencoder) -> Mapping[str, Sequence[nn.Module]]:
        return {"model": [model], "encoder": [model.encoder, model.latent]}

    def own(self, player: str) -> Iterator[nn.Parameter]:
        return self.critic.parameters() if player == "critic" else iter(())


class WassersteinAutoencoder(_Matching):
    """Reconstruct and mislead the critic in one step.

    Tolstikhin et al. 2018, "Wasserstein auto-encoders", arXiv:1711.01558, algorithm 1.
    """

    def forward(self, out: Output, player: str) -> dict[str, Tensor]:
        if player == "critic":
            return {"discrimination": self.discrimination(out)}
        return {"reconstruction": _reconstruction(out), "adversarial": self.adversarial(out)}

    def own(self, player: str) -> Iterator[nn.Parameter]:
        return self.critic.parameters()
