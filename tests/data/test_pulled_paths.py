"""Which paths lead out of the working folder, on this system or another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from aezoo.data.pulled_paths import _paths, leads_out, refuse_outside
from aezoo.errors import Refused


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("data.csv", False),
        ("a/b.csv", False),
        ("a..b/c", False),
        ("C:data.csv", True),
        ("\\data.csv", True),
        ("C:\\data.csv", True),
        ("/data.csv", True),
        ("~/data.csv", True),
        ("a/../b", True),
        ("a\\..\\b", True),
    ],
)
def test_a_drive_a_root_a_home_or_a_parent_leads_out(path: str, out: bool) -> None:
    assert leads_out(path) is out


def test_paths_are_found_at_any_depth_and_in_lists() -> None:
    document = {"type": "arrays", "path": ["a", "b"], "name": "c", "inner": {"path": ("d", "e")}, "n": 3}
    assert list(_paths(document)) == ["a", "b", "d", "e"]


def test_two_hundred_letters_of_a_path_are_shown() -> None:
    data = SimpleNamespace(model_dump=lambda: {"path": "/" + "a" * 300})
    spec: Any = SimpleNamespace(name="theirs", data=data)
    refuse_outside(spec, pulled=False)
    with pytest.raises(Refused) as caught:
        refuse_outside(spec, pulled=True)
    assert f"its data are {'/' + 'a' * 199!r}: not opened" in caught.value.message
