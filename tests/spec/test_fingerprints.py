"""Fingerprints: golden values, and what may change without changing them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest

from aezoo.plugin import Component, Field, LayerSpec, Shape
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.reader import check
from aezoo.reading.text import parse, to_toml
from aezoo.registry.registry import Registry
from aezoo.spec.canonical import to_json
from tests.registries import built_in

GOLDEN = Path(__file__).parent.parent / "golden" / "fingerprints.json"

#: Specs of this file, never to be changed: their fingerprints stand in weight files that are out in the world.
FROZEN: dict[str, dict[str, Any]] = {
    "dense": {
        "name": "dense",
        "input": [1, 28, 28],
        "encoder": [{"type": "flatten"}, {"type": "linear", "each": {"features": [128, 64]}}],
        "latent": {"type": "deterministic", "dim": 16},
    },
    "mixture": {
        "name": "mixture",
        "input": {"shape": [3, 32, 32], "range": [-1, 1]},
        "corruption": [{"type": "gaussian_noise", "std": 0.1}, {"type": "mask", "p": [0.1, 0.5]}],
        "encoder": [
            {"type": "conv", "channels": 16, "kernel": 4, "stride": 2, "padding": 1, "norm": "batch"},
            {"type": "residual", "body": [{"type": "conv", "channels": 16}]},
        ],
        "latent": {"type": "gaussian", "dim": 8},
        "decoder": {"upsampling": "resize"},
        "likelihood": {"type": "gaussian", "variance": "optimal"},
        "regularizers": {"kl": {"weight": {"type": "linear", "start": 0, "end": 1, "steps": 10}}},
        "training": {"steps": 100, "optimizer": {"type": "adamw", "lr": 0.001}},
    },
}


def prints(source: Any) -> dict[str, str]:
    spec, _ = check(source)
    return {"arch": spec.arch, "run": spec.run}


def test_fingerprints_are_what_they_have_always_been(golden: bool) -> None:
    found = {name: prints(source) for name, source in FROZEN.items()}
    found |= {f"specs/{name}": prints(name) for name in bundled_specs()}
    if golden:
        GOLDEN.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(FROZEN))
def test_order_spelling_and_defaults_that_are_written_change_nothing(name: str) -> None:
    spec, _ = check(FROZEN[name])
    document = spec.document()
    backwards = dict(reversed(document.items()))
    for source in (
        document,
        backwards,
        parse(to_toml(document).encode(), "a.toml"),
        parse(to_json(backwards).encode(), "a.json"),
        {**document, "name": "another", "description": "words", "license": "mit", "paper": "none"},
    ):
        assert prints(source) == {"arch": spec.arch, "run": spec.run}


@pytest.mark.parametrize(
    ("change", "arch"),
    [
        ("latent.dim=9", True),
        ("encoder.0.channels=15", True),
        ("input.range=[0, 1]", True),
        ("likelihood.variance=learned", True),
        ("training.seed=1", False),
        ("regularizers.kl.weight=2", False),
        ("corruption.0.std=0.2", False),
        ("data=digits", False),
    ],
)
def test_what_changes_the_weights_changes_arch_and_all_else_only_run(change: str, arch: bool) -> None:
    before, _ = check(FROZEN["mixture"])
    if change.startswith("data"):
        before, _ = check(FROZEN["dense"])
    after, _ = check(before.document(), overrides=[change])
    assert (after.arch != before.arch) is arch
    assert after.run != before.run


class OldSpec(LayerSpec):
    """Halve what comes in."""

    type: Literal["halve"] = "halve"
    features: int = Field(4, ge=1, description="of the output")

    def output_shape(self, shape: Shape) -> Shape:
        return (self.features,)


class NewSpec(OldSpec):
    """The same, of a later version that has a field more."""

    rounding: Literal["down", "up"] = "down"
    scale: float = 1.0


def test_a_later_version_that_adds_fields_with_defaults_leaves_fingerprints_as_they_are(registry: Registry) -> None:
    source = {
        "name": "t",
        "input": [8],
        "encoder": [{"type": "halve"}],
        "latent": {"type": "deterministic", "dim": 2},
        "decoder": [{"type": "linear", "features": 8}],
    }

    def arch(part: type[Component]) -> tuple[str, str]:
        parts = built_in()
        parts.add([part])
        spec, _ = check(source, registry=parts)
        return spec.arch, spec.run

    assert arch(OldSpec) == arch(NewSpec)
