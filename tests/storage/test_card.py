"""The model card: what machines and people read in it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pytest
import yaml

import aezoo
from aezoo.evaluation.scores import Scores
from aezoo.plugin import RegularizerSpec
from aezoo.spec.document import Spec
from aezoo.storage.card import around, card
from aezoo.storage.front_matter import FAMILIES, families

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
def scores() -> dict[str, Any]:
    metrics = {"squared_error": 3.25, "psnr": 20.5, "fvu": float("nan")}
    baseline = {"pca": {"squared_error": 13.4, "psnr": 17.7}}
    return Scores(metrics, baseline, "digits", "test", 1000, 0, {"aezoo": "0.1"}).as_dict()


def spec(name: str = "variational-digits") -> Spec:
    return aezoo.read(name)


def front_matter(text: str) -> dict[str, Any]:
    assert text.startswith("---\n")
    document = yaml.safe_load(text.split("---\n")[1])
    assert isinstance(document, dict)
    return document


def test_the_front_matter_is_yaml_with_licence_tags_and_library(scores: dict[str, Any]) -> None:
    document = front_matter(card(spec(), scores, RECORD))
    assert document["library_name"] == "aezoo"
    assert document["license"] == "apache-2.0"
    assert {"aezoo", "autoencoder", "variational", "gaussian", "kl", "image"} <= set(document["tags"])
    assert document["aezoo"] == {"format": 1, "input": [1, 28, 28], "code": [16], "parameters": 1_079_600}
    assert document["pipeline_tag"] == "image-feature-extraction"


def test_the_model_index_holds_every_metric_that_is_a_number(scores: dict[str, Any]) -> None:
    (entry,) = front_matter(card(spec(), scores, RECORD))["model-index"]
    (result,) = entry["results"]
    assert entry["name"] == "variational-digits"
    assert result["dataset"] == {"type": "digits", "name": "digits", "split": "test"}
    assert result["metrics"] == [{"type": "squared_error", "value": 3.25}, {"type": "psnr", "value": 20.5}]


def test_the_hub_client_reads_the_model_index(scores: dict[str, Any]) -> None:
    from huggingface_hub import ModelCard

    results = ModelCard(card(spec(), scores, RECORD)).data.eval_results
    assert [(r.metric_type, r.metric_value) for r in results] == [("squared_error", 3.25), ("psnr", 20.5)]


def test_model_and_baseline_stand_side_by_side(scores: dict[str, Any]) -> None:
    text = card(spec(), scores, RECORD)
    assert "| metric | this model | pca |" in text
    assert "| squared_error | 3.25 | 13.4 |" in text
    assert "test split, 1,000 samples, seed 0" in text


def test_the_architecture_table_adds_up(scores: dict[str, Any]) -> None:
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


def test_it_says_how_to_use_it_what_it_saw_and_what_it_cannot(scores: dict[str, Any]) -> None:
    text = card(spec(), scores, RECORD)
    for part in ("Use", "Architecture", "Data", "Metrics", "Training", "Limits", "Verify", "Licence"):
        assert f"\n## {part}\n" in text
    assert 'aezoo.load(".")' in text
    assert "8,000 train, 1,000 validation, 1,000 test" in text
    assert "1,234 steps on cpu in 12.5 s, seed 7; finished" in text
    assert "`model.sample(n)`" in text
    plain = card(spec("vanilla-digits"))
    assert "cannot draw new samples" in plain
    assert "`model.sample(n)`" not in plain


def test_pictures_are_linked_by_name(scores: dict[str, Any]) -> None:
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


def test_no_text_of_a_spec_breaks_the_front_matter(scores: dict[str, Any]) -> None:
    evil = spec().model_copy(update={"license": 'a: "b"\n---\nc: [', "requires": ("aezoo-x>=0.1",)})
    strange = {**scores, "dataset": "path: [1\n---"}
    text = card(evil, strange)
    assert front_matter(text)["license"] == 'a: "b"\n---\nc: ['
    assert 'pip install "aezoo" "aezoo-x>=0.1"' in text


@pytest.mark.parametrize("name", ["denoising-digits", "topk-digits", "contractive-digits", "variational-sequence"])
def test_bundled_specs_have_cards_without_gaps(name: str) -> None:
    text = card(spec(name))
    assert "None" not in text
    assert "\n\n\n" not in text
    assert "Spec(" not in text


def test_it_says_first_how_to_load_it_from_where_it_is(scores: dict[str, Any]) -> None:
    text = card(spec(), scores, RECORD, address="alice/vae")
    assert text.index("## Use") < text.index("## Architecture") < text.index("## Metrics")
    assert 'model = aezoo.load("alice/vae")' in text
    assert "aezoo cache verify alice/vae" in text


def test_what_people_wrote_around_the_card_is_kept(scores: dict[str, Any]) -> None:
    kept = "Read **this** first.", "## Citation\n\n---\n\n<!-- mine -->"
    text = card(spec(), scores, RECORD, around=kept)
    assert around(text) == kept
    assert card(spec(), scores, RECORD, around=around(text)) == text
    assert text.index("Read **this**") < text.index("# variational-digits") < text.index("## Citation")


def test_a_card_without_markers_is_ours_or_all_of_it_a_strangers() -> None:
    assert around("---\nlicense: mit\n---\n# Mine\n\nBy hand.\n", foreign=True) == ("", "# Mine\n\nBy hand.")
    assert around("---\nlicense: mit\n---\n# Mine\n") == ("", "")
    assert around(card(spec())) == ("", "")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vanilla-digits", ["vanilla"]),
        ("variational-digits", ["variational"]),
        ("vdc-digits", ["convolutional", "variational"]),
        ("topk-digits", ["sparse"]),
        ("contractive-digits", ["contractive"]),
        (
            "denoising-sparse-convolutional-variational",
            ["denoising", "sparse", "convolutional", "variational"],
        ),
        ("conditional-digits", ["variational", "conditional"]),
        ("hierarchical-digits", ["variational", "hierarchical"]),
    ],
)
def test_families_are_told_from_the_parts(name: str, expected: list[str]) -> None:
    assert families(spec(name)) == expected
    assert set(expected) <= set(FAMILIES)


class Woven(RegularizerSpec):
    """A penalty of a family of its own."""

    type: Literal["woven"] = "woven"
    family: ClassVar[str] = "woven"


@pytest.mark.parametrize(("name", "also"), [("vanilla-digits", []), ("topk-digits", ["sparse"])])
def test_a_part_of_a_plugin_says_its_family_as_a_built_in_one_does(name: str, also: list[str]) -> None:
    penalties = {"woven": Woven.model_construct(type="woven")}
    assert families(spec(name).model_copy(update={"regularizers": penalties})) == [*also, "woven"]


def test_parts_within_parts_and_corruptions_are_told_in_words() -> None:
    text = card(spec("dae-mnist"), pictures=["reconstructions"])
    assert "residual body (conv channels 48 norm group activation silu), (conv channels 48" in text
    assert "Corruption, in training only: gaussian_noise std 0.5" in text
    assert "how they are spoilt, and what the model makes of that" in text
    assert "{" not in text.partition("## Architecture")[2]


def test_a_bundled_spec_is_trained_again_by_its_name(scores: dict[str, Any]) -> None:
    assert "to train it again, run `aezoo train vae-mnist`" in card(
        spec(), scores, {**RECORD, "command": "aezoo train vae-mnist"}
    )


@pytest.mark.parametrize("strange", [None, "ten", [1], {"a": 1}, 10**400, 1e999, True])
def test_facts_of_any_kind_make_a_card(scores: dict[str, Any], strange: Any) -> None:
    for name in scores:
        assert "## Metrics" in card(spec(), {**scores, name: strange})
    for name in RECORD:
        assert "## Training" in card(spec(), scores, {**RECORD, name: strange})
    assert "## Training" in card(spec(), scores, {"plugins": strange})


def test_a_rule_that_nothing_closes_is_a_text_like_another() -> None:
    assert around("---\nBy hand.\n", foreign=True) == ("", "---\nBy hand.")


@pytest.mark.parametrize(("steps", "shown"), [(1234, "1,234"), (2**63 - 1, f"{2**63 - 1:,}"), (2**63, str(2**63))])
def test_whole_numbers_of_64_bits_have_commas(scores: dict[str, Any], steps: int, shown: str) -> None:
    text = card(spec(), scores, {**RECORD, "steps": steps})
    assert f"{shown} steps" in text


def test_parts_are_listed_with_the_settings_that_are_no_defaults_and_corruptions_with_all() -> None:
    written = aezoo.read(
        {
            "name": "t",
            "input": [1, 8, 8],
            "encoder": ["flatten", {"type": "linear", "features": 16, "activation": "tanh"}],
            "latent": {"type": "deterministic", "dim": 4, "activation": "sigmoid"},
            "likelihood": "mse",
            "corruption": [{"type": "gaussian_noise"}],
            "regularizers": {
                "rate": {"type": "kl_sparsity", "rho": 0.1, "weight": 3.0},
                "l2": {"weight": {"type": "linear", "start": 0.0, "end": 1.0, "steps": 10}},
            },
        }
    )
    text = card(written)
    start = text.index("## Architecture")
    assert text[start : text.index("; fingerprint", start)] == (
        "## Architecture\n\n"
        "| stage | part | output | parameters |\n"
        "| :-- | :-- | --: | --: |\n"
        "| input | image | 1x8x8 |  |\n"
        "| encoder.0 | flatten | 64 |  |\n"
        "| encoder.1 | linear features 16 activation tanh | 16 | 1,040 |\n"
        "| latent | deterministic dim 4 activation sigmoid | 4 | 68 |\n"
        "| decoder.0 | linear features 16 activation tanh | 16 | 80 |\n"
        "| decoder.1 | linear features 64 activation identity | 64 | 1,088 |\n"
        "| decoder.2 | reshape shape [1, 8, 8] | 1x8x8 |  |\n"
        "| likelihood | mse | 1x8x8 |  |\n\n"
        "Regularizers: `rate` (kl_sparsity weight 3.0 rho 0.1), `l2` (l2 weight (linear steps 10)). "
        "Corruption, in training only: gaussian_noise std 0.5 clip false. 2,276 parameters in all"
    )
    assert f"fingerprint of the architecture `{written.arch[:16]}`." in text


@pytest.mark.parametrize(
    ("value", "shown"), [(999.94, "999.9"), (1000.04, "1,000.0"), (-1000.06, "-1,000.1"), (0.00012345, "0.0001234")]
)
def test_numbers_have_four_digits_or_one_after_the_point(scores: dict[str, Any], value: float, shown: str) -> None:
    text = card(spec(), {**scores, "metrics": {"squared_error": value}, "baseline": {}}, RECORD)
    assert f"| squared_error | {shown} |" in text
