"""Report: a fit as Markdown, for whoever has the samples and no knowledge of autoencoders."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from aezoo.fitting.commented import inline
from aezoo.fitting.facts import Facts, rounded
from aezoo.fitting.results import MODEL, SPEC, Fit
from aezoo.fitting.wording import number
from aezoo.names import inert
from aezoo.spec.kinds import FileDatasetSpec
from aezoo.spec.shape import flat, text

#: What is typed next, by purpose.
NEXT = {
    "features": ("encode", "codes.npz", "the code of each sample"),
    "compress": ("encode", "codes.npz", "the code of each sample; `aezoo decode` restores it"),
    "denoise": ("reconstruct", "clean.npy", "samples without noise"),
    "anomaly": ("score", "scores.csv", "the higher, the more unusual"),
    "generate": ("sample", "samples.npy", "new samples"),
}


def report(fit: Fit) -> str:
    """The report of a fit."""
    return "\n".join(_lines(fit)) + "\n"


def _lines(fit: Fit) -> Iterator[str]:
    yield f"# {_safe(fit.facts.source)}: {fit.asked.purpose}"
    yield ""
    yield f"**{_safe(fit.verdict)}**"
    yield ""
    yield from (f"- {_safe(remark)}" for remark in fit.remarks)
    yield from ("", "## The samples", "")
    yield from _of_samples(fit.facts)
    yield from ("", "## The model", "")
    spec = fit.chosen.spec
    yield f"- {_safe(fit.chosen.name)}: {_safe(fit.chosen.why)}"
    width, code = flat(spec.input.shape), flat(spec.code_shape)
    yield f"- {width:,} values are coded in {code:,}. {_safe(fit.chosen.comments.get('latent', ''))}"
    yield f"- {spec.parameters:,} weights; `{SPEC}` says everything, and why; it is yours to change"
    yield from ("", "## Figures", "")
    yield from _figures(fit)
    yield from ("", "## The candidates", "")
    yield "Compared on validation samples, by the figure of the purpose; the lower, the better. Of those that are no"
    yield "worse than the best by more than a standard error the simplest is chosen."
    yield from ("", "| candidate | validation figure | steps | seconds | ended |", "|---|---|---|---|---|")
    for each in fit.candidates:
        chosen = " (chosen)" if each.name == fit.chosen.name else ""
        yield f"| {each.name}{chosen} | {number(each.chosen_by)} | {each.steps:,} | {each.seconds:.1f} | {each.ended} |"
    if fit.findings:
        yield from ("", "## What the diagnosis says", "")
        for finding in fit.findings:
            yield f"- **{finding.code} {_safe(finding.title)}**: {_safe(finding.evidence)}."
            yield f"  Cause: {_safe(finding.cause)}."
            yield f"  Cure: {_safe(finding.cure)}" + (f": `{finding.command}`" if finding.command else "")
    yield from ("", "## What next", "", "```sh")
    yield from _commands(fit)
    yield "```"


def _of_samples(facts: Facts) -> Iterator[str]:
    yield f"- {facts.n:,} samples, each a {facts.kind} of {text(facts.shape)}, stored as {facts.stored}"
    yield f"- values from {facts.least:.4g} to {facts.most:.4g}"
    for setting, reason in facts.description.reasons.items():
        value = facts.description.settings.get(setting)
        yield f"- {setting} = {_safe(inline(value), 120)}: {_safe(reason)}"
    if facts.gaps:
        yield f"- {facts.gaps:.1%} of the values are missing"
    if facts.constant:
        yield f"- {facts.constant:,} values never change"
    shares = ", ".join(f"{count} have {share:.0%}" for share, count in facts.linear.items())
    yield f"- of their principal components {shares} of the variance"
    yield f"- dimension by nearest neighbours: {rounded(facts.intrinsic)}"


def _figures(fit: Fit) -> Iterator[str]:
    for each in fit.compared:
        yield f"{each.figure[0].upper()}{each.figure[1:]}, on {each.n:,} samples ({each.better} is better):"
        yield from ("", "| | figure | the model is ahead by | standard error |", "|---|---|---|---|")
        yield f"| **the model** | {number(each.value)} | | |"
        for rival in each.rivals:
            figures = (number(rival.value), number(rival.ahead, signed=True), number(rival.error))
            yield f"| {rival.name} | {' | '.join(figures)} |"
        yield ""


def _commands(fit: Fit) -> Iterator[str]:
    verb, out, why = NEXT[fit.asked.purpose]
    model = shlex.quote(str(fit.out / MODEL))
    # A bundled set is no path: a model reads the data of its spec where no input is named.
    data = f" {shlex.quote(fit.asked.data)}" if isinstance(fit.facts.dataset, FileDatasetSpec) else ""
    source = " --count 100" if verb == "sample" else data
    yield f"aezoo {verb} {model}{source} --out {out}  # {why}"
    yield f"aezoo evaluate {model}  # all metrics, beside baselines"
    yield f"aezoo train {shlex.quote(str(fit.out / SPEC))} --out runs/again  # trains this spec again"


def _safe(value: str, most: int = 600) -> str:
    """Text of data in one line; no table and no emphasis is made of it."""
    return inert(value, most).replace("|", "\\|").replace("*", "\\*").replace("`", "'")
