"""FactorVAE: codes with independent values, by a critic's estimate of their total correlation."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.code import Output
from aezoo.nn.likelihood import reconstruction
from aezoo_adversarial.critic import Critic, discrimination, noise


def independent(z: Tensor, generator: Generator) -> Tensor:
    """Codes each of whose values comes from another sample: draws from the product of the marginals.

    Each column is rotated by an offset of its own. With as many samples as columns, no two offsets are equal:
    then the values of a row are of different samples, and independent whatever the batch's size.

    Shape:
        z: [B, D] -> [B, D]
    """
    samples, width = z.shape
    if width <= samples:
        offsets = torch.randperm(samples, generator=generator, device=z.device)[:width]
    else:
        offsets = torch.randint(samples, (width,), generator=generator, device=z.device)
    rows = (torch.arange(samples, device=z.device)[:, None] + offsets) % samples  # [B, D]
    return z.gather(0, rows)


class FactorVAE(nn.Module):
    """Add the total correlation of the codes, KL(q(z) || prod_j q(z_j)), to the loss of a VAE.

    Kim and Mnih 2018, "Disentangling by factorising", arXiv:1802.05983, section 3. The critic learns the logarithm of
    the ratio of the two densities; its mean over codes is the total correlation. It has one logit, where the paper has
    the difference of two; and it reads the codes of one batch, as they are and rotated column by column, where the
    paper permutes those of a second one.

    Args:
        critic: Of codes as vectors: the first kind are codes, the second have independent values.
    """

    def __init__(self, critic: Critic) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, out: Output, player: str) -> dict[str, Tensor]:
        z = out.code.z.flatten(1)
        if player == "critic":
            z = z.detach()
            return {"discrimination": discrimination(self.critic(z), self.critic(independent(z, noise(out))))}
        return {"reconstruction": reconstruction(out).mean(), "total_correlation": self.critic(z).mean()}

    def own(self, player: str) -> Iterator[nn.Parameter]:
        return self.critic.parameters()
