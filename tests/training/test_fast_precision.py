"""`precision = "fast"`: what is tried follows from the device, what is taken from the clock, and a run keeps it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from itertools import repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.building.builder import objective_of
from aezoo.data.batches import Batch, Batches
from aezoo.hardware import products
from aezoo.hardware.products import Products, products_of
from aezoo.nn.lower_products import can_be_set, lower_products
from aezoo.spec.kinds import PlayerSpec
from aezoo.spec.samples import Samples
from aezoo.stacking.facts import reason_against
from aezoo.training import fast_precision, probe
from aezoo.training.arithmetic import Arithmetic, Choice
from aezoo.training.fast_precision import candidates, chosen, facts, fastest, rows_of_a_pass
from aezoo.training.history import History
from aezoo.training.probe import Measured, measure
from aezoo.training.progress import Terminal
from aezoo.training.results import Run
from aezoo.training.setup import Setup, assemble, set_up
from aezoo.training.signals import Stop
from aezoo.training.states.state import module_state
from aezoo.training.step import Player, Streams
from tests.training.test_resuming import files, spec, stop

CPU = torch.device("cpu")
PLAIN, LAST = Arithmetic(), Arithmetic(channels_last=True)
BF16, BF16_LAST = Arithmetic("bfloat16"), Arithmetic("bfloat16", True)
ROUNDED, TF32 = Arithmetic("bfloat16_products"), Arithmetic("tf32")
OLD, NEW = Products("this CPU"), Products("this CPU", bfloat16=True, of_float32="bfloat16")
GPU = Products("NVIDIA H200", bfloat16=True, of_float32="tf32")


def fast(**training: Any) -> dict[str, Any]:
    return spec(precision="fast", **training)


def images(**training: Any) -> dict[str, Any]:
    return {
        "name": "images",
        "input": [1, 32, 32],
        "encoder": [{"type": "conv", "channels": 4, "stride": 2, "norm": "batch"}],
        "latent": {"type": "gaussian", "dim": 2},
        "likelihood": "mse",
        "regularizers": {"kl": {}},
        "data": {"type": "sprites", "n": 60},
        "training": {"epochs": 2, "batch_size": 16, "precision": "fast", **training},
    }


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the CPU multiply what it is told, and passes take so long; without times, a measurement fails the test."""

    def pretend(known: Products, seconds: dict[Arithmetic, float] | None = None) -> None:
        def measured(spec: Any, batches: Any, tried: Any, rows: int) -> dict[Arithmetic, Measured]:
            assert seconds is not None, "nothing is to be measured here"
            return {one: Measured(seconds[one], rows) for one in tried}

        monkeypatch.setattr(fast_precision, "products_of", lambda device: known)
        monkeypatch.setattr(fast_precision, "measure", measured)
        monkeypatch.setattr(fast_precision, "SHARE", 10.0)

    return pretend


# --- what a device multiplies ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["amx_bf16", "avx512_bf16", "bf16"])
def test_a_cpu_with_such_instructions_multiplies_bfloat16(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, name: True}, raising=False)
    assert products_of(CPU) == NEW
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, name: False}, raising=False)
    assert products_of(CPU) == OLD
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert products_of(CPU) == OLD


@pytest.mark.parametrize(("generation", "known"), [((7, 5), Products("T4")), ((8, 0), GPU._replace(device="T4"))])
def test_a_gpu_from_ampere_on_multiplies_both(
    monkeypatch: pytest.MonkeyPatch, generation: tuple[int, int], known: Products
) -> None:
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(products.torch.cuda, "get_device_capability", lambda device: generation)
    monkeypatch.setattr(products.torch.cuda, "get_device_name", lambda device: "T4")
    assert products_of(torch.device("cuda")) == known


@pytest.mark.parametrize("supported", [True, False])
def test_a_gpu_of_amd_multiplies_bfloat16_where_torch_says_so(monkeypatch: pytest.MonkeyPatch, supported: bool) -> None:
    monkeypatch.setattr(torch.version, "hip", "6.0")
    monkeypatch.setattr(products.torch.cuda, "get_device_name", lambda device: "MI300")
    monkeypatch.setattr(products.torch.cuda, "is_bf16_supported", lambda: supported)
    assert products_of(torch.device("cuda")) == Products("MI300", bfloat16=supported)


def test_of_other_devices_nothing_is_known() -> None:
    assert products_of(torch.device("mps")) == Products("this mps device")


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (OLD, "this CPU multiplies no bfloat16"),
        (NEW, "this CPU multiplies bfloat16"),
        (GPU, "NVIDIA H200 multiplies TF32 and bfloat16"),
    ],
)
def test_it_is_said_in_words(known: Products, words: str) -> None:
    assert facts(known) == words


# --- what is tried, and what is taken ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "known", "tried"),
    [
        (fast(), OLD, [PLAIN]),
        (fast(), NEW, [PLAIN, ROUNDED, BF16]),
        (fast(), GPU, [PLAIN, TF32, BF16]),
        (images(), OLD, [PLAIN, LAST]),
        (images(), NEW, [PLAIN, LAST, ROUNDED, Arithmetic("bfloat16_products", True), BF16, BF16_LAST]),
        (images(channels_last=True), OLD, [LAST]),
        (images(channels_last=True), GPU, [LAST, Arithmetic("tf32", True), BF16_LAST]),
    ],
)
def test_what_is_tried_follows_from_device_and_spec(
    document: dict[str, Any], known: Products, tried: list[Arithmetic]
) -> None:
    assert candidates(aezoo.read(document), known) == tried


def test_images_that_are_flattened_at_once_have_no_channels_to_lie_last() -> None:
    flattened = {**images(), "encoder": [{"type": "flatten"}, {"type": "linear", "features": 8}]}
    assert candidates(aezoo.read(flattened), OLD) == [PLAIN]


@pytest.mark.parametrize(
    ("seconds", "taken"),
    [
        ({PLAIN: 1.0, BF16: 0.89}, BF16),
        ({PLAIN: 1.0, BF16: 0.91}, PLAIN),
        ({PLAIN: 1.0, ROUNDED: 0.6, BF16: 0.7}, ROUNDED),
        ({PLAIN: 1.0, LAST: 0.96}, LAST),
        ({PLAIN: 1.0, LAST: 0.98}, PLAIN),
        ({PLAIN: 1.0, LAST: 0.5, BF16: 0.52, BF16_LAST: 0.47}, LAST),  # a tenth of the best float32
        ({PLAIN: 1.0, LAST: 0.9, BF16: 0.6, BF16_LAST: 0.59}, BF16),
        ({PLAIN: 1.0, LAST: 1.1, BF16: 0.6, BF16_LAST: 0.4}, BF16_LAST),
        ({LAST: 1.0, BF16_LAST: 0.5}, BF16_LAST),
    ],
)
def test_what_is_taken_follows_from_the_times(seconds: dict[Arithmetic, float], taken: Arithmetic) -> None:
    assert fastest({one: Measured(time, 64) for one, time in seconds.items()}, NEW).arithmetic == taken


def test_the_choice_says_what_it_was_made_by() -> None:
    found = {
        PLAIN: Measured(0.0253, 64),
        LAST: Measured(0.0201, 64),
        BF16: Measured(None, 64, "left out: its loss is 2, not 1"),
    }
    assert str(fastest(found, OLD)) == (
        "precision: float32, channels-last (this CPU multiplies no bfloat16; passes of 64 samples: float32 25.3 ms,"
        " float32, channels-last 20.1 ms, bfloat16 left out: its loss is 2, not 1)"
    )
    assert fastest({PLAIN: Measured(None, 8, "left out: it broke")}, OLD).arithmetic == PLAIN


@pytest.mark.parametrize(
    ("steps", "most", "tried", "rows"),
    [
        (1000, 128, 2, 128),  # a hundredth of 128,000 samples, in 2 x 4 passes: 160
        (500, 128, 2, 80),
        (50, 128, 2, 8),
        (49, 128, 2, 0),
        (50, 128, 3, 0),
        (50, 4, 6, 0),
        (1000, 4, 2, 4),  # batches of a small split
    ],
)
def test_a_probe_takes_a_hundredth_of_the_samples_of_a_run(steps: int, most: int, tried: int, rows: int) -> None:
    assert rows_of_a_pass(steps * 128, most, tried) == rows


# --- the probe ---------------------------------------------------------------------------------------------


def ticking(monkeypatch: pytest.MonkeyPatch, costs: Mapping[Arithmetic, float | list[float]]) -> Callable[[], float]:
    """A clock by which the passes of a candidate take what is said, each the next of a list."""
    left = {one: iter(cost) if isinstance(cost, list) else repeat(cost) for one, cost in costs.items()}
    now, current, begun = [0.0], [PLAIN], [False]
    prepare = probe._Passes._prepare

    def noted(self: Any, arithmetic: Arithmetic) -> None:
        current[0], begun[0] = arithmetic, False
        prepare(self, arithmetic)

    def clock() -> float:
        now[0] += next(left[current[0]]) if begun[0] else 0.0
        begun[0] = True
        return now[0]

    monkeypatch.setattr(probe._Passes, "_prepare", noted)
    return clock


@pytest.fixture
def of_images() -> Setup:
    return set_up(aezoo.read(images()), device="cpu")


def test_passes_are_timed_by_the_clock_and_nothing_of_the_run_moves(
    monkeypatch: pytest.MonkeyPatch, of_images: Setup
) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    clock = ticking(monkeypatch, {PLAIN: 1e-4, LAST: 2e-4, ROUNDED: 3e-4})
    found = measure(aezoo.read(images()), of_images.batches["train"], [PLAIN, LAST, ROUNDED], 12, clock)
    assert {one: value.seconds for one, value in found.items()} == pytest.approx(
        {PLAIN: 1e-4, LAST: 2e-4, ROUNDED: 3e-4}
    )
    assert {value.rows for value in found.values()} == {12}
    assert torch.get_rng_state().equal(before)
    assert torch.get_float32_matmul_precision() == "highest"


def test_the_first_pass_of_a_candidate_warms_up_and_the_fastest_of_the_others_counts(
    monkeypatch: pytest.MonkeyPatch, of_images: Setup
) -> None:
    sizes = [1e-4, 1e-4]  # by which the number of samples is found
    clock = ticking(monkeypatch, {PLAIN: [*sizes, 1e-6, 5e-4, 2e-4, 3e-4], LAST: [9.0, 7e-4, 6e-4, 8e-4]})
    found = measure(aezoo.read(images()), of_images.batches["train"], [PLAIN, LAST], 12, clock)
    assert {one: value.seconds for one, value in found.items()} == pytest.approx({PLAIN: 2e-4, LAST: 6e-4})


def test_slow_passes_are_cut_to_fewer_samples(monkeypatch: pytest.MonkeyPatch, of_images: Setup) -> None:
    clock = ticking(monkeypatch, {PLAIN: 0.05, LAST: 0.05})
    found = measure(aezoo.read(images()), of_images.batches["train"], [PLAIN, LAST], 48, clock)
    assert {value.rows for value in found.values()} == {10}  # 8 take 0.05 s, and there are 0.5 for two times four


@pytest.mark.parametrize(("off", "kept"), [(1.04, True), (1.06, False)])
def test_what_raises_and_what_gives_another_loss_is_left_out(
    off: float, kept: bool, monkeypatch: pytest.MonkeyPatch, of_images: Setup
) -> None:
    clock = ticking(monkeypatch, {PLAIN: 3e-4, LAST: 2e-4, BF16: 1e-4, ROUNDED: 1e-4})
    passed = probe._Passes._passed

    def spoilt(self: Any, position: int, player: str) -> torch.Tensor:
        if self.objective.autocast:
            raise NotImplementedError("no such kernel\nat all")
        total = passed(self, position, player)
        return total * off if self.objective.rounding else total

    monkeypatch.setattr(probe._Passes, "_passed", spoilt)
    tried = [PLAIN, LAST, BF16, ROUNDED]
    found = measure(aezoo.read(images()), of_images.batches["train"], tried, 12, clock)
    assert str(found[BF16]) == "left out: no such kernel"
    assert str(found[ROUNDED]).startswith("left out: its loss is") is not kept
    assert fastest(found, NEW).arithmetic == (ROUNDED if kept else LAST)


def test_a_model_that_cannot_be_passed_is_left_to_the_run(monkeypatch: pytest.MonkeyPatch, of_images: Setup) -> None:
    def broken(self: Any, position: int, player: str) -> torch.Tensor:
        raise RuntimeError("it broke")

    monkeypatch.setattr(probe._Passes, "_passed", broken)
    found = measure(aezoo.read(images()), of_images.batches["train"], [PLAIN, LAST], 12)
    assert fastest(found, OLD).arithmetic == PLAIN


def test_each_pass_of_the_probe_sees_the_same_running_means(of_images: Setup) -> None:
    spec = aezoo.read(images())
    passes = probe._Passes(spec, of_images.batches["train"], 12, lambda: 0.0)
    for name, buffer in passes.objective.named_buffers():
        if name.endswith("running_mean"):
            buffer.fill_(7.0)  # as a pass would have left it
    passes._prepare(LAST)
    begun = module_state(passes.objective)
    assert any(name.endswith("running_mean") for name in begun)
    assert all(value.equal(passes.start[name]) for name, value in begun.items())


def test_a_probe_that_is_cut_sees_samples_from_all_of_the_split(of_images: Setup) -> None:
    batches = of_images.batches["train"]
    passes = probe._Passes(aezoo.read(images()), batches, 40, lambda: 0.0)
    passes.shorten(PLAIN, 0.0)
    assert passes.batch.x.equal(batches.head(probe.LEAST).x)


def test_the_probe_standardizes_as_the_run_will() -> None:
    """Else data far from zero have a loss in which no other difference shows."""
    document = {"name": "far", "input": {"shape": [4], "normalize": "standardize"}}
    spec = aezoo.read({**document, "latent": {"type": "deterministic", "dim": 2}, "likelihood": "mse"})
    far = Samples(1e4 + np.random.default_rng(0).standard_normal((40, 4)).astype("f4"), "far")
    passes = probe._Passes(spec, Batches(far, spec), 40, lambda: 0.0)
    assert passes.timed(PLAIN)[0] < 100


# --- a run -------------------------------------------------------------------------------------------------


def test_on_an_old_cpu_a_model_without_images_has_the_bits_of_float32(
    tmp_path: Path, device: Callable[..., None]
) -> None:
    device(OLD)
    runs = [aezoo.train(document, out=tmp_path / name) for name, document in (("fast", fast()), ("full", spec()))]
    first, second = (run.model.network.state_dict() for run in runs)
    assert all(value.equal(second[name]) for name, value in first.items())
    assert runs[0].history == runs[1].history
    assert runs[0].record["precision"] == "fast"
    assert runs[0].record["arithmetic"] == {
        "precision": "float32",
        "channels_last": False,
        "why": "this CPU multiplies no bfloat16",
    }
    assert "arithmetic" not in runs[1].record


@pytest.fixture(scope="module")
def full() -> Run:
    """The run in float32."""
    return aezoo.train(images(precision="float32"), device="cpu")


def test_channels_that_were_chosen_to_lie_last_give_the_numbers_of_float32(
    device: Callable[..., None], full: Run
) -> None:
    device(OLD, {PLAIN: 1.0, LAST: 0.5})
    run = aezoo.train(images(), device="cpu")
    assert run.record["arithmetic"]["channels_last"] is True
    weights = [p for p in run.model.network.encoder.parameters() if p.ndim == 4]
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)
    assert run.history[-1]["total"] == pytest.approx(full.history[-1]["total"], rel=1e-3)  # sums in another order
    stated = aezoo.train(images(precision="float32", channels_last=True), device="cpu")
    assert run.history == stated.history


@pytest.mark.parametrize("taken", [BF16_LAST, ROUNDED])
def test_where_bfloat16_is_faster_it_is_taken_over_float32_weights(
    device: Callable[..., None], full: Run, taken: Arithmetic
) -> None:
    others = candidates(aezoo.read(images()), NEW)
    device(NEW, {one: 0.5 if one == taken else 1.0 for one in others})
    run = aezoo.train(images(), device="cpu")
    assert run.record["arithmetic"]["precision"] == taken.precision
    assert {p.dtype for p in run.model.network.parameters()} == {torch.float32}
    assert run.history[-1]["total"] == pytest.approx(full.history[-1]["total"], rel=0.03)  # bfloat16 has eight bits
    if taken == BF16_LAST:
        stated = aezoo.train(images(precision="bfloat16", channels_last=True), device="cpu")
        assert run.history == stated.history


def test_a_run_goes_on_with_what_it_began_with_and_measures_nothing(
    tmp_path: Path, device: Callable[..., None]
) -> None:
    others = candidates(aezoo.read(images()), NEW)
    seconds = {one: 0.5 if one == BF16_LAST else 1.0 for one in others}
    source = images(best_by="last")
    device(NEW, seconds)
    aezoo.train(source, out=tmp_path / "whole")
    out = tmp_path / "out"
    stop(out, 4, source=source)
    device(OLD)
    run = aezoo.resume(out)
    assert run.record["resumed"] == [4]
    assert run.record["arithmetic"]["precision"] == "bfloat16"
    assert files(out) == files(tmp_path / "whole")
    longer = aezoo.resume(out, epochs=4)
    assert longer.record["arithmetic"] == run.record["arithmetic"]


def test_a_short_run_is_not_worth_a_probe(device: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    device(NEW)
    monkeypatch.setattr(fast_precision, "SHARE", 0.01)
    run = aezoo.train(images(steps=9), device="cpu")
    assert run.record["arithmetic"]["why"] == ("this CPU multiplies bfloat16; too short a run to measure in: 9 steps")


def test_runs_that_are_stacked_are_float32(device: Callable[..., None]) -> None:
    device(NEW)
    document = aezoo.read(fast())
    setup = set_up(document, device="cpu")
    assert chosen(document, setup, stacked=True) == Choice(PLAIN, "trained in a stack")
    loops = [
        assemble(document, setup._replace(choice=Choice(one, "")), History(), None, Stop())[1]
        for one in (PLAIN, ROUNDED)
    ]
    assert reason_against(loops[0]) is None
    assert reason_against(loops[1]) == "it computes in lower precision"


def test_several_processes_take_the_choice_of_the_first(device: Callable[..., None]) -> None:
    device(NEW)
    document = aezoo.read(fast())
    setup = set_up(document, device="cpu")
    told = Choice(BF16, "as the first one found").document()
    ranks: Any = SimpleNamespace(of_first=lambda task: None, told=lambda document: document or told)
    assert chosen(document, setup, ranks=ranks) == Choice(BF16, "as the first one found")


def test_a_terminal_shows_the_choice_before_the_steps(device: Callable[..., None]) -> None:
    device(OLD)
    log = io.StringIO()
    aezoo.train(fast(epochs=1), progress=Terminal(log), device="cpu")
    first, *_ = log.getvalue().splitlines()
    assert first == "precision: float32 (this CPU multiplies no bfloat16)"


# --- rounded products --------------------------------------------------------------------------------------


class Seen(torch.nn.Module):
    """A layer and a term that note how products are rounded as they are called, and in the way back."""

    def __init__(self, noted: list[str]) -> None:
        super().__init__()
        self.noted = noted

    def forward(self, x: Any) -> Any:
        self.noted.append(torch.get_float32_matmul_precision())
        if isinstance(x, torch.Tensor):
            x.register_hook(lambda gradient: self.noted.append(torch.get_float32_matmul_precision()))
            return x
        return x.code.z.square().mean()


def test_products_are_rounded_in_passes_and_gradients_and_not_in_terms() -> None:
    model = aezoo.build(spec())
    objective = objective_of(model, steps=2).train()
    ROUNDED.set(objective)
    layer, term = list[str](), list[str]()
    objective.model.encoder.append(Seen(layer))
    objective.terms.regularizers["kl"] = Seen(term)  # type: ignore[index]
    player = Player("model", objective, model.spec.training, PlayerSpec(), steps=2)
    player.step(objective, Batch(torch.rand(6, 6), {}), 0, Streams(0, CPU, corrupts=True))
    assert layer == ["medium", "medium"]
    assert term == ["highest"]
    assert torch.get_float32_matmul_precision() == "highest"


def test_the_setting_is_put_back_whatever_happens() -> None:
    def fail() -> None:
        with lower_products("high"):
            assert torch.get_float32_matmul_precision() == "high"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.fixture
def newer_setting() -> Iterator[None]:
    """As a program leaves it that sets torch's newer settings."""
    before = torch.backends.mkldnn.matmul.fp32_precision
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    yield
    torch.backends.mkldnn.matmul.fp32_precision = before


def test_where_torch_refuses_its_older_setting_rounded_products_are_not_tried(newer_setting: None) -> None:
    assert not can_be_set()
    assert candidates(aezoo.read(fast()), NEW) == [PLAIN, BF16]
