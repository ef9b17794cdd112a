"""The `modemfarm` command: finds a subcommand, runs it, and turns errors into exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from modemfarm.cli.click_words import teach
from modemfarm.cli.outcome import Exit, exit_of
from modemfarm.cli.output import fault_of, note, sentence, words
from modemfarm.config.find import NoConfigError
from modemfarm.errors import ConfigError, ModemfarmError, ReadOnlyStoreError, StoreError, SubmitError

teach()

# command -> (module of modemfarm.cli, object in it); nothing is imported before it is used
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "init"),
    "run": ("run", "run"),
    "demo": ("demo", "demo"),
    "page": ("run", "page"),
    "login": ("run", "login"),
    "send": ("send", "send"),
    "batch": ("batch", "batch"),
    "messages": ("messages", "messages"),
    "explain": ("control", "explain"),
    "pause": ("control", "pause"),
    "resume": ("control", "resume"),
    "inbox": ("inbox", "inbox"),
    "modems": ("modems", "modems"),
    "sims": ("sims", "sims"),
    "suppress": ("suppress", "suppress"),
    "policy": ("policy", "policy"),
    "contacts": ("contacts", "contacts"),
    "audit": ("audit", "audit"),
    "consent": ("consent", "consent"),
    "simulate": ("simulate", "simulate"),
    "pdu": ("pdu", "pdu"),
    "keys": ("keys", "keys"),
    "users": ("users", "users"),
    "webhooks": ("webhooks", "webhooks"),
    "db": ("db", "db"),
    "doctor": ("doctor", "doctor"),
    "alerts": ("alerts", "alerts"),
    "install": ("install", "install"),
    "drivers": ("drivers", "drivers"),
    "completion": ("completion", "completion"),
    "config": ("config_show", "config"),
}


class _ReaderGone(Exception):  # noqa: N818 # no error: whoever read has read enough
    """Stdout is a pipe that nobody reads any more."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            raise _ReaderGone from None  # click would exit 1
        return result

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # click's
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 # click's
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        found = getattr(importlib.import_module(f"modemfarm.cli.{module}"), name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 # click's
        with formatter.section(sentence("click.commands")):
            formatter.write_dl([(name, sentence(f"command.{name}")) for name in COMMANDS])

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 # click's
        english = words().lang == "en"
        for slug in ("about", "exit_codes") if english else ("about", "exit_codes", "english"):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(sentence(f"command.{slug}"))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-c", "config_file", metavar="FILE", type=click.Path(path_type=Path), help="The configuration file.")
@click.version_option(package_name="modemfarm")
def cli(config_file: Path | None) -> None:  # pass_farm reads it
    """Send and receive SMS over a farm of GSM modems; --help says it in the language of the locale."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line.

    Returns:
        The exit code.
    """
    try:
        result = cli.main(list(arguments), prog_name="modemfarm", standalone_mode=False)
    except _ReaderGone:
        # as with `| head`; nothing more can be told, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return Exit.DONE
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        note(sentence("refusal.stopped"))
        return Exit.FAILED
    except click.ClickException as error:
        error.show()
        return Exit.USAGE if isinstance(error, click.UsageError | click.FileError) else Exit.FAILED
    except ModemfarmError as error:
        note(_told(error))
        for more in getattr(error, "__notes__", ()):
            note(sentence("refusal.inside", what=more))
        return exit_of(error)
    return int(result) if isinstance(result, int) else Exit.DONE


def _told(error: ModemfarmError) -> str:
    """An error that ends a command, in the language of the locale as far as it has a slug."""
    what = str(error)
    match error:
        case NoConfigError():
            slug = "no_configuration"
        case ConfigError():
            slug = "configuration"
        case ReadOnlyStoreError():
            return sentence("refusal.read_only", path=error.file)
        case StoreError():
            slug = "store"
        case SubmitError():
            slug, what = "inside", fault_of(error.code, what, error.params)
        case _:
            slug = "inside"
    return sentence(f"refusal.{slug}", what=what)
