"""`modemfarm alerts test`: whether those who are to be told of faults are reached."""

from __future__ import annotations

import click

from modemfarm.cli import console
from modemfarm.cli.context import Farm, pass_farm
from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import emit, json_option, say, words
from modemfarm.daemon.line import Line, LineError

_PATIENCE_S = 120.0  # an address is tried three times


@click.group()
def alerts() -> None:
    """Who is told when something needs a person."""


@alerts.command()
@json_option
@pass_farm
def test(farm: Farm, as_json: bool) -> int:
    """Tell everybody that `alerts` in config.yaml names that this is a test."""
    try:
        with Line(farm.config.state_dir) as line:
            told = line.ask("alerts_test", patience_s=_PATIENCE_S)
    except LineError as error:
        raise CliError(console.told(error), console.EXITS.get(error.code, Exit.FAILED)) from error
    if as_json:
        emit(told)
    else:
        speak = words(farm.environ).page
        for item in told["data"]:
            what = speak("alert_failed", what=item["error"]) if item["error"] else speak("alert_handed_on")
            say(f"{item['way']}: {what}")
        if not told["data"]:
            say(speak("alerts_nobody"))
    return Exit.DONE if told["data"] and not any(item["error"] for item in told["data"]) else Exit.FAILED
