"""Memory that runs out: the message has the numbers, and the hint is a spec that fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import aezoo
from aezoo.errors import RunFailed
from aezoo.spec.memory import memory
from aezoo.training import out_of_memory
from aezoo.training.out_of_memory import advised, fitting_pass
from tests.training.at_a_step import At
from tests.training.test_resuming import spec

CPU = torch.device("cpu")


def ask() -> None:
    torch.empty(1 << 50, dtype=torch.uint8)  # a pebibyte, which torch refuses by itself


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda n: monkeypatch.setattr(out_of_memory.devices, "free", lambda device: n)


@pytest.mark.parametrize("step", [2, 12])  # before there are weights to keep, and after
def test_the_message_has_the_numbers_and_the_hint_a_pass_that_fits(tmp_path: Path, free: Any, step: int) -> None:
    free(3 << 20)
    with pytest.raises(RunFailed) as caught:
        aezoo.train(spec(), out=tmp_path / "out", progress=At(step, ask))
    assert caught.value.message.startswith("out of memory: 1,024 TiB were asked for, 3 MiB are free on cpu; weights,")
    assert "the activations of a pass of 32 some" in caught.value.message
    assert caught.value.hint == "--set training.micro_batch=16: the same batches, in passes of 16 samples"
    assert ((tmp_path / "out" / "model.safetensors").exists()) is (step == 12)
    flag = caught.value.hint.partition(":")[0].removeprefix("--set ")
    assert aezoo.read(spec(), overrides=[flag]).training.pass_size == 16


@pytest.mark.parametrize(
    ("samples", "most", "fits"), [(32, 32, 32), (31, 32, 16), (15, 32, 11), (1.5, 32, 1), (99, 8, 8)]
)
def test_passes_are_as_few_as_fit_and_nearly_equal(samples: float, most: int, fits: int) -> None:
    known = aezoo.read(spec())
    free = int(samples * out_of_memory.PEAK * memory(known).activations)
    assert fitting_pass(known, free, most=most) == fits


def test_where_no_sample_fits_layers_are_computed_anew(free: Any) -> None:
    free(10)
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total of 3 GiB")
    failure = advised(error, aezoo.read(spec()), CPU)
    assert isinstance(failure, RunFailed)
    assert "out of memory: 20.00 GiB were asked for, 10 bytes are free" in failure.message
    assert failure.hint.startswith("--set training.recompute=true computes activations anew")
    failure = advised(error, aezoo.read(spec(recompute=True)), CPU)
    assert isinstance(failure, RunFailed)
    assert failure.hint == "a smaller model or input"


def test_where_the_system_does_not_say_what_is_free_half_a_pass_is_advised(free: Any) -> None:
    free(None)
    failure = advised(MemoryError(), aezoo.read(spec()), CPU)
    assert isinstance(failure, RunFailed)
    assert failure.message.startswith("out of memory: MemoryError; weights,")
    assert "micro_batch=16:" in failure.hint


def test_other_exceptions_stay_as_they_are() -> None:
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert advised(error, aezoo.read(spec()), CPU) is error
