"""Specs some of whose plugins are not here: what is known is told, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest

import aezoo
from aezoo.errors import UnmetSpec
from aezoo.plugin import Field, LayerSpec, RegularizerSpec, Shape
from aezoo.reading.diff import differences
from aezoo.reading.missing_plugins import Partial, partial, rows
from aezoo.registry.loader import default_registry
from aezoo.registry.registry import Registry
from aezoo.spec.document import Spec
from aezoo.spec.kinds import KINDS

SPEC: dict[str, Any] = {
    "name": "absent",
    "input": [1, 8, 8],
    "encoder": [{"type": "flatten"}, {"type": "kan:spline", "grid": 5}, {"type": "linear", "features": 8}],
    "latent": {"type": "deterministic", "dim": 2},
    "regularizers": {"bend": {"type": "kan:bend", "weight": 0.5}},
}


class SplineSpec(LayerSpec):
    """A layer."""

    type: Literal["spline"] = "spline"
    grid: int = Field(3, ge=1)
    order: int = Field(3, ge=1)

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def mirror(self, shape: Shape, **_: Any) -> list[LayerSpec]:
        return [self]


class BendSpec(RegularizerSpec):
    """A penalty."""

    type: Literal["bend"] = "bend"


def known(spec: dict[str, Any], **changes: Any) -> Partial:
    """What is known of the spec without the plugin kan."""
    with pytest.raises(UnmetSpec) as caught:
        aezoo.read({**spec, **changes})
    found = partial({**spec, **changes}, caught.value)
    assert found is not None
    return found


def here() -> Registry:
    """A registry in which kan is there."""

    def load(registry: Registry, namespace: str) -> None:
        if namespace not in registry.loaded:
            registry.loaded.add(namespace)
            registry.add([SplineSpec, BendSpec], namespace=namespace)

    registry = Registry(load)
    registry.add(part for part in default_registry().parts() if not part.namespace)
    return registry


def test_what_comes_before_an_absent_layer_is_known_and_what_comes_after_is_not() -> None:
    told = {row.stage: (row.shape, row.parameters) for row in rows(known(SPEC).spec)}
    assert told["encoder.0"] == ((64,), 0)
    assert told["encoder.1"] == told["encoder.2"] == told["latent"] == told["decoder"] == (None, None)
    assert told["likelihood"] == ((1, 8, 8), None)


def test_beside_an_absent_regularizer_all_shapes_are_known() -> None:
    spec = known({**SPEC, "encoder": ["flatten"]}).spec
    told = {row.stage: (row.shape, row.parameters) for row in rows(spec)}
    assert told["latent"] == ((2,), 130)
    assert told["decoder.1"] == ((1, 8, 8), 0)
    assert "decoder" not in told


def test_absent_parts_are_printed_as_they_are_written() -> None:
    found = known(SPEC)
    document = found.spec.document()
    assert document["encoder"][1] == {"type": "kan:spline", "grid": 5}
    assert document["regularizers"]["bend"] == {"type": "kan:bend", "weight": 0.5}
    assert found.absent == ["kan:bend", "kan:spline"]


@pytest.mark.parametrize("table", [{"grid": 5}, {}, {"grid": 5, "order": 2}])
def test_fingerprints_are_those_with_the_plugin_unless_a_default_is_repeated(table: dict[str, int]) -> None:
    encoder = ["flatten", {"type": "kan:spline", **table}]
    found, whole = known(SPEC, encoder=encoder), aezoo.read({**SPEC, "encoder": encoder}, registry=here())
    assert (found.arch, found.run) == (whole.arch, whole.run)
    repeated = known(SPEC, encoder=["flatten", {"type": "kan:spline", "order": 3, **table}])
    assert (repeated.arch != whole.arch) is ("order" not in table)


def test_two_of_them_are_compared_key_by_key() -> None:
    other = known({**SPEC, "encoder": ["flatten", {"type": "kan:spline", "grid": 7, "order": 2}, SPEC["encoder"][2]]})
    changes = differences(known(SPEC).spec, other.spec)
    assert [(change.path, change.before, change.after) for change in changes] == [
        (("encoder", 1, "grid"), 5, 7),
        (("encoder", 1, "order"), None, 2),
    ]
    assert differences(known(SPEC).spec, known(SPEC).spec) == []


def test_what_is_noted_stands_over_what_is_worked_out() -> None:
    with pytest.raises(UnmetSpec) as caught:
        aezoo.read(SPEC)
    found = partial(SPEC, caught.value, noted={"arch": "a" * 64, "run": "b" * 64})
    assert found is not None
    assert (found.arch, found.run) == ("a" * 64, "b" * 64)


def test_a_spec_with_other_faults_too_is_not_told_in_part() -> None:
    wrong = {**SPEC, "latent": {"type": "deterministic", "dim": 0}}
    with pytest.raises(UnmetSpec) as caught:
        aezoo.read(wrong)
    assert partial(wrong, caught.value) is None


Made = Callable[[], dict[str, Any]]
PLACES: dict[str, dict[str, Any]] = {
    "layer": {"encoder": ["kan:x"]},
    "latent": {"latent": {"type": "kan:x"}},
    "prior": {"latent": {"type": "gaussian", "dim": 2, "prior": "kan:x"}},
    "likelihood": {"likelihood": "kan:x"},
    "regularizer": {"regularizers": {"a": {"type": "kan:x"}}},
    "constraint": {"constraints": {"a": {"type": "kan:x"}}},
    "corruption": {"corruption": ["kan:x"]},
    "objective": {"objective": "kan:x"},
    "schedule": {"regularizers": {"l2": {"weight": {"type": "kan:x"}}}},
    "optimizer": {"training": {"optimizer": "kan:x"}},
    "dataset": {"data": "kan:x"},
    "metric": {"metrics": ["kan:x"]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_absent_part_of_any_kind_can_be_held_printed_and_hashed(kind: str) -> None:
    found = known({"name": "a", "input": [4], "latent": {"type": "deterministic", "dim": 2}, **PLACES[kind]})
    assert found.absent == ["kan:x"]
    assert len(found.arch) == len(found.run) == 64
    assert "kan:x" in str(found.spec.document())
    assert [row.stage for row in rows(found.spec)][-1] == "objective"
    assert Spec.__hash__(found.spec) == Spec.__hash__(found.spec.model_copy())
