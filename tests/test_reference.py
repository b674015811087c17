"""docs/parts.md is what the registry says, and each of its examples works in the smallest spec that can hold it."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.builtins.recordings import RecordingsSpec
from aezoo.reference.entry import fields_of, text_of
from aezoo.reference.interface import interface
from aezoo.reference.page import TABLES, whole
from aezoo.registry.loader import default_registry
from aezoo.registry.registry import Registry
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import KINDS, DatasetSpec, FileDatasetSpec, MetricSpec
from aezoo.spec.samples import Samples
from aezoo.testing import parts_of
from aezoo.testing.generate.minimal import minimal_spec
from aezoo.testing.law.batch_fields import same_fields
from aezoo.testing.law.sample_files import with_sample_file

PAGE = Path(__file__).resolve().parent.parent / "docs" / "parts.md"
INTERFACE = PAGE.with_name("plugin-reference.md")
PARTS = [part for part in default_registry().parts() if not part.namespace]
Document = dict[str, Any]

ROWS = 160


def named(part: type[Component]) -> str:
    return f"{part.kind}-{part.tag()}"


def example(part: type[Component]) -> Document:
    return tomllib.loads(text_of(part).example)


def samples(spec: Spec) -> Any:
    """Noise in [0, 1], which is what images are declared to be."""
    values = np.random.default_rng(0).random((ROWS, *spec.input.shape), dtype=np.float32)
    fields = {name: value.numpy() for name, value in same_fields(spec, torch.from_numpy(values)).items()}
    return Samples(values, "noise", fields=fields)


# --- examples ----------------------------------------------------------------------------------------------


def of(*kinds: str) -> list[Any]:
    return [pytest.param(part, id=named(part)) for part in PARTS if part.kind in kinds]


def finite(run: aezoo.Run) -> bool:
    """Whether the one step had a loss, and all of it was a number."""
    values = [value for record in run.history for value in record.values() if isinstance(value, float)]
    return bool(values) and all(map(math.isfinite, values))


@pytest.mark.parametrize("part", of(*(KINDS.keys() - {"dataset", "metric"})))
def test_the_example_of_a_part_builds_and_trains_in_a_spec_of_its_own(part: type[Component]) -> None:
    spec = minimal_spec(example(part), lints=part.tag() == "global_pool")  # which is warned of before a flat code
    assert part in {type(found) for found in parts_of(spec)}
    assert finite(aezoo.train(spec, samples(spec), device="cpu"))


@pytest.mark.parametrize("part", of("dataset"))
def test_the_example_of_a_dataset_loads_and_is_trained_on(
    part: type[DatasetSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    monkeypatch.chdir(tmp_path)
    table = example(part)
    dataset = part.model_validate(table["data"], context={"registry": registry})
    if isinstance(dataset, FileDatasetSpec):
        assert with_sample_file(dataset, Path()) == dataset
    windows = isinstance(dataset, RecordingsSpec)
    shape = (1, 128) if windows else dataset.sample_shape() or dataset.load().shape
    spec = minimal_spec(table, inputs=[shape])
    assert spec.data == dataset
    assert finite(aezoo.train(spec, device="cpu"))


@pytest.mark.parametrize("part", of("metric"))
def test_the_example_of_a_metric_reads_and_judges_a_model_that_it_applies_to(
    part: type[MetricSpec], registry: Registry
) -> None:
    table = example(part)
    own = {key: table.pop(key) for key in [*table] if key in part.model_fields}  # the rest is of a spec that it suits
    spec = minimal_spec({**table, "metrics": [own]}, suits=part.suits)
    scores = aezoo.evaluate(aezoo.build(spec), samples(spec), split="test").metrics
    of_part = {name: value for name, value in scores.items() if name.split(".")[0] == part.tag()}
    assert of_part
    assert all(map(math.isfinite, of_part.values()))


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


def test_the_page_of_the_interface_is_what_its_source_says(golden: bool) -> None:
    page = interface()
    if golden:
        INTERFACE.write_text(page, encoding="utf-8", newline="\n")
    assert INTERFACE.read_text(encoding="utf-8") == page, "write it anew with `pytest tests/test_reference.py --golden`"
    assert [name for name in aezoo.plugin.__all__ if name not in page] == []
