"""The house layout, and its laws: nothing said is changed, no comment is lost, and doing it twice is doing it once."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aezoo
from aezoo.cli.starter import FAMILIES, starter
from aezoo.errors import SpecError
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.formatting import WIDTH, _Writer, layout
from aezoo.reading.text import parse, to_toml
from aezoo.reading.tokens import toml_tokens
from aezoo.spec.foreign import foreign

EXAMPLES = settings(deadline=None, derandomize=True, max_examples=200)
LONG = '{ type = "conv", channels = 32, kernel = 4, stride = 2, padding = 1, norm = "group" }'


def comments(text: str) -> list[str]:
    return [text[start:end].rstrip(" \t") for kind, start, end in toml_tokens(text) if kind == "comment"]


def words(text: str) -> list[str]:
    """All keys and values, as they are spelt, in order."""
    return [text[start:end].replace("\r\n", "\n") for kind, start, end in toml_tokens(text) if kind in ("key", "value")]


# --- laws -------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(data=st.data())
def test_a_text_laid_out_says_the_same_in_the_same_words_and_order(toml_texts: Any, data: st.DataObject) -> None:
    text, document = data.draw(toml_texts)
    if foreign(document):
        return
    laid = layout(text, "a.toml")
    assert parse(laid.encode(), "a.toml") == document
    assert words(laid) == words(text)
    assert comments(laid) == comments(text)


@EXAMPLES
@given(data=st.data())
def test_laying_out_twice_is_laying_out_once(toml_texts: Any, data: st.DataObject) -> None:
    text, document = data.draw(toml_texts)
    if foreign(document):
        return
    laid = layout(text, "a.toml")
    assert layout(laid, "a.toml") == laid


@EXAMPLES
@given(data=st.data())
def test_long_lists_in_tables_in_lists_settle_at_once(data: st.DataObject) -> None:
    """Widths around the limit, which the short texts of the other laws seldom reach."""
    leaves = st.integers(0, 10**12) | st.text("ab ", max_size=40)
    inner = st.recursive(
        leaves,
        lambda v: st.lists(v, max_size=6) | st.dictionaries(st.sampled_from(["type", "body", "each"]), v),
        max_leaves=30,
    )
    text = f"x = {_inline(data.draw(inner))}"
    laid = layout(text, "a.toml")
    assert parse(laid.encode(), "a.toml") == parse(text.encode(), "a.toml")
    assert layout(laid, "a.toml") == laid


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}={_inline(item)}' for key, item in value.items())}}}"
    return f"[{','.join(map(_inline, value))}]" if isinstance(value, list) else json.dumps(value)


@EXAMPLES
@given(data=st.data())
def test_the_shape_of_a_laid_out_text(toml_texts: Any, data: st.DataObject) -> None:
    text, document = data.draw(toml_texts)
    if foreign(document):
        return
    laid = layout(text, "a.toml").replace("\r\n", "\n")
    strings = [text[start:end] for kind, start, end in toml_tokens(laid) if kind == "value" and "\n" in text[start:end]]
    if strings:  # their spaces and empty lines are theirs
        return
    assert not re.search(r"[ \t]\n", laid)
    assert "\n\n\n" not in laid
    assert not laid.startswith("\n")
    assert not laid or (laid.endswith("\n") and not laid.endswith("\n\n"))
    for before, line in zip(laid.split("\n"), laid.split("\n")[1:], strict=False):
        if line.startswith("[") and before:
            assert before.startswith("#")


@EXAMPLES
@given(data=st.data(), indent=st.sampled_from([None, 0, 4]))
def test_json_is_indented_by_two_in_the_order_given(documents: Any, data: st.DataObject, indent: int | None) -> None:
    document = data.draw(documents)
    if foreign(document):
        return
    laid = layout(json.dumps(document, indent=indent), "a.json")
    assert json.dumps(json.loads(laid)) == json.dumps(document)
    assert laid == json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    assert layout(laid, "a.json") == laid


# --- known answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "laid"),
    [
        ("", ""),
        ("\n\n# only\n\n", "# only\n"),
        ("a=1", "a = 1\n"),
        ("  a . 'b'   =  1_000#x", "a.'b' = 1_000  #x\n"),
        ("a = {  }\nb = [\n]", "a = {}\nb = []\n"),
        ("a={b=1,c.d=[1,2 , ]}", "a = { b = 1, c.d = [1, 2] }\n"),
        ("a = 1\n\n\n\nb = 2\n\n", "a = 1\n\nb = 2\n"),
        ("a = 1\n[ b ]\n[[c]]\n", "a = 1\n\n[b]\n\n[[c]]\n"),
        ("a = 1\n# of b\n[b]\n", "a = 1\n\n# of b\n[b]\n"),
        ("a = 1\n# of a\n\n[b]\n", "a = 1\n# of a\n\n[b]\n"),
        ("# of the file\n[b] # of b\n", "# of the file\n[b]  # of b\n"),
        ("a = '''\nx  \n\n\ny'''", "a = '''\nx  \n\n\ny'''\n"),
        ("a = [1, # one\n# two\n2]", "a = [\n    1,  # one\n    # two\n    2,\n]\n"),
        ("a = [ # all\n1\n, # none\n] # end", "a = [  # all\n    1,  # none\n]  # end\n"),
        ("a = [1 # x\n, # y\n2]", "a = [\n    1,  # x\n    # y\n    2,\n]\n"),
        ("a = [\n\n1,\n\n\n2,\n\n]", "a = [\n    1,\n\n    2,\n]\n"),
        ("a = [1,\r\n2]\r\n", "a = [1, 2]\r\n"),
    ],
)
def test_the_layout_of_small_texts(text: str, laid: str) -> None:
    assert layout(text, "a.toml") == laid


def test_a_list_that_fits_stays_on_its_line_to_the_last_column() -> None:
    fits = f'x = ["{"a" * 40}", "{"b" * (WIDTH - 52)}"]\n'
    assert len(fits) == WIDTH + 1
    assert layout(fits, "a.toml") == fits
    longer = fits.replace("aa", "aaa", 1)
    assert layout(longer, "a.toml") == f'x = [\n    "{"a" * 41}",\n    "{"b" * (WIDTH - 52)}",\n]\n'


def test_layers_are_spread_and_the_short_lists_in_them_are_not() -> None:
    text = f"encoder = [{LONG}, {LONG[:-2]}, each = {{ channels = [32, 64] }} }}]"
    assert layout(text, "a.toml") == (
        f"encoder = [\n    {LONG},\n    {LONG[:-2]}, each = {{ channels = [32, 64] }} }},\n]\n"
    )


def test_a_body_of_layers_is_spread_inside_its_table() -> None:
    text = f'encoder = [{{type="residual",body=[{LONG},{LONG}]}}]'
    assert layout(text, "a.toml") == (
        f'encoder = [\n    {{ type = "residual", body = [\n        {LONG},\n        {LONG},\n    ] }},\n]\n'
    )


def test_a_list_that_its_author_spread_stays_spread() -> None:
    spread = 'encoder = [\n    { type = "flatten" },\n]\n'
    assert layout(spread, "a.toml") == spread
    assert layout(spread.replace("},\n", "}\n"), "a.toml") == 'encoder = [{ type = "flatten" }]\n'


@pytest.mark.parametrize("name", sorted(bundled_specs()))
def test_every_bundled_spec_is_in_the_house_layout(name: str) -> None:
    text = bundled_specs()[name].read_text(encoding="utf-8")
    assert layout(text, f"{name}.toml") == text


@pytest.mark.parametrize("family", FAMILIES)
def test_every_starter_is_in_the_house_layout(family: str) -> None:
    text = starter("mine", [family], (1, 28, 28))
    assert layout(text, "mine.toml") == text


@pytest.mark.parametrize("name", sorted(bundled_specs()))
def test_a_rendered_spec_laid_out_reads_as_the_same_model(name: str) -> None:
    spec = aezoo.read(name)
    again = aezoo.read(parse(layout(to_toml(spec.document()), "a.toml").encode(), "a.toml"))
    assert (again.arch, again.run) == (spec.arch, spec.run)


@pytest.mark.parametrize(("text", "code"), [("a = ", "AZ103"), ("a = nan", "AZ106"), ("a = '\ud800'", "AZ102")])
def test_what_cannot_be_read_is_not_laid_out(text: str, code: str) -> None:
    with pytest.raises(SpecError, match=code):
        layout(text, "a.toml")


# --- what it costs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ("{ a = ", " }"), ("[ # c\n", "\n]"), ("[{ a = ", " }]")])
def test_twice_as_deep_costs_twice_as_much_and_not_four_times(
    opened: str, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: list[str] = []
    for name in ("flat", "spread"):
        method = getattr(_Writer, name)

        def counted(self: _Writer, value: Any, *, method: Any = method) -> Any:
            work.append("")
            return method(self, value)

        monkeypatch.setattr(_Writer, name, counted)
    depths = (15, 30) if "{" in opened and "[" in opened else (30, 60)
    costs = []
    for depth in depths:
        work.clear()
        layout("x = " + opened * depth + f'"{"y" * 120}"' + closed * depth + "\n", "a.toml")
        costs.append(len(work))
    assert costs[1] < 2.5 * costs[0]
