"""`aezoo fit` on real sets, untouched, beside the linear baseline of each purpose.

    OMP_NUM_THREADS=1 python benchmarks/fit.py FOLDER [SET:PURPOSE ...] [--minutes 1]

prepares the sets in FOLDER (benchmarks/fit_data.py), fits each, and prints a line of a table for each. What was fitted
before is read again; `--force` fits it anew.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fit_data import prepare

#: The label of a table, where it has one.
LABELS = {"wdbc.csv": "label", "wine.csv": "label", "penguins.csv": "species", "glass.csv": "type"}
RUNS = (
    *("wdbc.csv:features", "wine.csv:features", "penguins.csv:features", "auto-mpg.csv:features", "glass.csv:features"),
    *(
        "star98.csv:compress",
        "digits.npy:features",
        "fashion.npy:compress",
        "faces.npy:compress",
        "patches.npy:compress",
    ),
    *("power.npy:features", "gunpoint.npy:features", "vowels.npy:compress", "motions.npy:compress", "prompts:compress"),
    *("wdbc.csv:anomaly", "penguins.csv:anomaly", "power.npy:anomaly", "patches.npy:denoise", "fashion.npy:denoise"),
    *("gunpoint.npy:denoise", "prompts:denoise", "wine.csv:generate", "penguins.csv:generate", "digits.npy:generate"),
)
HEAD = (
    "| set | for | samples | code | model | linear baseline | ahead by | standard error | verdict | chosen | seconds "
    "| failed |"
)


def fitted(folder: Path, run: str, minutes: float, *, force: bool) -> dict[str, Any]:
    """The document of a fit."""
    name, _, purpose = run.partition(":")
    out = folder / "fits" / f"{Path(name).stem}-{purpose}"
    kept = out / "fit.json"
    if not force and kept.is_file() and "result" in (found := json.loads(kept.read_text())):
        return dict(found["result"])
    words = [sys.executable, "-m", "aezoo", "fit", str(folder / name), "--for", purpose, "--out", str(out)]
    words += ["--minutes", str(minutes), "--json", "--threads", os.environ.get("OMP_NUM_THREADS", "1")]
    words += ["--force"] if force else []
    words += ["--label", LABELS[name]] if name in LABELS else []
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {"error": done.stderr.strip()}


def line(run: str, document: dict[str, Any]) -> str:
    """A line of the table."""
    name, _, purpose = run.partition(":")
    if "error" in document:
        return f"| {name} | {purpose} | {document['error'].splitlines()[-1]} |"
    compared = document["compared"][0]
    rival = compared["rivals"][0]
    shape = "x".join(map(str, document["shape"]))
    figures = [f"{compared['value']:.4g}", f"{rival['name']}: {rival['value']:.4g}", f"{rival['ahead']:+.2g}"]
    cells = [name, purpose, f"{document['n']:,} of {shape}", str(document["code"]), *figures, f"{rival['error']:.2g}"]
    failed = [candidate for candidate, found, _ in (r.partition(" failed: ") for r in document["remarks"]) if found]
    cells += [document["verdict"], document["chosen"], f"{document['seconds']:.0f}", ", ".join(failed) or "none"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--force", action="store_true")
    options = parser.parse_args()
    runs = options.runs or [*RUNS]
    options.folder.mkdir(parents=True, exist_ok=True)
    prepare(options.folder, [*dict.fromkeys(run.partition(":")[0] for run in runs)])
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {options.minutes:g} minutes each\n{HEAD}")
    print("|" + "---|" * (HEAD.count("|") - 1))
    for run in runs:
        print(line(run, fitted(options.folder, run, options.minutes, force=options.force)), flush=True)


if __name__ == "__main__":
    main()
