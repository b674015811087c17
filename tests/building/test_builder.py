"""From a spec to a model: what only the built network can say."""

from __future__ import annotations

from typing import Any

import pytest

import aezoo
from aezoo.errors import SpecError


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"latent": {"type": "gaussian", "dim": 3}, "regularizers": {"kl": {}}}, "not each other's transposes"),
        ({"likelihood": {"type": "gaussian", "variance": "per_value"}}, "not each other's transposes"),
        ({"input": [2, 8], "encoder": [{"type": "recurrent", "features": 8}, {"type": "flatten"}]}, "AZ407"),
    ],
)
def test_a_decoder_that_cannot_be_tied_is_refused_in_its_place(parts: dict[str, Any], message: str) -> None:
    spec = {
        "name": "t",
        "input": [8],
        "encoder": [{"type": "linear", "features": 6}],
        "latent": {"type": "deterministic", "dim": 3},
        "decoder": {"tied": True},
    }
    with pytest.raises(SpecError, match=message) as caught:
        aezoo.build({**spec, **parts})
    assert caught.value.faults[0].path == ("decoder", "tied")
