"""Fields of samples: where they come from, what is refused of them, and that batches carry those that are declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import aezoo
from aezoo.builtins.arrays import ArraysSpec
from aezoo.builtins.digits import DigitsSpec
from aezoo.builtins.generated import SpritesSpec
from aezoo.builtins.tables import TableSpec
from aezoo.data.batches import NO_FIELDS, Batch, Batches
from aezoo.data.fields import with_fields
from aezoo.data.sources import check
from aezoo.errors import DataError, SpecError, UsageError
from aezoo.spec.document import Spec
from aezoo.spec.samples import Samples

X = np.arange(12, dtype=np.float32).reshape(6, 2)
LABELS = np.array([0, 1, 2, 0, 1, 2])
SEEN = np.array([[1, 1], [0, 1], [1, 0], [1, 1], [1, 1], [1, 1]], np.uint8)


def spec_of(**written: Any) -> Spec:
    document = {"name": "drawn", "input": [2], "latent": {"type": "deterministic", "dim": 1}}
    return aezoo.read({**document, "fields": {"label": {"classes": 3}, "seen": {"shape": [2]}}, **written})


# --- where they come from -------------------------------------------------------------------------------------


def test_labels_and_factors_are_fields() -> None:
    samples = Samples(X, "mine", labels=LABELS, factors=X, fields={"seen": SEEN})
    assert set(samples.fields) == {"label", "factors", "seen"}
    assert samples.fields["label"] is LABELS
    assert samples.labels is LABELS


def test_some_of_the_samples_keep_what_goes_along() -> None:
    samples = Samples(X, "mine", labels=LABELS, names=tuple("abcdef"), fields={"seen": SEEN}).take(np.array([2, 5]))
    assert samples.names == ("c", "f")
    assert samples.fields["label"].tolist() == samples.labels.tolist() == [2, 2]  # type: ignore[union-attr]
    assert samples.fields["seen"].tolist() == [[1, 0], [1, 1]]


def test_the_bundled_sets_come_with_what_they_say() -> None:
    for part in (DigitsSpec(), SpritesSpec(n=20)):
        assert part.field_names() == set(part.load().fields)
    sprites = SpritesSpec(n=20).load().fields
    assert sprites["label"].tolist() == sprites["factors"][:, 0].tolist()


def test_other_arrays_of_a_file_are_fields_that_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, label=LABELS, words=np.array(["one"]), limit=np.float64(3))
    samples = ArraysSpec(path=str(tmp_path / "a.npz"), key="x").load()
    assert set(samples.fields) == {"label", "words", "limit"}
    assert samples.fields["label"].tolist() == LABELS.tolist()
    with pytest.raises(DataError, match="'limit' is one number, not one for each sample"):
        samples.fields["limit"]
    few = ArraysSpec(path=str(tmp_path / "a.npz"), key="x", limit=3).load()
    assert few.fields["label"].tolist() == LABELS[[0, 2, 4]].tolist()


def test_columns_of_a_table_are_fields(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,kind,b,dose\n1,cat,2,0.5\n3,dog,4,1\n5,cat,6,2\n")
    part = TableSpec(path=str(tmp_path / "a.csv"), fields={"label": "kind", "dose": "dose", "both": ("a", "dose")})
    samples = part.load()
    assert samples.values.tolist() == [[2], [4], [6]]
    assert {name: array.tolist() for name, array in samples.fields.items()} == {
        "label": [0, 1, 0],
        "dose": [0.5, 1, 2],
        "both": [[1, 0.5], [3, 1], [5, 2]],
    }
    (tmp_path / "b.csv").write_text("b\n7\n")
    assert part.at(tmp_path / "b.csv").load().values.tolist() == [[7]]


def test_numbers_of_a_column_stay_numbers_whatever_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,dose\n1,10.0\n2,9.0\n")
    samples = TableSpec(path=str(tmp_path / "a.csv"), fields={"dose": "dose"}).load()
    assert samples.fields["dose"].tolist() == [10, 9]  # as words, "10.0" would come before "9.0"


def test_gaps_become_zero_and_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,\nnan,4\n")
    np.savez(tmp_path / "a.npz", x=np.array([[1, np.nan], [np.nan, 4]], np.float32))
    for part in (
        TableSpec(path=str(tmp_path / "a.csv"), missing="mask"),
        ArraysSpec(path=str(tmp_path / "a.npz"), missing="mask"),
    ):
        samples = part.load()
        assert samples.values.tolist() == [[1, 0], [0, 4]]
        assert samples.fields["observed"].tolist() == [[1, 0], [0, 1]]


def test_without_it_a_gap_is_refused_and_the_hint_says_how_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,\n3,4\n")
    with pytest.raises(DataError) as caught:
        TableSpec(path=str(tmp_path / "a.csv")).load()
    assert "--set data.missing=mask" in str(caught.value.hint)
    with pytest.raises(DataError) as caught:
        check(Samples(np.array([[np.nan, 1.0]]), "mine"), spec_of(), fields=())
    assert 'data.missing = "mask"' in str(caught.value.hint)


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seen": SEEN}, "mine: holds no field 'label'"),
        ({"label": LABELS + 1, "seen": SEEN}, r"sample 2: field 'label': 3 is outside of \[0, 2\], as are 1 more"),
        ({"label": LABELS - 1, "seen": SEEN}, r"sample 0: field 'label': -1 is outside of \[0, 2\]"),
        ({"label": LABELS / 4, "seen": SEEN}, "sample 1: field 'label': 0.25 is no whole number"),
        ({"label": LABELS[:4], "seen": SEEN}, "field 'label': single numbers, 4 of them, for 6 samples"),
        ({"label": SEEN, "seen": SEEN}, "field 'label': 2, not single numbers"),
        ({"label": LABELS.astype(str), "seen": SEEN}, "field 'label': values are <U21"),
        ({"label": LABELS, "seen": np.where(SEEN, 1.0, np.nan)}, r"sample 1: field 'seen', position \[0\]: nan is no"),
        ({"label": LABELS, "seen": SEEN * 2}, r"sample 0: field 'seen', position \[0\]: 2 is neither 1, .*, nor 0"),
        ({"label": LABELS, "seen": SEEN * (LABELS != 1)[:, None]}, "sample 1: by field 'seen', no value of it counts"),
    ],
)
def test_what_is_not_as_declared_is_refused_by_its_sample(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check(Samples(X, "mine", fields=fields), spec_of(mask="fields.seen"))


def test_a_declared_range_holds_for_a_field() -> None:
    spec = spec_of(fields={"after": {"shape": [1], "range": [0, 1]}})
    check(Samples(X, "mine", fields={"after": np.linspace(0, 1, 6)}), spec)
    with pytest.raises(DataError, match=r"sample 5: field 'after': 1.2 is outside of \[0, 1\]"):
        check(Samples(X, "mine", fields={"after": np.linspace(0, 1.2, 6)}), spec)


def test_a_class_is_unknown_only_where_the_field_says_so() -> None:
    samples = Samples(X, "mine", labels=np.array([0, -1, 2, 0, 1, 2]))
    check(samples, spec_of(fields={"label": {"classes": 3, "missing": True}}))
    with pytest.raises(DataError, match=r"sample 1: field 'label': -1 is outside of \[0, 2\]"):
        check(samples, spec_of(fields={"label": {"classes": 3}}))
    with pytest.raises(DataError, match=r"-2 is outside of \[-1, 2\]"):
        check(Samples(X, "mine", labels=LABELS - 2), spec_of(fields={"label": {"classes": 3, "missing": True}}))
    with pytest.raises(SpecError, match="only a class may be missing"):
        spec_of(fields={"after": {"shape": [2], "missing": True}})


@pytest.mark.parametrize("kept", [1, 10, 100, 103])
def test_digits_keep_as_many_labels_as_are_asked_for_evenly_over_the_classes(kept: int) -> None:
    whole, some = DigitsSpec().load(), DigitsSpec(labels=kept).load(seed=3)
    train, given = some.splits["train"], some.fields["label"]
    known = train[given[train] >= 0]
    assert len(known) == kept
    assert (given[known] == whole.fields["label"][known]).all()
    counts = np.bincount(given[known], minlength=10)
    assert counts.max() - counts.min() <= 1
    assert (given[8000:] == whole.fields["label"][8000:]).all()
    assert (DigitsSpec(labels=kept).load(seed=3).fields["label"] == given).all()
    assert (DigitsSpec(labels=kept).load(seed=4).fields["label"] != given).any()


def test_hidden_labels_want_a_field_that_may_be_missing() -> None:
    document = {"input": [1, 28, 28], "encoder": [{"type": "flatten"}], "data": {"type": "digits", "labels": 100}}
    spec_of(**document, fields={"label": {"classes": 10, "missing": True}})
    with pytest.raises(SpecError, match=r"data\.labels: .*the field 'label' says nothing of that"):
        spec_of(**document, fields={"label": {"classes": 10}})


def test_fields_that_are_not_needed_are_not_asked_for() -> None:
    check(Samples(X, "mine"), spec_of(), fields=())


def test_a_call_gives_one_value_for_all_or_one_for_each() -> None:
    spec, samples = spec_of(), Samples(X, "mine", labels=LABELS)
    assert with_fields(samples, None, spec) is samples
    given = with_fields(samples, {"label": 2, "seen": torch.tensor([0.0, 1.0])}, spec)
    assert given.fields["label"].tolist() == [2] * 6  # in place of the samples' own
    assert given.fields["seen"].tolist() == [[0, 1]] * 6
    assert with_fields(samples, {"label": LABELS}, spec).fields["label"] is LABELS
    with pytest.raises(DataError, match="field 'label' is 4, for 6 samples"):
        with_fields(samples, {"label": LABELS[:4]}, spec)
    with pytest.raises(UsageError, match="has no field 'labels'") as caught:
        with_fields(samples, {"labels": 1}, spec)
    assert caught.value.hint == "did you mean 'label'?"


# --- batches -----------------------------------------------------------------------------------------------------


@given(batch_size=st.integers(1, 7), seed=st.integers(0, 3), rows=st.sampled_from([None, [1, 2, 3], [0, 2, 5]]))
def test_a_batch_holds_the_fields_of_its_samples(batch_size: int, seed: int, rows: list[int] | None) -> None:
    samples = Samples(X, "mine", labels=LABELS, fields={"seen": SEEN, "unused": X})
    batches = Batches(samples, spec_of(), None if rows is None else np.array(rows))
    for batch in (*batches.epoch(1, batch_size, seed), *batches.sequential(batch_size), batches.head(2)):
        numbers = (batch.x[:, 0] / 2).int().tolist()
        assert batch.fields.keys() == {"label", "seen"}
        assert batch.fields["label"].tolist() == LABELS[numbers].tolist()
        assert batch.fields["seen"].tolist() == SEEN[numbers].tolist()
        assert (batch.fields["label"].dtype, batch.fields["seen"].dtype) == (torch.int64, torch.float32)


def test_fields_of_a_mapped_file_follow_its_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    values = ArraysSpec(path=str(tmp_path / "a.npy")).load().values
    samples = Samples(values, "mine", labels=LABELS, fields={"seen": SEEN})
    (batch,) = Batches(samples, spec_of(), np.array([1, 3, 5])).sequential(3)
    assert batch.x.tolist() == X[[1, 3, 5]].tolist()
    assert batch.fields["label"].tolist() == [1, 0, 2]


def test_without_fields_a_batch_makes_no_mapping_of_its_own() -> None:
    batches = Batches(Samples(X, "mine", labels=LABELS), spec_of(fields={}))
    assert all(batch.fields is NO_FIELDS for batch in (*batches.epoch(0, 2, 0), *batches.sequential(4)))


def test_a_batch_is_cut_with_its_fields() -> None:
    parts = list(Batch(torch.arange(5.0), {"label": torch.arange(5)}).cut(2))
    assert [(part.x.tolist(), part.fields["label"].tolist()) for part in parts] == [
        ([0, 1], [0, 1]),
        ([2, 3], [2, 3]),
        ([4], [4]),
    ]


def test_training_takes_fields_as_the_data_would_hold_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, label = rng.normal(size=(60, 2)).astype(np.float32), rng.integers(0, 3, 60)
    spec = spec_of(
        fields={"label": {"classes": 3}},
        decoder=[
            {"type": "join", "reads": "fields.label"},
            {"type": "linear", "features": 2, "activation": "identity"},
        ],
        training={"steps": 5},
    )
    np.savez(tmp_path / "x.npz", x=x, label=label)
    given = aezoo.train(spec, x, fields={"label": label}, device="cpu")
    held = aezoo.train(spec, ArraysSpec(path=str(tmp_path / "x.npz"), key="x"), device="cpu")
    assert given.scores is not None
    assert held.scores is not None
    assert given.scores.metrics == held.scores.metrics
    with pytest.raises(DataError, match="holds no field 'label'"):
        aezoo.train(spec, x, device="cpu")
    with pytest.raises(UsageError, match="has no field 'labels'"):
        aezoo.train(spec, x, fields={"labels": label}, device="cpu")


def test_fields_without_names_are_refused_with_what_to_write() -> None:
    for values in (np.arange(6), [1, 2], 1):
        with pytest.raises(UsageError, match="fields are a ") as caught:
            with_fields(Samples(X, "mine"), values, spec_of())  # type: ignore[arg-type]
        assert caught.value.hint == "pass a dict by name: fields={'label': ...}"


def test_a_hint_says_how_classes_are_numbered() -> None:
    spec = spec_of()
    with pytest.raises(DataError) as caught:
        check(Samples(X, "mine", labels=LABELS + 1, fields={"seen": SEEN}), spec)
    assert caught.value.hint.endswith("; 3 classes are numbered from 0 to 2")
    with pytest.raises(DataError) as caught:
        check(Samples(X, "mine", fields={"seen": SEEN}), spec)
    assert "--field label=... (a class, from 0 to 2); the data's fields: seen" in caught.value.hint
