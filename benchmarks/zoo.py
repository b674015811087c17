"""Trains every bundled spec and writes what came out to docs/results.md: the zoo's figures, and the time they take.

python benchmarks/zoo.py                      all, into runs/zoo, about twenty minutes on two cores
python benchmarks/zoo.py vanilla-digits       some; the others keep their rows where runs/zoo has no run of them
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import aezoo
from aezoo.reading.bundled import bundled_specs
from aezoo.training.progress import Terminal

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "runs" / "zoo"
PAGE = ROOT / "docs" / "results.md"
HEAD = """# Results

Every bundled spec, trained as it stands on the data it names, scored on the test split it never saw
(`python benchmarks/zoo.py` trains them all and writes this page).

Errors are squared errors summed over a sample, averaged over the test split, in the data's units; likelihoods are
nats per sample. PCA has the width of the model's code and is fitted on the same training rows. For specs with a
corruption, "denoised" is the error of the reconstruction of a corrupted input against the clean one, beside the best
linear denoiser that the training split gives (the Wiener filter for Gaussian noise; cut off at the range, which
`aezoo evaluate` shows as `wiener_clipped`, it leaves 14.09 of the digits' 15.67) and the input left as it is.

How to read it: a code of 8x7x7 has 8 channels on 7x7 places. A sparse or contractive code of 192 to 512 values is held
back by its penalty, not by its width, so PCA of that width, which keeps every value, is no rival but a floor. The
mixtures of four families have a variational code of 24 values and pay for a rate; the linear denoiser beside them
passes 784 values. AR(1) signals are Gaussian, where PCA is the best code there is; what the models add there is
denoising at unknown noise levels. Seconds are wall time; specs that draw noise, `NAME-mnist` and `dae-signals` were
trained beside other work, so that theirs are upper bounds.
"""


def main() -> None:
    for name in sys.argv[1:] or bundled_specs():
        print(f"== {name}", flush=True)
        aezoo.train(name, out=RUNS / name, force=True, progress=Terminal())
    PAGE.write_text(page(written(PAGE)), encoding="utf-8")


def page(before: dict[str, dict[str, str]]) -> str:
    specs = {name: path.parent.name for name, path in bundled_specs().items()}
    trained = {name: row(name, specs[name]) for name in specs if (RUNS / name / "metrics.json").is_file()}
    rows = [(before | trained)[name] for name in specs if name in before | trained]
    return "\n".join([HEAD, *table(rows), "", *machine(), ""])


def written(path: Path) -> dict[str, dict[str, str]]:
    """The rows of the page as it stands, by spec."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = [dict(zip(cells[0], values, strict=True)) for values in cells[2:]]
    return {row["spec"].strip("`"): row for row in rows}


def row(name: str, family: str) -> dict[str, str]:
    scores = json.loads((RUNS / name / "metrics.json").read_text())
    record = json.loads((RUNS / name / "training.json").read_text())
    metrics, baseline = scores["metrics"], scores["baseline"]

    def put(key: str, source: dict[str, Any] = metrics) -> str:
        return f"{source[key]:.2f}" if key in source else ""

    return {
        "family": family,
        "spec": f"`{name}`",
        "code": "x".join(map(str, aezoo.read(name).code_shape)),
        "parameters": f"{aezoo.read(name).parameters:,}",
        "squared error": put("squared_error"),
        "PCA": put("squared_error", baseline.get("pca", {})),
        "denoised": put("denoising_squared_error"),
        "linear": put("denoising_squared_error", baseline.get("wiener", {})),
        "corrupted": put("denoising_squared_error", baseline.get("noisy input", {})),
        "ELBO": put("elbo"),
        "rate": put("rate"),
        "active": put("active_units"),
        "seconds": f"{record['seconds']:.0f}",
    }


def table(rows: list[dict[str, str]]) -> list[str]:
    heads = list(rows[0])
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return lines + [f"| {' | '.join(r.values())} |" for r in rows]


def machine() -> list[str]:
    record = json.loads(next(RUNS.glob("*/training.json")).read_text())
    return [
        f"Trained with aezoo {record['aezoo']}, torch {record['torch']}, on {record['device']}"
        f" with {record['threads']} thread(s); seed {record['seed']}. Seconds are wall time of the training loop.",
    ]


if __name__ == "__main__":
    main()
