"""The page of parts: Markdown that says what was meant, and links that lead somewhere."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from pydantic import Field

from aezoo.reference.markdown import anchor, escaped, grid, joined
from aezoo.reference.page import excerpt, slots, whole
from aezoo.registry.registry import Registry
from aezoo.spec.kinds import KINDS, LayerSpec


class Spline(LayerSpec):
    """A sum of splines, a*b*c | d, for x < 1 (arXiv:2404.19756).

    Example:
        [[encoder]]
        type = "kan:spline"
        knots = 4
    """

    type: Literal["spline"] = "spline"
    knots: int = Field(ge=2, description="between -1 and 1 | of each edge")
    inner: tuple[LayerSpec, ...] = Field((), description="what stands inside")


@pytest.fixture
def kan() -> Registry:
    registry = Registry()
    registry.add([Spline], namespace="kan")
    return registry


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("[B, *shape] -> a * b", r"[B, \*shape] -> a \* b"),
        ("code stays: `a * b < c`", "code stays: `a * b < c`"),
        ("x < 1, $5 and ~~", r"x \< 1, \$5 and \~\~"),
        ("code_shape of _this_", r"code_shape of \_this\_"),
        ("arXiv:1312.6114, appendix B", "[arXiv:1312.6114](https://arxiv.org/abs/1312.6114), appendix B"),
        ("arXiv:math-ph/0609050", "[arXiv:math-ph/0609050](https://arxiv.org/abs/math-ph/0609050)"),
    ],
)
def test_text_stays_what_it_is_in_markdown(text: str, markdown: str) -> None:
    assert escaped(text) == markdown


def test_a_heading_is_linked_as_github_names_it() -> None:
    assert anchor("layer `conv_transpose`") == "layer-conv_transpose"
    assert anchor("layer `kan:spline`") == "layer-kanspline"


def test_a_bar_in_a_cell_is_no_new_column() -> None:
    assert grid(("a", "b"), [("`x | y`", "z")]).splitlines() == ["| a | b |", "|---|---|", r"| `x \| y` | z |"]


def test_empty_blocks_leave_no_trace() -> None:
    assert joined(["a", "", "b\n"]) == "a\n\nb\n"


def test_slots_are_found_in_specs_in_kinds_and_in_parts(kan: Registry) -> None:
    places = slots(kan.parts())
    assert list(places) == list(KINDS)
    assert places["layer"] == ["`encoder`", "`decoder.layers`", "`inner` of layer `kan:spline`"]
    assert places["prior"] == ["`prior` of every latent"]
    assert places["optimizer"] == ["`training.optimizer`"]
    assert places["metric"] == ["`metrics`"]


def test_a_plugin_gets_the_page_of_its_own_parts(kan: Registry) -> None:
    page = excerpt(kan.parts())
    assert page.count("\n## ") == 1
    assert r"A sum of splines, a\*b\*c | d, for x \< 1" in page
    assert r"| `knots` | integer >= 2 | *required* | between -1 and 1 \| of each edge |" in page
    assert "| `inner` | list of [layers](#layers) |  | what stands inside |" in page
    assert '```toml\n[[encoder]]\ntype = "kan:spline"\nknots = 4\n```' in page
    assert ".md" not in page, "it links to no page that only aezoo has"


def test_every_link_within_a_page_leads_to_one_of_its_headings(registry: Registry, kan: Registry) -> None:
    for page in (whole(registry.parts()), excerpt(registry.parts()), excerpt(kan.parts())):
        headings = [anchor(heading) for heading in re.findall(r"^#+ (.+)$", page, flags=re.MULTILINE)]
        assert len(headings) == len(set(headings)), "two headings of one name"
        assert set(re.findall(r"\]\(#([^)]*)\)", page)) <= set(headings)


def test_every_part_is_in_the_table_of_contents(registry: Registry) -> None:
    contents = whole(registry.parts()).partition("\n## ")[0]
    assert all(f"(#{part.kind}-{part.tag()})" in contents for part in registry.parts())
