"""The README's spec reads without a doubt."""

from __future__ import annotations

import tomllib
from pathlib import Path

from aezoo.reading.reader import check

README = Path(__file__).parent.parent / "README.md"


def test_the_spec_of_the_readme_reads_without_a_doubt() -> None:
    text = README.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    assert check(tomllib.loads(text))[1] == []
