"""`micro_batch = "auto"`: whole batches where they fit, else as few passes as it takes; the same when a run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import aezoo
from aezoo.errors import Refused
from aezoo.spec.document import Spec
from aezoo.spec.memory import memory
from aezoo.training import out_of_memory, pass_size
from aezoo.training.pass_size import as_chosen
from tests.training.test_resuming import files, spec, stop

CPU = torch.device("cpu")


def auto(**training: Any) -> dict[str, Any]:
    return spec(micro_batch="auto", **training)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets memory be free for so many samples of a pass, beside what is held; None: the system does not say."""

    def allow(samples: float | None) -> None:
        needed = memory(aezoo.read(spec()))
        # Weights, the best of them, gradients, their average, and two numbers of Adam for each.
        bytes_ = needed.weights * 6 + (samples or 0) * out_of_memory.PEAK * needed.activations
        free = None if samples is None else int(bytes_ / pass_size.SHARE) + 1
        monkeypatch.setattr(pass_size.devices, "free", lambda device: free)

    return allow


@pytest.mark.parametrize(
    ("samples", "micro_batch"), [(None, None), (32, None), (31.5, 16), (16, 16), (15, 11), (1, 1), (0, 1)]
)
def test_passes_are_as_few_as_fit(room: Any, samples: float | None, micro_batch: int | None) -> None:
    room(samples)
    assert as_chosen(aezoo.read(auto()), CPU).training.micro_batch == micro_batch


def test_where_batches_fit_the_run_is_the_one_that_does_not_ask(tmp_path: Path) -> None:
    for name, document in (("plain", spec()), ("auto", auto())):
        aezoo.train(document, out=tmp_path / name)
    assert files(tmp_path / "auto") == files(tmp_path / "plain")


def test_the_number_is_in_the_record_and_in_the_spec_that_is_kept(tmp_path: Path, room: Any) -> None:
    room(9)
    run = aezoo.train(auto(), out=tmp_path / "auto")
    aezoo.train(spec(micro_batch=8), out=tmp_path / "eight")
    assert run.record["micro_batch"] == 8
    assert run.model.spec.training.micro_batch == 8
    assert aezoo.load(tmp_path / "auto").spec.training.micro_batch == 8
    assert files(tmp_path / "auto") == files(tmp_path / "eight")


@pytest.mark.parametrize("by", ["resume", "train"])
def test_a_run_goes_on_with_its_number_whatever_is_free_then(tmp_path: Path, room: Any, by: str) -> None:
    room(9)
    aezoo.train(auto(), out=tmp_path / "whole")
    out = tmp_path / "out"
    stop(out, source=auto())
    room(1)
    aezoo.resume(out) if by == "resume" else aezoo.train(auto(), out=out, resume="auto")
    assert files(out) == files(tmp_path / "whole")
    assert aezoo.train(auto(), out=out, resume="auto").already_finished
    longer = aezoo.train(auto(epochs=5), out=out, resume="auto")
    assert longer.record["resumed"] == [12, 20]
    assert longer.record["micro_batch"] == 8


def test_another_spec_is_refused_as_ever(tmp_path: Path, room: Any) -> None:
    room(9)
    stop(tmp_path / "out", source=auto())
    with pytest.raises(Refused, match=r"another spec: .*training\.batch_size: 32 -> 16"):
        aezoo.train(auto(batch_size=16), out=tmp_path / "out", resume="auto")


def test_a_spec_that_says_auto_is_shown_as_whole_batches() -> None:
    one, other = aezoo.read(auto()), aezoo.read(spec())
    assert isinstance(one, Spec)
    assert memory(one) == memory(other)
    assert one.arch == other.arch
