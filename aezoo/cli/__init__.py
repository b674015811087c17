"""The command `aezoo`: the group, and the one place that turns errors into lines and exit codes.

The table below is a literal and help is written from it alone: a command's module is imported when it is called,
so `aezoo --help` needs click and nothing else.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import click

from aezoo.cli import output
from aezoo.errors import UsageError
from aezoo.hardware.processes import is_first, refuse_several, several
from aezoo.hints import did_you_mean

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: Section -> command -> its module here and one line of help. The module holds a command of the module's name.
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Specs": {
        "init": ("init", "Write a commented starter spec."),
        "check": ("check", "Say everything that is wrong with a spec."),
        "show": ("show", "Show the layers, the loss and the size of a model."),
        "render": ("render", "Print a spec with all defaults and no macros."),
        "diff": ("diff", "Say in what two specs or models differ."),
        "schema": ("schema", "Print the JSON Schema that editors complete from."),
        "explain": ("explain", "Explain a fault by its code."),
    },
    "Training": {
        "fit": ("fit", "Fit a model to samples, and judge it."),
        "train": ("train", "Train the model of a spec and keep it in a folder."),
        "resume": ("resume", "Go on with a run that was stopped."),
        "sweep": ("sweep", "Train a spec with many values, and compare."),
        "evaluate": ("evaluate", "Judge a model beside its baselines."),
        "cure": ("cure", "Train again with the patches of what was found."),
        "compare": ("compare", "Put the scores of models side by side."),
        "runs": ("runs", "List the runs in a folder beside each other."),
    },
    "Models at work": {
        "encode": ("encode", "Turn samples into codes."),
        "decode": ("decode", "Turn codes into samples."),
        "reconstruct": ("reconstruct", "Pass samples through a model."),
        "sample": ("sample", "Draw new samples from the prior."),
        "score": ("score", "Say how unusual each sample is."),
    },
    "The zoo": {
        # Not `list`: a submodule of that name would hide the builtin in this very file.
        "list": ("catalog", "List models and bundled specs."),
        "pull": ("pull", "Fetch a model, check it and keep it."),
        "push": ("push", "Publish a model on the Hub."),
        "cache": ("cache", "List, check and remove pulled models."),
        "zoo": ("zoo", "Publish the embedded models."),
    },
    "What is there": {
        "components": ("components", "List the parts that a spec may name."),
        "plugins": ("plugins", "List, look at, write and check plugins."),
        "doctor": ("doctor", "Report devices, versions, plugins and folders."),
        "completion": ("completion", "Print the script for tab completion."),
    },
}
#: Commands that write, or train, as one process alone does; of several each would do it.
ALONE = frozenset({"init", "fit", "sweep", "cure", "push", "zoo", "plugins"})
TABLE = {name: row for section in COMMANDS.values() for name, row in section.items()}


class Group(click.Group):
    """Commands by name from the table, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*TABLE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in TABLE:
            return None
        module, _ = TABLE[cmd_name]
        command: click.Command = getattr(import_module(f"aezoo.cli.{module}"), module)
        inner = command.commands.values() if isinstance(command, click.Group) else ()
        for one in (command, *inner):
            if not any(option.name == "debug" for option in one.params):
                one.params.append(_debug())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in TABLE and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise UsageError(f"no command is called {args[0]!r}", hint=_nearest(args[0]))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in section.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=row[1]) for name, row in TABLE.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


def _debug() -> click.Option:
    help = "Show the traceback of an error."
    return click.Option(["--debug"], is_flag=True, expose_value=False, callback=_remember, help=help)


def _remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:  # for a command that reports several errors and goes on after one
        ctx.meta["aezoo.debug"] = True


def _nearest(name: str) -> str:
    return did_you_mean(name, TABLE, "`aezoo --help` names the commands")


@click.group(
    cls=Group,
    invoke_without_command=True,
    params=[_debug()],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(None, "-V", "--version", package_name="aezoo", message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context) -> None:
    """Declare an autoencoder in a file, train it, judge it, use it, publish it.

    SPEC is a TOML or JSON file or the name of a bundled spec; MODEL is the folder that `train` wrote, a model of the
    zoo (vae-mnist), or one of the Hub (owner/name@revision). Results go to stdout, all else to stderr.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    elif ctx.invoked_subcommand in ALONE and several():
        if not is_first():  # which says it for all
            raise click.exceptions.Exit(UsageError.exit_code)
        refuse_several(f"aezoo {ctx.invoked_subcommand}")


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the documented code."""
    words = sys.argv[1:] if args is None else [*args]
    if args is None:
        _hurry(words)
    if "_AEZOO_COMPLETE" in os.environ:
        group.main(words, prog_name="aezoo")
    try:
        with _spoken_warnings(json="--json" in words):
            code = _run([*words], process=args is None)
    except BaseException as error:
        # A SystemExit, too: no code of ours raises one, and a plugin may mean anything by it
        from aezoo.cli.failure import report

        code = report(error, json="--json" in words, debug="--debug" in words or bool(os.environ.get("AEZOO_DEBUG")))
    _empty_streams()
    sys.exit(code)


#: Commands that are too short to need garbage collection; `init` of --data looks at them.
QUICK = frozenset({*COMMANDS["Specs"], *COMMANDS["What is there"], "list", "pull", "cache"}) - {"plugins"}  # laws train


def _hurry(words: Sequence[str]) -> None:
    """For a process that runs one command: save the time of garbage collection.

    Measured on `aezoo check`, ten runs each way: 306 ms of CPU time with all this, 356 ms without.
    """
    # Declarations are ours and our plugins'; what else is installed for pydantic is not imported for them.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # The Hub's client logs each attempt, with signed addresses; aezoo reports the outcome once.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    atexit.register(gc.freeze)
    if words and words[0] in QUICK and not any(word.partition("=")[0] == "--data" for word in words):
        gc.disable()


def _run(words: list[str], *, process: bool) -> int:
    """Run one command; returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # an old code page must not turn a dash into a crash
            stream.reconfigure(errors="backslashreplace")
    columns = shutil.get_terminal_size().columns
    # click itself never goes below 50 columns.
    width = max(20, min(columns, 100) - 1)
    code = 0
    try:
        # The words are kept for an error that says what to type instead; click takes the list that it is given apart.
        with group.make_context("aezoo", [*words], terminal_width=width, obj=(*words,)) as context:
            context.meta[output.PROCESS] = process
            group.invoke(context)
    except click.exceptions.Exit as leave:
        code = leave.exit_code
    if sys.stdout is not None:
        sys.stdout.flush()  # a closed pipe or a full disk shows here, not at the interpreter's exit
    return code


@contextmanager
def _spoken_warnings(*, json: bool) -> Iterator[None]:
    """Warnings as one line each on stderr; with `--json` stderr is for the error object alone."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        from aezoo.names import visible

        if not json and is_first():  # it may contain text from a Hub
            click.echo(f"warning: {visible(' '.join(str(message).splitlines()))}", err=True)

    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("default", UserWarning)
        warnings.showwarning = show
        yield


def _empty_streams() -> None:
    """Write what is left in the streams, or drop it where that fails; the failure was reported where it could be.

    The interpreter would try once more at its end, and exit with a code of its own.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            with suppress(OSError, ValueError, AttributeError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
