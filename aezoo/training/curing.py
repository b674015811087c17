"""cure: a run with findings -> another run of its spec, with their patches."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from aezoo.data.fields import Fields
from aezoo.diagnosis.finding import Finding, Patch, read_findings
from aezoo.diagnosis.joint_patches import joint_patch
from aezoo.errors import AnswerNo
from aezoo.files import expanded
from aezoo.hardware.processes import refuse_several
from aezoo.registry.attribution import attributed
from aezoo.storage import config_json, layout
from aezoo.storage.score_files import numbers
from aezoo.storage.verification import read_facts
from aezoo.training.progress import Progress
from aezoo.training.results import Run
from aezoo.training.run import train


class Cured(NamedTuple):
    """What a cure gave.

    Attributes:
        patch: What was changed.
        before: The metrics of the run before.
        findings: Those of the run before.
        run: The new one.
    """

    patch: Patch
    before: dict[str, float]
    findings: tuple[Finding, ...]
    run: Run

    @property
    def left(self) -> list[Finding]:
        """The findings about the new run."""
        scores = self.run.scores
        return [*read_findings(self.run.record.get("findings")), *(scores.findings if scores else ())]


@attributed()
def cure(
    folder: str | Path,
    data: Any = None,
    *,
    fields: Fields | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Cured:
    """Train the spec of a run again, with the patches of its findings, beside it.

    Args:
        folder: Of the run.
        data: As for `train`; those of the run's spec by default.
        fields: As for `train`.
        out: Of the new run; by default the name of the folder and `-cured`.
        device: As for `train`.
        threads: As for `train`.
        force: As for `train`.
        progress: As for `train`.

    Raises:
        AnswerNo: There is no finding with a patch.
        NotFound: There is no run.
        RunFailed, Interrupted, DataError: As for `train`.
    """
    refuse_several("a cure")
    folder = expanded(Path(folder))
    spec = config_json.read_manifest(folder)
    metrics, record = (read_facts(folder, name) or {} for name in (layout.METRICS, layout.TRAINING))
    findings = (*read_findings(record.get("findings")), *read_findings(metrics.get("findings")))
    patched, patch = joint_patch(findings, spec)
    if not patch:
        what = f"none of {len(findings)} findings has a patch" if findings else "nothing was found to be wrong with it"
        raise AnswerNo(f"{folder}: {what}", hint=f"`aezoo evaluate {folder}` judges it anew")
    out = Path(out) if out is not None else folder.with_name(f"{folder.name}-cured")
    run = train(patched, data, fields=fields, out=out, device=device, threads=threads, force=force, progress=progress)
    return Cured(patch, numbers(metrics.get("metrics")), findings, run)
