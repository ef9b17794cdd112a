"""`modemfarm completion SHELL`: what a shell needs to complete commands and options at the Tab key."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from modemfarm.cli.output import say

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that makes SHELL complete modemfarm's commands and options.

    bash: `modemfarm completion bash > ~/.local/share/bash-completion/completions/modemfarm`
    """
    made = get_completion_class(shell)
    assert made is not None
    say(made(ctx.find_root().command, {}, "modemfarm", "_MODEMFARM_COMPLETE").source())
