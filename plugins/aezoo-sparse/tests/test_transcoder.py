"""Transcoders: a code of what goes into a layer, decoded to what comes out of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aezoo
from aezoo.errors import SpecError

Document = dict[str, Any]


@pytest.fixture
def transcoder(dictionary: Callable[..., Document]) -> Callable[..., Document]:
    """Specs of a linear layer from 16 to 8 numbers; called with the latent's settings."""

    def make(outputs: int = 8, **latent: Any) -> Document:
        latent = {"type": "sparse:relu", "dim": 16, "start": "random"} | latent
        document = dictionary(latent, constraints={})
        document["data"] |= {"outputs": outputs, "test": 0.1}
        return document | {"fields": {"after": {"shape": [outputs]}}, "target": "fields.after"}

    return make


# Two units for each of 16 directions, one for each sign, are all of a linear map. Where two of 64 may be active, some
# runs end beside the optimum.
@pytest.mark.parametrize(
    ("latent", "unexplained"),
    [({"dim": 64}, 1e-3), ({"type": "sparse:topk", "dim": 64, "k": 2}, 0.02)],
    ids=["relu", "topk"],
)
def test_a_wide_enough_transcoder_does_what_the_layer_does(
    transcoder: Callable[..., Document], tmp_path: Path, latent: Document, unexplained: float
) -> None:
    document = transcoder(**latent)
    run = aezoo.train(document, device="cpu", out=tmp_path / "model")
    scores = run.scores.metrics
    assert scores["fvu"] < unexplained
    assert scores["sparse:explained_variance"] == pytest.approx(1 - scores["fvu"])
    assert "sparse:recovery" not in scores

    loaded = aezoo.load(tmp_path / "model", device="cpu")
    data = aezoo.read(document).data
    samples = data.load()
    after = samples.values.astype(np.float64) @ data.layer().T
    np.testing.assert_allclose(samples.fields["after"], after, rtol=1e-4, atol=1e-5)
    given = loaded.reconstruct(samples.values)
    assert given.shape == after.shape
    by_hand = np.square(given - after).sum() / np.square(after - after.mean(0)).sum()
    whole = aezoo.evaluate(loaded, samples, split="all").metrics["fvu"]
    assert whole == pytest.approx(by_hand, rel=1e-3)
    np.testing.assert_array_equal(
        loaded.decode(loaded.encode(samples.values[:50])), loaded.reconstruct(samples.values[:50])
    )
    assert "| fvu |" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("outputs", [8, 16])
def test_directions_of_the_target_are_none_to_read_the_input_along(
    transcoder: Callable[..., Document], outputs: int
) -> None:
    with pytest.raises(SpecError, match=r"directions of fields\.after") as caught:
        aezoo.read(transcoder(outputs, start="transposed"))
    assert caught.value.faults[0].hint == 'start = "random"'
    aezoo.read(transcoder(outputs))


def test_directions_of_the_target_are_not_compared_with_those_of_the_samples(
    transcoder: Callable[..., Document],
) -> None:
    with pytest.raises(SpecError, match="means nothing"):
        aezoo.read(transcoder(16) | {"metrics": ["sparse:recovery"]})


def test_a_dictionary_has_no_layer_unless_said(dictionary: Callable[..., Document]) -> None:
    document = dictionary({"type": "sparse:topk", "k": 2})
    assert "after" not in aezoo.read(document).data.load().fields
    with pytest.raises(SpecError, match="gives no field 'after'"):
        aezoo.read(document | {"fields": {"after": {"shape": [8]}}})
