"""The `modemfarm` command: finds a subcommand, runs it, and turns errors into exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from modemfarm.cli.outcome import Exit, exit_of
from modemfarm.errors import ModemfarmError

# command -> (module of modemfarm.cli, object in it, one line for --help); nothing is imported before it is used
COMMANDS: dict[str, tuple[str, str, str]] = {
    "init": ("init", "init", "Make a configuration, the database and the first API key."),
    "run": ("run", "run", "Run the daemon."),
    "demo": ("demo", "demo", "Try it without hardware: virtual modems, the page, a drawn phone."),
    "page": ("run", "page", "Serve the page alone, beside daemons."),
    "login": ("run", "login", "Print a one-time link to the page."),
    "send": ("send", "send", "Send a text to one or several people."),
    "batch": ("batch", "batch", "Send many messages from a CSV or JSON-lines file."),
    "messages": ("messages", "messages", "List, show, cancel, retry or resolve messages."),
    "explain": ("control", "explain", "Say why a message went, waits or stopped."),
    "pause": ("control", "pause", "Stop sending, before the next part leaves."),
    "resume": ("control", "resume", "Send again."),
    "inbox": ("inbox", "inbox", "List, follow or answer replies."),
    "modems": ("modems", "modems", "List, show, reset, ask or record modems."),
    "sims": ("sims", "sims", "List, show, set, pause or resume SIM cards."),
    "suppress": ("suppress", "suppress", "Keep the list of people who want no more messages."),
    "policy": ("policy", "policy", "Show and change the rules for offers, and vouch for them."),
    "contacts": ("contacts", "contacts", "Keep the people you write to; import, export, forget them."),
    "audit": ("audit", "audit", "Show who did what."),
    "consent": ("consent", "consent", "Keep, show and prove who agreed to offers."),
    "simulate": ("simulate", "simulate", "Run virtual modems."),
    "pdu": ("pdu", "pdu", "Decode and encode PDUs."),
    "keys": ("keys", "keys", "Make, list or revoke API keys."),
    "users": ("users", "users", "Make, list, change or remove those who log in with a password."),
    "webhooks": ("webhooks", "webhooks", "Say which addresses are told what happens."),
    "db": ("db", "db", "Upgrade, check, copy or put back the database."),
    "doctor": ("doctor", "doctor", "Look for what is wrong and say how to mend it."),
    "alerts": ("alerts", "alerts", "Test who is told when something needs a person."),
    "install": ("install", "install", "Make it a service of this machine: user, udev rules, systemd unit."),
    "drivers": ("drivers", "drivers", "List or check driver profiles."),
    "completion": ("completion", "completion", "Print what makes a shell complete commands at the Tab key."),
    "config": ("config_show", "config", "Show the settings and where each came from."),
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
        module, name, _ = COMMANDS[cmd_name]
        found = getattr(importlib.import_module(f"modemfarm.cli.{module}"), name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 # click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-c", "config_file", metavar="FILE", type=click.Path(path_type=Path), help="The configuration file.")
@click.version_option(package_name="modemfarm")
def cli(config_file: Path | None) -> None:  # pass_farm reads it
    """Send and receive SMS over a farm of GSM modems.

    Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 refused by policy, 4 not found,
    5 store, daemon or configuration unreachable, 6 timeout.
    """


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
        print("stopped", file=sys.stderr)
        return Exit.FAILED
    except click.ClickException as error:
        error.show()
        return Exit.USAGE if isinstance(error, click.UsageError | click.FileError) else Exit.FAILED
    except ModemfarmError as error:
        print(f"modemfarm: {error}", file=sys.stderr)
        for note in getattr(error, "__notes__", ()):
            print(f"modemfarm: {note}", file=sys.stderr)
        return exit_of(error)
    return int(result) if isinstance(result, int) else Exit.DONE
