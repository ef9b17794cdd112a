"""`modemfarm drivers`: the profiles of modem families."""

from __future__ import annotations

from pathlib import Path

import click

from modemfarm.cli.outcome import Exit
from modemfarm.cli.output import emit, json_option, say, table
from modemfarm.cli.replay import replay
from modemfarm.errors import ConfigError
from modemfarm.modem.family import Profiles
from modemfarm.modem.profile import load_profiles
from modemfarm.resources import shipped

_COLUMNS = (("name", "PROFILE"), ("model", "MODEL"), ("family", "FAMILY"), ("reports", "REPORTS"))
_folder = click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False)


@click.group()
def drivers() -> None:
    """List or check driver profiles, replay recordings."""


drivers.add_command(replay)


def _load(folder: Path | None) -> Profiles:
    return load_profiles(shipped("drivers"), *([folder] if folder else []))


@drivers.command("list")
@_folder
@json_option
def list_(folder: Path | None, as_json: bool) -> None:
    """List the profiles that come with modemfarm, with those of a folder laid over."""
    profiles = _load(folder)
    rows = [
        {"name": item.name, "model": item.model, "family": item.family, "reports": item.reports}
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
    """Say whether every profile can be used, those of a folder too."""
    try:
        _load(folder)
    except ConfigError as error:
        fault = {"file": error.file, "key": error.key, "what": error.what}
        emit({"faults": [fault]}) if as_json else say(str(error))
        return Exit.USAGE
    emit({"faults": []}) if as_json else say("every profile is right")
    return Exit.DONE
