"""Bombs: small texts that ask for huge models are refused by arithmetic, at once, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from time import process_time
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import aezoo
from aezoo.building.builder import skeleton, verify
from aezoo.building.limit_checks import leaves
from aezoo.errors import Fault, SpecError
from aezoo.plugin import LayerSpec, Shape, Style, flat
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.reader import check, read
from aezoo.registry.loader import default_registry
from aezoo.registry.registry import Registry
from aezoo.spec.amounts import count, size
from aezoo.spec.document import Spec
from aezoo.spec.limits import DEFAULT_LIMITS, Limits, excesses, size_of
from aezoo.spec.memory import memory
from tests.registries import registry_with

Table = dict[str, Any]
LATENT: Table = {"type": "deterministic", "dim": 3}
HUGE = 10**18


def spec_of(**changes: Any) -> Table:
    base: Table = {"name": "t", "input": [1, 16, 16], "encoder": ["flatten"], "latent": LATENT}
    return {**base, **changes}


def nested(depth: int, **layer: Any) -> Table:
    """A layer inside that many residual blocks."""
    for _ in range(depth):
        layer = {"type": "residual", "body": [layer]}
    return layer


def faults(table: Table, **more: Any) -> Sequence[Fault]:
    with pytest.raises(SpecError) as caught:
        read(table, **more)
    return caught.value.faults


CONV: Table = {"type": "conv", "channels": 4}
UP: Table = {"type": "upsample", "factor": 10**6}
MANY: Table = {**CONV, "each": {"kernel": [3] * 500}}
TRANSFORMER: Table = {"type": "transformer", "depth": 10**6}
SEQUENCE: Table = {"kind": "signal", "shape": [4, 32]}

BOMBS: dict[str, tuple[Table, set[str]]] = {
    "a list of 5,000 layers": ({"encoder": ["flatten"] * 5000}, {"AZ602", "AZ605"}),
    "a list of 600 layers": ({"encoder": ["flatten"] * 600}, {"AZ605"}),
    "a list of 600 corruptions": ({"corruption": ["mask"] * 600}, {"AZ605"}),
    "a decoder of 600 layers": ({"decoder": [CONV] * 600}, {"AZ605"}),
    "a table of 600 penalties": ({"regularizers": {f"r{i}": "l2" for i in range(600)}}, {"AZ605"}),
    "many short lists": ({"encoder": [{"type": "residual", "body": [CONV] * 64}] * 100}, {"AZ602"}),
    "each of 5,000": ({"encoder": [{**CONV, "each": {"channels": [1] * 5000}}]}, {"AZ605"}),
    "each in each": (
        {"encoder": [{"type": "residual", "each": {"scale": [1.0] * 500}, "body": [MANY]}]},
        {"AZ605"},
    ),
    "a linear layer": ({"encoder": ["flatten", {"type": "linear", "features": HUGE}]}, {"AZ603", "AZ604"}),
    "two linear layers": ({"encoder": ["flatten", *[{"type": "linear", "features": 10**5}] * 2]}, {"AZ603"}),
    "a code": ({"latent": {"type": "deterministic", "dim": HUGE}}, {"AZ603", "AZ604"}),
    "a top-k code": ({"latent": {"type": "topk", "dim": HUGE, "k": 1}}, {"AZ603", "AZ604"}),
    "a spatial code": ({"encoder": [], "latent": {**LATENT, "dim": HUGE, "layout": "spatial"}}, {"AZ603", "AZ604"}),
    "channels": ({"encoder": [{**CONV, "channels": HUGE}]}, {"AZ603", "AZ604"}),
    "channels in a body": ({"encoder": [nested(3, **{**CONV, "channels": HUGE})]}, {"AZ603", "AZ604"}),
    "a kernel on a volume": (
        {"input": {"shape": [1, 8, 8, 8]}, "encoder": [{**CONV, "kernel": 10**6}]},
        {"AZ603"},
    ),
    "a padding": ({"encoder": [{**CONV, "padding": 10**9}]}, {"AZ604"}),
    "a transposed stride": ({"encoder": [{"type": "conv_transpose", "channels": 1, "stride": 10**9}]}, {"AZ604"}),
    "a dilation": ({"encoder": [{"type": "conv_transpose", "channels": 1, "dilation": HUGE, "padding": 0}]}, {"AZ604"}),
    "an upsampling": ({"encoder": [UP]}, {"AZ604"}),
    "a size": ({"encoder": [{"type": "upsample", "size": [HUGE, HUGE]}]}, {"AZ604"}),
    "upsamplings in a chain": ({"encoder": [UP] * 500}, {"AZ604"}),
    "upsamplings in a body, then a pool": (
        {"encoder": [{"type": "residual", "body": [*[UP] * 500, "global_pool"]}]},
        {"AZ604"},
    ),
    "a transformer's depth": ({"input": SEQUENCE, "encoder": [TRANSFORMER]}, {"AZ602"}),
    "a transformer's depth of 10^18": (
        {"input": SEQUENCE, "encoder": [{**TRANSFORMER, "depth": HUGE}]},
        {"AZ602", "AZ603", "AZ604"},
    ),
    "a transformer's perceptron": (
        {"input": {"kind": "signal", "shape": [4096, 8]}, "encoder": [{"type": "transformer", "mlp_ratio": 1024.0}]},
        {"AZ603"},
    ),
    "attention between many positions": ({"input": [1, 256, 256], "encoder": ["attention"]}, {"AZ604"}),
    "attention of many heads": (
        {"input": {"kind": "signal", "shape": [64, 4096]}, "encoder": [{"type": "attention", "heads": 64}]},
        {"AZ604"},
    ),
    "a recurrent network": (
        {"input": SEQUENCE, "encoder": [{"type": "recurrent", "features": 10**9}]},
        {"AZ603", "AZ604"},
    ),
    "an input": ({"input": [3, 10**9, 10**9]}, {"AZ604"}),
    "an input of 10^72 values": ({"input": [HUGE, HUGE, HUGE, HUGE]}, {"AZ604"}),
    "a decoder of its own": ({"decoder": [{"type": "linear", "features": HUGE}]}, {"AZ603", "AZ604"}),
    "a tied code": ({"decoder": {"tied": True}, "latent": {**LATENT, "dim": HUGE}}, {"AZ603", "AZ604"}),
    "channels of a likelihood": (
        {"input": [2**28, 1, 1], "likelihood": {"type": "gaussian", "variance": "per_value"}},
        {"AZ604"},
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once_with_the_limit_and_the_flag_that_raises_it(name: str) -> None:
    changes, expected = BOMBS[name]
    started = process_time()
    found = faults(spec_of(**changes))
    assert process_time() - started < 2
    excess = [fault for fault in found if fault.code.startswith("AZ6")]
    assert expected <= {fault.code for fault in excess}, found
    assert all("the limit is " in fault.message and "`--limit " in fault.hint for fault in excess)
    assert all(len(str(fault)) < 1000 for fault in found)


def test_bombs_are_refused_without_torch() -> None:
    tables = [spec_of(**changes) for changes, _ in BOMBS.values()]
    code = (
        "import sys, json, aezoo\n"
        "for table in json.load(sys.stdin):\n"
        "    try: aezoo.read(table)\n"
        "    except aezoo.errors.SpecError: continue\n"
        "    raise SystemExit('read: ' + str(table)[:200])\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], input=json.dumps(tables), text=True, check=True)


@pytest.mark.parametrize("depth", [40, 200, 5000])
def test_layers_inside_layers_inside_layers_are_refused(depth: int) -> None:
    assert {fault.code for fault in faults(spec_of(encoder=[nested(depth, **CONV)]))} <= {"AZ104", "AZ605"}


def test_nesting_is_counted_in_layers() -> None:
    spec, _ = check(spec_of(encoder=[nested(5, **CONV)]))
    assert not excesses(spec, Limits(depth=6))
    (fault,) = excesses(spec, Limits(depth=5))
    assert fault.path == ("encoder", 0)
    assert fault.message == "holds layers inside layers, 6 deep; the limit is 5"
    assert fault.hint == "`--limit depth=N` raises it, for a spec of your own"


# --- where a limit lies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(bundled_specs()))
def test_a_model_is_refused_by_one_less_than_it_declares(name: str) -> None:
    spec, declared = read(name), size_of(read(name))
    exact = Limits(declared.modules, declared.parameters, 4 * declared.activations)
    assert not excesses(spec, exact)
    for field, code in (("modules", "AZ602"), ("parameters", "AZ603"), ("activations", "AZ604")):
        less = exact._replace(**{field: getattr(exact, field) - 1})
        assert [fault.code for fault in excesses(spec, less)] == [code]


@pytest.mark.parametrize("name", sorted(bundled_specs()))
def test_what_is_measured_is_what_the_spec_counts(name: str) -> None:
    spec = read(name)
    assert size_of(spec).parameters == spec.parameters
    assert memory(spec).weights == 4 * spec.parameters


def test_each_limit_is_told_once_at_the_layer_that_crosses_it() -> None:
    table = spec_of(encoder=["flatten", *({"type": "linear", "features": n} for n in (10, 1000, 2000, 9000))])
    spec, _ = check(table)
    faults = excesses(spec, Limits(parameters=1_000_000))
    assert [(fault.code, fault.path) for fault in faults] == [("AZ603", ("encoder", 3))]
    weights = 257 * 10 + 11 * 1000 + 1001 * 2000
    assert faults[0].message == f"brings the model to {weights:,} weights; the limit is 1,000,000"


def test_a_raised_limit_lets_a_spec_of_ones_own_pass() -> None:
    table = spec_of(encoder=["flatten", *[{"type": "linear", "features": 50_000}] * 2])
    assert [fault.code for fault in faults(table)] == ["AZ603"]
    assert read(table, limits=DEFAULT_LIMITS._replace(parameters=10**10)).parameters > 2 * 10**9


def test_many_weights_hide_nothing_else() -> None:
    table = spec_of(corruption=[{"type": "mask", "p": 0}], regularizers={"l2": {"weight": -1}}, decoder={"tied": True})
    codes = [fault.code for fault in faults(table, limits=DEFAULT_LIMITS._replace(parameters=10))]
    assert sorted(codes) == ["AZ505", "AZ505", "AZ603"]


def test_attention_counts_its_matrix() -> None:
    positions, heads, channels = 64, 2, 4
    layer = default_registry().get("layer", "attention")(heads=heads)
    kept = layer.activations((channels, positions))
    assert kept == heads * positions**2 + 6 * channels * positions


def test_a_likelihood_that_does_not_fit_is_no_excess() -> None:
    spec, _ = check(spec_of())
    broken = spec.model_copy(update={"encoder": (default_registry().get("layer", "linear")(features=3),)})
    assert excesses(broken) == []


@pytest.mark.parametrize(("number", "words"), [(0, "0"), (4096, "4,096"), (10**15 - 1, "999,999,999,999,999")])
def test_a_number_is_told_so_that_it_can_be_read(number: int, words: str) -> None:
    assert count(number) == words


@pytest.mark.parametrize("power", [15, 18, 100, 9999])
def test_a_number_that_nobody_would_read_is_told_by_its_power_of_ten(power: int) -> None:
    assert count(10**power) == f"some 10^{power}"


@pytest.mark.parametrize(
    ("number", "words"),
    [(12, "12 bytes"), (2048, "2 KiB"), (2 << 30, "2 GiB"), (3 << 39, "1.5 TiB"), (10**30, "some 10^18 TiB")],
)
def test_bytes_are_told_in_their_unit(number: int, words: str) -> None:
    assert size(number) == words


# --- declarations and what is built -------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(bundled_specs()))
def test_what_is_built_is_no_more_than_a_layer_of_a_declaration_may_be(name: str) -> None:
    spec = read(name)
    assert len([*leaves(skeleton(spec))]) <= 4 * size_of(spec).modules
    verify(spec, limits=Limits(*(0 for _ in Limits._fields)))


SIZES = st.integers(1, 9)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(1, 3), st.integers(1, 4), SIZES, st.sampled_from(["none", "learned", "sinusoidal"]))
def test_a_transformer_declares_the_layers_it_builds(heads: int, depth: int, length: int, positions: Any) -> None:
    layer = default_registry().get("layer", "transformer")(heads=heads, depth=depth, positions=positions)
    with torch.device("meta"):
        built = layer.build((heads * 2, length))
    assert len([*leaves(built)]) <= 4 * layer.modules((heads * 2, length))


class Hidden(nn.Module):
    """Does more than it says."""

    def __init__(self, width: int, *, layers: int = 1, weights: int = 0, calls: int = 1, wide: int = 0) -> None:
        super().__init__()
        self.parts = nn.ModuleList(nn.Identity() for _ in range(layers))
        self.extra = nn.Parameter(torch.empty(weights))
        self.calls = calls
        self.up = nn.Upsample(scale_factor=wide) if wide else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.up is not None:
            self.up(x[:, None])
        for _ in range(self.calls):
            x = self.parts[0](x)
        return x


class LiarSpec(LayerSpec):
    """A layer that says that it is one and has no weights."""

    type: str = "liar"
    layers: int = 1
    weights: int = 0
    calls: int = 1
    wide: int = 0

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return []

    def build(self, shape: Shape) -> nn.Module:
        return Hidden(flat(shape), layers=self.layers, weights=self.weights, calls=self.calls, wide=self.wide)


@pytest.fixture(scope="module")
def liars() -> Registry:
    return registry_with(LiarSpec, namespace="odd")


def lying(registry: Registry, **fields: int) -> Spec:
    return read(spec_of(encoder=["flatten", {"type": "odd:liar", **fields}]), registry=registry)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"layers": 20_000}, "AZ602"),
        ({"weights": 3 * 10**9}, "AZ603"),
        ({"wide": 10**8}, "AZ604"),
        ({"calls": 10**12}, "AZ604"),
    ],
)
def test_a_part_that_builds_more_than_it_declares_is_refused_on_the_meta_device(
    liars: Registry, fields: dict[str, int], code: str
) -> None:
    with pytest.raises(SpecError, match="more than it declares") as caught:
        verify(lying(liars, **fields), limits=Limits(activations=1 << 20))
    assert [(fault.code, fault.path) for fault in caught.value.faults] == [(code, ("encoder", 1))]


def test_a_part_that_builds_what_it_declares_passes(liars: Registry) -> None:
    verify(lying(liars, layers=8, calls=3, wide=2))
    assert aezoo.build(lying(liars)).network is not None
