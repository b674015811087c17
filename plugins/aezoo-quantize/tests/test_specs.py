"""Specs with discrete codes: what is refused, what is doubted, what they declare."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from aezoo_quantize.latents import FSQSpec, LFQSpec, QuantizedSpec, ResidualVQSpec, VQSpec
from hypothesis import HealthCheck, given, settings

import aezoo
from aezoo.errors import SpecError
from aezoo.reading.reader import check
from aezoo.testing import specs

SHIPPED = sorted(Path(str(files("aezoo_quantize"))).glob("specs/*.toml"))
COMMITMENT = {"commitment": {"type": "quantize:commitment", "weight": 0.25}}


def spec(latent: dict[str, Any], **changes: Any) -> dict[str, Any]:
    grid = {"type": "conv", "channels": 4, "stride": 2}
    return {
        "name": "tiny",
        "input": [1, 8, 8],
        "encoder": [grid],
        "latent": latent,
        "regularizers": COMMITMENT,
        **changes,
    }


def vq(**changes: Any) -> dict[str, Any]:
    return {"type": "quantize:vq", "dim": 3, "codes": 5, "layout": "spatial", **changes}


def doubts(document: dict[str, Any]) -> list[str]:
    return [f"{fault.code} {'.'.join(map(str, fault.path))}: {fault.message}" for fault in check(document)[1]]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_spec_reads_without_a_doubt_and_builds(path: Path) -> None:
    read, lints = check(path)
    assert lints == []
    network = aezoo.build(read).network
    assert sum(p.numel() for p in network.parameters()) == read.parameters


def test_checking_a_spec_imports_no_torch() -> None:
    code = f"import aezoo, sys; aezoo.read({str(SHIPPED[0])!r}).taps; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_taps_have_the_shapes_of_the_grid() -> None:
    read = aezoo.read(spec({"type": "quantize:residual_vq", "dim": 3, "codes": 5, "depth": 2, "layout": "spatial"}))
    assert read.taps["latent"] == (3, 4, 4)
    assert read.taps["indices"] == (2, 4, 4)
    assert aezoo.read(spec(vq(layout="flat"))).taps["indices"] == ()


@pytest.mark.parametrize("part", [VQSpec, ResidualVQSpec, FSQSpec, LFQSpec])
def test_any_spec_with_the_latent_builds_and_its_indices_lead_back(part: type[QuantizedSpec]) -> None:
    @settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(document=specs(containing=part))
    def holds(document: dict[str, Any]) -> None:
        model = aezoo.build(check(document)[0])
        network = model.network.eval()
        code = network.encode(torch.rand(3, *model.spec.input.shape, dtype=model.dtype))
        assert code.indices.shape[1:] == model.spec.taps["indices"]
        assert 0 <= code.indices.min() <= code.indices.max() < model.spec.latent.alphabet()
        torch.testing.assert_close(network.embed(code.indices), code.z)

    holds()


def test_a_term_on_the_indices_is_refused() -> None:
    with pytest.raises(SpecError, match=r"AZ502.*'indices' are names of codes"):
        aezoo.read(spec(vq(), regularizers={**COMMITMENT, "l1": {"on": "indices"}}))


def test_without_a_commitment_the_latent_is_doubted() -> None:
    assert doubts(spec(vq(), regularizers={})) == [
        "AZ505 latent: no term `commitment`: vectors may move away from their codes"
    ]


def test_a_codebook_that_nothing_moves_is_doubted() -> None:
    assert doubts(spec(vq(update="loss"))) == ["AZ505 latent.update: no term `codebook`: nothing moves the codes"]


def test_a_gradient_that_reaches_no_code_is_doubted() -> None:
    terms = {**COMMITMENT, "codebook": {"type": "quantize:codebook"}}
    message = "AZ505 regularizers.codebook: running means move the codes: this term has no gradient"
    assert doubts(spec(vq(), regularizers=terms)) == [message]


def test_signs_without_their_entropy_are_doubted() -> None:
    message = "AZ505 latent: no term `entropy`: nothing keeps signs certain and codes in use"
    assert doubts(spec({"type": "quantize:lfq", "dim": 4}, regularizers={})) == [message]


def test_an_entropy_of_a_codebook_is_refused() -> None:
    with pytest.raises(SpecError, match=r"AZ501.*needs logits"):
        aezoo.read(spec(vq(), regularizers={**COMMITMENT, "entropy": {"type": "quantize:entropy"}}))


def test_a_grid_of_codes_wants_a_grid_of_features() -> None:
    with pytest.raises(SpecError, match="AZ402"):
        aezoo.read(spec(vq(), encoder=[{"type": "flatten"}]))


def test_the_levels_say_the_width() -> None:
    assert aezoo.read(spec({"type": "quantize:fsq", "levels": [8, 5, 5]}, regularizers={})).latent.dim == 3
    with pytest.raises(SpecError, match="dim = 2 for 3 levels"):
        aezoo.read(spec({"type": "quantize:fsq", "levels": [8, 5, 5], "dim": 2}, regularizers={}))


@pytest.mark.parametrize(
    ("levels", "message"), [([5, 1], r"levels\[1\]"), ([1024, 1024, 2], "they make 2,097,152 codes"), ([], "levels")]
)
def test_levels_that_make_no_code_or_too_many_are_refused(levels: list[int], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        aezoo.read(spec({"type": "quantize:fsq", "levels": levels}, regularizers={}))


def test_a_codebook_that_a_loss_moves_is_counted_among_the_weights() -> None:
    loss, ema = (check(spec(vq(update=update)))[0] for update in ("loss", "ema"))
    assert loss.parameters - ema.parameters == 3 * 5
