"""What a plugin's module gives is held to what its part declares, at the first pass that shows it."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import PluginError, RunFailed
from aezoo.modules.output_checks import Checked
from aezoo.registry.loader import default_registry
from tests.cli.test_components import install

SOURCE = '''\
"""Parts that give a set output."""

from typing import Any, ClassVar, Literal, NamedTuple

from aezoo.plugin import (
    ConstantSpec, CorruptionSpec, DatasetSpec, LatentSpec, LayerSpec, LikelihoodSpec, MetricSpec, ObjectiveSpec,
    OptimizerSpec, PriorSpec, RegularizerSpec, Samples, ScheduleSpec, hookimpl,
)


def give(what, x):
    import numpy, torch

    class Tensors(NamedTuple):
        first: Any

    return {
        "none": lambda: None,
        "tuple": lambda: (x, x),
        "list": lambda: [x],
        "text": lambda: "x",
        "array": lambda: numpy.zeros(tuple(x.shape), "float32"),
        "named": lambda: Tensors(x),
        "int64": lambda: x.long(),
        "bool": lambda: x > 0,
        "float64": lambda: x.double(),
        "bfloat16": lambda: x.bfloat16(),
        "complex": lambda: x + 0j,
        "meta": lambda: x.to("meta"),
        "sparse": lambda: x.to_sparse(),
        "first": lambda: x[:1],
        "twice": lambda: torch.cat([x, x]),
        "flat": lambda: x.flatten(),
        "scalar": lambda: x.sum(),
        "wide": lambda: torch.cat([x, x], dim=1),
        "vector": lambda: x.flatten(1).sum(1),
        "right": lambda: x,
    }[what]()


class GivingSpec(LayerSpec):
    """Gives."""

    type: Literal["giving"] = "giving"
    what: str
    when: str = "always"

    def output_shape(self, shape):
        return shape

    def mirror(self, shape, *, target, style):
        return [GivingSpec(what="right")]

    def build(self, shape):
        from torch import nn

        part = self

        class Giving(nn.Module):
            calls = 0

            def forward(self, x):
                self.calls += x.device.type != "meta"
                wrong = {
                    "always": True,
                    "real": self.calls > 0,
                    "training": self.calls > 0 and self.training,
                    "late": self.calls > 5,
                    "large": len(x) > 2,
                }[part.when]
                return give(part.what, x) if wrong else x

        return Giving()


class NothingSpec(GivingSpec):
    """Builds something else."""

    type: Literal["nothing"] = "nothing"

    def build(self, shape):
        return None if self.what == "none" else len


class GradientSpec(GivingSpec):
    """Loses gradients, in a way of its own."""

    type: Literal["gradient"] = "gradient"

    def mirror(self, shape, *, target, style):
        return [self]

    def build(self, shape):
        import torch

        part = self

        class Back(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, gradient):
                return {"two": (gradient, gradient), "text": "x"}.get(part.what, gradient[:, :1])

        class Backwards(torch.nn.Module):
            last = None

            def forward(self, x):
                if part.what == "in_place":
                    y = x.exp()
                    return y + y.mul_(2)
                if part.what == "inference":
                    with torch.inference_mode():
                        return x * 1
                if part.what == "kept" and x.device.type != "meta":
                    self.last = x if self.last is None or len(x) != len(self.last) else x + self.last
                    return self.last
                return x.detach() if part.what == "detach" else Back.apply(x)

        return Backwards()


class Code(NamedTuple):
    z: Any
    level: Any = None


class CodingSpec(LatentSpec):
    """Codes."""

    type: Literal["coding"] = "coding"
    provides: ClassVar[frozenset[str]] = frozenset({"level"})
    what: str
    field: str = "z"
    prior: PriorSpec | None = None

    def code_shape(self, shape):
        return shape

    def mirror(self, shape, *, style):
        return []

    def build(self, shape):
        from torch import nn

        part = self

        class Coding(nn.Module):
            def forward(self, h, generator=None):
                if part.field == "code":
                    return give(part.what, h)
                wrong = h if h.device.type == "meta" else give(part.what, h)
                return Code(wrong, h) if part.field == "z" else Code(h, wrong)

        return Coding()


class DensitySpec(PriorSpec):
    """Draws."""

    type: Literal["density"] = "density"
    what: str

    def build(self, shape, spec):
        import torch
        from torch import nn

        part = self

        class Density(nn.Module):
            def sample(self, n, generator=None):
                return give(part.what, torch.randn(n, *shape, generator=generator))

            def log_prob(self, z):
                return z.sum(1)

            def fit(self, codes):
                pass

        return Density()


class LikelySpec(LikelihoodSpec):
    """Squares."""

    type: Literal["likely"] = "likely"
    density: ClassVar[bool] = False
    method: str
    what: str

    def build(self, shape):
        from torch import nn

        part = self

        class Likely(nn.Module):
            def mean(self, raw):
                return give(part.what, raw) if part.method == "mean" else raw

            def nll(self, raw, x):
                each = (raw - x).square()
                if part.method == "detached":
                    return each.flatten(1).sum(1).detach()
                return give(part.what, each) if part.method == "nll" else each.flatten(1).sum(1)

            def sample(self, raw, generator=None):
                return raw

        return Likely()


class ValuedSpec(LikelySpec):
    """Says that it gives each value."""

    type: Literal["valued"] = "valued"
    valuewise: ClassVar[bool] = True


class PenaltySpec(RegularizerSpec):
    """Penalizes."""

    type: Literal["penalty"] = "penalty"
    what: str

    def build(self, shape):
        from torch import nn

        part = self

        class Penalty(nn.Module):
            def forward(self, out):
                return give(part.what, out.raw)

        return Penalty()


class SpoiltSpec(CorruptionSpec):
    """Spoils."""

    type: Literal["spoilt"] = "spoilt"
    what: str

    def build(self, shape, range):
        from torch import nn

        part = self

        class Spoilt(nn.Module):
            def forward(self, x, generator=None):
                return give(part.what, x)

        return Spoilt()


class AimSpec(ObjectiveSpec):
    """Aims."""

    type: Literal["aim"] = "aim"
    terms: ClassVar[frozenset[str]] = frozenset({"reconstruction"})
    what: str

    def build(self, spec):
        from torch import nn

        part = self

        class Aim(nn.Module):
            def forward(self, out, player):
                if part.what == "none":
                    return None
                if part.what == "empty":
                    return {}
                return {"reconstruction": give(part.what, out.raw)}

        return Aim()


class RateSpec(ScheduleSpec):
    """Rates."""

    type: Literal["rate"] = "rate"
    what: str

    def value(self, step, steps):
        return 1e-3 if step < 3 else {"nan": float("nan"), "text": "0.1", "none": None}[self.what]


class ShrinkingSpec(OptimizerSpec):
    """Cuts weights off."""

    type: Literal["shrinking"] = "shrinking"

    def build(self, parameters, *, lr):
        import torch

        class Shrinking(torch.optim.SGD):
            def step(self, closure=None):
                for group in self.param_groups:
                    for parameter in group["params"]:
                        parameter.data = parameter.data[:1]

        return Shrinking(parameters, lr=lr)


class MovingSpec(OptimizerSpec):
    """Moves nothing."""

    type: Literal["moving"] = "moving"

    def build(self, parameters, *, lr):
        return "adam"


class JudgingSpec(MetricSpec):
    """Judges."""

    type: Literal["judging"] = "judging"
    what: str

    def build(self, spec):
        part = self

        class Judging:
            def update(self, out):
                pass

            def result(self):
                return {"text": "3", "none": None, "list": [1.0], "complex": 1j}[part.what]

        return Judging()


class RowsSpec(DatasetSpec):
    """Rows."""

    type: Literal["rows"] = "rows"
    what: str

    def sample_shape(self):
        return (4,)

    def load(self, *, shape=None, seed=0):
        import numpy

        values = numpy.random.default_rng(0).normal(size=(60, 4)).astype("float32")
        return {
            "none": lambda: None,
            "array": lambda: values,
            "list": lambda: Samples(values.tolist(), "rows"),
            "narrow": lambda: Samples(values[:, :3], "rows"),
        }[self.what]()


@hookimpl
def aezoo_components():
    return [
        item
        for item in globals().values()
        if isinstance(item, type) and item.__module__ == __name__ and hasattr(item, "kind")
    ]
'''


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Its file."""
    folder = tmp_path_factory.mktemp("site")
    install(folder, name="giver", version="0.3", module="aezoo_giver", text=SOURCE)
    sys.path.insert(0, str(folder))
    default_registry.cache_clear()
    yield folder / "aezoo_giver.py"
    default_registry.cache_clear()
    sys.path.remove(str(folder))
    sys.modules.pop("aezoo_giver", None)


def spec(**parts: Any) -> dict[str, Any]:
    return {
        "name": "giving",
        "input": [4],
        "encoder": [{"type": "linear", "features": 4}],
        "latent": {"type": "deterministic", "dim": 2},
        "data": {"type": "gaussian", "n": 60, "eigenvalues": [4.0, 3.0, 1.0, 0.5]},
        "training": {"epochs": 2, "batch_size": 16, "precision": "float32"},
        **parts,
    }


def layer(what: str, when: str = "always", kind: str = "giving") -> dict[str, Any]:
    return {"type": f"giver:{kind}", "what": what, "when": when}


def message_of(document: dict[str, Any]) -> str:
    """What training says."""
    with pytest.raises(PluginError) as caught:
        aezoo.train(document, device="cpu")
    assert "plugin 'giver' (aezoo_giver 0.3): " in caught.value.message
    assert "aezoo_giver.py:" in caught.value.message
    return caught.value.message


WRONG = {
    "none": "gives None, not a tensor",
    "tuple": "gives a tuple, not a tensor",
    "list": "gives a list, not a tensor",
    "text": "gives a str, not a tensor",
    "array": "gives a ndarray, not a tensor",
    "named": "gives a Tensors, not a tensor",
    "int64": "gives int64, its input is float32",
    "bool": "gives bool, its input is float32",
    "float64": "gives float64, its input is float32",
    "bfloat16": "gives bfloat16, its input is float32",
    "complex": "gives complex64, its input is float32",
    "sparse": "gives a tensor of layout sparse_coo, not a dense one",
    "first": "gives 1x4 for a batch of 16, not 16x4",
    "twice": "gives 32x4 for a batch of 16, not 16x4",
    "flat": "declares 4, the module of encoder.1 gives single numbers",
    "scalar": "gives a single number for a batch of 16, not 16x4",
    "wide": "declares 4, the module of encoder.1 gives 8",
    "meta": "gives a tensor on meta, its input is on cpu",
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("when", ["real", "training", "late", "large"])
def test_what_a_layer_gives_is_held_to_what_it_declares(what: str, when: str) -> None:
    message = message_of(spec(encoder=[{"type": "linear", "features": 4}, layer(what, when)]))
    assert "layer giver:giving: " in message
    # The last batch of an epoch is smaller than the others.
    wanted = WRONG[what] if when != "late" else WRONG[what].partition(" for a batch")[0][:12]
    assert wanted in message


@pytest.mark.parametrize("what", ["none", "int64", "first", "wide"])
def test_a_layer_that_is_wrong_everywhere_is_found_before_anything_is_trained(what: str) -> None:
    with pytest.raises(PluginError, match="layer giver:giving: "):
        aezoo.build(spec(encoder=[layer(what)]))


@pytest.mark.parametrize("what", WRONG)
def test_a_layer_within_one_of_the_box_is_held_too(what: str) -> None:
    body = {"type": "residual", "body": [layer(what, "training")]}
    assert "layer giver:giving: " in message_of(spec(encoder=[body]))


@pytest.mark.parametrize("what", ["none", "function"])
def test_what_is_no_module_is_refused(what: str) -> None:
    assert "NothingSpec.build at" in (message := message_of(spec(encoder=[layer(what, kind="nothing")])))
    assert "not a module of torch" in message


@pytest.mark.parametrize("what", ["none", "text", "int64", "float64", "meta", "first", "wide", "scalar"])
@pytest.mark.parametrize("field", ["z", "level", "code"])
def test_every_field_of_a_code_is_held(what: str, field: str) -> None:
    latent = {"type": "giver:coding", "dim": 3, "what": what, "field": field}
    message = message_of(spec(encoder=[{"type": "linear", "features": 3}], latent=latent))
    assert "latent giver:coding: " in message


@pytest.mark.parametrize("what", ["none", "int64", "first", "wide"])
def test_what_a_prior_draws_is_held(what: str) -> None:
    model = aezoo.build(
        spec(latent={"type": "deterministic", "dim": 2, "prior": {"type": "giver:density", "what": what}})
    )
    with pytest.raises(PluginError, match=r"prior giver:density: .*Density.sample at .*gives"):
        model.sample(5)


@pytest.mark.parametrize("method", ["mean", "nll"])
@pytest.mark.parametrize("what", ["none", "int64", "first", "scalar", "meta"])
def test_what_a_likelihood_gives_is_held(method: str, what: str) -> None:
    message = message_of(spec(likelihood={"type": "giver:likely", "method": method, "what": what}))
    assert f"Likely.{method} at" in message
    assert "likelihood giver:likely: " in message


def test_a_likelihood_that_declares_values_has_them() -> None:
    message = message_of(spec(likelihood={"type": "giver:valued", "method": "none", "what": "right"}))
    assert "gives a Likely without nll_values, and declares valuewise = True" in message


@pytest.mark.parametrize("what", ["none", "text", "int64", "vector", "right"])
def test_a_penalty_is_one_number(what: str) -> None:
    message = message_of(spec(regularizers={"term": {"type": "giver:penalty", "what": what}}))
    assert "regularizer giver:penalty: " in message
    assert "without axes" in message


@pytest.mark.parametrize("what", ["none", "int64", "float64", "first", "wide", "meta"])
def test_a_corruption_leaves_shape_and_type(what: str) -> None:
    assert "corruption giver:spoilt: " in message_of(spec(corruption=[{"type": "giver:spoilt", "what": what}]))


@pytest.mark.parametrize("what", ["none", "empty", "text", "vector", "right"])
def test_terms_of_an_objective_are_numbers_by_name(what: str) -> None:
    assert "objective giver:aim: " in message_of(spec(objective={"type": "giver:aim", "what": what}))


@pytest.mark.parametrize("what", ["nan", "text", "none"])
def test_the_value_of_a_schedule_is_a_finite_number(what: str) -> None:
    rate = {"type": "adam", "lr": {"type": "giver:rate", "what": what}}
    message = message_of(spec(training={"epochs": 2, "batch_size": 16, "optimizer": rate}))
    assert "schedule giver:rate: RateSpec.value at" in message
    assert "not a finite number" in message


def test_an_optimizer_is_one_of_torch() -> None:
    message = message_of(spec(training={"epochs": 1, "optimizer": {"type": "giver:moving"}}))
    assert "MovingSpec.build at" in message
    assert "gives a str, not an optimizer of torch" in message


@pytest.mark.parametrize("what", ["text", "none", "list", "complex"])
def test_a_metric_is_a_number(what: str) -> None:
    message = message_of(spec(metrics=[{"type": "giver:judging", "what": what}]))
    assert "metric giver:judging: " in message
    assert "not a number" in message


@pytest.mark.parametrize("what", ["none", "array", "list", "narrow"])
def test_a_dataset_gives_samples_of_the_shape_that_it_declares(what: str) -> None:
    assert "dataset giver:rows: " in message_of(spec(data={"type": "giver:rows", "what": what}))


@pytest.mark.parametrize("what", ["one", "two", "text", "in_place", "inference", "kept"])
@pytest.mark.parametrize("place", ["encoder", "decoder"])
def test_what_torch_refuses_in_the_way_back_is_told_as_the_layers(what: str, place: str) -> None:
    linear = {"type": "linear", "features": 4, "activation": "identity"}
    layers = {"encoder": [linear], "decoder": [linear, linear]}
    layers[place] = [linear, layer(what, kind="gradient"), linear]
    with pytest.raises(PluginError) as caught:
        aezoo.train(spec(**layers), device="cpu")
    assert caught.value.message.startswith("plugin 'giver' (aezoo_giver 0.3): layer giver:gradient: torch refuses the ")
    assert "RuntimeError: " in caught.value.message
    assert "`aezoo plugins check giver`" in caught.value.hint


@pytest.mark.parametrize(
    ("named", "parts"),
    [
        ("likelihood giver:likely", {"likelihood": {"type": "giver:likely", "method": "detached", "what": "right"}}),
        ("optimizer giver:shrinking", {"training": {"epochs": 2, "batch_size": 16, "optimizer": "giver:shrinking"}}),
    ],
)
def test_what_torch_refuses_in_a_step_is_told_as_the_parts(named: str, parts: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match=f"{named}: torch refuses the step: RuntimeError: "):
        aezoo.train(spec(**parts), device="cpu")


def test_all_parts_that_a_step_ran_through_are_named_where_each_may_be_at_fault() -> None:
    parts = {"encoder": [layer("right"), layer("two", kind="gradient")]}
    with pytest.raises(PluginError, match="layer giver:giving, layer giver:gradient: torch refuses the step: "):
        aezoo.train(spec(**parts), device="cpu")


def test_what_fails_in_a_step_without_plugins_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("of torch")

    monkeypatch.setattr(torch.Tensor, "backward", fail)
    with pytest.raises(RuntimeError, match=r"^of torch$"):
        aezoo.train(spec(), device="cpu")


def test_memory_that_runs_out_in_a_step_is_no_fault_of_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(torch.Tensor, "backward", fail)
    with pytest.raises(RunFailed, match=r"^out of memory: DefaultCPUAllocator"):
        aezoo.train(spec(encoder=[layer("right")]), device="cpu")


def test_other_verbs_hold_a_module_too() -> None:
    model = aezoo.build(spec(encoder=[layer("first", "real")]))
    for verb in (model.encode, model.reconstruct, model.score):
        with pytest.raises(PluginError, match=r"layer giver:giving: .*gives 1x4 for a batch of 3, not 3x4"):
            verb(np.zeros((3, 4), np.float32))


def test_parts_in_the_box_are_called_as_they_are() -> None:
    model = aezoo.build(spec())
    assert not [name for name, module in model.network.named_modules() if "forward" in vars(module)]
    assert not [name for name, module in model.network.named_modules() if module._forward_hooks]


def test_a_copy_of_a_plugins_module_computes_with_its_own_weights() -> None:
    module = aezoo.build(spec(encoder=[layer("right")])).network.encoder[0]
    other = copy.deepcopy(module)
    assert isinstance(other.forward, Checked)
    other(torch.zeros(2, 4))
    assert (module.calls, other.calls) == (0, 1)
