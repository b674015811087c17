"""fit: samples and a purpose -> a spec, a model, and its figure beside the linear baseline's."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

from aezoo.data.fingerprint import fingerprint
from aezoo.diagnosis.finding import Finding, read_findings
from aezoo.errors import Refused, RunFailed, UsageError
from aezoo.files import atomic_write, expanded
from aezoo.fitting.candidates import FOLDER as CANDIDATES
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
from aezoo.hardware.processes import refuse_several
from aezoo.model import Model
from aezoo.names import inert
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

#: The longest budget, in minutes, and characters of a line that is to be typed.
LONGEST, COMMAND = 1_000_000, 4000


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
    settings: Sequence[str] = (),
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
        settings: How the samples are read, where that is not as their file suggests: `data.decimal=,`.
        device: As for `train`.
        threads: Of the CPU.
        force: Whether another fit in `out` may be replaced.
        progress: Is shown the losses.
        tell: Is told of what happens, a line each.

    Raises:
        NotFound, UsageError, DataError: The samples cannot be read, or do not suit the purpose.
        SpecError: This kind of data has no such settings.
        Refused: `out` holds something else, or the samples have changed since the fit began.
        Resumable: By a signal; the same call goes on.
        RunFailed: No candidate could be trained.
    """
    refuse_several("a fit")
    if purpose not in MEANINGS:
        raise UsageError(f"purpose={purpose!r}: it takes {', '.join(MEANINGS)}")
    if not 0 < minutes <= LONGEST:
        raise UsageError(f"minutes={minutes:g}: it takes more than 0, and at most {LONGEST:,}")
    if wrong := [each for each in settings if not each.startswith("data.") or "=" not in each]:
        raise UsageError(f"settings: {wrong[0]!r}: each is data.KEY=VALUE")
    clock = Clock(minutes)
    out = expanded(Path(out))
    asked = Asked(str(data), purpose, label, width, minutes, seed, tuple(settings))
    plan = kept(out, asked, force=force)
    facts = look(data, label=label, settings=settings, seed=seed)
    found = proposals(facts, purpose, name=_name(facts), width=width, seed=seed)
    tell(_told(facts, found[0]))
    held_out = HeldOut.of(found[0].spec)
    judge = judge_of(purpose, held_out)
    plan = _begun(out, plan, asked, _fingerprint(held_out), force=force)
    trained = train_candidates(
        found,
        out,
        clock,
        Settings(device=device, threads=threads),
        steps=plan.steps,
        decided=partial(keep, out, plan),
        start=partial(start_of, purpose=purpose, held_out=held_out, out=out),
        progress=progress,
        tell=tell,
    )
    done = _judged(facts, asked, trained, judge, out, clock)
    if trained.left_out:
        more = f"--minutes {max(1, 2 * minutes):g} --force fits anew with more"
        done.remarks.append(f"no time was left for {', '.join(trained.left_out)}: {more}")
    _write(done, plan, force=force)
    return done


def _fingerprint(held_out: HeldOut) -> str:
    """What the samples are known by: their values, and all that goes along with them."""
    fields = held_out.samples.fields
    return fingerprint(held_out.samples, [name for name, values in fields.items() if not values.dtype.hasobject])


def _begun(out: Path, plan: Plan | None, asked: Asked, data: str, *, force: bool) -> Plan:
    """The plan that was begun in a folder, or a new one. Raises `Refused` where it is of other samples."""
    if plan is not None:
        if plan.data != data:
            message = f"{out}: {asked.data} has changed since this fit began"
            raise Refused(message, hint="--force fits anew; another --out keeps what is there")
        return plan
    make_folder(out)
    if force:
        for name in (CANDIDATES, STARTS):
            shutil.rmtree(out / name, ignore_errors=True)
    plan = Plan(asked, {}, data)
    keep(out, plan)
    return plan


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


def _write(done: Fit, plan: Plan, *, force: bool) -> None:
    """Write the model, the spec that is the user's to keep, and the report. Raises `RunFailed`."""
    _write_model(done)
    text = done.chosen.text(_head(done))
    path = done.out / SPEC
    if force or not _changed(path, plan, text):
        atomic_write(path, text)
        plan = plan._replace(text=_hash(text.encode()))
    else:
        done.remarks.append(f"{SPEC} was changed and is kept as it is; --force writes it anew")
    atomic_write(done.out / REPORT, report(done))
    keep(done.out, plan, done.document())


def _write_model(done: Fit) -> None:
    """Copy the chosen model; the one before stays until the copy is whole. Raises `RunFailed`."""
    model, staged, before = (done.out / name for name in (MODEL, f".{MODEL}-staged", f".{MODEL}-before"))
    try:
        for folder in (staged, before):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(current(done.folder), staged, ignore=shutil.ignore_patterns(".*"))
        if model.exists():
            model.rename(before)
        staged.rename(model)
    except OSError as error:  # shutil.Error is one, too
        raise RunFailed(f"{model} cannot be written: {error.strerror or error}") from error
    shutil.rmtree(before, ignore_errors=True)


def _changed(path: Path, plan: Plan, text: str) -> bool:
    """Whether a spec is there that no fit has written: neither before nor with this text."""
    try:
        found = _hash(path.read_bytes())
    except FileNotFoundError:
        return False
    except OSError:  # it cannot be read: so it cannot be told whose it is
        return True
    return found not in (plan.text, _hash(text.encode()))


def _hash(text: bytes) -> str:
    return sha256(text).hexdigest()


def _head(done: Fit) -> list[str]:
    """What the spec is, and what is typed next, where the fit was typed: paths of data are from there."""
    spec = shlex.quote(str(done.out / SPEC))
    folder = done.out / STARTS / done.chosen.shape
    start = f" --from {shlex.quote(str(folder))}" if holds_model(folder) else ""
    lines = [
        f"{done.facts.source}, for {MEANINGS[done.asked.purpose].wish}. Written by aezoo fit; yours to change.",
        f"Check it:  aezoo check {spec}",
        f"Train it:  aezoo train {spec} --out runs/again{start}",
    ]
    return [inert(line, COMMAND) for line in lines]
