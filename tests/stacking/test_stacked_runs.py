"""A stack of runs: each ends where it would have ended alone, to the rounding of float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
import torch

import aezoo
from aezoo.data.sources import with_settings
from aezoo.spec.document import Spec
from aezoo.stacking.draws import Unstackable
from aezoo.stacking.facts import reason_against, runs_apart, shape_key
from aezoo.stacking.loop import StackedLoop
from aezoo.stacking.optimizers import moves_by_value
from aezoo.training.history import History
from aezoo.training.loop import Loop
from aezoo.training.progress import Silent
from aezoo.training.setup import assemble, set_up
from aezoo.training.signals import Stop

PLAIN: dict[str, Any] = {
    "name": "vectors",
    "input": [6],
    "encoder": [{"type": "linear", "features": 5}],
    "latent": {"type": "deterministic", "dim": 2},
    "data": {"type": "gaussian", "n": 150, "eigenvalues": [4.0, 3.0, 1.0, 0.5, 0.2, 0.1]},
    "training": {"epochs": 3, "batch_size": 16},
}
GAUSSIAN = {**PLAIN, "latent": {"type": "gaussian", "dim": 2}, "regularizers": {"kl": {"weight": 1.0}}}
#: Sums of float32 products in another order, over thirty steps of Adam, which divides small gradients by small numbers.
ROUNDING = 1e-4


def specs(source: dict[str, Any], *settings: Sequence[str]) -> list[Spec]:
    return [aezoo.read(source, overrides=each) for each in settings]


def loops(specs: Sequence[Spec]) -> list[Loop]:
    made = []
    for spec in specs:
        setup = set_up(spec, device="cpu", threads=1)
        made.append(assemble(with_settings(spec, setup.samples), setup, History(), Silent(), Stop())[1])
    return made


def stack(specs: Sequence[Spec], stacked: list[Loop]) -> StackedLoop:
    tables = [spec.training.optimizer for spec in specs]
    return StackedLoop(stacked, tables, progress=Silent(), stop=Stop())


def assert_alike(alone: Loop, stacked: Loop) -> None:
    first, second = alone.outcome, stacked.outcome
    assert (first.stop_reason, first.step, first.epoch) == (second.stop_reason, second.step, second.epoch)
    assert first.best_step == second.best_step
    for name, value in first.state.items():
        torch.testing.assert_close(second.state[name], value, rtol=ROUNDING, atol=ROUNDING)
    assert len(alone.history.records) == len(stacked.history.records)
    for one, other in zip(alone.history.records, stacked.history.records, strict=True):
        assert one.pop("split") == other.pop("split")
        assert other == pytest.approx(one, rel=ROUNDING)


SEEDS = [[f"training.seed={i}"] for i in range(3)]
CASES = {
    "seeds": (PLAIN, SEEDS),
    "rates": (PLAIN, [[f"training.optimizer.lr={lr}", "training.seed=1"] for lr in ("0.001", "0.01", "0.001")]),
    "weights of terms": (GAUSSIAN, [[f"regularizers.kl.weight={w}", "training.seed=2"] for w in (1, 0.5, 4)]),
    "latent noise": (GAUSSIAN, SEEDS),
    "clip and average": (GAUSSIAN, [["training.clip=0.5", "training.ema=0.9"], ["training.ema=0.8"], []]),
    "clip of a single number": (
        {**GAUSSIAN, "likelihood": {"type": "gaussian", "variance": "learned"}},
        [["training.clip=0.5"], ["training.clip=2.0"]],
    ),
    "patience": (
        {**PLAIN, "training": {"epochs": 6, "batch_size": 16}},
        [["training.optimizer.lr=0.3", "training.patience=1"], []],
    ),
    "corruption of other strengths": (
        {**GAUSSIAN, "corruption": [{"type": "gaussian_noise", "std": 0.1}]},
        [["corruption.0.std=0.1"], ["corruption.0.std=0.5", "training.seed=4"]],
    ),
    "running means of batch norm": (
        {**PLAIN, "encoder": [{"type": "linear", "features": 5, "norm": "batch"}]},
        # A bias before a batch norm has a gradient of 0 but for rounding, which Adam would scale up to a step.
        [[*seed, "training.optimizer.type=sgd"] for seed in SEEDS],
    ),
    "a schedule in a weight": (
        {**GAUSSIAN, "regularizers": {"kl": {"weight": {"type": "linear", "start": 0.0, "end": 1.0, "steps": 20}}}},
        [[], ["regularizers.kl.weight.end=2.0"]],
    ),
    "a projection after each step": (
        {**PLAIN, "constraints": {"unit_norm": {}}},
        SEEDS,
    ),
    "an optimizer with a number beside each weight": (
        {**PLAIN, "training": {**PLAIN["training"], "optimizer": {"type": "nadam", "lr": 0.01}}},
        SEEDS,
    ),
    "an optimizer that looks at whole matrices": (
        {**PLAIN, "training": {**PLAIN["training"], "optimizer": {"type": "adafactor", "lr": 0.05}}},
        SEEDS,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_run_of_a_stack_ends_as_it_would_have_ended_alone(case: str) -> None:
    source, settings = CASES[case]
    wanted = specs(source, *settings)
    assert len({shape_key(spec) for spec in wanted}) == 1
    alone, stacked = loops(wanted), loops(wanted)
    assert [reason_against(loop) for loop in stacked] == [None] * len(wanted)
    assert runs_apart(stacked) == []
    for loop in alone:
        loop.run()
    stack(wanted, stacked).run()
    for one, other in zip(alone, stacked, strict=True):
        assert_alike(one, other)


def test_the_runs_of_a_stack_differ_from_each_other() -> None:
    wanted = specs(GAUSSIAN, *SEEDS)
    stacked = loops(wanted)
    stack(wanted, stacked).run()
    totals = {loop.outcome.validation["total"] for loop in stacked}
    assert len(totals) == 3


def test_a_stack_goes_on_from_the_states_of_its_runs_to_the_same_bits() -> None:
    wanted = specs(GAUSSIAN, ["training.seed=0"], ["training.seed=1", "training.optimizer.lr=0.01"])
    whole = loops(wanted)
    stack(wanted, whole).run()

    class Keeper:
        states: ClassVar[dict[int, Any]] = {}

        def due(self, step: int) -> bool:
            return len(self.states) < 2 and stopped[0].step == 11

        def save(self, position: tuple[int, int], state: dict[str, Any]) -> None:
            from aezoo.training.states.state import flattened, rebuilt

            document, tensors = flattened(state)
            kept = rebuilt(document, {n: t.clone() for n, t in tensors.items()}, torch.device("cpu"))
            self.states[len(self.states)] = kept

    stopped = loops(wanted)
    for loop in stopped:
        loop.checkpoints = Keeper()
    stack(wanted, stopped).run()
    assert len(Keeper.states) == 2
    again = loops(wanted)
    for loop, state in zip(again, Keeper.states.values(), strict=True):
        loop.restore(state)
    assert again[0].step == 11
    stack(wanted, again).run()
    for one, other in zip(whole, again, strict=True):
        assert one.outcome.best_step == other.outcome.best_step
        for name, value in one.outcome.state.items():
            assert torch.equal(other.outcome.state[name], value), name
        assert other.outcome.validation == one.outcome.validation


def test_a_run_that_turns_not_finite_ends_and_the_others_go_on() -> None:
    wanted = specs(
        PLAIN, ["training.optimizer.type=sgd", "training.optimizer.lr=1e30"], ["training.optimizer.type=sgd"]
    )
    stacked = loops(wanted)
    stack(wanted, stacked).run()
    bad, good = stacked
    assert bad.outcome.stop_reason == "not finite"
    assert "the loss turned not finite" in str(bad.outcome.failure)
    alone = loops(wanted)[1]
    alone.run()
    assert_alike(alone, good)


def test_what_cannot_be_stacked_says_why() -> None:
    def reason(source: dict[str, Any], *settings: str) -> str | None:
        return reason_against(loops(specs(source, settings))[0])

    assert reason(PLAIN, "training.optimizer.type=lbfgs") == "its optimizer searches along a line"
    assert reason(PLAIN, "training.micro_batch=8") == "its batches are cut into micro-batches"
    assert reason(PLAIN, "training.precision=bfloat16") == "it computes in lower precision"


def test_a_draw_that_torch_makes_inside_a_layer_is_refused() -> None:
    layers = [{"type": "linear", "features": 5}, {"type": "dropout", "p": 0.5}]
    source = {**PLAIN, "encoder": layers}
    with pytest.raises(Unstackable, match="random"):
        runs_apart(loops(specs(source, *SEEDS)))


def test_a_run_whose_numbers_hide_from_the_stack_is_found_by_its_losses() -> None:
    stacked = loops(specs(PLAIN, *SEEDS))

    def halved(out: Any, player: str, of: Any = stacked[2].objective.loss_terms.forward) -> Any:
        return {name: 0.5 * value for name, value in of(out, player).items()}

    stacked[2].objective.loss_terms.forward = halved  # type: ignore[method-assign]
    assert runs_apart(stacked) == [2]


def test_a_module_that_counts_in_plain_python_is_refused() -> None:
    stacked = loops(specs(PLAIN, *SEEDS))
    for loop in stacked:
        terms: Any = loop.objective.loss_terms
        terms.calls = 0

        def counting(out: Any, player: str, terms: Any = terms, of: Any = terms.forward) -> Any:
            terms.calls += 1
            return of(out, player)

        terms.forward = counting
    with pytest.raises(Unstackable, match="counts in plain Python"):
        runs_apart(stacked)


def test_specs_of_other_shapes_are_no_candidates() -> None:
    keys = [shape_key(spec) for spec in specs(PLAIN, [], ["latent.dim=3"], ["training.epochs=4"], ["training.seed=9"])]
    assert keys[0] == keys[3]
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("optimizer", "by_value"),
    [("adam", True), ("adamw", True), ("sgd", True), ("rmsprop", True), ("nadam", True), ("adafactor", False)],
)
def test_whether_an_optimizer_moves_by_value_is_tried(optimizer: str, by_value: bool) -> None:
    (spec,) = specs(PLAIN, [f"training.optimizer.type={optimizer}"])
    assert moves_by_value(spec.training.optimizer) is by_value
