"""`modemfarm drivers probe`: asks an unknown modem what it can do, and writes a first profile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import note, say, sentence
from modemfarm.errors import LinkLostError, ModemError, PortBusyError
from modemfarm.modem.port import SerialxOpener
from modemfarm.modem.probing import Found, as_toml, examine
from modemfarm.modem.profile import load_profiles
from modemfarm.resources import shipped

_CLOSES_S = 0.1  # the loop gives the device back by itself, if it is let run


@click.command()
@click.argument("port")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the profile to this file; never over one that is there.",
)
def probe(port: str, output: Path | None) -> int:
    """Ask the modem on PORT what it can do, and write a first profile of it.

    Only questions are asked: nothing is sent, set, deleted or entered. The daemon must not have the port.
    """
    if output is not None and output.exists():
        raise CliError(sentence("refusal.is_there", file=output), Exit.USAGE)
    try:
        found = asyncio.run(_examine(port))
    except (PortBusyError, LinkLostError) as error:
        raise CliError(str(error), Exit.UNREACHABLE) from error
    except ModemError as error:
        raise CliError(f"{port}: {error}") from error
    text = as_toml(found, on_hardware=not Path(port).resolve().is_relative_to("/dev/pts"))
    if output is None:
        say(text.rstrip("\n"))
    else:
        output.write_text(text, encoding="utf-8")
    note(_summary(found))
    return Exit.DONE


async def _examine(path: str) -> Found:
    port = await SerialxOpener().open(path)
    try:
        return await examine(port, load_profiles(shipped("drivers")))
    finally:
        port.abort()
        await asyncio.sleep(_CLOSES_S)


def _summary(found: Found) -> str:
    named = (found.identity.manufacturer, found.identity.model)
    who = " ".join(word for word in named if word) or sentence("said.probe_it")
    if found.profile.name == "generic":
        return sentence("said.probe_unknown", name=who)
    return sentence("said.probe_known", name=who, profile=found.profile.name)
