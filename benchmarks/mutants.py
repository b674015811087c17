"""Change the code in one place at a time and see whether a test fails: cosmic-ray, and a fork for each mutant.

    python benchmarks/mutants.py runs/mutants.sqlite --sample 20            # 20 mutants of each file, drawn by --seed
    python benchmarks/mutants.py runs/mutants.sqlite                        # all of them, hours
    python benchmarks/mutants.py runs/mutants.sqlite --only aezoo/nn/prior.py
    cr-report --show-diff --surviving-only runs/mutants.sqlite

cosmic-ray finds the mutants of benchmarks/mutants.toml and keeps their results; a second run goes on where one ended.
Importing torch costs more than most tests, so this process imports it once, with every other package that the tests
import. A fork of it then imports aezoo with the mutant in it and runs the tests that run the mutated line, the quickest
first, until one fails. A mutant that docs/mutation.md lists as equivalent is not counted.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import json
import os
import random
import re
import resource
import signal
import sys
import time
import tomllib
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from difflib import unified_diff
from functools import cache
from importlib.machinery import SourceFileLoader
from itertools import groupby
from pathlib import Path
from tempfile import mkdtemp
from types import CodeType, FunctionType
from typing import Any, NamedTuple

os.environ.update(OMP_NUM_THREADS="1", CI="1", PYTHONDONTWRITEBYTECODE="1")  # CI: the same examples in each run

import pytest
from cosmic_ray.commands.init import init
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import OPERATOR_PROVIDERS, get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult
from parso.python.tree import Name, PythonNode

ROOT = Path(__file__).resolve().parent.parent
CONFIG = tomllib.loads((ROOT / "benchmarks/mutants.toml").read_text(encoding="utf-8"))["cosmic-ray"]
EQUIVALENT = ROOT / "docs/mutation.md"
PYTEST = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
PYTEST += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]  # and not a plugin's, where only its tests run
#: Of a fork: the code of a live function cannot become that of the mutant, which has no `super()`, say.
NOT_EXCHANGED = 99
#: Bytes of a fork: a mutant may ask for more and more.
MEMORY = 16 << 30

# --- operators that cosmic-ray lacks ----------------------------------------------------------------------

PAIRS = "min max|mean sum|any all|argmin argmax|clamp_min clamp_max|amin amax|sin cos|expm1 exp|log1p log|rand randn"
PAIRS += "|sigmoid tanh|zeros ones|zeros_like ones_like|floor ceil|minimum maximum|std var|softplus relu|add_ sub_"
SWAPS = {a: b for pair in PAIRS.split("|") for a, b in (pair.split(), pair.split()[::-1])}
#: Keywords of text, of devices and of checks that cannot fail.
IGNORED = {"device", "dtype", "strict", "non_blocking", "description", "hint", "encoding", "stacklevel", "title"}


def _operator(places: Callable[[Any], Iterable[int]], change: Callable[[Any, int], Any], name: str) -> type[Operator]:
    """An operator of cosmic-ray: `places` are the ways to change a node, and `change` returns the node changed."""

    def positions(self: Operator, node: Any) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        for _ in places(node):
            yield node.start_pos, node.end_pos

    def mutate(self: Operator, node: Any, index: int) -> Any:
        return change(node, list(places(node))[index])

    examples = classmethod(lambda cls: ())
    return type(name, (Operator,), {"mutation_positions": positions, "mutate": mutate, "examples": examples})


def _statement(node: Any) -> list[int]:
    """A call that is a statement, and an assignment with an operation (`+=`)."""
    call = node.type == "atom_expr" and node.children[-1].type == "trailer" and node.children[-1].children[0] == "("
    added = node.type == "expr_stmt" and getattr(node.children[1], "value", "") in {"+=", "-=", "*=", "/=", "|="}
    return [0] if added or (call and node.parent.type == "simple_stmt") else []


def _leaf(node: Any, text: str) -> Name:
    return Name(text, node.start_pos, prefix=node.get_first_leaf().prefix)


def _swapped_name(node: Any) -> list[int]:
    called = node.type == "name" and node.value in SWAPS and node.get_next_leaf() == "("
    return [0] if called and node.get_previous_leaf() != "def" else []


def _arguments(node: Any) -> list[Any]:
    """Of a call, where there are two or more."""
    called = node.type == "arglist" and node.parent.type == "trailer"
    return [child for child in node.children if child != ","] if called else []


def _keywords(node: Any) -> list[int]:
    named = [a.type == "argument" and a.children[1] == "=" and a.children[0].value for a in _arguments(node)]
    return [i for i, name in enumerate(named) if name and name not in IGNORED]


def _joined(node: Any, arguments: list[Any]) -> PythonNode:
    code = ", ".join(argument.get_code(include_prefix=False) for argument in arguments)
    return PythonNode("arglist", [_leaf(node, code)])


def _without(node: Any, index: int) -> PythonNode:
    arguments = _arguments(node)
    return _joined(node, arguments[:index] + arguments[index + 1 :])


def _first_two(node: Any) -> list[int]:
    plain = [a.type != "argument" and a.type != "star_expr" for a in _arguments(node)[:2]]
    function = node.get_previous_leaf() and node.get_previous_leaf().get_previous_leaf()
    return [0] if plain == [True, True] and function not in ("isinstance", "getattr", "hasattr", "issubclass") else []


def _exchanged(node: Any, index: int) -> PythonNode:
    first, second, *others = _arguments(node)
    return _joined(node, [second, first, *others])


def _sum(node: Any) -> list[int]:
    return [0] if node.type in {"arith_expr", "term"} else []


OWN = (
    _operator(_statement, lambda node, index: _leaf(node, "pass"), "RemoveStatement"),
    _operator(_swapped_name, lambda node, index: _leaf(node, SWAPS[node.value]), "SwapFunction"),
    _operator(_keywords, _without, "RemoveKeyword"),
    _operator(_first_two, _exchanged, "SwapArguments"),
    _operator(_sum, lambda node, index: node.children[0], "KeepFirstOperand"),
)
OPERATOR_PROVIDERS["aezoo"] = {operator.__name__: operator for operator in OWN}

# --- which tests run which line ---------------------------------------------------------------------------


class Baseline(NamedTuple):
    """What the tests do without a mutant.

    Attributes:
        seconds: Of each test that passes, by its node id.
        lines: The tests by file and line.
        budget: Seconds of tests that a mutant is worth.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[int, list[str]]]
    budget: float

    def affordable(self, names: set[str], path: Path) -> list[str]:
        """The quickest of these tests, as many as the budget allows; those named after the file come earlier."""

        def order(name: str) -> tuple[float, str]:
            return self.seconds[name] / (10 if path.stem in Path(name.partition("::")[0]).stem else 1), name

        affordable, spent = [], 0.0
        for name in sorted(names & self.seconds.keys(), key=order):
            spent += self.seconds[name]
            if affordable and spent > self.budget:
                break
            affordable.append(name)
        return affordable


class Recorder:
    """A plugin for pytest: the seconds of each test, and the lines it runs as a context of coverage."""

    def __init__(self, coverage: Any) -> None:
        self.coverage, self.seconds, self.failed = coverage, defaultdict[str, float](float), set[str]()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.coverage.switch_context(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if not report.passed:
            self.failed.add(report.nodeid)


def record(path: Path) -> None:
    """Run all tests once and write what they do."""
    from coverage import Coverage

    before = set(sys.modules)
    folders = [str(ROOT / "aezoo"), *map(str, ROOT.glob("plugins/*/aezoo_*"))]
    coverage = Coverage(data_file=None, source=folders, config_file=False)
    coverage.start()
    recorder = Recorder(coverage)
    pytest.main([*(word for word in PYTEST if word != "-x"), *CONFIG["mutants"]["tests"]], plugins=[recorder])
    coverage.stop()
    data = coverage.get_data()
    order = {name: number for number, name in enumerate(recorder.seconds)}
    lines = {
        file: {line: [order[name] for name in names if name in order] for line, names in table.items()}
        for file in data.measured_files()
        if (table := data.contexts_by_lineno(file))
    }
    files = {name: getattr(sys.modules[name], "__file__", None) or "" for name in set(sys.modules) - before}
    # pytest checks that it is the first to import its own plugins, and Hypothesis that nothing ran before its plugin.
    own = re.compile(r".*pytest|hypothesis\.")
    modules = [name for name, file in files.items() if "site-packages" in file and not own.match(name)]
    seconds = [[name, -1 if name in recorder.failed else value] for name, value in recorder.seconds.items()]
    print(f"{len(seconds)} tests; not passed:", *sorted(recorder.failed), flush=True)
    path.write_text(json.dumps([seconds, lines, sorted(modules)]), encoding="utf-8")


def baseline(path: Path, budget: float) -> Baseline:
    """The tests without a mutant, run now unless `path` has them, and their packages imported."""
    if not path.exists():
        fork(lambda: record(path), seconds=3600)
    seconds, lines, modules = json.loads(path.read_text(encoding="utf-8"))
    for name in modules:
        with suppress(Exception):
            importlib.import_module(name)
    by_line = {
        file: {int(line): [seconds[number][0] for number in numbers] for line, numbers in table.items()}
        for file, table in lines.items()
    }
    return Baseline({name: value for name, value in seconds if value >= 0}, by_line, budget)


def plugins_visible() -> None:
    """Let importlib find the plugins of the repository as if they were installed."""
    site = Path(mkdtemp(prefix="mutants-"))
    for path in ROOT.glob("plugins/*/pyproject.toml"):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        information = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
        ((namespace, package),) = project["entry-points"]["aezoo"].items()
        (information / "entry_points.txt").write_text(f"[aezoo]\n{namespace} = {package}\n")
        sys.path.insert(0, str(path.parent))
    sys.path.insert(0, str(site))
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[: 1 + len([*site.iterdir()])])


# --- mutants of one file ----------------------------------------------------------------------------------


class Mutant(NamedTuple):
    """A change of one file.

    Attributes:
        job: Its key in the session.
        code: The file's code with it; None if that is no Python, or no change (`f(a, a)` with its arguments swapped).
        diff: The changed lines.
        tests: Those that run it, by their node ids.
        inside: Whether it is inside a function: then the code of the live function is exchanged.
    """

    job: str
    code: CodeType | None
    diff: str
    tests: list[str]
    inside: bool


def prepare(item: WorkItem, tests: Baseline) -> Mutant:
    """Apply a mutation of a session to the source."""
    (mutation,) = item.mutations
    path = ROOT / mutation.module_path
    source = path.read_text(encoding="utf-8")
    mutated = mutate_code(source, get_operator(mutation.operator_name)(), mutation.occurrence)
    diff = "\n".join([*unified_diff(source.split("\n"), mutated.split("\n"), n=0, lineterm="")][2:])
    code = None
    with suppress(SyntaxError):
        code = compile(mutated, path, "exec", dont_inherit=True) if diff else None
    inside = any(mutation.start_pos[0] in body for body in bodies(path))
    return Mutant(item.job_id, code, diff, tests_of(mutation, tests, inside=inside), inside)


def examine(path: Path, mutants: list[Mutant], tests: Baseline) -> dict[str, int]:
    """The exit code of each mutant's tests, by job: 0 if none fails."""
    every = {test for line in tests.lines.get(str(path), {}).values() for test in line}
    names = tests._replace(budget=1.0).affordable(every, path)
    original = compile(path.read_text(encoding="utf-8"), path, "exec", dont_inherit=True)
    control = Mutant("control", original, "", names, inside=True)
    runnable = [mutant for mutant in [control, *mutants] if mutant.code and mutant.tests]
    inside = [mutant for mutant in runnable if mutant.inside]
    codes = Path(mkdtemp(prefix="mutants-")) / "codes.txt"
    codes.touch()
    fork(lambda: serve(Server(path, original, inside, codes)), seconds=10_000)
    exits = {job: int(code) for job, code in map(str.split, codes.read_text(encoding="utf-8").splitlines())}
    if names and exits.get("control") != 0:
        raise SystemExit(f"{path}: a test fails without a mutant, {exits}")
    for mutant in runnable:
        if not mutant.inside or exits[mutant.job] == NOT_EXCHANGED:
            exits[mutant.job] = fork(lambda mutant=mutant: anew(path, mutant), seconds=CONFIG["timeout"])
    return exits | {mutant.job: 0 for mutant in mutants if mutant.code and not mutant.tests}


def anew(path: Path, mutant: Mutant) -> int:
    """Import aezoo with a mutant in it, and run its tests; pytest's exit code."""
    silence()
    replace_file(path, mutant.code)
    return int(pytest.main([*PYTEST, *mutant.tests]))


def serve(server: Server) -> int:
    silence()
    names = dict.fromkeys(name for mutant in server.mutants for name in mutant.tests)
    return int(pytest.main([*PYTEST, *names], plugins=[server]))


class Server:
    """A plugin for pytest: collect once, then a fork for each mutant, and in it the mutant's tests."""

    def __init__(self, path: Path, original: CodeType, mutants: list[Mutant], codes: Path) -> None:
        self.path, self.original, self.mutants, self.codes, self.failed = path, original, mutants, codes, False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        functions = [
            f for f in gc.get_objects() if type(f) is FunctionType and f.__code__.co_filename == str(self.path)
        ]
        gc.freeze()  # a collection in a fork would copy all pages
        for mutant in self.mutants:
            tests = [items[name] for name in mutant.tests]
            code = fork(
                lambda mutant=mutant, tests=tests: self.run(mutant, tests, functions), seconds=CONFIG["timeout"]
            )
            with self.codes.open("a", encoding="utf-8") as file:
                file.write(f"{mutant.job} {code}\n")
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed |= report.failed

    def run(self, mutant: Mutant, items: list[pytest.Item], functions: list[FunctionType]) -> int:
        replace_file(self.path, mutant.code)  # for what is imported later
        try:
            exchange(functions, self.original, mutant.code)
        except (KeyError, ValueError):
            return NOT_EXCHANGED
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                return 1
        return 0


def replace_file(path: Path, code: CodeType | None) -> None:
    get_code = SourceFileLoader.get_code
    SourceFileLoader.get_code = lambda self, name: code if Path(self.path) == path else get_code(self, name)


def exchange(functions: list[FunctionType], original: CodeType, mutated: CodeType) -> None:
    """Give live functions the code of the mutant."""
    old, new = keyed(original), keyed(mutated)
    by_line = {(key[0], code.co_firstlineno): key for key, code in old.items()}
    for function in functions:
        key = by_line[function.__code__.co_qualname, function.__code__.co_firstlineno]
        function.__code__ = new[key]


def keyed(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """All code inside a file's, by qualified name and its number among equal ones: a mutant may move lines."""
    numbers: Counter[str] = Counter()
    codes = {}
    waiting = [code]
    while waiting:
        part = waiting.pop(0)
        codes[part.co_qualname, numbers[part.co_qualname]] = part
        numbers[part.co_qualname] += 1
        waiting += [constant for constant in part.co_consts if isinstance(constant, CodeType)]
    return codes


def silence() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def fork(action: Callable[[], int | None], *, seconds: float) -> int:
    """Run `action` in a process of its own; its result, or a negative number if it had to be ended."""
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            signal.alarm(int(2 * seconds) + 1)  # one that waits uses no processor
            code = action() or 0
        except Exception:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what a test started
    return os.waitstatus_to_exitcode(status)


@cache
def annotations(path: Path) -> list[tuple[int, int, int, int]]:
    """Where the annotations of a file are, and what only a type checker reads."""
    nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    notes = [note for node in nodes for note in (getattr(node, "annotation", 0), getattr(node, "returns", 0)) if note]
    notes += [node for node in nodes if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return [(note.lineno, note.col_offset, note.end_lineno, note.end_col_offset) for note in notes]


def pointless(mutation: MutationSpec) -> bool:
    """Whether a mutation is in an annotation, is of a check that cannot fail, or of no product: `*` before keywords."""
    path, start, end = ROOT / mutation.module_path, mutation.start_pos, mutation.end_pos
    return end in exceptions(path) or any(note[:2] <= start and end <= note[2:] for note in annotations(path))


@cache
def exceptions(path: Path) -> set[tuple[int, int]]:
    """Where a star before keyword-only arguments ends, and the `strict=True` of a zip."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return {(row, at.end()) for row, line in enumerate(lines, 1) for at in re.finditer(r"\*(?=, )|strict=True", line)}


@cache
def bodies(path: Path) -> list[range]:
    """The lines inside functions; the others run at import, and so in no test of their own."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [range(node.body[0].lineno, node.end_lineno + 1) for node in nodes if isinstance(node, ast.FunctionDef)]


def tests_of(mutation: MutationSpec, tests: Baseline, *, inside: bool) -> list[str]:
    """The tests that run the lines of a mutant; of one outside of functions, all beside one that runs the file."""
    path = ROOT / mutation.module_path
    table = tests.lines.get(str(path), {})
    lines = range(mutation.start_pos[0], mutation.end_pos[0] + 1) if inside else table
    names = {test for line in lines for test in table.get(line, ())}
    if not inside:  # who reads a constant runs no line of its file
        files = {name.partition("::")[0] for name in names}
        names = {name for name in tests.seconds if name.partition("::")[0] in files}
    return tests.affordable(names, path)


# --- a session --------------------------------------------------------------------------------------------


def sample(items: Iterable[WorkItem], arguments: argparse.Namespace) -> list[WorkItem]:
    """The mutants to run, file by file: of the operators that are chosen, and no annotation."""
    operators = re.compile("|".join(CONFIG["mutants"]["operators"]))
    by_file: dict[str, list[WorkItem]] = defaultdict(list)
    for item in items:
        (mutation,) = item.mutations
        if operators.fullmatch(mutation.operator_name) and not pointless(mutation):
            by_file[str(mutation.module_path)].append(item)
    # Folders in the order they are named in, each file once.
    paths = dict.fromkeys(p for only in arguments.only or [""] for p in sorted(by_file) if p.startswith(only))
    return [item for path in paths for item in sampled(by_file[path], path, arguments)]


def sampled(items: list[WorkItem], path: str, arguments: argparse.Namespace) -> list[WorkItem]:
    """The mutants of one file, in the order of its lines."""

    def order(item: WorkItem) -> tuple[Any, ...]:
        (mutation,) = item.mutations
        return mutation.start_pos, mutation.operator_name, mutation.occurrence

    items.sort(key=order)
    count = min(arguments.sample or len(items), len(items))
    # Shuffled as a whole: a larger sample holds the smaller one, whose results stay.
    shuffled = random.Random(f"{arguments.seed} {path}").sample(items, len(items))
    return sorted(shuffled[:count], key=order)


def row(mutation: MutationSpec, result: WorkResult) -> str:
    """A survivor as a row of the table in docs/mutation.md, without its reason."""
    lines = [line for line in (result.diff or "").split("\n") if not line.startswith("@@")]
    old, new = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    cell = f"`{old}` → `{new}`".replace("|", "\\|")
    return f"| {mutation.module_path} | {mutation.definition_name or ''} | {cell} |"


def report(items: list[WorkItem], results: dict[str, WorkResult]) -> None:
    """Print the survivors that are not listed, and the figures of each folder."""
    listed = EQUIVALENT.read_text(encoding="utf-8") if EQUIVALENT.exists() else ""
    figures: dict[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        verdict, (mutation,) = results[item.job_id], item.mutations
        if verdict.test_outcome is TestOutcome.INCOMPETENT:
            continue
        outcome = "survived" if verdict.test_outcome is TestOutcome.SURVIVED else "killed"
        if outcome == "survived" and row(mutation, verdict) in listed:
            outcome = "equivalent"
        elif outcome == "survived":
            print(row(mutation, verdict), verdict.output)
        figures[str(mutation.module_path.parent)][outcome] += 1
    figures["all"] = sum(figures.values(), Counter())
    print(f"{'folder':44} {'mutants':>8} {'equivalent':>11} {'survived':>9} {'killed':>9}")
    for folder, count in figures.items():
        rate = count["killed"] / max(1, count["killed"] + count["survived"])
        print(f"{folder:44} {count.total():8} {count['equivalent']:11} {count['survived']:9} {rate:9.1%}")


def run(items: list[WorkItem], database: WorkDB, tests: Baseline, *, again: bool) -> None:
    """Run the mutants that have no result yet, or have survived, file by file."""
    results = {item.job_id: verdict.test_outcome for item, verdict in database.completed_work_items}
    done = {job for job, outcome in results.items() if not (again and outcome is TestOutcome.SURVIVED)}
    started = time.monotonic()
    for path, group in groupby(items, key=lambda item: item.mutations[0].module_path):
        mutants = [prepare(item, tests) for item in group if item.job_id not in done]
        exits = examine(ROOT / path, mutants, tests) if mutants else {}
        for mutant in mutants:
            database.set_result(mutant.job, result(mutant, exits.get(mutant.job)))
            if exits.get(mutant.job) == 0:
                print(path, mutant.diff, f"{len(mutant.tests)} tests", sep="\n", flush=True)
        print(f"{time.monotonic() - started:6.0f} s  {path}: {len(mutants)} mutants", file=sys.stderr, flush=True)


def result(mutant: Mutant, code: int | None) -> WorkResult:
    """What cosmic-ray keeps of a mutant."""
    outcome = TestOutcome.INCOMPETENT if code is None else TestOutcome.KILLED if code else TestOutcome.SURVIVED
    output = f"{len(mutant.tests)} tests, exit code {code}"
    return WorkResult(WorkerOutcome.NORMAL, output=output, test_outcome=outcome, diff=mutant.diff)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("session", type=Path, help="cosmic-ray's database, made where there is none")
    parser.add_argument("--sample", type=int, help="at most so many mutants of a file")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--only", action="append", help="a file or folder; may be repeated")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds of tests for a mutant, the quickest first")
    parser.add_argument("--again", action="store_true", help="those of the sample that survived before, too")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    plugins_visible()
    arguments.session.parent.mkdir(parents=True, exist_ok=True)
    new = not arguments.session.exists()
    with use_db(arguments.session, WorkDB.Mode.create) as database:
        if new:
            init(find_modules(map(Path, CONFIG["module-path"])), database, {})
        items = sample(database.work_items, arguments)
        tests = baseline(arguments.session.with_suffix(".json"), arguments.budget)
        run(items, database, tests, again=arguments.again)
        report(items, {item.job_id: result for item, result in database.completed_work_items})


if __name__ == "__main__":
    main()
