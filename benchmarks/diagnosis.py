"""Train every ill spec, and again with the patch that is offered first; evaluate the embedded models.

python benchmarks/diagnosis.py [NAME ...]
python benchmarks/diagnosis.py --bundled SPEC ...    # train these specs in full on their own data, and say what is told
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aezoo
from aezoo.diagnosis.finding import Finding, read_findings
from aezoo.reading.reader import check
from aezoo.zoo import embedded
from tests.diagnosis.ill_specs import ILL, WITH_PLUGINS, Case


def found(case: Case, *patch: str) -> tuple[list[Finding], float]:
    """The findings about a run, and its fvu."""
    run = aezoo.train(aezoo.read(dict(case.spec), overrides=patch), case.data(), device="cpu", seed=0)
    assert run.scores is not None
    return [*read_findings(run.record.get("findings")), *run.scores.findings], run.scores.metrics["fvu"]


def bundled(sources: list[str]) -> int:
    """Train specs as they are, one after the other: a row each of what is told."""
    told = 0
    for source in sources:
        run = aezoo.train(aezoo.read(source), device="cpu", seed=0)
        assert run.scores is not None
        findings = [*read_findings(run.record.get("findings")), *run.scores.findings]
        said = "; ".join(f"{finding.code} {finding.evidence}" for finding in findings) or "nothing"
        print(f"{source}: {run.record['steps']} steps, fvu {run.scores.metrics['fvu']:.3g}; {said}", flush=True)
        told += bool(findings)
    return int(told > 0)


def main(names: list[str]) -> int:
    warnings.simplefilter("ignore")
    if names[:1] == ["--bundled"]:
        return bundled(names[1:])
    missed = 0
    for name, case in {**ILL, **WITH_PLUGINS}.items():
        if names and name not in names:
            continue
        findings, fvu = found(case)
        told = {finding.code for finding in findings} | {fault.code for fault in check(dict(case.spec))[1]}
        wanted = case.codes | case.lints
        missed += bool(wanted - told)
        print(f"{'MISSED' if wanted - told else 'told'} {name}: fvu {fvu:.3g}; {' '.join(sorted(told))}", flush=True)
        patch = next((finding.patch for finding in findings if finding.patch), ())
        if patch:
            left, after = found(case, *patch)
            codes = " ".join(sorted({finding.code for finding in left})) or "nothing"
            print(f"    {' '.join(patch)}: fvu {after:.3g}; {codes}", flush=True)
    for name in () if names else embedded.names():
        wrong = [finding.code for finding in aezoo.evaluate(aezoo.load(name, device="cpu")).findings]
        missed += bool(wrong)
        print(f"{'FALSE ALARM' if wrong else 'healthy'} {name} {' '.join(wrong)}", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
