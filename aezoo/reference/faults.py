"""The faults as a page: every code with its cause, an example and the cure, from the table of codes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aezoo.reading.codes import FAMILIES, Code
from aezoo.reference.markdown import escaped, grid, joined, link

PREFACE = """\
Everything that can be wrong with a spec, and the warnings about what is right and probably not meant. Codes keep their
meaning from one version to the next. [The spec language](spec.md#faults) says how faults are reported.

This page is what `aezoo explain --markdown` prints, made from the table that `aezoo explain AZ203` reads; the tests
provoke every fault with its example, and read every cure."""


def page(codes: Iterable[Code]) -> str:
    """The page of all codes: docs/faults.md."""
    codes = list(codes)
    rows = [(link(code.code, code.code), code.title, code.level) for code in codes]
    blocks = ["# Faults", PREFACE, grid(("code", "what it is", "level"), rows)]
    for digit, title in FAMILIES.items():
        blocks.append(f"## {title}")
        for code in codes:
            if code.family == digit:
                blocks += _entry(code)
    return joined(blocks)


def _entry(code: Code) -> Iterator[str]:
    yield f"### {code.code}"
    yield f"**{escaped(code.title)}.** {escaped(code.cause)}"
    yield fenced(code.example, f"{code.form} faulty")
    yield from (f"{line}:\n\n{block}" if block else f"{line}." for line, block in circumstances(code))
    yield escaped(code.cure)
    if code.fixed:
        # What needs a plugin does not read without it.
        yield fenced(code.fixed, f"{code.form} plugin" if "toy:" in code.fixed else code.form)
    if code.paper:
        yield f"See {escaped(code.paper)}."


def fenced(text: str, language: str) -> str:
    """A block of code."""
    return f"```{language}\n{text}```"


def circumstances(code: Code) -> Iterator[tuple[str, str]]:
    """What an example needs to be provoked: a line for each, and a block where there is one."""
    if code.repeat[1]:
        yield f"`...` stands for {code.repeat[1]:,} times `{code.repeat[0].strip()}`", ""
    if code.encoding != "utf-8":
        yield f"The file is saved as {code.encoding.capitalize()}", ""
    for override in code.overrides:
        yield f"With `--set {override}`", ""
    for name, value in code.environment.items():
        yield f"With `{name}={value}` in the shell", ""
    if code.untrusted:
        yield "With `--untrusted`", ""
    for name, text in code.files.items():
        yield f"`{name}` is", fenced(text, "toml faulty")
    if code.plugin:
        yield "With this plugin under the namespace `toy`", fenced(code.plugin, "python plugin")
