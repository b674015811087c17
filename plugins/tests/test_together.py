"""Plugins beside each other: parts of several in one spec; and one that is not named is not imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import aezoo
from aezoo.registry.entry_points import installed
from aezoo.testing import Site

#: What each adds to a spec. The parts of all stand in one spec: no two take the same slot.
ADDED: dict[str, dict[str, Any]] = {
    "adversarial": {
        "objective": {
            "type": "adversarial:aae",
            "critic": {"layers": [{"type": "linear", "features": 8, "activation": "relu"}]},
        }
    },
    "densities": {"metrics": ["densities:prior_nll"]},
    "quantize": {"latent": {"type": "quantize:fsq", "levels": [5, 4, 3], "prior": "standard_normal"}},
    "sparse": {"constraints": {"dictionary": {"type": "sparse:unit_norm"}}},
}
IMPORTED = """
import sys, aezoo
aezoo.train(sys.argv[1], device="cpu")
print(*sorted({name.partition(".")[0] for name in sys.modules if name.startswith("aezoo_")}))
"""


def of(*namespaces: str) -> dict[str, Any]:
    """A small spec with parts of these plugins, and else of built-in parts."""
    document: dict[str, Any] = {
        "name": "together",
        "input": [6],
        "latent": {"type": "deterministic", "dim": 3, "prior": "standard_normal"},
        "data": {"type": "gaussian", "n": 300, "eigenvalues": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]},
        "training": {"steps": 3},
    }
    return document | {slot: value for namespace in namespaces for slot, value in ADDED[namespace].items()}


def test_every_plugin_of_this_repository_is_tried_beside_the_others(here: list[str], sources: dict[str, Path]) -> None:
    assert here == sorted(ADDED) == sorted(sources)


def test_parts_of_several_are_trained_in_one_model_that_is_loaded_as_it_was_saved(
    named: tuple[str, ...], tmp_path: Path
) -> None:
    run = aezoo.train(of(*named), device="cpu", out=tmp_path / "model")
    assert run.scores is not None
    # Each of them has metrics for such a spec, which are computed because the spec names the plugin.
    assert {name.partition(":")[0] for name in run.scores.metrics if ":" in name} == {*named}
    noted = json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8"))["plugins"]
    assert noted == {namespace: f"aezoo-{namespace}>={version(namespace)}" for namespace in named}
    samples = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    loaded = aezoo.load(tmp_path / "model")
    assert loaded.spec == run.model.spec
    assert np.array_equal(loaded.encode(samples), run.model.encode(samples))
    assert np.array_equal(loaded.reconstruct(samples), run.model.reconstruct(samples))


def version(namespace: str) -> str:
    (entry,) = installed()[namespace]
    assert entry.dist is not None
    return entry.dist.version


def test_a_spec_that_names_one_imports_no_other(present: str, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(of(present)), encoding="utf-8")
    done = site.python("-P", "-c", IMPORTED, path)
    assert done.out.split() == [f"aezoo_{present}"], done.err
