"""The model card: what machines and people read in it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

import aezoo
from aezoo.card import card
from aezoo.evaluation.scores import Scores
from aezoo.spec.document import Spec

RECORD = {
    "data": "digits",
    "splits": {"train": 8000, "validation": 1000, "test": 1000},
    "device": "cpu",
    "seconds": 12.5,
    "steps": 1234,
    "seed": 7,
    "ended": "finished",
    "aezoo": "0.1",
    "torch": "2.13",
    "python": "3.11",
}


@pytest.fixture
def scores() -> Scores:
    metrics = {"squared_error": 3.25, "psnr": 20.5, "fvu": float("nan")}
    baseline = {"pca": {"squared_error": 13.4, "psnr": 17.7}}
    return Scores(metrics, baseline, "digits", "test", 1000, 0, {"aezoo": "0.1"})


def spec(name: str = "variational-digits") -> Spec:
    return aezoo.read(name)


def front_matter(text: str) -> dict[str, Any]:
    assert text.startswith("---\n")
    found = yaml.safe_load(text.split("---\n")[1])
    assert isinstance(found, dict)
    return found


def test_the_front_matter_is_yaml_with_licence_tags_and_library(scores: Scores) -> None:
    found = front_matter(card(spec(), scores, RECORD))
    assert found["library_name"] == "aezoo"
    assert found["license"] == "apache-2.0"
    assert {"aezoo", "autoencoder", "variational-autoencoder"} <= set(found["tags"])


def test_the_model_index_holds_every_metric_that_is_a_number(scores: Scores) -> None:
    (entry,) = front_matter(card(spec(), scores, RECORD))["model-index"]
    (result,) = entry["results"]
    assert entry["name"] == "variational-digits"
    assert result["dataset"] == {"type": "digits", "name": "digits", "split": "test"}
    assert result["metrics"] == [{"type": "squared_error", "value": 3.25}, {"type": "psnr", "value": 20.5}]


def test_the_hub_client_reads_the_model_index(scores: Scores) -> None:
    from huggingface_hub import ModelCard

    results = ModelCard(card(spec(), scores, RECORD)).data.eval_results
    assert [(r.metric_type, r.metric_value) for r in results] == [("squared_error", 3.25), ("psnr", 20.5)]


def test_model_and_baseline_stand_side_by_side(scores: Scores) -> None:
    text = card(spec(), scores, RECORD)
    assert "| metric | this model | pca |" in text
    assert "| squared_error | 3.25 | 13.4 |" in text
    assert "test split, 1,000 samples, seed 0" in text


def test_the_architecture_table_adds_up(scores: Scores) -> None:
    read = spec("convolutional-digits")
    text = card(read, scores, RECORD)
    rows = [
        line.strip("| ").split(" | ")
        for line in text.splitlines()
        if line.startswith(("| encoder.", "| decoder.", "| latent"))
    ]
    counts = [int(row[3].replace(",", "")) for row in rows if len(row) > 3 and row[3].strip(" |")]
    assert sum(counts) == read.parameters
    assert f"{read.parameters:,} parameters in all" in text


def test_it_says_how_to_use_it_what_it_saw_and_what_it_cannot(scores: Scores) -> None:
    text = card(spec(), scores, RECORD)
    for part in ("## Use", "## Architecture", "## Data", "## Metrics", "## Training", "## Limits", "## Licence"):
        assert f"\n{part}\n" in text
    assert 'aezoo.load(".")' in text
    assert "8,000 train, 1,000 validation, 1,000 test" in text
    assert "1,234 steps on cpu in 12.5 s, seed 7; finished" in text
    assert "`model.sample(n)`" in text
    plain = card(spec("vanilla-digits"))
    assert "cannot draw new samples" in plain
    assert "`model.sample(n)`" not in plain


def test_pictures_are_linked_by_name(scores: Scores) -> None:
    text = card(spec(), scores, RECORD, pictures=["reconstructions", "samples"])
    assert "](samples/reconstructions.png)" in text
    assert "](samples/samples.png)" in text
    assert "interpolations.png" not in text


def test_a_bare_spec_has_a_card_too() -> None:
    text = card(spec().model_copy(update={"license": "", "description": "", "data": None}))
    assert "license" not in front_matter(text)
    assert "## Metrics" not in text
    assert "## Training" not in text
    assert "ask before you use it" in text


def test_no_text_of_a_spec_breaks_the_front_matter(scores: Scores) -> None:
    evil = spec().model_copy(update={"license": 'a: "b"\n---\nc: [', "requires": ("aezoo-x>=0.1",)})
    strange = Scores(scores.metrics, {}, "path: [1\n---", "test", 1, 0, {})
    text = card(evil, strange)
    assert front_matter(text)["license"] == 'a: "b"\n---\nc: ['
    assert 'pip install aezoo "aezoo-x>=0.1"' in text


@pytest.mark.parametrize("name", ["denoising-digits", "topk-digits", "contractive-digits", "variational-sequence"])
def test_bundled_specs_have_cards_without_gaps(name: str) -> None:
    text = card(spec(name))
    assert "None" not in text
    assert "\n\n\n" not in text
    assert "Spec(" not in text
