"""Where keys and values stand, held against the parsers: the same paths, and the right text at each place."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from aezoo.errors import KeyPath
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.positions import Place, Span, json_places, toml_places

EXAMPLES = settings(deadline=None, derandomize=True, max_examples=150)
Texts = st.SearchStrategy[tuple[str, dict[str, Any]]]

TEXT = """\
# a spec
name = "x"  # its name
regularizers.kl = { weight = 1.0 }
encoder = [
    { type = "conv", each = { channels = [32, 64] } },  # first
    "flatten",
]

[training]
"odd key" = '''two
lines'''

[[data.sources]]
n = 1
[[data.sources]]
[data.sources.more]
n = 2
"""


def steps(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The path of everything in a document but the document itself."""
    if path:
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from steps(item, (*path, key))


def at(document: Any, path: KeyPath) -> Any:
    for step in path:
        document = document[step]
    return document


def shown(text: str, span: Span) -> str:
    """The text of a span, held to be inside its line."""
    line = text.split("\n")[span.line - 1].rstrip("\r")
    assert span.length >= 1
    assert span.column - 1 + span.length <= len(line)
    return line[span.column - 1 : span.column - 1 + span.length]


def rest(text: str, span: Span) -> str:
    """The text from a span on."""
    lines = text.split("\n")[span.line - 1 :]
    return "\n".join([lines[0][span.column - 1 :], *lines[1:]])


def hold(text: str, document: dict[str, Any], places: dict[KeyPath, Place]) -> None:
    """Every path has a place, its key reads as the key, and its value is the longest prefix there that parses."""
    assert set(places) == set(steps(document))
    for path, place in places.items():
        if place.key is not None:
            (key,) = tomllib.loads(f"{shown(text, place.key)} = 0")
            assert key == next(step for step in reversed(path) if isinstance(step, str))
        else:
            assert isinstance(path[-1], int)
        if place.value != place.key:
            assert begins(rest(text, place.value), at(document, path))


def begins(text: str, value: Any) -> bool:
    """Whether a TOML value stands at the beginning of a text."""
    ends = [i for i, char in enumerate(text) if char in ",]}#\r\n \t"] + [len(text)]
    for end in ends:
        try:
            found = tomllib.loads(f"x = {text[:end]}\n")
        except tomllib.TOMLDecodeError:
            continue
        if found == {"x": value}:
            return True
    return False


def test_a_pair_points_at_its_key_and_its_value() -> None:
    places = toml_places(TEXT)
    assert places["name",] == Place(Span(2, 1, 4), Span(2, 8, 3))
    assert places["regularizers", "kl", "weight"] == Place(Span(3, 21, 6), Span(3, 30, 3))


def test_a_table_that_a_dotted_key_makes_points_at_its_part_of_the_key() -> None:
    assert toml_places(TEXT)["regularizers",] == Place(Span(3, 1, 12), Span(3, 1, 12))
    assert toml_places(TEXT)["regularizers", "kl"] == Place(Span(3, 14, 2), Span(3, 19, 16))


def test_an_entry_of_a_list_has_no_key() -> None:
    places = toml_places(TEXT)
    assert places["encoder", 1] == Place(None, Span(6, 5, 9))
    assert places["encoder", 0, "each", "channels", 1] == Place(None, Span(5, 47, 2))


def test_a_value_of_many_lines_ends_with_its_first_line() -> None:
    assert toml_places(TEXT)["encoder",].value == Span(4, 11, 1)
    assert toml_places(TEXT)["training", "odd key"] == Place(Span(10, 1, 9), Span(10, 13, 6))


def test_a_table_that_a_header_makes_points_at_its_name() -> None:
    places = toml_places(TEXT)
    assert places["training",] == Place(Span(9, 2, 8), Span(9, 2, 8))
    assert places["data",].value == Span(13, 3, 4)
    assert places["data", "sources"].value == Span(13, 8, 7)
    assert places["data", "sources", 1].value == Span(15, 8, 7)
    assert places["data", "sources", 1, "more", "n"].value == Span(17, 5, 1)


def test_a_header_of_its_own_beats_a_mention_before_it() -> None:
    assert toml_places("[a.b]\n[a]\n")["a",].value == Span(2, 2, 1)


def test_columns_count_characters_not_bytes_and_a_tab_is_one() -> None:
    assert toml_places('"é" =\t"ü" # 😀')["é",] == Place(Span(1, 1, 3), Span(1, 7, 3))


def test_a_list_of_a_json_table_is_found() -> None:
    text = '{\n "a": [1, {"b": null}],\n "a\\u0062": {}\n}'
    assert json_places(text) == {
        ("a",): Place(Span(2, 2, 3), Span(2, 7, 16)),
        ("a", 0): Place(None, Span(2, 8, 1)),
        ("a", 1): Place(None, Span(2, 11, 11)),
        ("a", 1, "b"): Place(Span(2, 12, 3), Span(2, 17, 4)),
        ("ab",): Place(Span(3, 2, 9), Span(3, 13, 2)),
    }


def test_of_a_json_key_that_stands_twice_the_last_counts_as_it_does_for_a_parser() -> None:
    assert json_places('{"a": 1, "a": 2}')["a",].value == Span(1, 15, 1)


@EXAMPLES
@given(data=st.data())
def test_toml_written_in_any_way_has_a_place_for_everything(toml_texts: Texts, data: st.DataObject) -> None:
    text, document = data.draw(toml_texts)
    assert tomllib.loads(text) == document
    hold(text, document, toml_places(text))


@EXAMPLES
@given(data=st.data())
def test_toml_as_a_program_writes_it_has_a_place_for_everything(documents: Any, data: st.DataObject) -> None:
    document = data.draw(documents)
    text = tomli_w.dumps(document)
    hold(text, document, toml_places(text))


@EXAMPLES
@given(data=st.data(), indent=st.sampled_from([None, 1]), ascii=st.booleans())
def test_json_has_a_place_for_everything(documents: Any, data: st.DataObject, indent: int | None, ascii: bool) -> None:
    document = data.draw(documents)
    text = json.dumps(document, indent=indent, ensure_ascii=ascii)
    places = json_places(text)
    assert set(places) == set(steps(document))
    for path, place in places.items():
        assert (place.key is None) == isinstance(path[-1], int)
        assert place.key is None or json.loads(shown(text, place.key)) == path[-1]
        found, _ = json.JSONDecoder().raw_decode(rest(text, place.value))
        assert found == at(document, path)


@pytest.mark.parametrize("name", sorted(bundled_specs()))
def test_everything_in_a_bundled_spec_has_a_place(name: str) -> None:
    text = bundled_specs()[name].read_text(encoding="utf-8")
    hold(text, tomllib.loads(text), toml_places(text))


def test_the_time_grows_with_the_text_not_faster() -> None:
    def seconds(n: int) -> float:
        text = "".join(f'[[a]]\nb = {{ c = [1, "{"x" * 40}"] }}  # comment\n' for _ in range(n))
        start = time.process_time()
        toml_places(text)
        return time.process_time() - start

    seconds(100)
    few, many = min(seconds(500) for _ in range(3)), min(seconds(8000) for _ in range(3))
    # Four times what is due: a clock on a shared machine. A square would be sixteen times.
    assert many < 16 * 4 * few
