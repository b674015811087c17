"""The spec of the README reads, and is built."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import aezoo

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_spec_of_the_readme_is_built() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert aezoo.build(aezoo.read(tomllib.loads(text))).spec.objective.tag() == "oneclass:svdd"
