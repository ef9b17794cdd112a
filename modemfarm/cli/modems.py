"""`modemfarm modems`: the devices."""

from __future__ import annotations

from typing import Any

import click

from modemfarm.cli.context import Farm, pass_farm
from modemfarm.cli.outcome import CliError, NotThereError
from modemfarm.cli.output import emit, json_option, local, record, say, table, words
from modemfarm.store import sims, views
from modemfarm.webapp.words import Words

_COLUMNS = (
    ("id", "MODEM"),
    ("path", "PORT"),
    ("state", "STATE"),
    ("said", "WHAT"),
    ("signal", "SIGNAL"),
    ("operator", "OPERATOR"),
    ("iccid", "SIM"),
)


@click.group()
def modems() -> None:
    """List, show or reset modems."""


def spoken(modem: dict[str, Any], told: Words) -> dict[str, Any]:
    """A modem with its sentence and next action in words."""
    params = modem.get("params") or {}
    action = modem["next_action"]
    return {
        **modem,
        "said": told.say(f"modem.{modem['sentence']}", params),
        "do": told.say(f"action.{action}", params) if action else None,
        "signal": None if modem["signal_dbm"] is None else f"{modem['signal_dbm']} dBm",
    }


@modems.command("list")
@json_option
@pass_farm
def list_(farm: Farm, as_json: bool) -> None:
    """List modems with their state and one sentence."""
    remote = farm.remote()
    found = remote.get("/modems")["data"] if remote else farm.store().look(views.modems)
    if as_json:
        emit({"data": found, "next": None})
        return
    table(_COLUMNS, [spoken(item, words(farm.environ)) for item in found], wide="said")


@modems.command()
@click.argument("modem")
@json_option
@pass_farm
def show(farm: Farm, modem: str, as_json: bool) -> None:
    """Show one modem, by IMEI, IMEI@usb-path or port."""
    found = farm.store().look(views.modem, modem)
    if found is None:
        raise NotThereError(f"there is no modem {modem}")
    if as_json:
        emit(found)
        return
    told = spoken(found, words(farm.environ))
    record({**found, "sentence": told["said"], "next_action": told["do"], "since": local(found["since"])})


@modems.command()
@click.argument("modem")
@json_option
@pass_farm
def reset(farm: Farm, modem: str, as_json: bool) -> None:
    """Have a modem start afresh; its daemon does it as soon as nothing is on the air."""
    store = farm.store()
    found = store.look(views.modem, modem)
    if found is None:
        raise NotThereError(f"there is no modem {modem}")
    if not store.run(sims.wish, found["path"], "reset"):
        raise CliError(f"modem {modem} is gone")
    farm.committed(store)
    if as_json:
        emit(found)
    else:
        say(f"{found['id']}: asked to reset")
