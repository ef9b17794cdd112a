"""`modemfarm drivers`: the profiles of modem families."""

from __future__ import annotations

from pathlib import Path

import click

from modemfarm.cli.driver_docs import docs
from modemfarm.cli.outcome import Exit
from modemfarm.cli.output import emit, json_option, say, table, tell
from modemfarm.cli.probe import probe
from modemfarm.cli.replay import replay
from modemfarm.modem.family import Profiles
from modemfarm.modem.profile import faults_of, load_profiles
from modemfarm.resources import shipped

_COLUMNS = (("name", "profile"), ("model", "model"), ("family", "family"), ("reports", "reports"))
_folder = click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False)


@click.group()
def drivers() -> None:
    """List or check driver profiles, examine an unknown modem, replay recordings."""


for _command in (docs, probe, replay):
    drivers.add_command(_command)


def _load(folder: Path | None) -> Profiles:
    return load_profiles(shipped("drivers"), *([folder] if folder else []))


@drivers.command("list")
@_folder
@json_option
def list_(folder: Path | None, as_json: bool) -> None:
    """List the profiles that come with modemfarm, with those of a folder laid over."""
    profiles = _load(folder)
    rows = [
        {
            "name": item.name,
            "model": item.model,
            "family": item.family,
            "reports": list(item.reports),
            "seen_on_hardware": item.seen_on_hardware,
        }
        for item in (profiles.generic, *profiles.families)
    ]
    if as_json:
        emit({"data": rows})
    else:
        table(_COLUMNS, rows, wide="model")


@drivers.command()
@_folder
@json_option
def check(folder: Path | None, as_json: bool) -> int:
    """Say whether every profile can be used, those of a folder too: the first fault of each file."""
    faults = faults_of(shipped("drivers"), *([folder] if folder else []))
    if as_json:
        emit({"faults": [{"file": fault.file, "key": fault.key, "what": fault.what} for fault in faults]})
    else:
        for fault in faults:
            say(str(fault))
        if not faults:
            tell("said.profiles_right")
    return Exit.USAGE if faults else Exit.DONE
