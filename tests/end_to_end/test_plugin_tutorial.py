"""docs/plugins.md, done as it is written: in an empty folder, with nothing of aezoo changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path
from sysconfig import get_path
from typing import NamedTuple

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins.md"
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Step(NamedTuple):
    """A block of the page: its language, what stands after that, and its text."""

    language: str
    about: str
    text: str


class Reader:
    """Somebody who does what the page says.

    Args:
        folder: Where; a new environment is made in it.
    """

    def __init__(self, folder: Path) -> None:
        self.cwd = folder / "work"
        self.cwd.mkdir()
        self.bin = environment(folder / "venv")
        self.printed = ""

    def do(self, step: Step) -> None:
        """Run a command, write a file, or compare with what is there."""
        name, _, how = step.about.strip().partition(", ")
        if step.language == "sh":
            self.printed = "".join(self.run(line) for line in step.text.splitlines())
        elif step.language == "text":
            self.compare(step.text)
        elif name == "run":
            self.run(f"{self.bin / 'python'} -c '{step.text}'")
        elif how == "as it was written":
            assert (self.cwd / name).read_text(encoding="utf-8") == step.text
        elif how == "in part":
            assert step.text.strip() in (self.cwd / name).read_text(encoding="utf-8")
        else:
            (self.cwd / name).parent.mkdir(exist_ok=True)
            (self.cwd / name).write_text(step.text, encoding="utf-8")

    def run(self, line: str) -> str:
        if line.startswith("cd "):
            self.cwd /= line[3:]
            return ""
        done = subprocess.run(
            line, shell=True, cwd=self.cwd, env=self.variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @property
    def variables(self) -> dict[str, str]:
        """No network, and no other plugin that happens to be installed here."""
        # pip's variable says the opposite of its option: 0 means no isolation.
        offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        return {**os.environ, **offline, "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}

    def compare(self, text: str) -> None:
        """Each line that the page shows was printed, up to blanks; `...` is anything. Or it lists files."""
        if "pyproject.toml" in text:
            assert all((self.cwd / name).is_file() for name in text.split())
            return
        printed = [" ".join(line.split()) for line in self.printed.splitlines()]
        for line in filter(None, (" ".join(line.split()) for line in text.splitlines())):
            pattern = re.escape(line).replace(re.escape("..."), ".*")
            assert any(re.fullmatch(pattern, one) for one in printed), f"{line}\nis not in\n{self.printed}"


def environment(folder: Path) -> Path:
    """A virtual environment that sees all that is installed here; returns its folder of commands."""
    venv.create(folder, with_pip=False)
    purelib = get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
    (Path(purelib) / "here.pth").write_text(f"import site; site.addsitedir({get_path('purelib')!r})\n")
    scripts = Path(get_path("scripts", "venv", {"base": str(folder), "platbase": str(folder)}))
    for module in ("aezoo", "pip", "pytest"):
        command = scripts / module
        command.write_text(f'#!/bin/sh\nexec "{scripts / "python"}" -P -m {module} "$@"\n')
        command.chmod(0o755)
    return scripts


@pytest.mark.skipif(sys.platform == "win32", reason="the page is written for a POSIX shell")
def test_who_follows_the_page_has_a_plugin_and_a_model_made_with_it(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    steps = [Step(*found) for found in FENCE.findall(PAGE.read_text(encoding="utf-8"))]
    assert {step.language for step in steps} == {"sh", "text", "python", "toml"}
    for step in steps:
        reader.do(step)
    assert (reader.cwd / "runs" / "smooth" / "model.safetensors").is_file()
