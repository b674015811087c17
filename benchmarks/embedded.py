"""Train each embedded model by its bundled spec and embed it; or train it again and compare.

python benchmarks/embedded.py write [NAME ...]      from runs/zoo/NAME, trained now if it is not there
python benchmarks/embedded.py cards [NAME ...]      writes their cards and lock files anew, the rest stays
python benchmarks/embedded.py compare [NAME ...]    trains again, prints both metrics; exit 1 if they differ by more
                                                    than a hundredth
python benchmarks/embedded.py list                  how large each is, and all together
python benchmarks/embedded.py table                 writes their table to docs/zoo.md
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import aezoo
from aezoo.files import atomic_write
from aezoo.reading.bundled import bundled_specs
from aezoo.storage import layout, lockfile
from aezoo.storage.model_files import ModelFiles
from aezoo.storage.verification import examine
from aezoo.training.progress import Terminal
from aezoo.zoo import embedded
from aezoo.zoo.listing import described
from aezoo.zoo.pushing import written_card

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "runs" / "zoo"
#: In the order in which they are listed.
NAMES = (
    "ae-mnist",
    "dae-mnist",
    "dae-signals",
    "vae-mnist",
    "conv-ae-mnist",
    "sparse-ae-mnist",
    "contractive-ae-mnist",
    "vdc-mnist",
    "denoising-sparse-conv-vae-mnist",
)
#: Of a model that has it: a metric, how the table calls it, and its decimals.
MORE = (
    ("elbo", "ELBO", 1),
    ("rate", "rate", 1),
    ("active_units", "active units", 0),
    ("sparsity", "share of units active", 3),
    ("dead", "dead", 3),
    ("latent_rank", "rank of codes", 1),
)
BEGIN, END = "<!-- models: python benchmarks/embedded.py table -->", "<!-- end of models -->"
#: All of them together, in the wheel.
BUDGET = 8_000_000
#: How far a metric may be from the one recorded: another machine rounds differently, and a run amplifies it.
TOLERANCE = 0.01


def write(names: list[str]) -> int:
    """Embed trained models, each checked against its spec, with a card of its own name."""
    for name in names:
        source, target = RUNS / name, embedded.folder(name)
        if not (source / layout.CONFIG).is_file():
            train(name, source)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for file in layout.survey(source).files:
            (target / file.name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source / file.name, target / file.name)
    return cards(names)


def cards(names: list[str]) -> int:
    """Write card, lock file and row of the index of embedded models anew."""
    index = dict(embedded.index())
    for name in names:
        target = embedded.folder(name)
        spec = examine(ModelFiles(target)).spec
        assert spec.run == aezoo.read(name).run, f"{target} was trained by another spec than the bundled {name}"
        atomic_write(target / layout.CARD, written_card(target, spec, name))
        files = tuple(layout.survey(target).files)
        lockfile.write(target, lockfile.Lock(name, "", lockfile.content_id(files), files, aezoo=aezoo.__version__))
        index[name] = {**described(target, spec), "command": f"aezoo train {name}"}
        print(f"{name}: {index[name]['size']:,} bytes")
    ordered = {name: index[name] for name in (*NAMES, *sorted(index.keys() - {*NAMES})) if name in index}
    atomic_write(embedded.INDEX, json.dumps(ordered, indent=1) + "\n")
    embedded.index.cache_clear()
    return tell()


def train(name: str, out: Path) -> None:
    """Train a bundled spec as it stands, on one thread, as all figures of the zoo are."""
    print(f"== {name}", flush=True)
    aezoo.train(name, out=out, device="cpu", threads=1, force=True, progress=Terminal())


def compare(names: list[str]) -> int:
    """Train each again and hold its metrics to those recorded."""
    worst = 0.0
    for name in names:
        again = ROOT / "runs" / "again" / name
        train(name, again)
        kept, new = (metrics(folder) for folder in (embedded.folder(name), again))
        same = (again / layout.WEIGHTS).read_bytes() == (embedded.folder(name) / layout.WEIGHTS).read_bytes()
        print(f"{name}: weights are {'the same, bit by bit' if same else 'others'}")
        for metric, value in kept.items():
            off = relative(value, new.get(metric))
            worst = max(worst, off)
            print(f"  {metric:<26}{value!s:>22}{new.get(metric)!s:>22}  {off:.1%}")
    print(f"the largest difference is {worst:.2%} of a metric; {TOLERANCE:.0%} may be")
    return int(worst > TOLERANCE)


def table() -> int:
    """Write the table of docs/zoo.md, from what stands in the folders."""
    page = ROOT / "docs" / "zoo.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = ["| model | parameters | bytes | squared error | beside it | more |", "|---|--:|--:|--:|--:|---|"]
    rows += [row(name) for name in embedded.names()]
    page.write_text(f"{before}{BEGIN}\n{chr(10).join(rows)}\n{END}{after}", encoding="utf-8")
    return 0


def row(name: str) -> str:
    """One model: how large it is, and how good, beside the baseline that can be compared."""
    metrics = json.loads((embedded.folder(name) / layout.METRICS).read_text(encoding="utf-8"))
    own, baseline = metrics["metrics"], metrics["baseline"]
    denoising = "denoising_squared_error" in own
    key, linear = ("denoising_squared_error", "wiener") if denoising else ("squared_error", "pca")
    reference = baseline.get(linear, {}).get(key)
    more = [f"{label} {own[metric]:.{digits}f}" for metric, label, digits in MORE if own.get(metric) is not None]
    what = "denoised, Wiener" if denoising else "PCA"
    error = f"{own[key]:.2f}"
    index = embedded.index()[name]
    cells = [f"`{name}`", f"{index['parameters']:,}", f"{index['size']:,}", error]
    return f"| {' | '.join(cells)} | {'' if reference is None else f'{what} {reference:.2f}'} | {', '.join(more)} |"


def metrics(folder: Path) -> dict[str, Any]:
    """The metrics of the model itself in the metrics.json of a folder."""
    own: dict[str, Any] = json.loads((folder / layout.METRICS).read_text(encoding="utf-8"))["metrics"]
    return own


def relative(kept: Any, new: Any) -> float:
    """How far a metric is from the one recorded, as a share of it."""
    if kept is None or new is None:
        return float(kept is not new)
    return abs(new - kept) / max(abs(kept), 1e-9)


def tell() -> int:
    """How large the zoo is; exit 1 if that is too large for the wheel."""
    sizes = {name: sum(path.stat().st_size for path in embedded.folder(name).rglob("*.*")) for name in embedded.names()}
    for name, size in sizes.items():
        print(f"{name:<34}{size:>12,}")
    total = sum(sizes.values()) + (embedded.INDEX.stat().st_size if embedded.INDEX.is_file() else 0)
    print(f"{'all':<34}{total:>12,} of {BUDGET:,}")
    return int(total > BUDGET)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["write", "cards", "compare", "list", "table"])
    parser.add_argument("names", nargs="*", metavar="NAME")
    asked = parser.parse_args()
    if unknown := {*asked.names} - {*bundled_specs()}:
        parser.error(f"no bundled spec is called {min(unknown)}")
    if asked.what in ("list", "table"):
        return {"list": tell, "table": table}[asked.what]()
    return {"write": write, "cards": cards, "compare": compare}[asked.what](asked.names or list(NAMES))


if __name__ == "__main__":
    sys.exit(main())
