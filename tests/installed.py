"""The plugins of this repository, really installed: each alone, then all together; and their tests, run there.

    python tests/installed.py           as tests/run_all.py does it
    python tests/installed.py --core    the suite of the core, too, beside all of them; what follows goes to pytest

An environment is a venv that sees the packages of this one, so that torch is installed once. A plugin in it is a wheel
that pip has installed, and its tests run by its own settings for pytest, in a folder away from all source. What plugins
owe to aezoo and to each other once they are installed is in plugins/tests. Nothing is downloaded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BESIDE = ROOT / "plugins" / "tests"
#: Variables by which an environment would see more, or less, than is installed in it.
BLINDERS = {"PYTHONPATH", "PYTHONHOME", "AEZOO_DISABLE_PLUGINS"}


class Plugin(NamedTuple):
    """A distribution in plugins/.

    Attributes:
        folder: Its source.
        namespace: Of its parts.
    """

    folder: Path
    namespace: str


class Environment(NamedTuple):
    """A venv with plugins in it.

    Attributes:
        folder: The venv.
        plugins: What is installed there.
    """

    folder: Path
    plugins: list[Plugin]

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    def test(self, settings: Path, *words: object, workers: str = "auto") -> int:
        """Run pytest there by the settings of a pyproject.toml; its exit code."""
        outside = self.folder / "outside"
        outside.mkdir(exist_ok=True)
        # -P: the folder that this runs in is not on the path. No cache: nothing is left in the source.
        options = ("-n", workers, "-p", "no:cacheprovider", "-c", settings)
        command = [self.python, "-P", "-m", "pytest", *options, *words]
        seen = {name: value for name, value in os.environ.items() if name not in BLINDERS}
        environment = {"OMP_NUM_THREADS": "1", **seen}
        return subprocess.run([*map(str, command)], cwd=outside, env=environment, check=False).returncode


def plugins() -> list[Plugin]:
    """Those of this repository, by name."""
    found = []
    for path in sorted((ROOT / "plugins").glob("*/pyproject.toml")):
        (namespace,) = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["entry-points"]["aezoo"]
        found.append(Plugin(path.parent, namespace))
    return found


def wheel(plugin: Plugin, folder: Path) -> Path:
    """Its wheel, built by what is installed here."""
    into = folder / plugin.namespace
    run_pip(sys.executable, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", into, plugin.folder)
    return next(into.glob("*.whl"))


def environment(folder: Path, wheels: Mapping[Plugin, Path]) -> Environment:
    """A new venv that sees the packages of this environment, and has these plugins."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    made = Environment(folder, [*wheels])
    asked = [str(made.python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    own = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    # addsitedir, for the .pth files there: one of them leads to aezoo, where that is installed to be edited.
    line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (own / "packages_of_the_first.pth").write_text(line, encoding="utf-8")
    # With dependencies: what a plugin needs has to be here, in a version that it takes.
    run_pip(made.python, "install", "--no-index", *wheels.values())
    return made


def run_pip(python: str | Path, command: str, *words: object) -> None:
    """Run pip quietly. Raises `CalledProcessError`."""
    options = ("--quiet", "--disable-pip-version-check")
    subprocess.run([str(python), "-m", "pip", command, *options, *map(str, words)], check=True)


def checks(env: Environment, *, others: bool) -> Iterator[int]:
    """Run the tests of each plugin that is installed there, and those of how it stands; the exit codes."""
    names = ",".join(plugin.namespace for plugin in env.plugins)
    # Once, beside all: that none needs another is what a run by a spec that names one says, in plugins/tests.
    for plugin in [] if others else env.plugins:
        say(f"{plugin.folder.name}, where {names} is installed")
        yield env.test(plugin.folder / "pyproject.toml", plugin.folder / "tests")
    say(f"plugins/tests, where {names} is installed")
    rooms = [BESIDE / "test_present.py", BESIDE / ("test_absent.py" if others else "test_together.py")]
    # A handful of tests: each worker would import torch, which takes longer than they do.
    yield env.test(ROOT / "pyproject.toml", *rooms, "--installed", names, workers="0" if others else "auto")


def say(what: str) -> None:
    print(f"-- {what}", flush=True)  # noqa: T201


def main(words: list[str]) -> int:
    """Run all, even after a failure; the worst exit code is the answer."""
    strangers = sorted({entry.dist.name for entry in entry_points(group="aezoo") if entry.dist} - {"aezoo"})
    if strangers:  # no environment made of this one is without them
        names = " ".join(strangers)
        print(f"plugins are installed here: run `{sys.executable} -m pip uninstall -y {names}` first")  # noqa: T201
        return 2
    codes: list[int] = []
    with TemporaryDirectory(prefix="aezoo-environments-") as temporary:
        place = Path(temporary).resolve()
        wheels = {plugin: wheel(plugin, place / "wheels") for plugin in plugins()}
        for plugin, path in wheels.items():
            codes += checks(environment(place / plugin.namespace, {plugin: path}), others=True)
        together = environment(place / "all", wheels)
        codes += checks(together, others=False)
        if words[:1] == ["--core"]:
            say("the suite of the core, where all are installed")
            codes.append(together.test(ROOT / "pyproject.toml", ROOT / "tests", *words[1:]))
    return max(codes, key=abs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
