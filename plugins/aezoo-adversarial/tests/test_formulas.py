"""The losses of each player, from known logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from aezoo_adversarial.critic import Critic, noise
from aezoo_adversarial.factor_vae import FactorVAE, independent
from aezoo_adversarial.prior_matching import AdversarialAutoencoder, WassersteinAutoencoder
from aezoo_adversarial.vae_gan import VAEGAN
from torch import Generator, Tensor, nn

from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Code, Output
from aezoo.nn.latent import Deterministic
from aezoo.nn.likelihood import SquaredError
from aezoo.nn.prior import StandardNormal

Z = torch.tensor([[0.3, -1.0], [2.0, 0.5], [-0.7, 1.5]])
X = torch.tensor([[1.0, 2.0], [0.0, 1.0], [-1.0, 0.5]])


def model() -> Autoencoder:
    return Autoencoder(
        input_shape=(2,),
        encoder=[],
        latent=Deterministic(nn.Identity(), nn.Identity()),
        decoder=[nn.Tanh()],
        likelihood=SquaredError(output="sigmoid"),
        prior=StandardNormal((2,)),
    )


def passed(z: Tensor = Z, *, seed: int | None = 3) -> Output:
    """A pass whose codes are known and decoded by tanh, then a sigmoid."""
    generator = None if seed is None else Generator().manual_seed(seed)
    return Output(model(), X, X, Code(z), z.tanh(), {}, generator)


def critic() -> Critic:
    """Logit 2 a - b + 0.5 of a pair."""
    made = Critic([], 2)
    with torch.no_grad():
        made.score.weight.copy_(torch.tensor([[2.0, -1.0]]))
        made.score.bias.fill_(0.5)
    return made


def logits(pairs: Tensor) -> Tensor:
    return 2 * pairs[:, 0] - pairs[:, 1] + 0.5


def cost_of_taking_for_the_first(values: Tensor) -> float:
    """-log sigmoid, averaged."""
    return float(-values.sigmoid().log().mean())


def cost_of_telling(first: Tensor, second: Tensor) -> float:
    return (cost_of_taking_for_the_first(first) + cost_of_taking_for_the_first(-second)) / 2


def prior(seed: int = 3) -> Tensor:
    return torch.randn(3, 2, generator=Generator().manual_seed(seed))


def values(terms: dict[str, Tensor]) -> dict[str, Any]:
    return {name: pytest.approx(value.item(), rel=1e-5) for name, value in terms.items()}


RECONSTRUCTION = float((Z.tanh().sigmoid() - X).square().sum(dim=1).mean())


def test_the_critic_of_codes_takes_draws_from_the_prior_for_the_first_kind() -> None:
    expected = {"discrimination": cost_of_telling(logits(prior()), logits(Z))}
    for play in (AdversarialAutoencoder(critic()), WassersteinAutoencoder(critic())):
        z = Z.clone().requires_grad_()
        losses = play(passed(z), "critic")
        assert values(losses) == expected
        losses["discrimination"].backward()  # type: ignore[no-untyped-call]
        assert z.grad is None  # the codes are what they are


def test_the_encoder_is_told_how_surely_its_codes_are_taken_for_draws() -> None:
    fooled = cost_of_taking_for_the_first(logits(Z))
    adversarial = AdversarialAutoencoder(critic())
    assert values(adversarial(passed(), "encoder")) == {"adversarial": fooled}
    assert values(adversarial(passed(), "model")) == {"reconstruction": RECONSTRUCTION}
    both = {"reconstruction": RECONSTRUCTION, "adversarial": fooled}
    assert values(WassersteinAutoencoder(critic())(passed(), "model")) == both


def test_total_correlation_is_the_mean_logit_and_the_critic_tells_codes_from_turned_ones() -> None:
    play = FactorVAE(critic())
    expected = {"reconstruction": RECONSTRUCTION, "total_correlation": float(logits(Z).mean())}
    assert values(play(passed(), "model")) == expected
    z = Z.clone().requires_grad_()
    losses = play(passed(z), "critic")
    turned = independent(Z, Generator().manual_seed(3))
    assert values(losses) == {"discrimination": cost_of_telling(logits(Z), logits(turned))}
    losses["discrimination"].backward()
    assert z.grad is None


def test_codes_are_turned_column_by_column_by_offsets_of_the_generator() -> None:
    offsets = torch.randperm(3, generator=Generator().manual_seed(3))[:2]
    turned = independent(Z, Generator().manual_seed(3))
    for column, offset in enumerate(offsets.tolist()):
        assert turned[:, column].equal(Z[:, column].roll(-offset))
    wide = torch.arange(10.0).view(2, 5)
    offsets = torch.randint(2, (5,), generator=Generator().manual_seed(4))
    turned = independent(wide, Generator().manual_seed(4))
    for column, offset in enumerate(offsets.tolist()):
        assert turned[:, column].equal(wide[:, column].roll(-offset))


def test_samples_are_compared_by_features_and_weigh_two_to_one_to_one() -> None:
    play = VAEGAN(critic())
    again, made = Z.tanh().sigmoid(), prior().tanh().sigmoid()
    error = float(0.5 * (X - again).square().sum(dim=1).mean())  # without layers a sample is its own features
    assert values(play(passed(), "encoder")) == {"feature_error": error}
    misled = (cost_of_taking_for_the_first(logits(again)) + cost_of_taking_for_the_first(logits(made))) / 2
    assert values(play(passed(), "decoder")) == {"feature_error": error, "adversarial": misled}
    z = Z.clone().requires_grad_()
    losses = play(passed(z), "critic")
    expected = (
        2 * cost_of_taking_for_the_first(logits(X))
        + cost_of_taking_for_the_first(-logits(again))
        + cost_of_taking_for_the_first(-logits(made))
    ) / 4
    assert values(losses) == {"discrimination": expected}
    losses["discrimination"].backward()
    assert z.grad is None


def test_a_pass_that_draws_nothing_has_the_same_draws_each_time() -> None:
    generator = Generator().manual_seed(8)
    assert noise(passed()._replace(generator=generator)) is generator
    fixed = [torch.rand(3, generator=noise(passed(seed=None))) for _ in range(2)]
    assert fixed[0].equal(fixed[1])
    assert fixed[0].equal(torch.rand(3, generator=Generator().manual_seed(0)))
    play = AdversarialAutoencoder(critic())
    expected = {"discrimination": cost_of_telling(logits(prior(0)), logits(Z))}
    assert values(play(passed(seed=None), "critic")) == expected


class Product(nn.Module):
    """The product of a pair: what an affine critic cannot see of how its values go together."""

    def forward(self, pairs: Tensor) -> Tensor:
        return pairs.prod(dim=1, keepdim=True)


def test_codes_are_the_first_kind_and_turned_ones_the_second() -> None:
    made = Critic([Product()], 1)
    nn.init.ones_(made.score.weight)
    nn.init.zeros_(made.score.bias)
    turned = independent(Z, Generator().manual_seed(3))
    expected = cost_of_telling(Z.prod(dim=1), turned.prod(dim=1))
    assert values(FactorVAE(made)(passed(), "critic")) == {"discrimination": expected}
    assert expected != pytest.approx(cost_of_telling(turned.prod(dim=1), Z.prod(dim=1)))


def of_vectors() -> Critic:
    """The same logits, by way of a layer that takes vectors alone."""
    made = Critic([nn.Linear(2, 2, bias=False)], 2)
    nn.init.eye_(made.layers[0].weight)  # type: ignore[arg-type]
    made.score.load_state_dict(critic().score.state_dict())
    return made


@pytest.mark.parametrize("kind", [AdversarialAutoencoder, WassersteinAutoencoder, FactorVAE])
def test_codes_on_a_grid_are_judged_as_vectors(kind: Any) -> None:
    grid = passed(Z[:, :, None])._replace(raw=Z.tanh())
    grid.model.prior = StandardNormal((2, 1))
    for player in ("model", "critic", "encoder")[: 3 if kind is AdversarialAutoencoder else 2]:
        flat = kind(critic())(passed(), player)
        again = grid._replace(generator=Generator().manual_seed(3))
        assert values(flat) == {name: value.item() for name, value in kind(of_vectors())(again, player).items()}


def test_who_judges_sends_nothing_to_who_decodes() -> None:
    out = passed()
    decoder = nn.Linear(2, 2)
    out.model.decoder = nn.ModuleList([decoder])
    out = out._replace(raw=decoder(Z))
    VAEGAN(critic())(out, "critic")["discrimination"].backward()  # type: ignore[no-untyped-call]
    assert decoder.weight.grad is None


@pytest.mark.parametrize("kind", [AdversarialAutoencoder, WassersteinAutoencoder, FactorVAE, VAEGAN])
def test_the_critic_moves_itself(kind: Any) -> None:
    play = kind(critic())
    assert list(play.own("critic")) == list(play.critic.parameters())
    if kind in (AdversarialAutoencoder, VAEGAN):
        assert list(play.own("encoder")) == []
