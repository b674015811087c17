"""docs/parts.md is what the registry says, and each of its examples works in the smallest spec that can hold it."""

from __future__ import annotations

import csv
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import aezoo
from aezoo.discovery import default_registry
from aezoo.errors import SpecError
from aezoo.reader import check
from aezoo.reference.entry import fields_of, text_of
from aezoo.reference.page import TABLES, whole
from aezoo.registry import Registry
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import KINDS, DatasetSpec, FileDatasetSpec, MetricSpec
from aezoo.testing import parts_of

PAGE = Path(__file__).resolve().parent.parent / "docs" / "parts.md"
PARTS = [part for part in default_registry().parts() if not part.namespace]
Document = dict[str, Any]

#: What the rest of a spec is: the first of each that the example can live with, wider than any example's code.
INPUTS = ([4, 12, 12], [4, 144], [576])
RESTS: tuple[Document, ...] = (
    {"latent": {"type": "deterministic", "dim": 2}},
    {"latent": {"type": "gaussian", "dim": 2}, "regularizers": {"kl": {}}, "likelihood": "gaussian"},
    {"latent": {"type": "deterministic", "dim": 2, "activation": "sigmoid"}},
    {"latent": {"type": "topk", "dim": 8, "k": 2}},
)
ROWS = 160


def named(part: type[Component]) -> str:
    return f"{part.kind}-{part.tag()}"


def example(part: type[Component]) -> Document:
    return tomllib.loads(text_of(part).example)


def document(rest: Document, shape: list[int], table: Document) -> Document:
    """A spec of one step; named tables stand side by side, all else is as the example has it."""
    whole = {"aezoo": 1, "name": "smallest", "input": shape, "training": {"steps": 1}, **rest}
    for key, value in table.items():
        side_by_side = key in ("regularizers", "constraints", "training")
        whole[key] = {**whole.get(key, {}), **value} if side_by_side else value
    return whole


def smallest(table: Document, suits: Callable[[Spec], bool], shapes: tuple[list[int], ...] = INPUTS) -> Spec:
    """The first spec around the example that reads without an error or a warning."""
    refused = []
    for shape in shapes:
        for rest in RESTS:
            try:
                spec, lints = check(document(rest, shape, table))
            except SpecError as error:
                refused.append(str(error))
                continue
            if not lints and suits(spec):
                return spec
            refused += [str(lint) for lint in lints] or ["it does not apply"]
    raise AssertionError("\n".join(["no spec holds this example:", *refused]))


def samples(spec: Spec) -> Any:
    """Noise in [0, 1], which is what images are declared to be."""
    return np.random.default_rng(0).random((ROWS, *spec.input.shape), dtype=np.float32)


# --- the files that examples of datasets name --------------------------------------------------------------


def _arrays(path: Path, table: Document) -> list[int]:
    np.savez(path, **{table["key"]: np.zeros((ROWS, 1, 12, 12), np.uint8)})
    return [1, 12, 12]


def _folder(path: Path, table: Document) -> list[int]:
    path.mkdir()
    for i in range(20):
        Image.new("L", (14, 12), i).save(path / f"{i}.png")
    return [1, 12, 12]


def _table(path: Path, table: Document) -> list[int]:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", table["label"]])
        writer.writerows([i, i**0.5, -i, i % 2] for i in range(ROWS))
    return [3]


FILES: dict[str, Callable[[Path, Document], list[int]]] = {".npz": _arrays, "": _folder, ".csv": _table}


def shape_of(part: DatasetSpec, table: Document) -> list[int]:
    """Shape of the samples; a file that the example names is made first, in the working folder."""
    if isinstance(part, FileDatasetSpec):
        path = Path(part.path)
        return FILES[path.suffix](path, table)
    shape = part.sample_shape()
    assert shape is not None
    return list(shape)


# --- examples ----------------------------------------------------------------------------------------------


def of(*kinds: str) -> list[Any]:
    return [pytest.param(part, id=named(part)) for part in PARTS if part.kind in kinds]


def finite(run: aezoo.Run) -> bool:
    """Whether the one step had a loss, and all of it was a number."""
    values = [value for record in run.history for value in record.values() if isinstance(value, float)]
    return bool(values) and all(map(math.isfinite, values))


@pytest.mark.parametrize("part", of(*(KINDS.keys() - {"dataset", "metric"})))
def test_the_example_of_a_part_builds_and_trains_in_a_spec_of_its_own(part: type[Component]) -> None:
    spec = smallest(example(part), suits=lambda spec: True)
    assert part in {type(found) for found in parts_of(spec)}
    assert finite(aezoo.train(spec, samples(spec), device="cpu"))


@pytest.mark.parametrize("part", of("dataset"))
def test_the_example_of_a_dataset_loads_and_is_trained_on(
    part: type[DatasetSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    monkeypatch.chdir(tmp_path)
    table = example(part)
    dataset = part.model_validate(table["data"], context={"registry": registry})
    spec = smallest(table, lambda spec: True, (shape_of(dataset, table["data"]),))
    assert spec.data == dataset
    assert finite(aezoo.train(spec, device="cpu"))


@pytest.mark.parametrize("part", of("metric"))
def test_the_example_of_a_metric_reads_and_judges_a_model_that_it_applies_to(
    part: type[MetricSpec], registry: Registry
) -> None:
    metric = part.model_validate(example(part), context={"registry": registry})
    spec = smallest({}, suits=metric.applies)
    scores = aezoo.evaluate(aezoo.build(spec), samples(spec), split="all").metrics
    assert math.isfinite(scores[part.tag()])


# --- what each part says of itself ---------------------------------------------------------------------------


@pytest.mark.parametrize("part", of(*KINDS))
def test_every_part_says_what_it_is_and_what_each_field_takes(part: type[Component]) -> None:
    text = text_of(part)
    assert text.summary.endswith(".")
    assert text.example
    assert [field.name for field in fields_of(part) if not field.description] == []


@pytest.mark.parametrize("title", TABLES)
def test_every_key_of_the_spec_says_what_it_is(title: str) -> None:
    assert [field.name for field in fields_of(TABLES[title]) if not field.description] == []


def test_the_page_of_parts_is_what_the_registry_says(golden: bool) -> None:
    page = whole(PARTS)
    if golden:
        PAGE.write_text(page, encoding="utf-8", newline="\n")
    assert PAGE.read_text(encoding="utf-8") == page, "write it anew with `pytest tests/test_reference.py --golden`"
