"""`aezoo completion`: the script a shell needs to complete commands and options."""

from __future__ import annotations

import click

from aezoo.cli import options
from aezoo.cli.output import emit


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@options.as_json
def completion(shell: str, as_json: bool) -> None:
    """Print the script for tab completion in SHELL.

    \b
    bash:  eval "$(aezoo completion bash)"
    zsh:   eval "$(aezoo completion zsh)"
    fish:  aezoo completion fish | source
    """
    from click.shell_completion import get_completion_class

    from aezoo.cli import group

    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    script = maker(group, {}, "aezoo", "_AEZOO_COMPLETE")
    # `source()` of bash asks for bash's version first, which a machine without bash cannot answer.
    text = script.source_template % script.source_vars()
    emit({"shell": shell, "script": text}) if as_json else click.echo(text)
