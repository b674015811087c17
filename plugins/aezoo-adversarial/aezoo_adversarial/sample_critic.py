"""A critic of reconstructions, as a term."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from aezoo.nn.code import Output
from aezoo_adversarial.critic import Critic, adversarial, discrimination


class SampleCritic(nn.Module):
    """-log of the critic's probability that a reconstruction is data; and the critic's loss.

    Goodfellow et al. 2014, arXiv:1406.2661, section 3, with reconstructions for what is generated, as in Esser et al.
    2021, "Taming transformers for high-resolution image synthesis", arXiv:2012.09841, section 3.1.

    Args:
        critic: Of samples: the first kind are data, the second are reconstructed.
    """

    def __init__(self, critic: Critic) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, out: Output) -> Tensor:
        return adversarial(self.critic(_reconstruction(out)))

    def losses(self, out: Output, player: str) -> dict[str, Tensor]:
        real, reconstructed = self.critic(out.x), self.critic(_reconstruction(out).detach())
        return {"discrimination": discrimination(real, reconstructed)}

    def own(self, player: str) -> Iterator[nn.Parameter]:
        return self.critic.parameters()


def _reconstruction(out: Output) -> Tensor:
    mean: Tensor = out.model.likelihood.mean(out.raw)
    return mean
