"""The specs that this plugin ships, and its variants."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import aezoo

SPECS = sorted(path for path in (files("aezoo_sparse") / "specs").iterdir() if path.name.endswith(".toml"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_a_shipped_spec_reads_and_trains_for_a_few_steps(path):
    short = ["training.steps=3", "data.n=2000"]
    run = aezoo.train(aezoo.read(path, overrides=short), device="cpu")
    assert run.model.spec.name == path.name.removesuffix(".toml")
    assert run.scores.metrics.get("sparse:recovery", 0) < 1  # a transcoder has none


@pytest.mark.parametrize("name", ["topk", "batch_topk"])
def test_a_variant_makes_a_dictionary_of_any_spec(name):
    document = {
        "name": "any",
        "variants": [f"sparse:{name}"],
        "input": [1, 28, 28],
        "encoder": ["flatten"],
        "latent": {"dim": 64, "k": 4},
        "data": "digits",
        "training": {"steps": 2},
    }
    spec = aezoo.read(document)
    assert spec.latent.tag() == f"sparse:{name}"
    assert set(spec.regularizers) == {"revive"}
    assert set(spec.constraints) == {"dictionary"}
    aezoo.train(spec, device="cpu")


def test_the_threshold_is_saved_with_the_weights_and_gives_the_same_codes(dictionary, tmp_path):
    document = dictionary({"type": "sparse:batch_topk", "k": 2})
    document["training"] |= {"steps": 50}
    run = aezoo.train(document, device="cpu", out=tmp_path / "model")
    loaded = aezoo.load(tmp_path / "model")
    assert loaded.network.latent.threshold == run.model.network.latent.threshold > 0
    samples = aezoo.read(document).data.load().values[:100]
    codes = loaded.encode(samples)
    assert (codes == run.model.encode(samples)).all()
    alone = loaded.encode(samples[:1])  # a sample stands alone; products of another size round differently
    assert alone == pytest.approx(codes[:1], abs=1e-5)


def test_what_the_readme_shows_and_the_example_read_without_a_doubt():
    root = Path(__file__).parent.parent
    shown = re.findall(r"```toml\n(.*?)```", (root / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert shown
    for text in shown:
        aezoo.read(tomllib.loads(text))
    assert aezoo.read(root / "examples" / "minilm" / "minilm-batch-topk.toml").latent.tag() == "sparse:batch_topk"
