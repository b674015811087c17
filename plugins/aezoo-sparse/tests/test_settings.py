"""What the declarations take, what they are unless said, and what they hand to the modules."""

from __future__ import annotations

import math
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import aezoo_sparse
import pytest
import torch
from aezoo_sparse import dictionary
from aezoo_sparse.dictionary import DictionarySpec
from aezoo_sparse.latents import BatchTopKSpec, GatedSpec, JumpReLUSpec, ReLUSpec, TopKSpec
from aezoo_sparse.metrics import L0Spec as L0Metric
from aezoo_sparse.terms import AuxKSpec, L0Spec, MatryoshkaSpec
from pydantic import ValidationError

LATENTS = [
    (ReLUSpec, {}),
    (TopKSpec, {"k": 2}),
    (BatchTopKSpec, {"k": 2}),
    (JumpReLUSpec, {}),
    (GatedSpec, {}),
]


@pytest.mark.parametrize(
    ("part", "field", "kept", "refused"),
    [
        (TopKSpec, "k", 1, 0),
        (TopKSpec, "k", 4, 5),
        (BatchTopKSpec, "k", 1, 0),
        (BatchTopKSpec, "k", 4, 5),
        (BatchTopKSpec, "momentum", 0.0, -0.1),
        (BatchTopKSpec, "momentum", 0.9999, 1.0),
        (JumpReLUSpec, "threshold", 1e-6, 0.0),
        (JumpReLUSpec, "bandwidth", 1e-6, 0.0),
        (AuxKSpec, "k", 1, 0),
        (AuxKSpec, "after", 1, 0),
        (L0Spec, "target", 0.1, 0.0),
        (DictionarySpec, "n", 1, 0),
        (DictionarySpec, "features", 1, 0),
        (DictionarySpec, "active", 1, 0),
    ],
)
def test_a_field_takes_the_end_of_its_range_and_nothing_beyond(part: Any, field: str, kept: Any, refused: Any) -> None:
    others = {TopKSpec: {"dim": 4}, BatchTopKSpec: {"dim": 4, "k": 2}, JumpReLUSpec: {"dim": 4}}.get(part, {})
    assert getattr(part(**{**others, field: kept}), field) == kept
    with pytest.raises(ValidationError):
        part(**{**others, field: refused})


def test_unless_said_fields_are_those_of_the_papers() -> None:
    assert BatchTopKSpec(dim=4, k=2).momentum == 0.999
    assert (JumpReLUSpec(dim=4).threshold, JumpReLUSpec(dim=4).bandwidth) == (0.05, 0.05)
    assert (AuxKSpec().k, AuxKSpec().after, AuxKSpec().relative) == (None, 10_000_000, True)
    assert L0Spec().target is None
    made = DictionarySpec()
    assert (made.n, made.features, made.atoms, made.active) == (100_000, 64, 128, 5)
    assert (made.exact, made.orthonormal, made.coefficients) == (False, False, (0.5, 1.5))


@pytest.mark.parametrize(("part", "settings"), LATENTS, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("start", ["transposed", "random"])
def test_a_latent_is_built_as_it_is_declared(part: Any, settings: dict[str, Any], center: bool, start: str) -> None:
    declared = part(dim=4, center=center, start=start, **settings)
    built = declared.build((2, 3))
    assert (built.project.in_features, built.project.out_features) == (6, 4)
    assert (built.center is not None) is center
    assert built.coupled is (start == "transposed")
    assert sum(value.numel() for value in built.parameters()) == declared.parameters((2, 3))
    assert declared.code_shape((2, 3)) == (4,)


@pytest.mark.parametrize("part", [part for part, _ in LATENTS])
def test_codes_are_centred_and_start_from_the_decoder_unless_said(part: Any) -> None:
    declared = part(dim=4, **({"k": 2} if "TopK" in part.__name__ else {}))
    assert (declared.center, declared.start) == (True, "transposed")


def test_what_a_latent_selects_by_is_handed_on() -> None:
    assert TopKSpec(dim=4, k=3).build((2,)).k == 3
    batch = BatchTopKSpec(dim=4, k=3, momentum=0.5).build((2,))
    assert (batch.k, batch.momentum) == (3, 0.5)
    jump = JumpReLUSpec(dim=4, threshold=0.25, bandwidth=0.125).build((2,))
    torch.testing.assert_close(jump.log_threshold, torch.full((4,), math.log(0.25)))
    assert jump.bandwidth == 0.125


def test_every_module_announces_the_parts_that_it_has() -> None:
    for module in aezoo_sparse.aezoo_components():
        parts = import_module(module.module).COMPONENTS
        assert module.announced == {(part.kind, part.model_fields["type"].default) for part in parts}


def test_how_a_set_is_cut_into_chunks_is_part_of_what_its_seed_means() -> None:
    assert dictionary.CHUNK == 2**14


@pytest.mark.parametrize(
    ("provides", "activation", "applies"),
    [
        ({"pre"}, None, True),
        ({"pre"}, "relu", True),
        ({"pre"}, "tanh", False),
        (set(), None, False),
        (set(), "relu", False),
    ],
)
def test_active_values_are_counted_of_codes_that_can_be_zero(
    provides: set[str], activation: Any, applies: bool
) -> None:
    latent = SimpleNamespace(provides=provides, **({"activation": activation} if activation else {}))
    assert L0Metric.applies(SimpleNamespace(latent=latent)) is applies  # type: ignore[arg-type]


def test_prefixes_are_at_least_one_and_the_longest_is_within_the_code() -> None:
    assert MatryoshkaSpec(prefixes=[1]).prefixes == (1,)
    with pytest.raises(ValidationError):
        MatryoshkaSpec(prefixes=[])
    with pytest.raises(ValidationError, match="widths from 1"):
        MatryoshkaSpec(prefixes=[0, 2])
    nested = MatryoshkaSpec(prefixes=[2, 8])
    assert list(nested.remarks(SimpleNamespace(code_shape=(9,)))) == []  # type: ignore[arg-type]
    (remark,) = nested.remarks(SimpleNamespace(code_shape=(8,)))  # type: ignore[arg-type]
    assert remark.message == "a prefix of 8 is not shorter than a code of 8 units"
    assert (remark.hint, remark.at) == ("take smaller ones: the whole code is always reconstructed", "prefixes")
    (remark,) = nested.remarks(SimpleNamespace(code_shape=(9, 2)))  # type: ignore[arg-type]
    assert remark.message == "prefixes need a flat code; this one has 2 axes"


def test_how_dead_units_are_revived_is_handed_on() -> None:
    term = AuxKSpec(k=3, after=7, relative=False).build((6,))
    assert (term.k, term.after, term.relative) == (3, 7, False)
    assert AuxKSpec().build((6,)).relative is True
