"""What the declarations take, what they are unless said, and what they hand to the modules."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import aezoo_quantize
import pytest
from aezoo_quantize.codebook import Codebook
from aezoo_quantize.latents import FSQSpec, LFQSpec, ResidualVQSpec, VQSpec
from aezoo_quantize.metrics import PerplexitySpec, UsageSpec
from aezoo_quantize.regularizers import CodebookTermSpec, CommitmentSpec, EntropySpec
from pydantic import ValidationError

from aezoo.plugin import Affine, ConstantSpec

NEEDED: dict[Any, dict[str, Any]] = {
    VQSpec: {"dim": 3, "codes": 5},
    ResidualVQSpec: {"dim": 3, "codes": 5, "depth": 2},
    FSQSpec: {"levels": [4, 3]},
    LFQSpec: {"dim": 3},
    EntropySpec: {},
}


@pytest.mark.parametrize(
    ("part", "field", "kept", "refused"),
    [
        (VQSpec, "codes", 2, 1),
        (VQSpec, "codes", 2**20, 2**20 + 1),
        (VQSpec, "decay", 0.001, 0.0),
        (VQSpec, "decay", 0.999, 1.0),
        (VQSpec, "restart", 0.0, -0.1),
        (VQSpec, "restart", 0.999, 1.0),
        (ResidualVQSpec, "depth", 1, 0),
        (ResidualVQSpec, "depth", 64, 65),
        (ResidualVQSpec, "dropout", 0.0, -0.1),
        (ResidualVQSpec, "dropout", 1.0, 1.1),
        (FSQSpec, "levels", (2,), (1,)),
        (FSQSpec, "levels", (2,) * 20, (2,) * 21),
        (FSQSpec, "levels", (2,), ()),
        (FSQSpec, "dim", 2, 1),
        (LFQSpec, "dim", 1, 0),
        (LFQSpec, "dim", 20, 21),
        (LFQSpec, "temperature", ConstantSpec(value=0.001), ConstantSpec(value=0.0)),
        (EntropySpec, "gamma", 0.0, -0.1),
    ],
)
def test_a_field_takes_the_end_of_its_range_and_nothing_beyond(part: Any, field: str, kept: Any, refused: Any) -> None:
    assert getattr(part(**{**NEEDED[part], field: kept}), field) == kept
    with pytest.raises(ValidationError):
        part(**{**NEEDED[part], field: refused})


def test_unless_said_fields_are_those_of_the_papers() -> None:
    book = VQSpec(**NEEDED[VQSpec])
    assert (book.layout, book.update, book.decay) == ("flat", "ema", 0.99)
    assert (book.start, book.restart, book.cosine) == ("kmeans", 0.1, False)
    assert ResidualVQSpec(**NEEDED[ResidualVQSpec]).dropout == 0.0
    assert LFQSpec(dim=3).temperature.constant == 1.0
    assert EntropySpec().gamma == 1.0
    assert FSQSpec(levels=[4, 3]).dim == 2


@pytest.mark.parametrize(
    ("latent", "books"),
    [
        (VQSpec(dim=3, codes=5, update="loss"), 1),
        (ResidualVQSpec(dim=3, codes=5, depth=2, update="loss"), 2),
        (VQSpec(dim=3, codes=5), 0),
        (ResidualVQSpec(dim=3, codes=5, depth=2), 0),
    ],
    ids=lambda value: getattr(value, "update", value),
)
def test_a_codebook_that_a_loss_moves_is_a_map_and_has_weights(latent: Any, books: int) -> None:
    assert latent.maps((4, 2)) == (Affine(8, 3, ()), *[Affine(5, 3)] * books)
    assert latent.parameters((4, 2)) == 8 * 3 + 3 + books * 5 * 3
    assert sum(value.numel() for value in latent.build((4, 2)).parameters()) == latent.parameters((4, 2))


def test_a_grid_of_codes_has_a_map_of_each_place_alone() -> None:
    spatial = VQSpec(dim=3, codes=5, layout="spatial")
    assert spatial.maps((4, 2, 6)) == (Affine(4, 3, (1, 1)),)
    assert spatial.parameters((4, 2, 6)) == 4 * 3 + 3
    assert (spatial.code_shape((4, 2, 6)), spatial.tap_shape("indices", (4, 2, 6))) == ((3, 2, 6), (2, 6))


def test_codebooks_and_alphabets_are_counted() -> None:
    assert (VQSpec(dim=3, codes=5).codebooks, VQSpec(dim=3, codes=5).alphabet()) == (1, 5)
    deep = ResidualVQSpec(dim=3, codes=5, depth=4)
    assert (deep.codebooks, deep.alphabet(), deep.tap_shape("indices", (8,))) == (4, 5, (4,))
    assert deep.tap_shape("pre", (8,)) == (3,)
    assert FSQSpec(levels=[4, 3, 5]).alphabet() == 60
    assert LFQSpec(dim=7).alphabet() == 128


def test_what_a_codebook_is_declared_to_do_is_handed_on() -> None:
    book = VQSpec(dim=3, codes=5, update="loss", decay=0.5, start="uniform", restart=0.25, cosine=True).codebook(
        cosine=True
    )
    assert (book.learned, book.decay, book.restart, book.cosine) == (True, 0.5, 0.25, True)
    book = VQSpec(dim=3, codes=5).codebook()
    assert (book.learned, book.decay, book.restart, book.cosine) == (False, 0.99, 0.1, False)
    starts = [VQSpec(dim=3, codes=5, start=start).codebook().started.item() for start in ("kmeans", "uniform")]
    assert starts == [False, True]
    assert LFQSpec(dim=3, temperature=0.5).build((8,)).temperature == 0.5


def test_every_module_announces_the_parts_that_it_has() -> None:
    for module in aezoo_quantize.aezoo_components():
        parts = import_module(module.module).COMPONENTS
        assert module.announced == {(part.kind, part.model_fields["type"].default) for part in parts}


def test_a_book_made_by_hand_has_the_settings_of_a_declared_one() -> None:
    book = Codebook(4, 2)
    assert (book.learned, book.decay, book.restart, book.cosine) == (False, 0.99, 0.1, False)
    assert not book.started.item()


@pytest.mark.parametrize(("part", "books"), [(VQSpec, 1), (ResidualVQSpec, 2)])
def test_codes_are_counted_for_each_codebook(part: Any, books: int) -> None:
    spec: Any = SimpleNamespace(latent=part(**NEEDED[part]))
    for metric in (PerplexitySpec(), UsageSpec()):
        built = metric.build(spec)
        assert built.counts.shape == (books, 5)
        assert metric.better == "higher"


@pytest.mark.parametrize("term", [CommitmentSpec, CodebookTermSpec, EntropySpec])
def test_a_term_of_codes_refuses_another_tap_and_names_the_field(term: Any) -> None:
    (remark,) = term(on="encoder.0").remarks(SimpleNamespace(latent=SimpleNamespace(update="loss")))
    assert remark.message == f"{term.tag()} reads the latent alone, got on = 'encoder.0'"
    assert (remark.hint, remark.at) == ("leave 'on' out", "on")


def test_the_dropout_of_depth_that_is_declared_is_that_of_the_module() -> None:
    assert ResidualVQSpec(dim=3, codes=5, depth=2, dropout=0.25).build((4,)).dropout == 0.25
    assert ResidualVQSpec(dim=3, codes=5, depth=2).build((4,)).dropout == 0.0
