"""Results: what a fit gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from aezoo.diagnosis.finding import Finding
from aezoo.fitting.comparison import Compared
from aezoo.fitting.facts import Facts
from aezoo.fitting.plan import Asked
from aezoo.fitting.proposal import Proposal
from aezoo.fitting.wording import verdict

#: Files of a fit, in its folder.
SPEC, MODEL, REPORT = "spec.toml", "model", "report.md"


class Judged(NamedTuple):
    """A candidate that was trained.

    Attributes:
        name: Of the candidate.
        chosen_by: Its figure on validation samples; the lower, the better.
        steps: How many it was trained.
        seconds: How long that took.
        ended: Why it ended.
    """

    name: str
    chosen_by: float
    steps: int
    seconds: float
    ended: str


@dataclass(frozen=True)
class Fit:
    """What a fit gave.

    Attributes:
        asked: What it was asked for.
        facts: What the samples are.
        chosen: The best candidate.
        folder: Its own folder, of which `model` is a copy.
        candidates: All that were trained, the best first.
        compared: Figures of the chosen one on test samples; the first one is the purpose's own.
        findings: Of the diagnosis.
        out: Its folder.
        seconds: How long it took.
        remarks: What else there is to say, a line each.
    """

    asked: Asked
    facts: Facts
    chosen: Proposal
    folder: Path
    candidates: list[Judged]
    compared: list[Compared]
    findings: list[Finding]
    out: Path
    seconds: float
    remarks: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """Whether the model is worth having, in one sentence."""
        return verdict(self.compared[0], linear=self.chosen.shape == "linear")

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "chosen": self.chosen.name,
            "verdict": self.compared[0].verdict,
            "sentence": self.verdict,
            "compared": [
                {**each._asdict(), "rivals": [rival._asdict() for rival in each.rivals]} for each in self.compared
            ],
            "candidates": [each._asdict() for each in self.candidates],
            "findings": [finding.as_dict() for finding in self.findings],
            "n": self.facts.n,
            "shape": list(self.facts.shape),
            "kind": self.facts.kind,
            "code": self.chosen.spec.latent.dim,
            "seconds": round(self.seconds, 1),
            "remarks": self.remarks,
            "out": str(self.out),
        }
