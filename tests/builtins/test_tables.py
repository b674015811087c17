"""Tables: which columns are read, how the text is read, and words as numbers."""

from __future__ import annotations

import warnings
from datetime import date

import numpy as np
import pytest

import aezoo
from aezoo.builtins.tables import TableSpec
from aezoo.data.sources import open_samples
from aezoo.errors import DataError, DataWarning, SpecError

SPEC = aezoo.read({"name": "t", "input": [2], "latent": {"type": "deterministic", "dim": 1}})
TABLE = "age,sex,n\n1,f,2\n,m,3\n4,,1\n5, x,0\n"


def table(tmp_path, **settings):
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    return TableSpec(path=str(path), **settings)


def test_words_are_numbered_by_their_places_in_the_list_and_gaps_stay_gaps(tmp_path):
    samples = table(tmp_path, missing="mask", categories={"sex": ["m", "f", "x"]}).load()
    assert samples.values.tolist() == [[1, 1, 2], [0, 0, 3], [4, 0, 1], [5, 2, 0]]
    assert samples.fields["observed"].tolist() == [[1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]


def test_a_word_that_the_list_lacks_is_refused_with_line_column_and_the_words_that_it_has(tmp_path):
    with pytest.raises(DataError, match=r"line 5, column 'sex': 'x' is none of 'f', 'm'"):
        table(tmp_path, missing="mask", categories={"sex": ["f", "m"]}).load()


def test_the_hint_of_a_column_of_words_can_be_typed(tmp_path):
    with pytest.raises(DataError) as caught:
        table(tmp_path, missing="mask").load()
    assert """--set 'data.categories={"sex" = ["f", "m", "x"]}'""" in caught.value.hint


def test_a_gap_in_a_column_of_words_is_refused_unless_gaps_are_read(tmp_path):
    with pytest.raises(DataError, match="line 4, column 'sex': the value is missing"):
        table(tmp_path, columns=("sex",), categories={"sex": ["f", "m", "x"]}).load()


def test_words_of_a_column_that_is_not_read_are_refused(tmp_path):
    with pytest.raises(DataError, match="categories are of columns that are read, and 'sex' is not"):
        table(tmp_path, columns=("n",), categories={"sex": ["f"]}).load()


@pytest.mark.parametrize(("words", "message"), [(["f", "f"], "'f' stands twice"), ([], "lists no words")])
def test_a_list_of_words_that_means_nothing_is_refused(tmp_path, words, message):
    with pytest.raises(ValueError, match=message):
        table(tmp_path, categories={"sex": words})


def test_numbers_are_read_as_before(tmp_path):
    samples = table(tmp_path, columns=("n",)).load()
    np.testing.assert_array_equal(samples.values[:, 0], [2, 3, 1, 0])


def test_a_word_can_stand_for_a_missing_value(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,sex\n1,NA\nNA,f\n")
    samples = TableSpec(path=str(path), missing="mask", gaps=["NA"], categories={"sex": ["f"]}).load()
    assert samples.fields["observed"].tolist() == [[1, 0], [0, 1]]
    with pytest.raises(DataError, match="line 3, column 'a': 'NA' is not a number"):
        TableSpec(path=str(path), missing="mask", columns=["a"]).load()


def test_words_for_a_missing_value_need_to_be_told_how_it_is_read(tmp_path):
    document = {"name": "t", "input": [1], "data": {"type": "table", "path": "t.csv", "gaps": ["NA"]}}
    with pytest.raises(SpecError, match="gaps are refused unless `missing` says how they are read"):
        aezoo.read({**document, "latent": {"type": "deterministic", "dim": 1}})


# --- how a table is written --------------------------------------------------------------------------------


def written(tmp_path, content, name="w.csv", **settings):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return TableSpec(path=str(path), **settings)


def hint_of(dataset):
    with pytest.raises(DataError) as caught:
        dataset.load()
    return str(caught.value), caught.value.hint


@pytest.mark.parametrize(
    ("header", "values"), [(False, [[0, 1], [2, 3.5], [4, 5]]), (True, [[2, 3.5], [4, 5]])], ids=["no header", "header"]
)
def test_a_first_line_of_numbers_is_what_the_spec_says(tmp_path, header, values):
    text = "0,1\n2,3.5\n4,5\n"
    message, hint = hint_of(written(tmp_path, text))
    assert "its first line holds numbers" in message
    assert "--set data.header=false" in hint
    assert "--set data.header=true" in hint
    assert written(tmp_path, text, header=header).load().values.tolist() == values
    assert written(tmp_path, text, header=header, columns=["1"]).load().values[:, 0].tolist() == [v[1] for v in values]


def test_rows_of_another_length_than_the_first_are_refused_without_a_header_too(tmp_path):
    with pytest.raises(DataError, match="line 2 has 1 value, the first line has 2"):
        written(tmp_path, "1,2\n3\n", header=False).load()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (",a,b\n0,1,5\n1,2,6\n2,4,7\n", "column 0 (counted from 0) has no name, and counts the rows"),
        (",a,b\n7,1,5\n1,2,6\n2,4,7\n", "column 0 (counted from 0) has no name"),
        ("a,b,\n1,5,\n2,6,\n4,7,\n", "column 2 (counted from 0) has no name"),
        ("a,b,,\n1,5,,\n2,6,,\n4,7,,\n", "column 2 (counted from 0) has no name"),
    ],
)
def test_a_column_without_a_name_is_no_feature(tmp_path, text, words):
    message, hint = hint_of(written(tmp_path, text))
    assert words in message
    assert hint == """--set 'data.exclude=[""]' leaves it out"""
    assert written(tmp_path, text, exclude=[""]).load().values.tolist() == [[1, 5], [2, 6], [4, 7]]


@pytest.mark.parametrize("start", [0, 1])
def test_a_column_that_counts_the_rows_is_warned_of(tmp_path, start):
    lines = [f"{start + row},{row % 2}" for row in range(5)]
    table = written(tmp_path, "\n".join(["Unnamed: 0,a", *lines]))
    with pytest.warns(DataWarning, match="column 'Unnamed: 0' counts the rows, and is read as a feature"):
        table.load()
    for chosen in ({"exclude": ["Unnamed: 0"]}, {"columns": ["Unnamed: 0", "a"]}):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert table.model_copy(update=chosen).load().values.shape == (5, 3 - 1 - ("exclude" in chosen))


def test_names_that_a_table_lacks_are_refused_wherever_they_are_asked_for(tmp_path):
    for settings in ({"columns": ["a", "z"]}, {"exclude": ["z"]}, {"id": "z"}, {"label": "z"}):
        with pytest.raises(DataError, match="has no column 'z'; it has: a, b"):
            written(tmp_path, "a,b\n1,2\n", **settings).load()
    message, hint = hint_of(written(tmp_path, "a,b\n1,2\n", columns=["x", "y"]))
    assert "has no column 'x', 'y'" in message
    assert """--set 'data.columns=["a", "b"]'""" in hint


@pytest.mark.parametrize(
    ("encoding", "setting"),
    [("latin-1", "cp1252"), ("cp1252", "cp1252"), ("utf-16", None), ("utf-8-sig", None), ("utf-16-le", "utf-16-le")],
)
def test_other_encodings_are_said_or_found(tmp_path, encoding, setting):
    content = "gr\xf6\xdfe,b\n1,2\n".encode(encoding)
    if setting is None:  # a byte order mark says it
        assert written(tmp_path, content).load().settings["columns"] == ("gr\xf6\xdfe", "b")
        return
    assert "w.csv: line 1 is not UTF-8" in hint_of(written(tmp_path, content))[0]
    assert written(tmp_path, content, encoding=setting).load().settings["columns"] == ("gr\xf6\xdfe", "b")


def test_the_hint_for_another_encoding_works_and_later_lines_are_named(tmp_path):
    content = "a,b\n1,2\n3,caf\xe9\n".encode("cp1252")
    message, hint = hint_of(written(tmp_path, content))
    assert "line 3 is not UTF-8" in message
    assert "--set data.encoding=cp1252" in hint
    with pytest.raises(DataError, match="line 3, column 'b': 'caf\xe9' is not a number"):
        written(tmp_path, content, encoding="cp1252").load()


def test_zero_bytes_point_at_utf_16(tmp_path):
    message, hint = hint_of(written(tmp_path, "a,b\n1,2\n".encode("utf-16-le")))
    assert "holds zero bytes" in message
    assert "--set data.encoding=utf-16-le" in hint
    assert written(tmp_path, "a,b\n1,2\n".encode("utf-16-le"), encoding="utf-16-le").load().values.tolist() == [[1, 2]]


@pytest.mark.parametrize("name", ["utf-99", "hex", "zip", "", "a\0"])
def test_what_is_no_encoding_of_text_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="takes an encoding of text"):
        written(tmp_path, "", encoding=name)


SEMICOLONS = "a;b\n1,5;2,0\n-,5;3e1\n"


@pytest.mark.parametrize("first", ["", "sep=;\n", '"sep=;"\r\n'])
def test_decimal_commas_are_read_where_the_spec_says_so(tmp_path, first):
    delimiter = {} if first else {"delimiter": ";"}
    message, hint = hint_of(written(tmp_path, first + SEMICOLONS, **delimiter))
    assert f"line {2 + bool(first)}, column 'a': '1,5' is not a number" in message
    assert hint == "--set data.decimal=, reads decimal commas"
    samples = written(tmp_path, first + SEMICOLONS, decimal=",", **delimiter).load()
    assert samples.values.tolist() == [[1.5, 2], [-0.5, 30]]


def test_a_point_among_decimal_commas_is_refused_since_it_may_part_thousands(tmp_path):
    with pytest.raises(DataError, match=r"line 3, column 'a': '1\.500' is not a number"):
        written(tmp_path, "a;b\n1,5;2\n1.500;2\n", delimiter=";", decimal=",").load()


# --- labels, and names of samples --------------------------------------------------------------------------


def test_labels_are_whole_numbers_or_words(tmp_path):
    labels = {
        "1,2.0,10": [1, 2, 10],
        "9007199254740993,-9223372036854775808,0": [2**53 + 1, -(2**63), 0],
        "1_0,b,a": [0, 2, 1],
    }
    for text, expected in labels.items():
        rows = "".join(f"1,{word}\n" for word in text.split(","))
        assert written(tmp_path, "x,y\n" + rows, label="y").load().labels.tolist() == expected


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("9223372036854775808", "is too large for 64 bits"),
        ("99999999999999999999", "is too large for 64 bits"),
        ("1e300", "is too large for 64 bits"),
        ("0.5", "is no class: a label is a whole number or a word"),
        ("inf", "is no class: a label is a whole number or a word"),
        ("nan", "no label"),
        ("", "no label"),
    ],
)
def test_what_is_no_label_is_refused_with_its_line(tmp_path, word, message):
    with pytest.raises(DataError, match=f"line 3, column 'y': .*{message}"):
        written(tmp_path, f"x,y\n1,2\n1,{word}\n1,3\n", label="y").load()


def test_words_of_labels_keep_their_numbers_in_other_tables(tmp_path):
    samples = written(tmp_path, "x,y\n1,ill\n2,well\n5,ill\n3,well\n", label="y").load()
    assert samples.labels.tolist() == [0, 1, 0, 1]
    again = written(tmp_path, "x,y\n1,well\n2,new\n3,odd\n", label="y", categories=samples.settings["categories"])
    assert again.load().labels.tolist() == [1, 2, 3]


def test_an_id_names_the_samples_and_is_no_feature(tmp_path):
    samples = written(tmp_path, "x,who\n1,ann\n2,ben\n", id="who").load()
    assert samples.names == ("ann", "ben")
    assert samples.values.tolist() == [[1], [2]]
    other = tmp_path / "o.csv"
    other.write_text("x\n3\n")
    assert written(tmp_path, "x,who\n1,ann\n", id="who", exclude=["who"]).at(other).load().values.tolist() == [[3]]


# --- other tables of a model -------------------------------------------------------------------------------


def trained(tmp_path, text, **settings):
    document = {
        "name": "t",
        "input": {"shape": [3], "normalize": "standardize"},
        "latent": {"type": "deterministic", "dim": 2},
        "data": {"type": "table", "path": str(tmp_path / "train.csv"), **settings},
        "training": {"steps": 3},
    }
    (tmp_path / "train.csv").write_text(text)
    return aezoo.train(document, device="cpu", out=tmp_path / "run")


ROWS = np.random.default_rng(0).normal(size=(40, 3)) + np.array([0, 100, -5])


def text_of(names, rows):
    return "\n".join([",".join(names), *(",".join(map(repr, map(float, row))) for row in rows)]) + "\n"


def test_a_model_reads_other_tables_by_the_names_of_its_columns(tmp_path):
    trained(tmp_path, text_of("abc", ROWS))
    model = aezoo.load(tmp_path / "run")
    assert model.spec.data.columns == ("a", "b", "c")
    scores = model.score(ROWS[:5])
    other = tmp_path / "other.csv"
    for names, order in (("cba", [2, 1, 0]), ("bca", [1, 2, 0])):
        other.write_text(text_of(names, ROWS[:5][:, order]))
        np.testing.assert_array_equal(model.score(other), scores)
    other.write_text(text_of(("more", "c", "b", "a"), np.column_stack([ROWS[:5, 0], ROWS[:5, ::-1]])))
    np.testing.assert_array_equal(model.score(other), scores)
    other.write_text(text_of("abd", ROWS[:5]))
    with pytest.raises(DataError, match="has no column 'c'; it has: a, b, d"):
        model.score(other)


def test_whole_numbers_that_fall_together_in_float32_are_warned_of_and_kept_in_float64(tmp_path):
    rows = [(100_000_001 + 2 * row, row % 7, row % 5) for row in range(5000)]
    text = "\n".join(["id,a,b", *(",".join(map(str, row)) for row in rows)])
    with pytest.warns(DataWarning, match="values of column 0 .* fall together in float32"):
        trained(tmp_path, text)
    samples = TableSpec(path=str(tmp_path / "train.csv")).load()
    assert len(np.unique(samples.values[:, 0])) == 5000


def test_a_model_with_a_label_of_words_reads_tables_without_it(tmp_path):
    rows = text_of("abc", ROWS).splitlines()
    with_label = "\n".join(
        [rows[0] + ",kind", *(f"{row},{'ill' if i % 3 else 'well'}" for i, row in enumerate(rows[1:]))]
    )
    trained(tmp_path, with_label, label="kind")
    model = aezoo.load(tmp_path / "run")
    assert model.spec.data.categories == {"kind": ("ill", "well")}
    other = tmp_path / "other.csv"
    other.write_text("\n".join(rows))
    np.testing.assert_array_equal(model.score(other), model.score(tmp_path / "train.csv"))


# --- hints -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "settings", "expected"),
    [
        ("a,b\n1,NA\n2,3\n", {}, """--set 'data.gaps=["NA"]' --set data.missing=mask reads gaps as such"""),
        ("a,b\n1,?\n2,3\n", {"missing": "mask"}, "--set 'data.gaps=[\"?\"]' reads gaps as such"),
        ("a,b\n1,\n2,x\n", {}, "--set data.missing=mask reads gaps as such"),
        ("a,b\n5,x\n2,y\n3,x\n", {}, "--set data.label=b makes it the label"),
        ("a,b\n5,x\n2,y\n3,x\n", {}, """--set 'data.exclude=["b"]' leaves columns of words out"""),
        ("a,b\n5,x\n2,y\n3,x\n", {}, """--set 'data.categories={"b" = ["x", "y"]}' numbers words"""),
        ("a;b\n1.5;2\n", {"decimal": ",", "delimiter": ";"}, "--set data.decimal=. reads decimal points"),
        ("a,b\n" + "".join(f"{i % 7},p{i}\n" for i in range(50)), {}, "--set data.id=b names the samples"),
    ],
)
def test_a_hint_names_the_setting_that_reads_what_is_there(tmp_path, text, settings, expected):
    assert expected in hint_of(written(tmp_path, text, **settings))[1]


def test_a_typing_slip_among_numbers_is_no_gap_and_no_column_of_words(tmp_path):
    assert hint_of(written(tmp_path, "a,b\n1,2\n2,3x\n"))[1] == "correct these lines, or leave them out"


def test_of_a_table_with_more_columns_the_hint_names_them(tmp_path):
    spec = {"name": "t", "input": [2], "latent": {"type": "deterministic", "dim": 1}}
    with pytest.raises(DataError) as caught:
        aezoo.train({**spec, "data": {"type": "table", "path": str(written(tmp_path, "a,b,class\n1,2,0\n").path)}})
    assert caught.value.hint.endswith(
        "data.exclude, data.label or data.id says which columns are no features, of a, b, class"
    )


def test_names_of_people_as_labels_are_not_kept(tmp_path):
    samples = written(tmp_path, "x,y\n1,ann\n2,ben\n5,eve\n3,ann\n", label="y").load()
    assert samples.labels.tolist() == [0, 1, 2, 0]
    assert samples.settings["categories"] is None


def test_more_columns_than_a_spec_holds_are_not_kept_and_the_model_is(tmp_path):
    names = [f"c{i}" for i in range(10_001)]
    path = tmp_path / "wide.csv"
    path.write_text(text_of(names, np.random.default_rng(0).normal(size=(20, len(names)))))
    document = {
        "name": "wide",
        "input": [len(names)],
        "latent": {"type": "deterministic", "dim": 1},
        "data": {"type": "table", "path": str(path)},
        "training": {"steps": 1},
    }
    with pytest.warns(DataWarning, match="no spec holds its columns, exclude, categories, and the model keeps none"):
        aezoo.train(document, device="cpu", out=tmp_path / "run")
    assert aezoo.load(tmp_path / "run").spec.data.columns is None


def test_a_slip_in_a_field_of_numbers_does_not_make_it_classes(tmp_path):
    with pytest.raises(DataError, match=r"line 3, column 'age': '\?' is not a number"):
        written(tmp_path, "x,age\n1,20.5\n2,?\n3,22.5\n", fields={"age": "age"}).load()


def test_a_mark_for_a_gap_is_no_category(tmp_path):
    hint = hint_of(written(tmp_path, "a,d\n5,u\n2,v\n3,NA\n9,u\n"))[1]
    assert """--set 'data.categories={"d" = ["u", "v"]}' numbers words""" in hint
    assert """--set 'data.gaps=["NA"]' --set data.missing=mask reads gaps as such""" in hint


# --- text with other delimiters -----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["txt", "data", "dat", "tab"])
@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n",
        "a\tb\n1\t2\n3\t4\n",
        "a;b\n1;2\n3;4\n",
        "a|b\n1|2\n3|4\n",
        "  a   b\n 1  2  \n\n3 4\n",
        '"a" "b"\n1 2\n3 4\n',
    ],
)
def test_the_delimiter_of_a_text_file_is_found(tmp_path, suffix, text):
    path = tmp_path / f"t.{suffix}"
    path.write_text(text)
    samples = open_samples(path, SPEC)  # as --data names it
    assert samples.values.tolist() == [[1, 2], [3, 4]]
    assert samples.settings["columns"] == ("a", "b")


def test_quoted_commas_do_not_hide_a_delimiter(tmp_path):
    (tmp_path / "t.txt").write_text('a;b\n"1";2\n3;"4"\n')
    assert TableSpec(path=str(tmp_path / "t.txt")).load().values.tolist() == [[1, 2], [3, 4]]
    (tmp_path / "t.csv").write_text("a  b\n1   2\n")
    assert TableSpec(path=str(tmp_path / "t.csv"), delimiter=" ").load().values.tolist() == [[1, 2]]


def test_a_first_line_that_looks_like_a_sample_is_told(tmp_path):
    (tmp_path / "iris.data").write_text("5.1,3.5,setosa\n4.9,3.0,setosa\n6.2,2.9,other\n")
    with pytest.warns(DataWarning, match=r"its first line is taken as names of columns, '5\.1' among them"):
        TableSpec(path=str(tmp_path / "iris.data"), label="setosa").load()
    samples = TableSpec(path=str(tmp_path / "iris.data"), label="2", header=False).load()
    assert len(samples) == 3
    (tmp_path / "years.csv").write_text("x,2020,2021\n1,2,3\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TableSpec(path=str(tmp_path / "years.csv")).load()


# --- dates ----------------------------------------------------------------------------------------------------


def test_dates_are_days_since_1970(tmp_path):
    (tmp_path / "t.csv").write_text("day,x\n1970-01-02,1\n1970-01-03T12:00,5\n2026-05-31,2\n,3\n")
    spec = TableSpec(path=str(tmp_path / "t.csv"), dates=("day",), missing="mask")
    samples = spec.load()
    assert samples.values[:, 0].tolist() == [1, 2.5, (date(2026, 5, 31) - date(1970, 1, 1)).days, 0]
    assert samples.fields["observed"][:, 0].tolist() == [1, 1, 1, 0]
    with pytest.raises(DataError, match="line 5, column 'day': the value is missing"):
        spec.model_copy(update={"missing": None}).load()
    with pytest.raises(DataError, match="line 2, column 'day': '1970-01-02' is not a number") as refused:
        TableSpec(path=str(tmp_path / "t.csv"), missing="mask").load()
    assert """--set 'data.dates=["day"]' reads dates as days""" in refused.value.hint
    (tmp_path / "other.csv").write_text("x\n1\n")
    assert spec.at(tmp_path / "other.csv").dates == ()


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("31.05.2026", r"line 3, column 'day': '31\.05\.2026' is no date such as 2026-05-31"),
        ("5", "line 3, column 'day': '5' is no date"),
        ("2026-05-31T12:00+00:00", "is a time in a zone, dates before are a time without a zone"),
    ],
)
def test_what_is_no_date_is_refused_with_its_line(tmp_path, second, message):
    (tmp_path / "t.csv").write_text(f"day,x\n1970-01-02,1\n{second},5\n")
    with pytest.raises(DataError, match=message):
        TableSpec(path=str(tmp_path / "t.csv"), dates=("day",)).load()


# --- bad lines ------------------------------------------------------------------------------------------------


def test_bad_lines_are_left_out_and_counted_with_the_first(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,y\n1,2,u\nx,2,v\n3,4\n5,,w\n7,8,v\n")
    spec = TableSpec(path=str(tmp_path / "t.csv"), label="y", on_bad_sample="skip")
    message = r"t\.csv: 3 of 5 lines are left out, the first: .*t\.csv: line 3, column 'a': 'x' is not a number"
    with pytest.warns(DataWarning, match=message):
        samples = spec.load()
    assert samples.values.tolist() == [[1, 2], [7, 8]]
    assert samples.class_names["label"] == ("u", "v")  # a word that only a bad line has is no class
    assert samples.labels.tolist() == [0, 1]
    assert [samples.where(row) for row in (0, 1)] == [f"{tmp_path}/t.csv: line 2", f"{tmp_path}/t.csv: line 6"]
    with pytest.warns(DataWarning):
        named = TableSpec(path=str(tmp_path / "t.csv"), id="y", on_bad_sample="skip").load()
    assert tuple(named.names) == ("u", "v")
    (tmp_path / "t.csv").write_text("a,b,y\nx,2,v\n")
    with pytest.raises(DataError, match="line 2, column 'a'"):
        spec.load()
