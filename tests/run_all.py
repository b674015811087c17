"""Every check of the repository, the cheap ones first; the test suite's summary is the last line.

python tests/run_all.py            all
python tests/run_all.py -k NAME    what follows goes to pytest, for the suite of the core
python tests/run_all.py --quick    ruff, and the packages that need no training run: while you work
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Packages of plugins are held to the same types as the core.
PACKAGES = [str(path.parent) for path in sorted(ROOT.glob("plugins/*/aezoo_*/__init__.py"))]
TYPED = ["aezoo", "tests/installed.py", *PACKAGES]
CHECKS = (
    ("ruff", [sys.executable, "-m", "ruff", "check", "."]),
    ("format", [sys.executable, "-m", "ruff", "format", "--check", "."]),
    ("mypy", [sys.executable, "-m", "mypy", "--strict", *TYPED]),
    ("plugins", [sys.executable, "tests/installed.py"]),
    # A process for each core, and the tests of a file in one of them.
    ("pytest", [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "loadfile", *sys.argv[1:]]),
)
#: The linter, and packages whose tests take seconds.
QUICK_TESTS = [
    "tests/nn",
    "tests/spec",
    "tests/registry",
    "tests/builtins/test_schedules.py",
    "tests/test_docstrings.py",
]
QUICK = (
    CHECKS[0],
    ("pytest", [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "loadfile", *QUICK_TESTS, *sys.argv[2:]]),
)


def main() -> int:
    """Run all, even after a failure; the worst exit code is the answer."""
    # One thread: on a shared machine two spin against each other. CI: the same examples in each run.
    environment = {"OMP_NUM_THREADS": "1", "CI": "1", **os.environ}
    codes = []
    for name, command in QUICK if "--quick" in sys.argv[1:2] else CHECKS:
        print(f"== {name}", flush=True)  # noqa: T201
        codes.append(subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode)
    return max(codes, key=abs)


if __name__ == "__main__":
    sys.exit(main())
