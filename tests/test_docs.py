"""The documentation is true where a machine can tell: specs read, links lead somewhere, names exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import aezoo
from aezoo.cli import TABLE
from aezoo.diagnosis.diagnosis import SIGNS
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.codes import codes
from aezoo.registry.registry import Registry
from aezoo.spec.document import Spec
from aezoo.spec.kinds import KINDS
from aezoo.spec.training import TrainingSpec

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *(ROOT / page for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FAMILIES = sorted(path.name for path in (ROOT / "specs").iterdir() if path.is_dir())
#: Specs are repeated in pages from the bundled ones by `# fragment of NAME`; `# fragment` is a part of any spec.
FRAGMENT = re.compile(r"# fragment(?: of (\S+))?\n")
#: Modules that authors of plugins import.
FOR_AUTHORS = ("nn", "plugin", "testing")
#: Pages whose TOML has tests of its own: each example of a part runs in tests/test_reference.py.
TESTED_ELSEWHERE = {"parts.md"}


def text(page: Path) -> str:
    """A page without its comments, which mark what is still to come."""
    return re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text(page), flags=re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def numbered(language: str) -> list[Any]:
    """Every block of a language in any page, as test parameters."""
    pages = [page for page in PAGES if language != "toml" or page.name not in TESTED_ELSEWHERE]
    numbered_blocks = ((page, i, block) for page in pages for i, block in enumerate(blocks(page, language)))
    return [pytest.param(block, id=f"{name(page)}-{i}") for page, i, block in numbered_blocks]


def anchors(page: Path) -> set[str]:
    """The headings of a page as a link names them."""
    bare = re.sub(r"^```.*?^```", "", text(page), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", bare, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def within(part: Any, whole: Any) -> bool:
    """Whether every key of `part` stands in `whole` with the same value."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and within(value, whole[key]) for key, value in part.items())
    return bool(part == whole)


@pytest.mark.parametrize("block", numbered("toml"))
def test_a_spec_in_the_docs_reads_without_a_warning(block: str) -> None:
    fragment = FRAGMENT.match(block)
    table = tomllib.loads(block)
    if not fragment:
        aezoo.read(table)
    elif fragment[1]:
        whole = tomllib.loads(bundled_specs()[fragment[1]].read_text(encoding="utf-8"))
        assert within(table, whole), f"specs/{fragment[1]} says otherwise"
    else:
        assert set(table) <= {*Spec.model_fields, "extends", "variants", "unset"}


@pytest.mark.parametrize("block", numbered("python"))
def test_python_in_the_docs_compiles_and_names_public_verbs(block: str) -> None:
    compile(block, "docs", "exec")
    assert set(re.findall(r"\baezoo\.(\w+)", block)) <= {*aezoo.__all__, *FOR_AUTHORS}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_and_pictures_lead_to_what_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        if re.match(r"\w+://", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert there.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(there), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_and_bundled_names_in_the_docs_exist(page: Path) -> None:
    code = "\n".join([*blocks(page, "sh"), *re.findall(r"`([^`\n]+)`", text(page))])
    called = re.findall(r"(?:^|[ /])aezoo ([a-z]+)(?: ([\w-]+))?", code, flags=re.MULTILINE)
    assert {command for command, _ in called} <= set(TABLE)
    sources = {
        word
        for command, word in called
        if command in ("train", "show", "check", "render") and "-" in word and word[0] != "-"
    }
    assert sources <= {*bundled_specs(), "my-model"}, "a bundled spec, or the quickstart's own"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_tests_that_the_docs_name_exist(page: Path) -> None:
    suite = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for named in re.findall(r"`(test_\w+)`", text(page)):
        assert f"def {named}(" in suite, named


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_paths_of_the_repository_that_the_docs_name_exist(page: Path) -> None:
    paths = re.findall(r"`((?:aezoo|benchmarks|docs|plugins|specs|tests)/[\w./-]*)`", text(page))
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_modules_that_the_architecture_page_names_exist() -> None:
    page = text(ROOT / "docs" / "architecture.md")
    paths = {*re.findall(r"`([\w/]+/|[\w/]+\.py)`", page), *re.findall(r"(?<![\w(./])[a-z_]+/[\w/]*\w(?:\.py)?", page)}
    existing = {
        path for path in paths if any((ROOT / form).exists() for form in (path, f"aezoo/{path}", f"aezoo/{path}.py"))
    }
    assert len(paths) > 30
    assert paths == existing


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_names_a_folder_of_one_machine(page: Path) -> None:
    assert not re.search(r"(?<![\w.])/(?:work|home|root|tmp|Users)/", text(page))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_page_that_names_its_specs(family: str) -> None:
    page = text(ROOT / "docs" / "families" / f"{family}.md")
    for path in (ROOT / "specs" / family).glob("*.toml"):
        assert f"`{path.stem}`" in page


def test_the_spec_page_names_every_slot_key_part_and_variant(registry: Registry) -> None:
    page = text(ROOT / "docs" / "spec.md")
    rows = dict(re.findall(r"^\| (\w+) \| (`.*) \|$", page, flags=re.MULTILINE))
    words = {*Spec.model_fields, *TrainingSpec.model_fields, *registry.variants()}
    assert [word for word in sorted(words) if f"`{word}`" not in page] == []
    for kind in KINDS:
        assert sorted(re.findall(r"`(\w+)`", rows[kind])) == registry.names(kind), kind


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_faults_that_the_docs_name_are_in_the_table(page: Path) -> None:
    assert set(re.findall(r"AZ\d{3}", text(page))) <= {*codes(), *SIGNS}


def test_the_test_command_of_the_readme_is_what_continuous_integration_runs() -> None:
    last = (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().splitlines()[-1]
    assert last in "\n".join(blocks(ROOT / "README.md", "sh")).splitlines()


def test_no_page_and_no_template_leads_to_the_host_of_a_package_index() -> None:
    """Whoever installs from another index is led to the wrong one; the name of a package is enough."""
    hosts = re.compile(r"pypi\.org|pythonhosted\.org|anaconda\.(?:org|com)|download\.pytorch")
    rooms = [ROOT / room for room in ("docs", "plugins", "aezoo", "specs", "benchmarks")]
    pages = [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *(path for room in rooms for path in room.rglob("*"))]
    written = [path for path in pages if path.suffix in (".md", ".txt", ".toml", ".py") and path.is_file()]
    assert len(written) > 200
    assert [name(path) for path in written if hosts.search(path.read_text(encoding="utf-8"))] == []
