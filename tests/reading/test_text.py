"""Text in, mapping out; and what is said of a text that is broken, foreign or hostile, and where."""

from __future__ import annotations

import datetime
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aezoo.errors import Fault, SpecError
from aezoo.reading.text import foreign, parse, parse_value, to_toml
from aezoo.spec.canonical import to_json

MIB = 1 << 20


def refused(data: bytes | str, name: str = "a.toml") -> list[Fault]:
    """All faults of a text that must not be taken."""
    with pytest.raises(SpecError) as caught:
        parse(data.encode() if isinstance(data, str) else data, name)
    assert caught.value.source == name
    assert all(fault.where is not None and fault.where.file == name for fault in caught.value.faults)
    return list(caught.value.faults)


def spot(fault: Fault) -> tuple[str, int, int]:
    """Code, line and column."""
    assert fault.where is not None
    return fault.code, fault.where.line, fault.where.column


def marked(fault: Fault) -> str:
    """What the caret stands under."""
    at = fault.where
    assert at is not None
    return at.text[at.column - 1 : at.column - 1 + at.length]


# --- what is taken --------------------------------------------------------------------------------------------


@settings(deadline=None, derandomize=True)
@given(data=st.data())
def test_a_document_reads_back_from_both_spellings(documents: Any, data: st.DataObject) -> None:
    document = data.draw(documents)
    if not list(foreign(document)):
        assert parse(to_toml(document).encode(), "a.toml") == document
        assert parse(to_json(document).encode(), "a.json") == document


@settings(deadline=None, derandomize=True)
@given(data=st.data())
def test_no_way_to_write_toml_is_refused(toml_texts: Any, data: st.DataObject) -> None:
    text, document = data.draw(toml_texts)
    if not list(foreign(document)):
        assert parse(text.encode(), "a.toml") == document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("32", 32),
        ("1e-3", 1e-3),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ("{ type = 'l1' }", {"type": "l1"}),
        ('"32"', "32"),
        ("mirror", "mirror"),
        ("", ""),
        ("1\nb = 2", "1\nb = 2"),
        ("[" * 900 + "]" * 900, "[" * 900 + "]" * 900),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_the_value_of_a_flag_is_toml_or_else_text(text: str, value: Any) -> None:
    assert parse_value(text) == value


# --- syntax ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "column", "under", "message"),
    [
        ("a = 1\nname = foo", 2, 8, "foo", 'foo is no value (text stands in straight quotes: "...")'),
        ("x = True", 1, 5, "True", "True is no value (write `true` or `false`)"),
        ("x = null", 1, 5, "null", "null is no value (leave the key out: a spec has no null)"),
        ("x = .5", 1, 5, ".5", ".5 is no value (write a digit before the point: 0.5)"),
        ("x = ", 1, 4, " ", "a value is missing here (write one, or take out what leads to it)"),
        ("x = [1, , 2]", 1, 9, ",", "a value is missing here (write one, or take out what leads to it)"),
        ("x = 01", 1, 6, "1", "a line ends after its value, this one goes on (numbers look like 1, 0.5 or 1e-3)"),
        ("x = 1,", 1, 6, ",", "a line ends after its value, this one goes on (a line ends without a comma)"),
        (
            "x = [1]]",
            1,
            8,
            "]",
            "a line ends after its value, this one goes on (there is one closing bracket too many)",
        ),
        ("x = 1 y = 2", 1, 7, "y", "a line ends after its value, this one goes on (begin a new line here)"),
        ("name: 1", 1, 5, ":", "a key is followed by `=` (write key = value)"),
        ("// x", 1, 1, "//", "a line begins with a key or a [header] (a comment begins with #)"),
        (
            "{}",
            1,
            1,
            "{",
            "a line begins with a key or a [header] (if this is JSON, let the name of the file end in .json)",
        ),
        ("\n[a\nb = 1", 2, 3, "", "a header is not closed (write [name] or [[name]] on one line)"),
        ("x = [1,\n  2\n", 1, 5, "[", "a list is not closed, or a comma is missing in it (write [a, b])"),
        ("x = [1 2]", 1, 8, "2", "a list is not closed, or a comma is missing in it (write [a, b])"),
        (
            "x = { a = 1, }",
            1,
            14,
            "}",
            "a key is missing here (an inline table stands on one line, with no comma after the last entry)",
        ),
        (
            'x = "abc\r\ny = 1\r\n',
            1,
            5,
            '"',
            'a string is not closed (close it on its own line; text of several lines stands in """...""")',
        ),
        (
            'x = "\\q"',
            1,
            6,
            "\\q",
            'a backslash in "..." begins an escape (write \\\\, or put the text in single quotes)',
        ),
        ('x = "\x01"', 1, 6, "\x01", "a control character, '\\x01' (write it as \\u and four digits, in quotes)"),
        ("a.b = 1\na.b = 2", 2, 3, "b", "b is there already (say each key and each table once)"),
        ("[a]\n[b]\n[a]", 3, 2, "a", "a is there already (say each key and each table once)"),
    ],
)
def test_broken_toml_is_told_with_its_place(text: str, line: int, column: int, under: str, message: str) -> None:
    (fault,) = refused(text)
    assert spot(fault) == ("AZ103", line, column)
    assert marked(fault) == under
    assert str(fault) == f"error[AZ103]: {message}"


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "a value is missing here"),
        ('{"a": 1,\n}', 2, 1, "a key in double quotes is missing here"),
        ('{\n  "a" 1}', 2, 7, "a key is followed by `:`"),
        ('{"a": 1 // c\n}', 1, 9, "a comma is missing, or a bracket is not closed"),
        ('{"a": True}', 1, 7, "True is no value"),
        ('{"a": "x', 1, 7, "a string is not closed"),
        ('{"a": "x\ny"}', 1, 9, "a string is not closed, or a control character stands in it"),
        ('{"a": "\\q"}', 1, 8, "a backslash begins an escape"),
        ("{} {}", 1, 4, "something follows the end of the document"),
    ],
)
def test_broken_json_is_told_with_its_place(text: str, line: int, column: int, message: str) -> None:
    (fault,) = refused(text, "a.json")
    assert spot(fault) == ("AZ103", line, column)
    assert fault.message == message
    assert fault.hint


def test_every_broken_line_is_told_and_the_good_ones_between_them_are_not() -> None:
    text = 'a = foo\nb = 1\nc = [1, 2\n    3]\nd = "x\n[t]\ne = 01\n'
    faults = refused(text)
    assert [spot(fault)[1:] for fault in faults] == [(1, 5), (4, 5), (5, 5), (7, 6)]
    assert faults[-1].where is not None
    assert faults[-1].where.text == "e = 01"


def test_below_a_broken_header_nothing_is_told_for_its_lines_would_be_taken_for_another_tables() -> None:
    assert len(refused("a = 1\n[b\na = 2\nc = foo\n")) == 1


@settings(deadline=None, derandomize=True, max_examples=300)
@given(data=st.data())
def test_a_text_with_a_character_lost_reads_or_is_told_at_a_place_inside_it(
    toml_texts: Any, data: st.DataObject
) -> None:
    text, _ = data.draw(toml_texts)
    cut = data.draw(st.integers(0, len(text)))
    text = text[:cut] + data.draw(st.sampled_from(["", "]", '"', "=", "\n", "[[", "'''", "x"])) + text[cut + 1 :]
    try:
        parse(text.encode(), "a.toml")
    except SpecError as error:
        for fault in error.faults:
            assert fault.where is not None
            lines = text.split("\n")
            assert lines[fault.where.line - 1].rstrip("\r") == fault.where.text
            assert 1 <= fault.where.column <= len(fault.where.text) + 1


# --- what only one spelling holds -------------------------------------------------------------------------------


def test_all_values_that_only_one_spelling_holds_are_told_at_once() -> None:
    text = "a = nan\nb = [1, -inf]\n[c]\nd = 1979-05-27\ne = 07:32:00\nf = 1979-05-27 07:32:00\ng = 1e999\n"
    faults = refused(text)
    assert [spot(fault) for fault in faults] == [
        ("AZ106", 1, 5),
        ("AZ106", 2, 9),
        ("AZ106", 4, 5),
        ("AZ106", 5, 5),
        ("AZ106", 6, 5),
        ("AZ106", 7, 5),
    ]
    assert [fault.place for fault in faults] == ["a", "b[1]", "c.d", "c.e", "c.f", "c.g"]
    assert [marked(fault) for fault in faults][4] == "1979-05-27 07:32:00"


def test_json_that_toml_could_not_say_is_told_all_at_once() -> None:
    text = '{"a": null,\n "b": [NaN, Infinity],\n "c": "\\ud83d",\n "d": {"e": 1, "e": 2}}'
    faults = refused(text, "a.json")
    assert [spot(fault) for fault in faults] == [
        ("AZ106", 1, 7),
        ("AZ106", 2, 8),
        ("AZ106", 2, 13),
        ("AZ106", 3, 7),
        ("AZ107", 4, 16),
    ]


def test_of_a_key_that_stands_thrice_the_second_and_the_third_are_told() -> None:
    faults = refused('{"a": 1, "b": {"a": 1},\n "a": 2,\n "\\u0061": 3}', "a.json")
    assert [spot(fault) for fault in faults] == [("AZ107", 2, 2), ("AZ107", 3, 2)]
    assert str(faults[0]) == "error[AZ107]: a: stands in this table before (keep one of them)"


def test_a_mapping_is_held_to_the_same() -> None:
    mapping = {"a": None, "b": [datetime.date(1979, 5, 27), float("nan")], "c": 2**63, 4: object()}
    assert [(fault.code, fault.place) for fault in foreign(mapping)] == [
        ("AZ106", "a"),
        ("AZ106", "b[0]"),
        ("AZ106", "b[1]"),
        ("AZ104", "c"),
        ("AZ106", ""),
        ("AZ106", "[4]"),
    ]


def test_a_mapping_that_holds_itself_is_refused() -> None:
    mapping: dict[str, Any] = {}
    mapping |= {"a": mapping, "b": mapping}
    assert {fault.code for fault in foreign(mapping)} == {"AZ104"}


@pytest.mark.parametrize("text", ["a = 9223372036854775807\nb = -9223372036854775808", "a = 0x7fffffffffffffff"])
def test_64_bits_are_taken(text: str) -> None:
    assert parse(text.encode(), "a.toml")["a"] == 2**63 - 1


@pytest.mark.parametrize("text", ["a = 9223372036854775808", "a = 0x8000000000000000", "a = -9223372036854775809"])
def test_a_65th_bit_is_refused(text: str) -> None:
    assert [spot(fault) for fault in refused(text)] == [("AZ104", 1, 5)]


# --- hostile text ---------------------------------------------------------------------------------------------

DEEP = "[" * 100_000
HOSTILE: dict[str, tuple[bytes | str, str, str, int, int]] = {
    # why it is here: (text, file, code, line, column)
    "over a mebibyte": (b"#" * (MIB + 1), "a.toml", "AZ101", 0, 0),
    "over a mebibyte of JSON": (b" " * (MIB + 1), "a.json", "AZ101", 0, 0),
    "a gigabyte would be the same": (b'x = "' + b"a" * (8 * MIB) + b'"', "a.toml", "AZ101", 0, 0),
    "UTF-16": ("a = 1".encode("utf-16"), "a.toml", "AZ102", 1, 1),
    "Latin-1": ('a = 1\nb = "café"'.encode("latin-1"), "a.toml", "AZ102", 2, 9),
    "a cut UTF-8 character": (b'a = "\xe2\x82"', "a.toml", "AZ102", 1, 6),
    "an overlong UTF-8 character": (b"a = '\xc0\xaf'", "a.toml", "AZ102", 1, 6),
    "a surrogate in UTF-8": (b"a = '\xed\xa0\x80'", "a.toml", "AZ102", 1, 6),
    "a byte-order mark": (b"\xef\xbb\xbfa = 1", "a.toml", "AZ102", 1, 1),
    "a byte-order mark before JSON": (b"\xef\xbb\xbf{}", "a.json", "AZ102", 1, 1),
    "a zero byte": (b"a\0 = 1", "a.toml", "AZ103", 1, 2),
    "a program": (b"\x7fELF\x02\x01\x01\0\0\0", "a.toml", "AZ103", 1, 1),
    "half a line end": (b"a = 1\rb = 2", "a.toml", "AZ103", 1, 6),
    "a mebibyte that is no TOML": ("x" * MIB, "a.toml", "AZ103", 1, MIB + 1),
    "a string of a mebibyte without an end": ('x = "' + "a" * (MIB - 9), "a.toml", "AZ103", 1, 5),
    "many lines without an end": ("x = '''" + "\n" * (MIB - 9), "a.toml", "AZ103", 1, 5),
    "quotes without an end": ('x = """' + '""\\' * (MIB // 3 - 9), "a.toml", "AZ103", 1, 5),
    "JSON string without an end": ('{"' + "\\\\" * (MIB // 2 - 9), "a.json", "AZ103", 1, 2),
    "65 brackets": ("x = " + "[" * 65 + "]" * 65, "a.toml", "AZ104", 1, 69),
    "900 brackets": ("x = " + "[" * 900 + "]" * 900, "a.toml", "AZ104", 1, 69),
    "900 tables": ("x = " + "{a=" * 900 + "1" + "}" * 900, "a.toml", "AZ104", 1, 5 + 3 * 64),
    "300,000 brackets": ("x = " + "[" * 300_000, "a.toml", "AZ104", 1, 69),
    "a path of 65 over two headers": (
        "[" + ".".join("a" * 40) + "]\n" + ".".join("b" * 26) + " = 1",
        "a.toml",
        "AZ104",
        2,
        49,
    ),
    "100,000 brackets of JSON": (DEEP, "a.json", "AZ104", 1, 65),
    "100,000 tables of JSON": ('{"a":' * 100_000, "a.json", "AZ104", 1, 1 + 5 * 64),
    "100,000 brackets in a table": (f'{{"a": {DEEP}', "a.json", "AZ104", 1, 70),
    "5,000 digits": ("x = " + "9" * 5000, "a.toml", "AZ104", 1, 5),
    "5,000 digits of JSON": ('{"x": ' + "9" * 5000 + "}", "a.json", "AZ104", 1, 7),
    "a mebibyte of digits": ("x = 1." + "9" * (MIB - 9), "a.toml", "AZ104", 1, 5),
    "a mebibyte of digits and lines": ("x = 1" + "_1" * (MIB // 2 - 9), "a.toml", "AZ104", 1, 5),
    "800 hex digits": ("x = 0x" + "f" * 800, "a.toml", "AZ104", 1, 5),
    "a list": ("[1]", "a.json", "AZ105", 1, 1),
    "a word": ('\n "x"', "a.json", "AZ105", 2, 2),
    "a bell in a key": ('"a\\u0007" = 1', "a.toml", "AZ108", 1, 1),
    "an escape sequence in a key": ('{"x": {"\\u001b[2J": 1}}', "a.json", "AZ108", 1, 8),
    "an escape sequence in a name": ('name = "\\u001b]0;owned\\u0007"', "a.toml", "AZ108", 1, 8),
    "a key that reads backwards": ('x = 1\n"a\u202eb" = 1', "a.toml", "AZ108", 2, 1),
    "a name of two lines": ('name = """a\nb"""', "a.toml", "AZ108", 1, 8),
    "half a character in a key": ('{"\\udc00": 1}', "a.json", "AZ106", 1, 2),
    "10,001 entries": ("x = [" + "1," * 10_001 + "]", "a.toml", "AZ109", 1, 5),
    "300,000 entries": ("x = [" + "1," * 300_000 + "]", "a.toml", "AZ109", 1, 100_003),
    "300,000 entries of JSON": ('{"x": [' + "1," * 300_000 + "1]}", "a.json", "AZ109", 1, 100_004),
    "a key of 65 parts": ("a." * 64 + "b = 1", "a.toml", "AZ109", 1, 128),
    "a key of 5,000 parts": ("a." * 5000 + "b = 1", "a.toml", "AZ109", 1, 128),
    "a header of 5,000 parts": ("[" + "a." * 5000 + "b]", "a.toml", "AZ109", 1, 129),
    "a mebibyte of [[a]]": ("[[a]]\n" * (MIB // 6), "a.toml", "AZ109", 25_001, 1),
    "a mebibyte of keys": ("".join(f"k{i} = 1\n" for i in range(80_000)), "a.toml", "AZ109", 25_001, 1),
    "a mebibyte of comments": ("#\n" * (MIB // 2), "a.toml", "AZ109", 50_001, 1),
    "a mebibyte of dotted keys": (
        "".join(f"{'a.' * 60}k{i} = 1\n" for i in range(8000)),
        "a.toml",
        "AZ109",
        807,
        57,
    ),
    "a mebibyte of inline tables": ("x = [" + "{a=1}," * 170_000 + "]", "a.toml", "AZ109", 1, 100_003),
    "a mebibyte of JSON tables": ("[" + "{}," * 340_000 + "{}]", "a.json", "AZ109", 1, 100_001),
}


@pytest.mark.parametrize("why", HOSTILE)
def test_hostile_text_is_refused_at_its_place_and_in_no_time(why: str) -> None:
    text, name, code, line, column = HOSTILE[why]
    start = time.process_time()
    (fault,) = refused(text, name)
    assert time.process_time() - start < 2  # a blow-up takes minutes; it is measured at a tenth of a second
    assert spot(fault) == (code, line, column)
    assert len(str(fault)) < 500
    assert str(fault).isprintable()
