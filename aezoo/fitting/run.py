"""fit: samples and a purpose -> a spec, a model, and its figure beside the linear baseline's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from aezoo.diagnosis.finding import Finding, read_findings
from aezoo.errors import RunFailed, UsageError
from aezoo.files import atomic_write, expanded
from aezoo.fitting.candidates import Clock, Trained, train_candidates
from aezoo.fitting.comparison import simplest
from aezoo.fitting.facts import Facts, look
from aezoo.fitting.held_out import HeldOut
from aezoo.fitting.judges import Judge, judge_of
from aezoo.fitting.plan import Asked, Plan, keep, kept
from aezoo.fitting.proposal import Proposal, proposals
from aezoo.fitting.purposes import MEANINGS, Purpose
from aezoo.fitting.report import report
from aezoo.fitting.results import MODEL, REPORT, SPEC, Fit, Judged
from aezoo.fitting.starts import FOLDER as STARTS
from aezoo.fitting.starts import start_of
from aezoo.model import Model
from aezoo.registry.attribution import attributed
from aezoo.storage import layout
from aezoo.storage.loading import model_of
from aezoo.storage.model_files import ModelFiles
from aezoo.storage.verification import read_facts, verify
from aezoo.storage.writer import current, holds_model
from aezoo.sweeps.requests import Settings
from aezoo.sweeps.results import Row
from aezoo.sweeps.trials import make_folder
from aezoo.training.progress import Progress


@attributed()
def fit(
    data: str | Path,
    purpose: Purpose = "features",
    *,
    out: str | Path,
    label: str | None = None,
    width: int | None = None,
    minutes: float = 5.0,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Fit:
    """Fit a model to samples: look at them, propose specs, train them, keep the best, judge it.

    The best is chosen by the figure of its purpose on validation samples, and judged by it on test samples, which took
    part in nothing, beside the linear baseline of the purpose.

    Args:
        data: A file or folder, or the name of a bundled set.
        purpose: `features`, `denoise`, `anomaly`, `compress` or `generate`.
        out: The folder of the fit: `spec.toml`, `model`, `report.md`, `candidates`.
        label: What is known of the samples and is no input: a column of a table, an array of a file.
        width: Of the code; by default what samples and purpose suggest.
        minutes: How long it may take, about.
        seed: Of splits, first weights and draws.
        device: As for `train`.
        threads: Of the CPU.
        force: Whether another fit in `out` may be replaced.
        progress: Is shown the losses.
        tell: Is told of what happens, a line each.

    Raises:
        NotFound, UsageError, DataError: The samples cannot be read, or do not suit the purpose.
        Refused: `out` holds something else.
        Resumable: By a signal; the same call goes on.
        RunFailed: No candidate could be trained.
    """
    if purpose not in MEANINGS:
        raise UsageError(f"purpose={purpose!r}: it takes {', '.join(MEANINGS)}")
    if not minutes > 0:
        raise UsageError(f"minutes={minutes:g}: it takes more than 0")
    clock = Clock(minutes)
    out = expanded(Path(out))
    asked = Asked(str(data), purpose, label, width, minutes, seed)
    plan = kept(out, asked, force=force)
    facts = look(data, label=label, seed=seed)
    found = proposals(facts, purpose, name=_name(facts), width=width, seed=seed)
    tell(_told(facts, found[0]))
    how = Settings(device=device, threads=threads, force=force)
    make_folder(out)
    if plan is None:
        if force:
            for name in ("candidates", STARTS):
                shutil.rmtree(out / name, ignore_errors=True)
        plan = Plan(asked, {})
        keep(out, plan)
    held_out = HeldOut.of(found[0].spec)
    judge = judge_of(purpose, held_out)
    trained = train_candidates(
        found,
        out,
        clock,
        how._replace(force=False),
        steps=plan.steps,
        decided=partial(keep, out, plan),
        start=partial(start_of, purpose=purpose, held_out=held_out, out=out),
        progress=progress,
        tell=tell,
    )
    done = _judged(facts, asked, trained, judge, out, clock)
    if trained.left_out:
        done.remarks.append(f"no time was left for {', '.join(trained.left_out)}: give it more --minutes")
    _write(done, plan)
    return done


def _name(facts: Facts) -> str:
    kept_of = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(facts.source).stem)
    return kept_of.strip("-_.")[:80] or "fit"


def _told(facts: Facts, first: Proposal) -> str:
    shape = "x".join(map(str, facts.shape))
    width = first.spec.latent.dim
    return f"{facts.source}: {facts.n:,} samples, each a {facts.kind} of {shape}; a code of {width}"


def _judged(facts: Facts, asked: Asked, trained: Trained, judge: Judge, out: Path, clock: Clock) -> Fit:
    """The best of the candidates, judged on test samples."""
    good = {row.trial.name: row for row in trained.rows if not row.failure}
    folders = {**trained.closed, **{name: row.trial.folder for name, row in good.items()}}
    if not folders:
        row = trained.rows[0]
        raise RunFailed(f"no candidate could be trained; {row.trial.name}: {row.failure}")
    # Sorted as they were proposed, where weights are as many.
    names = sorted(folders, key=lambda name: trained.proposals[name].spec.parameters)
    models = {name: _loaded(folders[name]) for name in names}
    figures = {name: judge.choose(models[name]) for name in names}
    chosen = names[simplest([*figures.values()])]
    candidates = [_described(name, figures[name].mean().item(), good.get(name)) for name in names]
    candidates.sort(key=lambda each: each.chosen_by)
    return Fit(
        asked,
        facts,
        trained.proposals[chosen],
        folders[chosen],
        candidates,
        judge.compare(models[chosen]),
        _findings(folders[chosen]),
        out,
        clock.passed,
        [f"{row.trial.name} failed: {row.failure}" for row in trained.rows if row.failure],
    )


def _described(name: str, figure: float, row: Row | None) -> Judged:
    if row is None:
        return Judged(name, figure, 0, 0.0, "in closed form")
    record = row.record
    steps, seconds = int(record.get("steps", 0)), float(record.get("seconds", 0))
    return Judged(name, figure, steps, seconds, str(record.get("ended", "")))


def _loaded(folder: Path) -> Model:
    return model_of(verify(ModelFiles(current(folder))), device="cpu")


def _findings(folder: Path) -> list[Finding]:
    """What the diagnosis said of the data and of the model."""
    found = {}
    for name in (layout.TRAINING, layout.METRICS):
        for finding in read_findings((read_facts(current(folder), name) or {}).get("findings")):
            found[finding.code] = finding
    return list(found.values())


def _write(done: Fit, plan: Plan) -> None:
    """Write the model, the spec that is the user's to keep, and the report."""
    chosen = current(done.folder)
    model, staged = done.out / MODEL, done.out / f".{MODEL}-staged"
    for folder in (staged, model):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(chosen, staged, ignore=shutil.ignore_patterns(".*"))
    staged.rename(model)
    start = f" --from {STARTS}/{done.chosen.shape}" if holds_model(done.out / STARTS / done.chosen.shape) else ""
    head = [
        f"{done.facts.source}, for {MEANINGS[done.asked.purpose].wish}. Written by aezoo fit; yours to change.",
        f"Check it: aezoo check {SPEC}    Train it: aezoo train {SPEC}{start}",
    ]
    atomic_write(done.out / SPEC, done.chosen.text(head))
    atomic_write(done.out / REPORT, report(done))
    keep(done.out, plan, done.document())
