"""Plugins beside each other: parts of several in one spec; and one that is not named is not imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import aezoo
from aezoo.registry.entry_points import installed
from aezoo.testing import Site

#: What a spec says of each alone, where that takes the latent and what judges it: no two of these stand in one spec.
ALONE: dict[str, dict[str, Any]] = {
    "labels": {
        "fields": {"label": {"classes": 10, "missing": True}},
        "input": [1, 28, 28],
        "encoder": [{"type": "flatten"}, {"type": "linear", "features": 8}],
        "latent": {"type": "labels:gaussian", "dim": 2, "classes": 10},
        "decoder": [
            {"type": "join", "reads": "fields.label"},
            {"type": "linear", "features": 784, "activation": "identity"},
            {"type": "reshape", "shape": [1, 28, 28]},
        ],
        "likelihood": "bernoulli",
        "objective": {"type": "labels:semi_supervised", "weight": 10.0},
        "data": {"type": "digits", "labels": 100},
    },
    "masked": {
        "input": {"shape": [1, 28, 28], "range": [0, 1]},
        "encoder": [{"type": "pixel_unshuffle", "factor": 7}],
        "latent": {"type": "masked:visible", "dim": 8, "depth": 1, "heads": 2},
        "decoder": [
            {"type": "conv", "channels": 49, "kernel": 1, "activation": "identity"},
            {"type": "pixel_shuffle", "factor": 7},
        ],
        "objective": "masked:hidden",
        "data": "digits",
    },
    "oneclass": {
        "latent": {"type": "oneclass:centered", "dim": 3},
        "decoder": "none",
        "objective": "oneclass:svdd",
    },
    "tables": {"likelihood": {"type": "tables:mixed", "columns": [{"kind": "gaussian", "count": 6}]}},
}
IMPORTED = """
import sys, aezoo
aezoo.train(sys.argv[1], device="cpu")
print(*sorted({name.partition(".")[0] for name in sys.modules if name.startswith("aezoo_")}))
"""


def spec_with(added: dict[str, dict[str, Any]], *namespaces: str) -> dict[str, Any]:
    """A small spec with what is added for these plugins, and else of built-in parts."""
    document: dict[str, Any] = {
        "name": "together",
        "input": [6],
        "latent": {"type": "deterministic", "dim": 3, "prior": "standard_normal"},
        "data": {"type": "gaussian", "n": 300, "eigenvalues": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]},
        "training": {"steps": 3},
    }
    return document | {slot: value for namespace in namespaces for slot, value in added[namespace].items()}


def test_every_plugin_of_this_repository_is_tried(
    here: list[str], sources: dict[str, Path], combined: dict[str, dict[str, Any]]
) -> None:
    assert here == sorted(combined | ALONE) == sorted(sources)


def test_parts_of_several_are_trained_in_one_model_that_is_loaded_as_it_was_saved(
    named: tuple[str, ...], combined: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    run = aezoo.train(spec_with(combined, *named), device="cpu", out=tmp_path / "model")
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


def test_a_spec_that_names_one_imports_no_other(
    present: str, combined: dict[str, dict[str, Any]], site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec_with(combined | ALONE, present)), encoding="utf-8")
    done = site.python("-P", "-c", IMPORTED, path)
    assert done.out.split() == [f"aezoo_{present}"], done.err
