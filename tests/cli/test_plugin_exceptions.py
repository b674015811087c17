"""Whatever comes out of a plugin's code, wherever it is called, is reported as that plugin's, with exit code 4."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aezoo as public
from aezoo.errors import PluginError
from aezoo.registry.loader import default_registry
from tests.cli.test_components import install

Run = Callable[..., Any]

SOURCE = '''\
"""Parts that raise a given error at a given place."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from pydantic import field_validator

from aezoo.plugin import (
    ConstraintSpec, CorruptionSpec, DatasetSpec, LayerSpec, MetricSpec, OptimizerSpec, PriorSpec, RegularizerSpec,
    Samples, ScheduleSpec, hookimpl,
)
from aezoo.errors import AnswerNo, DataError, Interrupted, UsageError


class Own(BaseException):
    pass


class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


def recurse():
    recurse()


def hidden():
    try:
        raise KeyError("inner")
    except KeyError:
        raise OSError("outer") from None


def threaded():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(go, "os").result()


def cycle():
    error = RuntimeError("round")
    raise error from error


def go(what):
    if what == "exit_0":
        raise SystemExit(0)
    if what == "exit_text":
        raise SystemExit("a text")
    if what == "recursion":
        recurse()
    if what == "hidden":
        hidden()
    if what == "threaded":
        threaded()
    if what == "cycle":
        cycle()
    if what == "signal":
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(10**9):
            pass
    raise {
        "generator_exit": GeneratorExit(),
        "os": OSError("nope"),
        "missing": FileNotFoundError(2, "No such file or directory", "/its/own/file"),
        "pipe": BrokenPipeError(32, "Broken pipe"),
        "keyboard": KeyboardInterrupt(),
        "memory": MemoryError(),
        "stop": StopIteration(3),
        "own": Own("mine"),
        "unprintable": Unprintable(),
        "long": RuntimeError("x" * 100_000),
        "lines": RuntimeError("\\n\\nfirst \\x1b[2J line\\nsecond"),
        "group": BaseExceptionGroup("several", [SystemExit(1)]),
        "warning": UserWarning("as an error"),
        "answer": AnswerNo("no"),
        "usage": UsageError("wrong"),
        "interrupted": Interrupted("stopped"),
        "data": DataError("bad rows"),
    }[what]


class RaisingSpec(LayerSpec):
    """Raises."""

    type: Literal["raising"] = "raising"
    at: str
    what: str

    @field_validator("what")
    @classmethod
    def _judge(cls, what):
        if what.startswith("validate:"):
            go(what.removeprefix("validate:"))
        return what

    def do(self, at):
        if self.at == at:
            go(self.what)

    def output_shape(self, shape):
        self.do("output_shape")
        return shape

    def mirror(self, shape, *, target, style):
        self.do("mirror")
        return [self if self.at == "backward" else RaisingSpec(at="never", what="os")]

    def parameters(self, shape):
        self.do("parameters")
        return 0

    def remarks(self, spec):
        self.do("remarks")
        yield from ()

    def build(self, shape):
        import torch

        self.do("build")
        part = self

        class Back(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, gradient):
                part.do("backward")
                return gradient

        class Raising(torch.nn.Module):
            def forward(self, x):
                if x.device.type != "meta":
                    part.do("forward")
                    if self.training:
                        part.do("training")
                return Back.apply(x)

        return Raising()


class MetricalSpec(MetricSpec):
    """Raises."""

    type: Literal["metrical"] = "metrical"
    at: str
    what: str

    def build(self, spec):
        if self.at == "metric.build":
            go(self.what)
        part = self

        class Metrical:
            def update(self, out):
                if part.at == "metric.update":
                    go(part.what)

            def result(self):
                if part.at == "metric.result":
                    go(part.what)
                return 1.0

        return Metrical()


class LoadingSpec(DatasetSpec):
    """Raises."""

    type: Literal["loading"] = "loading"
    what: str

    def load(self, *, shape=None, seed=0):
        go(self.what)


class AgeingSpec(LayerSpec):
    """Raises in the second epoch."""

    type: Literal["ageing"] = "ageing"
    what: str

    def output_shape(self, shape):
        return shape

    def mirror(self, shape, *, target, style):
        return []

    def build(self, shape):
        from torch import nn

        part = self

        class Ageing(nn.Module):
            steps = 0

            def forward(self, x):
                self.steps += self.training
                if self.steps == 6:
                    go(part.what)
                return x

        return Ageing()


class SteppedSpec(ScheduleSpec):
    """Raises."""

    type: Literal["stepped"] = "stepped"
    what: str

    def value(self, step, steps):
        if step == 2:
            go(self.what)
        return 0.001


class ProjectingSpec(ConstraintSpec):
    """Raises."""

    type: Literal["projecting"] = "projecting"
    what: str

    def build(self):
        return lambda module: go(self.what)


class PenalizingSpec(RegularizerSpec):
    """Raises."""

    type: Literal["penalizing"] = "penalizing"
    what: str

    def build(self, shape):
        from torch import nn

        class Penalizing(nn.Module):
            def __init__(self, what):
                super().__init__()
                self.what = what

            def forward(self, out):
                go(self.what)

        return Penalizing(self.what)


class SpoilingSpec(CorruptionSpec):
    """Raises."""

    type: Literal["spoiling"] = "spoiling"
    what: str

    def build(self, shape, range):
        from torch import nn

        part = self

        class Spoiling(nn.Module):
            def forward(self, x, generator=None):
                go(part.what)

        return Spoiling()


class DescendingSpec(OptimizerSpec):
    """Raises."""

    type: Literal["descending"] = "descending"
    what: str

    def build(self, parameters, *, lr):
        import torch

        part = self

        class Descending(torch.optim.SGD):
            def step(self, closure=None):
                go(part.what)

        return Descending(parameters, lr=lr)


@hookimpl
def aezoo_components():
    return [
        AgeingSpec, RaisingSpec, MetricalSpec, LoadingSpec, SteppedSpec, ProjectingSpec, PenalizingSpec, SpoilingSpec,
        DescendingSpec,
    ]
'''
SPEC = """\
name = "raising"
input = [4]
encoder = [{{ {layer} }}]
latent = {{ type = "deterministic", dim = 2 }}
{more}
data = {{ {data} }}

[training]
epochs = 2
batch_size = 16
{training}
"""
KINDS = (
    "exit_0", "exit_text", "generator_exit", "os", "missing", "pipe", "keyboard", "memory", "stop", "own",
    "unprintable", "long", "lines", "group", "warning", "answer", "usage", "interrupted", "recursion", "hidden",
    "threaded", "cycle",
)  # fmt: skip
METHODS = ("output_shape", "mirror", "parameters", "remarks", "build", "forward", "training", "backward")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Its file."""
    install(tmp_path, name="rogue", version="0.2", module="aezoo_rogue", text=SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AEZOO_PROGRESS", "0")
    default_registry.cache_clear()
    yield tmp_path / "aezoo_rogue.py"
    default_registry.cache_clear()
    sys.modules.pop("aezoo_rogue", None)


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., Path]:
    def write(
        *,
        layer: str = 'type = "linear", features = 4',
        data: str = 'type = "gaussian", n = 60, eigenvalues = [4.0, 3.0, 1.0, 0.5]',
        more: str = "",
        training: str = "",
    ) -> Path:
        path = tmp_path / "raising.toml"
        path.write_text(SPEC.format(layer=layer, data=data, more=more, training=training))
        return path

    return write


def raising(at: str, what: str) -> str:
    return f'type = "rogue:raising", at = "{at}", what = "{what}"'


def hold(done: Any, plugin: Path, part: str) -> str:
    """Assert that it was reported as the plugin's; the line that says so."""
    assert done.code == 4, (done.code, done.out, done.err)
    assert "Traceback" not in done.err
    line = next(line for line in done.err.splitlines() if "plugin 'rogue' (aezoo_rogue 0.2)" in line)
    assert part in line
    assert f"{plugin}:" in line
    assert len(line) < 2000
    assert line.isprintable()
    return str(line)


@pytest.mark.parametrize("what", KINDS)
def test_whatever_a_forward_raises_is_told_as_the_plugins(
    aezoo: Run, plugin: Path, spec: Any, tmp_path: Path, what: str
) -> None:
    done = aezoo("train", spec(layer=raising("forward", what)), "--out", tmp_path / "out", "--device", "cpu")
    assert "raised" in hold(done, plugin, "layer rogue:raising")


@pytest.mark.parametrize("at", METHODS)
@pytest.mark.parametrize("what", ["exit_0", "os", "keyboard", "own", "stop"])
def test_wherever_it_is_raised_it_is_told_as_the_plugins(
    aezoo: Run, plugin: Path, spec: Any, tmp_path: Path, at: str, what: str
) -> None:
    done = aezoo("train", spec(layer=raising(at, what)), "--out", tmp_path / "out", "--device", "cpu")
    hold(done, plugin, "layer rogue:raising")


@pytest.mark.parametrize(
    ("part", "given"),
    [
        ("metric rogue:metrical", {"more": 'metrics = [{{ type = "rogue:metrical", at = "metric.build", {} }}]'}),
        ("metric rogue:metrical", {"more": 'metrics = [{{ type = "rogue:metrical", at = "metric.update", {} }}]'}),
        ("metric rogue:metrical", {"more": 'metrics = [{{ type = "rogue:metrical", at = "metric.result", {} }}]'}),
        ("dataset rogue:loading", {"data": 'type = "rogue:loading", {}'}),
        ("schedule rogue:stepped", {"training": 'optimizer.lr = {{ type = "rogue:stepped", {} }}'}),
        ("constraint rogue:projecting", {"more": 'constraints.held = {{ type = "rogue:projecting", {} }}'}),
        ("regularizer rogue:penalizing", {"more": 'regularizers.term = {{ type = "rogue:penalizing", {} }}'}),
        ("corruption rogue:spoiling", {"more": 'corruption = [{{ type = "rogue:spoiling", {} }}]'}),
        ("optimizer rogue:descending", {"training": 'optimizer = {{ type = "rogue:descending", {} }}'}),
    ],
)
@pytest.mark.parametrize("what", ["exit_0", "os", "keyboard", "own", "stop"])
def test_every_kind_of_part_is_named(
    aezoo: Run, plugin: Path, spec: Any, tmp_path: Path, part: str, given: dict[str, str], what: str
) -> None:
    filled = {key: text.format(f'what = "{what}"') for key, text in given.items()}
    done = aezoo("train", spec(**filled), "--out", tmp_path / "out", "--device", "cpu")
    hold(done, plugin, part)


@pytest.mark.parametrize("what", ["exit_0", "os", "own"])
def test_what_a_validator_raises_is_told_as_the_plugins(aezoo: Run, plugin: Path, spec: Any, what: str) -> None:
    hold(aezoo("check", spec(layer=raising("never", f"validate:{what}"))), plugin, "rogue:raising")


def test_machines_are_told_the_same(aezoo: Run, plugin: Path, spec: Any, tmp_path: Path) -> None:
    path = spec(layer=raising("forward", "exit_0"))
    done = aezoo("train", path, "--out", tmp_path / "out", "--device", "cpu", "--json")
    hold(done, plugin, "layer rogue:raising")
    assert json.loads(done.err.splitlines()[-1])["exit_code"] == 4


@pytest.mark.parametrize("what", ["exit_0", "keyboard", "os", "stop"])
def test_python_is_told_the_same(plugin: Path, spec: Any, what: str) -> None:
    with pytest.raises(PluginError, match=r"plugin 'rogue' .*layer rogue:raising: .* raised ") as caught:
        public.train(spec(layer=raising("training", what)), device="cpu")
    assert caught.value.__cause__ is not None
    model = public.build(spec(layer=raising("forward", what)))
    for verb in (model.encode, model.reconstruct, model.score):
        with pytest.raises(PluginError, match="layer rogue:raising"):
            verb(np.zeros((3, 4), np.float32))


@pytest.mark.parametrize("what", ["exit_0", "os", "keyboard"])
def test_what_was_trained_before_is_kept(aezoo: Run, plugin: Path, spec: Any, tmp_path: Path, what: str) -> None:
    layers = f'{{ type = "linear", features = 4 }}, {{ type = "rogue:ageing", what = "{what}" }}'
    path = spec()
    path.write_text(path.read_text().replace('{ type = "linear", features = 4 }', layers))
    done = aezoo("train", path, "--out", tmp_path / "out", "--device", "cpu")
    line = hold(done, plugin, "layer rogue:ageing")
    assert line.endswith(f"; the weights of step 3 are kept in {tmp_path / 'out'}")
    assert public.load(tmp_path / "out").encode(np.zeros((2, 4), np.float32)).shape == (2, 2)


def test_documented_errors_of_a_part_keep_their_meaning(aezoo: Run, plugin: Path, spec: Any, tmp_path: Path) -> None:
    done = aezoo("train", spec(data='type = "rogue:loading", what = "data"'), "--out", tmp_path / "out")
    assert (done.code, done.err.splitlines()[0]) == (6, "error: bad rows")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupt_that_the_user_sent_stays_one(
    aezoo: Run, plugin: Path, spec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    try:
        done = aezoo("check", spec(layer=raising("remarks", "signal")))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done.code, done.err.strip()) == (130, "interrupted")
