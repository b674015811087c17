"""Names of files for samples: one for each, everywhere."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aezoo.cli.file_names import file_stems


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["a.png", "cats/b.jpg", "sample 3"], ["a", "cats_b", "sample_3"]),
        (["a.png", "a.jpg", "b.png"], ["a_png", "a_jpg", "b"]),
        (["a.png", "a.jpg", "a_jpg.gif"], ["a_png", "a_jpg_2", "a_jpg"]),
        (["cats/a.png", "cats_a.png"], ["cats_a_png", "cats_a_png_2"]),
        (["A.png", "a.png"], ["A_png", "a_png_2"]),
        (["sample 3", "sample_3"], ["sample_3", "sample_3_2"]),
        (["con.png", "LPT1", "nul.x.png"], ["con_", "LPT1_", "nul.x_"]),
        (["caf\udce9.png", "..", "a:b?.png"], ["caf_xe9", "sample", "a_b"]),
    ],
)
def test_what_a_sample_is_called_as_a_file(names: list[str], stems: list[str]) -> None:
    assert file_stems(names) == stems


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    stems = file_stems(["é" * 300 + "a", "é" * 300 + "b"])
    assert len(set(stems)) == 2
    assert all(len(f"{stem}.png".encode()) <= 255 for stem in stems)


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("aAäÄ\u0308ß ._/\\-2\udce9\n"), max_size=8), max_size=12))
@example(["a_2", "a", "a/", "A"])
def test_no_two_samples_share_a_file_on_any_file_system(names: list[str]) -> None:
    stems = file_stems(names)
    assert len(stems) == len(names)
    assert stems == file_stems(names)
    keys = {unicodedata.normalize("NFD", stem.casefold()) for stem in stems}
    assert len(keys) == len(names)
    for stem in stems:
        assert stem == stem.strip("_.") or stem.endswith(tuple("_0123456789"))
        assert not set(stem) & set('/\\<>:"|?*\n ')
        stem.encode()
