"""Tables: words of a column read as numbers."""

from __future__ import annotations

import numpy as np
import pytest

import aezoo
from aezoo.builtins.tables import TableSpec
from aezoo.errors import DataError, SpecError

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
    assert """--set 'data.categories={"sex": ["f", "m", "x"]}'""" in caught.value.hint


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
