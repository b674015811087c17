"""What a part says of itself: docstring, fields, origin."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field

import aezoo
from aezoo.reference.entry import Text, entries, facts, fields_of, text_of, toml_value
from aezoo.registry.loader import default_registry
from aezoo.registry.registry import Registry
from aezoo.spec.component import Ints
from aezoo.spec.document import DecoderSpec, Spec
from aezoo.spec.kinds import ConstantSpec, LatentSpec, PriorSpec, ScheduleSpec


class Normal(PriorSpec):
    type: Literal["normal"] = "normal"


class Fan(LatentSpec):
    """A code like a fan.

    It opens, and it closes.

    Example:
        [latent]
        type = "fans:fan"

        [latent.prior]
        type = "fans:normal"
    """

    type: Literal["fan"] = "fan"
    provides: ClassVar[frozenset[str]] = frozenset({"width", "angle"})
    blades: int = Field(description="how many")
    size: Ints = Field((1, 2), alias="from", description="of one")
    speed: ScheduleSpec = Field(ConstantSpec(value=0.5), description="per step")
    prior: PriorSpec | None = Field(Normal(), description="where it stands")


@pytest.fixture
def fans() -> Registry:
    registry = Registry()
    registry.add([Fan, Normal], namespace="fans")
    return registry


def test_a_docstring_is_a_summary_a_body_and_an_example() -> None:
    example = '[latent]\ntype = "fans:fan"\n\n[latent.prior]\ntype = "fans:normal"'
    assert text_of(Fan) == Text("A code like a fan.", "It opens, and it closes.", example)


def test_what_follows_an_example_is_no_part_of_it() -> None:
    class Odd(PriorSpec):
        """Odd.

        Example:
            prior = "odd"

        Shape:
            z: [B, D]
        """

        type: Literal["odd"] = "odd"

    assert text_of(Odd) == Text("Odd.", "Shape:\n    z: [B, D]", 'prior = "odd"')


def test_a_part_without_a_docstring_says_nothing_and_borrows_none_from_its_base() -> None:
    assert text_of(Normal) == Text("")


def test_fields_are_told_as_a_spec_would_write_them_required_ones_first(fans: Registry) -> None:
    fields = {field.name: (field.required, field.default) for field in fields_of(Fan)}
    assert fields == {
        "dim": (True, None),
        "blades": (True, None),
        "scale": (False, None),
        "prior": (False, "fans:normal"),
        "from": (False, [1, 2]),
        "speed": (False, 0.5),
    }
    assert list(fields)[:2] == ["dim", "blades"]


def test_what_no_spec_could_write_as_a_default_is_told_and_breaks_nothing() -> None:
    class Odd(PriorSpec):
        type: Literal["odd"] = "odd"
        a: int = Field(2, gt=0, ge=1)
        b: int = Field(default_factory=lambda data: data["a"] + 1)
        c: frozenset[str] = frozenset({"x"})
        d: Path = Path("x")

    fields = {field.name: (field.takes, field.default) for field in fields_of(Odd)}
    assert fields["a"] == ("integer >= 1", 2)
    assert fields["b"] == ("integer", None)
    assert fields["c"] == ("frozenset", "frozenset({'x'})")
    assert fields["d"] == ("Path", "x")


def test_tables_of_the_spec_keep_their_order_and_their_type() -> None:
    assert [field.name for field in fields_of(DecoderSpec)] == list(DecoderSpec.model_fields)
    defaults = {field.name: field.default for field in fields_of(Spec)}
    assert (defaults["decoder"], defaults["likelihood"]) == ("mirror", "mse")


def test_a_part_says_where_it_comes_from_and_a_stranger_without_a_distribution_has_no_version(fans: Registry) -> None:
    fan, normal = entries([Fan, Normal])
    assert (fan.kind, fan.name, fan.provider, fan.version) == ("latent", "fans:fan", "fans", "")
    line = Path(__file__).read_text(encoding="utf-8").splitlines().index("class Fan(LatentSpec):") + 1
    assert (Path(fan.file or ""), fan.line) == (Path(__file__), line)
    assert normal.document()["fields"] == []


def test_every_part_in_the_box_stands_where_its_entry_says() -> None:
    parts = [part for part in default_registry().parts() if not part.namespace]
    for part, entry in zip(parts, entries(parts), strict=True):
        assert (entry.provider, entry.version) == ("aezoo", aezoo.__version__)
        tree = ast.parse(Path(entry.file or "").read_text(encoding="utf-8"))
        lines = {node.name: node.lineno for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        assert entry.line == lines[part.__name__]


def test_a_part_made_in_an_interpreter_has_no_file() -> None:
    scope: dict[str, Any] = {"PriorSpec": PriorSpec, "Literal": Literal, "__name__": "__console__"}
    exec('class Odd(PriorSpec):\n    type: Literal["odd"] = "odd"\n', scope)
    (entry,) = entries([scope["Odd"]])
    assert (entry.file, entry.line) == (None, None)


def test_a_latent_says_what_it_provides_and_a_metric_which_way_is_better(registry: Registry) -> None:
    sentences = {(part.kind, part.tag()): list(facts(part)) for part in registry.parts()}
    assert list(facts(Fan)) == ["Provides `angle`, `width`."]
    assert sentences["regularizer", "kl"] == ["Needs `posterior` of the latent."]
    assert sentences["metric", "elbo"] == ["Higher is better."]
    assert sentences["dataset", "images"][0].startswith("Reads folders, `.png`,")
    assert sentences["objective", "standard"] == sentences["layer", "conv"] == sentences["metric", "rate"] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (1e-8, "1e-08"),
        ("flat", '"flat"'),
        ([0.9, 0.999], "[0.9, 0.999]"),
        ({}, "{}"),
        ({"type": "topk", "k": 4, "deep": {"a": [False]}}, '{ type = "topk", k = 4, deep = { a = [false] } }'),
    ],
)
def test_a_default_is_written_as_toml_has_it(value: Any, text: str) -> None:
    assert toml_value(value) == text
    assert tomllib.loads(f"x = {text}") == {"x": value}


def test_every_default_of_every_part_reads_back_as_itself(registry: Registry) -> None:
    """What the reference says is left when a key is left out, may as well be written."""
    for part in registry.parts():
        required = {f.name for f in fields_of(part) if f.required}
        if required:
            continue
        written = {f.name: f.default for f in fields_of(part) if f.default is not None}
        context = {"registry": registry}
        assert part.model_validate(written, context=context) == part.model_validate({}, context=context)
