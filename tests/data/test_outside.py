"""Which paths lead out of the working folder, on this system or another."""

from __future__ import annotations

import pytest

from aezoo.data.outside import _paths, leads_out


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
