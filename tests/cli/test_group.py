"""The group: help without imports, near misses, errors as lines and codes."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from aezoo.cli import TABLE, _spoken_warnings, group
from aezoo.cli.failure import describe, report
from aezoo.errors import (
    AnswerNo,
    DataError,
    Fault,
    HubError,
    Interrupted,
    NotFound,
    PluginError,
    Refused,
    Resumable,
    RunFailed,
    SpecError,
    UsageError,
)

Run = Callable[..., Any]
HEAVY = ("torch", "pydantic", "numpy", "pluggy", "huggingface_hub", "safetensors", "tqdm")

#: Runs the words of argv, then prints which heavy modules that woke.
PROBE = """
import sys
from aezoo.cli import main
try:
    main(sys.argv[2:])
except SystemExit as leave:
    code = leave.code
print("CODE", code, "WOKE", *sorted(set(sys.argv[1].split(",")) & set(sys.modules)))
"""


def woken(*words: str, of: tuple[str, ...] = HEAVY) -> tuple[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, ",".join(of), *words], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    _, code, _, *modules = done.stdout.splitlines()[-1].split()
    return code, modules


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("--version",), ("-V",), ("completion", "bash")])
def test_help_and_version_wake_nothing_heavy(words: tuple[str, ...]) -> None:
    assert woken(*words) == ("0", [])


@pytest.mark.parametrize("name", TABLE)
def test_the_help_of_a_command_never_imports_torch(name: str) -> None:
    assert woken(name, "--help", of=("torch",)) == ("0", [])


def test_listing_the_bundled_specs_imports_nothing_heavy() -> None:
    assert woken("list") == ("0", [])


@pytest.mark.parametrize(
    "words",
    [
        ("check", "vanilla-digits"),
        ("show", "vanilla-digits"),
        ("render", "vanilla-digits"),
        ("components",),
        ("init", "--out", "-"),
    ],
)
def test_commands_that_need_no_tensor_never_wake_torch(words: tuple[str, ...]) -> None:
    assert woken(*words, of=("torch",)) == ("0", [])


@pytest.mark.parametrize("name", TABLE)
def test_every_command_has_its_module_its_name_and_json(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert command.name == name
    assert command.help
    called = [*command.commands.values()] if isinstance(command, click.Group) else [command]
    assert all("as_json" in {option.name for option in one.params} for one in called)
    assert "debug" in {option.name for option in command.params}


def test_the_table_names_modules_that_exist() -> None:
    for module, line in TABLE.values():
        assert isinstance(getattr(import_module(f"aezoo.cli.{module}"), module), click.Command)
        assert line.endswith(".")


def test_options_that_are_shared_mean_the_same_everywhere() -> None:
    shared = {"--json", "--set", "--force", "--device", "--seed"}
    found: dict[str, set[tuple[object, ...]]] = {}
    for name in TABLE:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option) and option.opts[0] in shared:
                found.setdefault(option.opts[0], set()).add((option.help, option.multiple, option.is_flag))
    # `--set` changes a spec; where there is a trained model, it says how samples are read; a sweep takes many values.
    # A run that goes on computes where it did, unless `--device` says otherwise.
    wanted = {**dict.fromkeys(shared, 1), "--set": 3, "--device": 2}
    assert {name: len(forms) for name, forms in found.items()} == wanted


def test_without_a_command_it_prints_its_help(aezoo: Run) -> None:
    result = aezoo()
    assert result.code == 0
    assert all(name in result.out for name in TABLE)


def test_a_misspelled_command_is_answered_with_the_nearest(aezoo: Run) -> None:
    result = aezoo("trian")
    assert result == (2, "", "error: no command is called 'trian'\nhint: did you mean 'train'?\n")


def test_a_command_like_no_other_is_answered_with_help(aezoo: Run) -> None:
    result = aezoo("xyzzy")
    assert result.code == 2
    assert "hint: `aezoo --help` names the commands" in result.err


@pytest.mark.parametrize("words", [("--nope",), ("list", "--nope"), ("check",), ("completion", "tcsh")])
def test_a_wrong_call_exits_2_and_names_the_help(aezoo: Run, words: tuple[str, ...]) -> None:
    result = aezoo(*words)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert "--help` says what it takes" in result.err


@pytest.mark.parametrize("override", ["latent.dim", "=3", " =3"])
def test_a_set_without_path_or_value_is_a_usage_error(aezoo: Run, vectors: Path, override: str) -> None:
    result = aezoo("check", vectors, "--set", override)
    assert result.code == 2
    assert "PATH=VALUE" in result.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SpecError([Fault(("latent",), "AZ201", "is odd")]), 1),
        (AnswerNo("no"), 1),
        (UsageError("no"), 2),
        (click.UsageError("no"), 2),
        (NotFound("no"), 3),
        (FileNotFoundError(2, "No such file or directory", "a.npy"), 3),
        (PluginError("no"), 4),
        (HubError("no"), 5),
        (RunFailed("no"), 6),
        (DataError("no"), 6),
        (MemoryError(), 6),
        (PermissionError(13, "Permission denied", "a.npy"), 6),
        (OSError(28, "No space left on device"), 6),
        (Refused("no"), 7),
        (ZeroDivisionError("oh"), 70),
        (Interrupted("kept"), 130),
        (Resumable("kept"), 75),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 141),
    ],
)
def test_every_error_has_its_documented_exit_code(error: BaseException, code: int) -> None:
    assert describe(error)[0] == code


def test_an_error_is_a_line_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    report(NotFound("x: is not there", hint="make it"), json=False, debug=False)
    assert capsys.readouterr() == ("", "error: x: is not there\nhint: make it\n")


def test_a_warning_is_one_line_that_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    with _spoken_warnings(json=False):
        warnings.warn("a hub says\n\x1b[2Jerror: none", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: a hub says \\x1b[2Jerror: none\n"


def test_an_error_with_json_is_one_object_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    report(NotFound("x: is not there", hint="make it"), json=True, debug=False)
    streams = capsys.readouterr()
    assert streams.out == ""
    assert json.loads(streams.err) == {"error": "x: is not there", "hint": "make it", "exit_code": 3}


def test_faults_with_json_are_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    error = SpecError([Fault(("encoder", 1, "units"), "AZ203", "unknown key", "try features")], source="a.toml")
    report(error, json=True, debug=False)
    document = json.loads(capsys.readouterr().err)
    assert document["file"] == "a.toml"
    assert document["faults"] == [
        {
            "code": "AZ203",
            "level": "error",
            "path": "encoder[1].units",
            "message": "unknown key",
            "hint": "try features",
            "file": "",
            "line": 0,
            "column": 0,
        }
    ]


def test_an_internal_error_is_one_line_that_names_debug(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(ZeroDivisionError("division by zero\nand more"), json=False, debug=False) == 70
    assert capsys.readouterr().err == (
        "error: internal error: ZeroDivisionError: division by zero\nhint: run again with --debug\n"
    )


@pytest.mark.parametrize(
    "error",
    [MemoryError("no room"), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 10 bytes")],
)
def test_memory_that_runs_out_is_a_run_that_failed(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(error, json=False, debug=False) == 6
    assert capsys.readouterr().err.startswith("error: out of memory: ")


def test_no_room_for_scratch_files_is_a_run_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    error = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")
    assert report(error, json=False, debug=False) == 6
    assert capsys.readouterr().err == "error: No usable temporary directory found in ['/tmp']\n"


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is full")


def ended(words: list[str], *, unbuffered: bool, **streams: Any) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own; without a buffer, Python writes at once what it would else keep to the end."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1" if unbuffered else ""}
    return subprocess.run([sys.executable, "-m", "aezoo", *words], env=environment, check=False, **streams)


@FULL
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("words", [["explain", "none"], ["explain", "none", "--json"], ["explain", "none", "--debug"]])
def test_a_full_stderr_does_not_change_the_exit_code(words: list[str], unbuffered: bool) -> None:
    with Path("/dev/full").open("w") as full:
        done = ended(words, unbuffered=unbuffered, stderr=full, stdout=subprocess.PIPE)
    assert done.returncode == ended(words, unbuffered=unbuffered, capture_output=True).returncode != 0


@FULL
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("words", [["--help"], ["explain", "AZ203"], ["explain", "AZ203", "--json"]])
def test_results_that_cannot_be_written_are_a_run_that_failed(words: list[str], unbuffered: bool) -> None:
    with Path("/dev/full").open("w") as full:
        done = ended(words, unbuffered=unbuffered, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, b"No space left on device" in done.stderr) == (6, True)


def test_debug_shows_the_traceback(aezoo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Traceback" not in aezoo("check", "absent.toml").err
    assert "Traceback" in aezoo("show", "absent.toml", "--debug").err
    assert "Traceback" in aezoo("--debug", "show", "absent.toml").err
    monkeypatch.setenv("AEZOO_DEBUG", "1")
    assert "Traceback" in aezoo("show", "absent.toml").err


def test_help_fits_forty_columns(process: Run) -> None:
    for words in [("--help",), *((name, "--help") for name in TABLE)]:
        result = process(*words, columns=40)
        assert result.code == 0
        assert max(map(len, result.out.splitlines())) <= 40


def test_no_output_holds_colour_codes(process: Run) -> None:
    result = process("check", "vanilla-digits", "absent", NO_COLOR="1")
    assert result.code == 3
    assert "\x1b" not in result.out + result.err


@pytest.mark.parametrize("words", [["--help"], ["list"], ["components", "--json"]])
def test_a_closed_pipe_exits_141_in_silence(words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "aezoo", *words], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_ctrl_c_exits_130_and_says_so() -> None:
    code = "import aezoo.cli.doctor as d, signal, os\n"
    code += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job inherits it ignored
    code += "d._self = lambda: os.kill(os.getpid(), signal.SIGINT) or {}\n"
    code += "from aezoo.cli import main\nmain(['doctor'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_a_character_that_the_terminal_lacks_is_no_crash(process: Run) -> None:
    result = process("list", PYTHONIOENCODING="ascii")
    assert result.code == 0
