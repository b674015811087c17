"""The objective: the terms of each player, their weights at a step, and the parameters that it moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Output
from aezoo.nn.latent import Deterministic, Gaussian
from aezoo.nn.likelihood import SquaredError
from aezoo.nn.objective import Constraints, Noise, Objective, Terms

X = torch.tensor([[1.0, 2.0], [3.0, -1.0]])


def network(latent: nn.Module | None = None) -> Autoencoder:
    return Autoencoder(
        input_shape=(2,),
        encoder=[],
        latent=latent or Deterministic(nn.Linear(2, 2), nn.Identity()),
        decoder=[nn.Linear(2, 2)],
        likelihood=SquaredError(),
    )


class Scored(nn.Module):
    """Constant terms for a first player and a critic; the critic reads the code."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(1.0))
        self.seen: list[Output] = []
        self.recorded: list[bool] = []

    def forward(self, out: Output, player: str) -> dict[str, Tensor]:
        self.seen.append(out)
        self.recorded.append(out.raw.requires_grad)
        if player == "critic":
            return {"score": 7.0 * self.value, "also": 11.0 * self.value}
        return {"first": torch.tensor(2.0), "second": torch.tensor(3.0)}

    def own(self, player: str) -> Iterator[nn.Parameter]:
        yield self.value


class Five(nn.Module):
    def forward(self, out: Output) -> Tensor:
        return torch.tensor(5.0)


def noise(seed: int = 0) -> Noise:
    return Noise(Generator().manual_seed(seed), Generator().manual_seed(seed + 1))


def losses_of(
    objective: Objective, player: str = "model", step: int = 4
) -> tuple[float, dict[str, float], dict[str, float]]:
    losses = objective(X, player, step, noise())
    return (
        losses.total.item(),
        {name: value.item() for name, value in losses.raw.items()},
        {name: value.item() for name, value in losses.weighted.items()},
    )


def test_terms_without_weights_are_summed() -> None:
    raw = {"first": 2.0, "second": 3.0}
    assert losses_of(Objective(network(), Terms(Scored()))) == (5.0, raw, raw)


def test_a_weight_is_that_of_the_step_and_raw_terms_stay_raw() -> None:
    terms = Terms(
        Scored(),
        regularizers={"five": Five(), "pop": Five(), "plain": Five()},
        weights={"five": lambda step: step, "pop": lambda step: 0.5, "plain": None, "second": lambda step: 10 * step},
    )
    objective = Objective(network(), terms)
    total, raw, weighted = losses_of(objective, step=4)
    assert raw == {"first": 2.0, "second": 3.0, "five": 5.0, "pop": 5.0, "plain": 5.0}
    assert weighted == {"first": 2.0, "second": 120.0, "five": 20.0, "pop": 2.5, "plain": 5.0}
    assert total == 149.5
    assert losses_of(objective, step=0)[0] == 2 + 0 + 0 + 2.5 + 5


def test_a_later_player_gets_its_own_terms_with_weights_by_its_name_and_no_penalty() -> None:
    weights = {
        "five": None,
        "critic.score": lambda step: 2 * step,
        "first": lambda step: 3.0,
        "score": lambda step: 99,
    }
    terms = Terms(Scored(), players=("model", "critic"), regularizers={"five": Five()}, weights=weights)
    total, raw, weighted = losses_of(Objective(network(), terms), "critic")
    assert raw == {"score": 7.0, "also": 11.0}
    assert weighted == {"score": 56.0, "also": 11.0}
    assert total == 67.0


def test_the_weights_of_another_player_are_not_the_first_ones() -> None:
    weights = {"critic.first": lambda step: 9, "first": lambda step: 2}
    terms = Terms(Scored(), players=("model", "critic"), weights=weights)
    assert losses_of(Objective(network(), terms)) == (7.0, {"first": 2.0, "second": 3.0}, {"first": 4.0, "second": 3.0})


def test_a_player_that_moves_nothing_of_the_model_needs_no_way_back_through_it() -> None:
    play = Scored()
    objective = Objective(network(), Terms(play, players=("model", "critic")))
    objective(X, "model", 0, noise())
    objective(X, "critic", 0, noise())
    assert play.recorded == [True, False]
    assert [p is play.value for p in objective.parameters_of("critic")] == [True]
    assert set(objective.parameters_of("model")) == set(objective.model.parameters())


def test_a_split_says_which_parts_of_the_model_each_player_moves() -> None:
    class Shared(Scored):
        def split(self, model: Any) -> dict[str, list[nn.Module]]:
            return {"model": [model.decoder, model.decoder], "critic": [model.latent]}

    play = Shared()
    objective = Objective(network(), Terms(play, players=("model", "critic")))
    assert list(objective.parameters_of("model")) == list(objective.model.decoder.parameters())
    critic = list(objective.parameters_of("critic"))
    assert critic == [*objective.model.latent.parameters(), play.value]
    objective(X, "critic", 0, noise())
    assert play.recorded == [True]
    play.value.requires_grad_(False)
    assert list(objective.parameters_of("critic")) == list(objective.model.latent.parameters())


class Plus(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor, generator: Generator) -> Tensor:
        return self.value * (x + torch.randn(x.shape, generator=generator))


def test_corruptions_are_applied_in_order_to_what_is_encoded_and_not_to_the_target() -> None:
    play = Scored()
    objective = Objective(network(), Terms(play), corruption=[Plus(2.0), Plus(3.0)])
    objective(X, "model", 0, noise(5))
    generator = Generator().manual_seed(5)
    first = 2 * (X + torch.randn(2, 2, generator=generator))
    expected = 3 * (first + torch.randn(2, 2, generator=generator))
    assert play.seen[0].corrupted.equal(expected)
    assert play.seen[0].x is X


def test_latent_noise_comes_from_its_own_generator() -> None:
    play = Scored()
    objective = Objective(network(Gaussian(nn.Identity(), shared=(2,))), Terms(play))
    objective(X, "model", 0, noise(5))
    expected = X + torch.randn(2, 2, generator=Generator().manual_seed(6))
    torch.testing.assert_close(play.seen[0].code.z, expected)
    assert play.seen[0].generator is not None


def test_regularizers_read_the_taps_that_are_named() -> None:
    play = Scored()
    Objective(network(), Terms(play, taps=("decoder.0",)))(X, "model", 0, noise())
    assert set(play.seen[0].taps) == {"decoder.0"}


def test_lower_precision_is_for_products_and_terms_are_computed_in_full() -> None:
    play = Scored()
    terms = Terms(play, taps=("decoder.0",))
    plain, lower = (Objective(network(), terms, autocast=kind) for kind in (None, torch.bfloat16))
    lower.model.load_state_dict(plain.model.state_dict())
    x = torch.randn(4, 2, generator=Generator().manual_seed(0))
    for objective in (plain, lower):
        objective(x, "model", 0, noise())
    full, half = play.seen
    for value in (half.raw, half.code.z, half.code.pre, half.taps["decoder.0"]):
        assert value.dtype == torch.float32
        assert value.equal(value.bfloat16().float())
    torch.testing.assert_close(half.raw, full.raw, rtol=0.05, atol=0.05)
    assert not half.raw.equal(full.raw)


def test_what_lies_beside_the_model_is_all_but_its_weights() -> None:
    class Remembering(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(2))

        def forward(self, out: Output) -> Tensor:
            return torch.tensor(0.0)

    objective = Objective(network(), Terms(Scored(), regularizers={"r": Remembering()}))
    assert set(objective.auxiliary_state) == {"loss_terms.value", "regularizers.0.mean"}


@pytest.mark.parametrize("method", ["project", "project_gradients"])
def test_constraints_and_tangents_are_applied_in_order(method: str) -> None:
    done: list[str] = []
    calls = {"project": "projections", "project_gradients": "tangents"}
    functions: dict[str, Any] = {
        name: [lambda n=n, name=name: done.append(f"{name}{n}") for n in range(2)] for name in calls.values()
    }
    getattr(Objective(network(), Terms(Scored()), Constraints(**functions)), method)()
    assert done == [f"{calls[method]}{n}" for n in range(2)]


def test_a_player_that_only_looks_on_sees_the_same_pass() -> None:
    play = Scored()
    terms = Terms(play, players=("model", "critic"), taps=("decoder.0",))
    objective = Objective(network(), terms, corruption=[Plus(2.0)])
    for player in ("model", "critic"):
        objective(X, player, 0, noise(5))
    seen, watched = play.seen
    assert watched.x is seen.x is X
    assert watched.corrupted.equal(seen.corrupted)
    assert not watched.corrupted.equal(X)
    assert watched.raw.equal(seen.raw)
    assert set(watched.taps) == {"decoder.0"}
    assert watched.generator is not None


# --- weights of the terms' own ------------------------------------------------------------------------------


class Scaled(nn.Module):
    """A penalty with a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, out: Any) -> Tensor:
        return (self.scale - 5).square()


def test_the_first_player_moves_the_weights_of_terms_that_no_other_player_has() -> None:
    class WithHead(Scored):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(2, 2)

    play = WithHead()
    objective = Objective(network(), Terms(play, players=("model", "critic"), regularizers={"scaled": Scaled()}))
    first = list(objective.parameters_of("model"))
    assert first == [*objective.model.parameters(), *play.head.parameters(), objective.regularizers[0].scale]
    assert list(objective.parameters_of("critic")) == [play.value]
    assert objective.unmoved() == []


def test_weights_that_a_split_leaves_out_are_named() -> None:
    class Shared(Scored):
        def split(self, model: Any) -> dict[str, list[nn.Module]]:
            return {"model": [model.decoder], "critic": []}

    objective = Objective(network(), Terms(Shared(), players=("model", "critic")))
    left = {name.removeprefix("model.") for name in objective.unmoved()}
    assert left == {f"latent.{name}" for name, _ in objective.model.latent.named_parameters()}
    objective.model.latent.requires_grad_(False)
    assert objective.unmoved() == []


def test_modules_that_change_with_the_step_are_set_before_each_pass() -> None:
    class Stepped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.position = (-1, -1)

        def at(self, step: int, steps: int) -> None:
            self.position = (step, steps)

        def forward(self, out: Any) -> Tensor:
            return torch.tensor(float(self.position[0]))

    objective = Objective(network(), Terms(Scored(), regularizers={"stepped": Stepped()}), steps=9)
    assert [objective(X, "model", step, noise()).raw["stepped"].item() for step in (0, 4, 9)] == [0.0, 4.0, 9.0]
    assert objective.regularizers[0].position == (9, 9)


class Judged(nn.Module):
    """A penalty and its judge: a value that learns to be three, and the penalty's factor."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.ones(()))

    def forward(self, out: Any) -> Tensor:
        return self.value * out.code.z.square().mean()

    def losses(self, out: Any, player: str) -> dict[str, Tensor]:
        return {"distance": (self.value - 3).square()}

    def own(self, player: str) -> list[nn.Parameter]:
        return [self.value]


def test_a_player_of_a_penalty_has_its_own_terms_weights_and_parameters() -> None:
    terms = Terms(
        Scored(),
        players=("model", "critic"),
        regularizers={"judged": Judged()},
        weights={"judged": lambda step: 2.0, "judged.judge.distance": lambda step: 5.0, "critic.score": None},
        term_players={"judged.judge": ("judged", "judge")},
    )
    objective = Objective(network(), terms)
    assert objective.players == ("model", "critic", "judged.judge")
    judge = objective(X, "judged.judge", 0, noise())
    assert {name: value.item() for name, value in judge.raw.items()} == {"distance": 4.0}
    assert judge.total.item() == 20.0
    model = objective(X, "model", 0, noise())
    assert model.weighted["judged"].item() == 2 * model.raw["judged"].item()
    assert list(objective.parameters_of("judged.judge")) == [objective.regularizers[0].value]
    assert objective.regularizers[0].value not in set(objective.parameters_of("model"))
    assert objective.unmoved() == []


def test_state_of_penalties_has_the_same_names_whatever_their_order() -> None:
    def state(*names: str) -> dict[str, float]:
        penalties = {name: Judged() for name in names}
        for name, penalty in penalties.items():
            nn.init.constant_(penalty.value, len(name))
        auxiliary = Objective(network(), Terms(Scored(), regularizers=penalties)).auxiliary_state
        return {name: value.item() for name, value in auxiliary.items() if name.startswith("regularizers")}

    assert state("b", "aa") == state("aa", "b") == {"regularizers.0.value": 2.0, "regularizers.1.value": 1.0}
