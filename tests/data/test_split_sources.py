"""Splits with a source of their own: which samples each split has, how they are read, and what is refused."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import aezoo
from aezoo.data.batches import Batches
from aezoo.data.fingerprint import fingerprint
from aezoo.data.sources import check, open_samples, restated, source_of
from aezoo.data.splits import split
from aezoo.errors import DataError, DataWarning, NotFound, SpecError, UsageError
from aezoo.training.states.resuming import Request, _noted_data

TINY = {
    "name": "tiny",
    "encoder": [{"type": "flatten"}, {"type": "linear", "features": 2}],
    "latent": {"type": "deterministic", "dim": 1},
    "training": {"epochs": 1, "batch_size": 8},
}


def spec_of(data, shape=(2,), **more):
    return aezoo.read({**TINY, "input": list(shape), "data": data, **more})


def opened(spec):
    samples = open_samples(None, spec)
    check(samples, spec)
    return samples, split(samples, spec.data, spec.training.seed)


def values_of(samples, spec, rows):
    """What a run gathers of these rows."""
    return np.concatenate([batch.x.numpy() for batch in Batches(samples, spec, rows).sequential(3)])


@pytest.fixture
def tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = "".join(f"{row + 2},{-row},{'ab'[row % 2]}\n" for row in range(20))
    Path("train.csv").write_text("x,y,kind\n" + lines)
    Path("test.csv").write_text("kind,y,x\nb,-100,100\na,-101,101\nb,-102,102\n")
    Path("more.csv").write_text("y,x\n-200,200\n")
    return {"type": "table", "path": "train.csv", "label": "kind"}


def test_a_source_of_the_test_is_the_test_split_and_the_shares_are_of_the_training_data(tables):
    spec = spec_of({**tables, "validation": 0.2, "test": {"path": "test.csv"}})
    samples, rows = opened(spec)
    assert {name: len(part) for name, part in rows.items()} == {"train": 16, "validation": 4, "test": 3}
    assert sorted(samples.values[np.concatenate([rows["train"], rows["validation"]])][:, 0]) == [*range(2, 22)]
    # By the names of columns, in whichever order the other file has them; by the words that the training data know.
    assert values_of(samples, spec, rows["test"]).tolist() == [[100, -100], [101, -101], [102, -102]]
    assert samples.fields["label"][rows["test"]].tolist() == [1, 0, 1]
    # The share is drawn as it is of the training data alone.
    alone = spec_of({**tables, "validation": 0.2, "test": 0.0})
    assert rows["validation"].tolist() == opened(alone)[1]["validation"].tolist()


def test_both_may_have_a_source_and_one_may_lack_the_label(tables):
    spec = spec_of({**tables, "validation": {"path": "more.csv"}, "test": {"path": "test.csv"}})
    samples, rows = opened(spec)
    assert {name: len(part) for name, part in rows.items()} == {"train": 20, "validation": 1, "test": 3}
    assert samples.values[rows["validation"]].tolist() == [[200, -200]]
    assert "label" not in samples.fields  # not all of them have it
    with pytest.raises(DataError, match="holds no field 'label'"):
        opened(spec_of({**tables, "test": {"path": "more.csv"}}, fields={"label": {"classes": 2}}))


def test_samples_are_called_by_their_own_file(tables):
    Path("bad.csv").write_text("x,y,kind\n1,1,a\n7,1,a\n")
    spec = spec_of({**tables, "path": "bad.csv", "test": {"path": "test.csv"}}, input={"shape": [2], "range": [-50, 9]})
    with pytest.raises(DataError, match=r"^test\.csv: sample 0, position"):
        opened(spec)
    samples, _ = opened(spec_of({**tables, "test": {"path": "test.csv"}}))
    assert samples.title == "train.csv, test.csv"
    assert samples.where(21) == "test.csv: sample 1"
    assert samples.where(19) == "train.csv: sample 19"
    scores = aezoo.evaluate(aezoo.build(spec_of({**tables, "test": {"path": "test.csv"}})))
    assert (scores.dataset, scores.n) == ("test.csv", 3)


def test_settings_that_are_not_said_are_those_of_the_training_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("x;y\n1,5;2\n" * 1 + "2,5;3\n3;4\n")
    Path("b.csv").write_text("x\ty\n7,5\t8\n")
    data = {"type": "table", "path": "a.csv", "delimiter": ";", "decimal": ",", "validation": 0.0, "limit": 2}
    spec = spec_of({**data, "test": {"path": "b.csv", "delimiter": "\t"}})
    samples, rows = opened(spec)
    assert samples.values[rows["test"]].tolist() == [[7.5, 8]]
    assert len(rows["train"]) == 2  # of the training data a part is taken, of the test all


@pytest.mark.parametrize("sources", [{"test": "owl dog"}, {"validation": "fox owl", "test": "fox cat dog elk"}])
def test_a_word_has_one_number_in_all_sources_whether_or_not_a_model_keeps_it(tmp_path, sources):
    def written(name, words):
        path = tmp_path / f"{name}.csv"
        path.write_text("x,y,kind\n" + "".join(f"0.5,{-row * 2},{word}\n" for row, word in enumerate(words.split())))
        return str(path)

    held = {name: {"path": written(name, words)} for name, words in sources.items()}
    train = "cat dog owl"  # each word once: these could be names, and no model keeps them
    data = {"type": "table", "path": written("train", train), "label": "kind", "validation": 0.0, "test": 0.0}
    samples, _ = opened(spec_of({**data, **held}))
    assert samples.settings["categories"] is None
    numbers = {"cat": 0, "dog": 1, "owl": 2, "fox": 3, "elk": 4}
    words = " ".join([train, *sources.values()]).split()
    assert samples.fields["label"][:].tolist() == [numbers[word] for word in words]
    assert samples.class_names["label"] == tuple(word for word in numbers if word in words)


def test_what_a_split_lacks_or_says_of_itself_is_nothing_that_a_model_keeps(tables):
    # One source has no label, and another words of its own; the model keeps those of the training data.
    Path("test.csv").write_text("x,y,kind\n1.5,2,c\n")
    samples, _ = opened(spec_of({**tables, "validation": {"path": "more.csv"}, "test": {"path": "test.csv"}}))
    assert samples.settings["categories"] == {"kind": ("a", "b")}


def test_sub_folders_have_one_number_in_all_sources(tmp_path):
    for name, folders in (("train", "ab"), ("more", "bd"), ("test", "dcab")):
        for folder in folders:
            (tmp_path / name / folder).mkdir(parents=True)
            Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name / folder / "1.png")
    held = {name: {"path": str(tmp_path / path)} for name, path in (("validation", "more"), ("test", "test"))}
    samples, _ = opened(spec_of({"type": "images", "path": str(tmp_path / "train"), **held}, (1, 4, 4)))
    assert samples.fields["label"][:].tolist() == [0, 1, 1, 2, 0, 1, 3, 2]
    assert samples.settings["classes"] == ("a", "b")


def test_words_for_whole_numbers_are_refused_and_numbers_among_words_are_words(tmp_path):
    for name, labels in (("numbers", "123"), ("words", "12u"), ("more", "21")):
        lines = "".join(f"0.5,{-row * 2},{label}\n" for row, label in enumerate(labels))
        (tmp_path / f"{name}.csv").write_text("x,y,kind\n" + lines)
    data = {"type": "table", "path": str(tmp_path / "numbers.csv"), "label": "kind"}
    with pytest.raises(
        DataError, match=r"words\.csv: field 'label' of data\.test has words \('1', '2', 'u'\), in .*numb"
    ):
        opened(spec_of({**data, "test": {"path": str(tmp_path / "words.csv")}}))
    data["path"] = str(tmp_path / "words.csv")
    samples, rows = opened(spec_of({**data, "test": {"path": str(tmp_path / "more.csv")}}))
    assert samples.fields["label"][rows["test"]].tolist() == [1, 0]


def test_names_of_columns_are_found_in_the_way_that_a_source_is_written(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,kind\n1,2,a\n3,4,b\n5,7,a\n")
    (tmp_path / "b.csv").write_bytes("x;y;kind\n1,5;2;b\n".encode("utf-16"))
    data = {"type": "table", "path": str(tmp_path / "a.csv"), "label": "kind", "validation": 0.0}
    test = {"path": str(tmp_path / "b.csv"), "delimiter": ";", "decimal": ",", "encoding": "utf-16"}
    samples, rows = opened(spec_of({**data, "test": test}))
    assert samples.fields["label"][rows["test"]].tolist() == [1]


def test_another_array_of_the_same_file_is_another_source(tmp_path):
    x = np.arange(24, dtype=np.float32).reshape(12, 2)
    np.savez(tmp_path / "a.npz", x_train=x[:10], y_train=np.arange(10), x_test=x[10:], y_test=np.array([3, 4]))
    data = {"type": "arrays", "path": str(tmp_path / "a.npz"), "key": "x_train", "labels": "y_train"}
    samples, rows = opened(spec_of({**data, "test": {"key": "x_test", "labels": "y_test"}}))
    assert samples.values[rows["test"]].tolist() == x[10:].tolist()
    assert samples.fields["label"][rows["test"]].tolist() == [3, 4]


@pytest.mark.parametrize("kind", ["npy", "images", "shards"])
def test_a_test_source_is_read_as_it_lies_mapped_decoded_or_in_shards(tmp_path, kind):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 1, 4, 4), dtype=np.uint8)
    (tmp_path / "train").mkdir()
    (tmp_path / "test").mkdir()
    for folder, part in (("train", pixels[:9]), ("test", pixels[9:])):
        if kind == "images":
            for row, image in enumerate(part):
                Image.fromarray(image[0]).save(tmp_path / folder / f"{row}.png")
        elif kind == "shards":
            np.save(tmp_path / folder / "1.npy", part[:2, 0])
            np.save(tmp_path / folder / "2.npy", part[2:, 0])
        else:
            np.save(tmp_path / f"{folder}.npy", part)
    suffix = ".npy" if kind == "npy" else ""
    more = {"in_memory": False} if kind == "images" else {}
    data = {"type": "images" if kind == "images" else "arrays", "path": str(tmp_path / f"train{suffix}"), **more}
    spec = spec_of({**data, "validation": 0.0, "test": {"path": str(tmp_path / f"test{suffix}")}}, (1, 4, 4))
    samples, rows = opened(spec)
    for name, part in (("train", pixels[:9]), ("test", pixels[9:])):
        np.testing.assert_allclose(values_of(samples, spec, rows[name]), part / np.float32(255), rtol=1e-6)
    # All of it in order, over the border between the sources.
    np.testing.assert_allclose(values_of(samples, spec, None), pixels / np.float32(255), rtol=1e-6)
    # A split gives the bits that it gives where its source is all there is.
    alone = spec_of({**data, "validation": 0.0, "test": 0.0}, (1, 4, 4))
    only, its_rows = opened(alone)
    batches = [
        Batches(*each).epoch(3, 4, 0) for each in ((samples, spec, rows["train"]), (only, alone, its_rows["train"]))
    ]
    assert all(bool((one.x == other.x).all()) for one, other in zip(*batches, strict=True))


def test_floats_take_the_widest_type_and_bytes_mix_with_no_floats(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((4, 2), np.float32))
    np.save(tmp_path / "b.npy", np.full((2, 2), 0.1))
    np.save(tmp_path / "c.npy", np.ones((2, 2), np.uint8))
    np.save(tmp_path / "d.npy", np.ones((2, 3), np.float32))
    data = {"type": "arrays", "path": str(tmp_path / "a.npy")}
    samples, rows = opened(spec_of({**data, "test": {"path": str(tmp_path / "b.npy")}}))
    assert samples.values.dtype == np.float64
    assert np.asarray(samples.values[rows["test"]]).tolist() == [[0.1, 0.1]] * 2
    with pytest.raises(DataError, match=r"c\.npy: values of data\.test are uint8, those of .*a\.npy float32"):
        opened(spec_of({**data, "test": {"path": str(tmp_path / "c.npy")}}))
    with pytest.raises(DataError, match=r"d\.npy: samples of data\.test are 3, those of .*a\.npy 2"):
        opened(spec_of({**data, "test": {"path": str(tmp_path / "d.npy")}}))


def test_the_fingerprint_is_of_all_sources(tmp_path):
    for name, count in (("train", 4), ("test", 2)):
        (tmp_path / name).mkdir()
        for row in range(count):
            Image.fromarray(np.full((4, 4), row, np.uint8)).save(tmp_path / name / f"{row}.png")
    data = {"type": "images", "path": str(tmp_path / "train"), "in_memory": False}
    spec = spec_of({**data, "test": {"path": str(tmp_path / "test"), "in_memory": True}}, (1, 4, 4))
    before = fingerprint(opened(spec)[0])
    assert fingerprint(opened(spec)[0]) == before
    Image.fromarray(np.full((4, 4), 9, np.uint8)).save(tmp_path / "test" / "0.png")  # held, beside images that are not
    assert fingerprint(opened(spec)[0]) != before


def test_data_in_place_of_the_specs_own_take_no_source_of_it(tables):
    spec = spec_of({**tables, "test": {"path": "test.csv"}})
    with pytest.warns(DataWarning, match=r"data\.test of the spec, test\.csv, is not used"):
        other = restated(spec, "more.csv")
    assert other.data.test == 0.1
    assert other.data.path == "more.csv"
    named = source_of(Path("more.csv"), spec, ["data.test.path=test.csv"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert restated(spec, named).data.test == {"path": "test.csv"}
    # All of a file that is encoded or scored, and nothing else.
    assert len(open_samples(Path("test.csv"), spec)) == 3
    with pytest.raises(UsageError, match="keeps what of its data was held out"):
        source_of(None, spec_of(tables), ["data.test.path=test.csv"])
    assert source_of(None, spec, ["data.test.path=more.csv"]).test == {"path": "more.csv"}  # it was moved


def test_data_in_place_of_the_specs_own_warn_of_groups_and_times_that_they_lack(tables):
    for key in ("group", "time"):
        spec = spec_of({"type": "table", "path": "test.csv", key: "kind"})
        message = f"data.{key} of the spec, 'kind', is not used: the data are others"
        for source in ("more.csv", np.zeros((4, 2), np.float32)):
            with pytest.warns(DataWarning, match=message) as told:
                restated(spec, source)
            assert f"--set data.{key}=NAME" in str(told[0].message)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert getattr(restated(spec, "train.csv").data, key) == "kind"
            named = source_of(Path("more.csv"), spec, [f"data.{key}=y"], trained=True)
            assert getattr(restated(spec, named).data, key) == "y"


def test_a_run_notes_where_all_of_its_sources_are(tables, tmp_path, monkeypatch):
    spec = spec_of({**tables, "test": {"path": "test.csv"}})
    noted = Request(spec, None, None, "cpu", None).document()["data"]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = _noted_data(spec, noted, tmp_path)
    assert len(open_samples(again, spec)) == 23


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"pth": "test.csv"}, r"AZ203\]: data\.test\.pth: unknown key for dataset 'table'.*did you mean 'path'"),
        ({"path": "test.csv", "decimal": 5}, r"AZ201\]: data\.test\.decimal"),
        ({"type": "arrays", "path": "a.npy"}, r"data\.test\.type: is of the type of the training data, 'table'"),
        ({"path": "test.csv", "validation": 0.1}, r"AZ203\]: data\.test\.validation: unknown key"),
        ({"limit": 3}, r"AZ535\]: data\.test: names the very samples that are trained on"),
        ({}, r"AZ535\]"),
        ({"path": "./train.csv"}, r"AZ535\]"),
        ({"path": "linked/train.csv"}, r"AZ535\]"),
        ({"path": "nowhere/../train.csv"}, r"AZ535\]"),
        (1.5, r"AZ201\]: data\.test: takes less than 1\.0, or a table, got 1\.5"),
        ("test.csv", r"AZ201\]: data\.test: takes a number, or a table, got 'test\.csv'"),
    ],
)
def test_settings_of_a_split_are_checked_with_the_spec(tables, held, message):
    Path("linked").symlink_to(".")
    with pytest.raises(SpecError, match=message):
        spec_of({**tables, "test": held})


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x.csv", "x\0.csv"])
def test_a_path_that_leads_nowhere_is_none_of_the_spec(path):
    assert spec_of({"type": "table", "path": path, "test": {"path": "t.csv"}}).data.path == path


def test_a_source_that_is_not_there_is_named(tables):
    with pytest.raises(NotFound, match=r"nowhere\.csv: no such file"):
        opened(spec_of({**tables, "test": {"path": "nowhere.csv"}}))


def test_generated_data_take_shares_alone():
    with pytest.raises(SpecError, match=r"data\.test: takes a number, got a table"):
        spec_of({"type": "gaussian", "covariance": [[1.0]], "test": {"n": 3}}, (1,))


def test_a_run_and_its_card_say_which_file_the_scores_are_of(tables, tmp_path):
    spec = spec_of(
        {**tables, "validation": 0.2, "test": {"path": "test.csv"}}, input={"shape": [2], "normalize": "standardize"}
    )
    run = aezoo.train(spec, out=tmp_path / "run")
    assert run.record["splits"] == {"train": 16, "validation": 4, "test": 3}
    assert (run.scores.dataset, run.scores.n) == ("test.csv", 3)
    assert (
        "`train.csv, test.csv`. Samples: 16 train, 4 validation, 3 test."
        in (tmp_path / "run" / "README.md").read_text()
    )
    model = aezoo.load(tmp_path / "run")
    assert model.spec.data.test == {"path": "test.csv"}
    assert model.spec.data.columns == ("x", "y")
    assert aezoo.evaluate(model).metrics == run.scores.metrics
    # A file that is named is scored as a whole, and no source of the spec stands beside it.
    assert aezoo.evaluate(model, "test.csv", split="all").n == 3
