"""Distributions installed by pip into a temporary folder, and aezoo run with them there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from aezoo.errors import AezooError

#: Not copied: the copy keeps pip from building inside the original folder.
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", "build", "dist", "*.egg-info")


class Done(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


class Site(NamedTuple):
    """A folder with installed distributions, and Python with that folder on its path.

    Attributes:
        folder: Where the distributions are.
    """

    folder: Path

    def aezoo(self, *words: object, cwd: Path | None = None, **environment: str) -> Done:
        """Run `python -m aezoo` in a process of its own: `site.aezoo("check", "a.toml")`."""
        return self.python("-P", "-m", "aezoo", *words, cwd=cwd, **environment)

    def python(self, *words: object, cwd: Path | None = None, **environment: str) -> Done:
        """Run Python in a process of its own: `site.python("-c", "import aezoo_shuffle")`."""
        done = subprocess.run(
            [sys.executable, *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd or self.folder.parent,
            env={**os.environ, "PYTHONPATH": self._path(), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _path(self) -> str:
        return os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH", "")]))


@contextmanager
def installed(*paths: str | os.PathLike[str]) -> Iterator[Site]:
    """Install distributions, each a folder with a pyproject.toml, or a wheel, into a temporary folder.

    Nothing is downloaded: what they are built with, and what they depend on, has to be there. What is installed
    beside them in this environment is seen, too; `AEZOO_DISABLE_PLUGINS` hides it.

        with installed("plugins/aezoo-shuffle") as site:
            assert site.aezoo("check", "shuffled.toml").code == 0

    Args:
        paths: The distributions.

    Raises:
        AezooError: pip could not install one.
    """
    with TemporaryDirectory(prefix="aezoo-installed-") as temporary:
        folder = Path(temporary).resolve() / "site"
        folder.mkdir()
        if paths:
            _install([_source(Path(path), folder.parent / f"source{i}") for i, path in enumerate(paths)], folder)
        yield Site(folder)


def _source(path: Path, copy: Path) -> Path:
    if path.is_dir():
        return Path(shutil.copytree(path, copy / path.resolve().name, ignore=LEFT_OUT))
    return path.resolve()


def _install(sources: list[Path], folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-deps", "--no-build-isolation", "--target", str(folder), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AezooError(f"pip could not install {', '.join(path.name for path in sources)}: {done.stderr.strip()}")
