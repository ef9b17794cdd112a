"""`modemfarm modems`: the devices."""

from __future__ import annotations

from typing import Any

import click

from modemfarm.cli import away
from modemfarm.cli.console import console, is_elsewhere, record_
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import CliError, NotThereError
from modemfarm.cli.output import emit, json_option, local, record, say, sentence, state_of, table, tell, words
from modemfarm.modem import recordings
from modemfarm.store import devices as usb_devices
from modemfarm.store import sims, views
from modemfarm.webapp.words import Words

_COLUMNS = (
    ("id", "modem"),
    ("path", "port"),
    ("state", "state"),
    ("sentence", "what"),
    ("signal", "signal"),
    ("operator", "operator"),
    ("iccid", "sim"),
)


@click.group()
def modems() -> None:
    """List, show, reset, ask or record modems."""


modems.add_command(console)
modems.add_command(record_)


def spoken(modem: dict[str, Any], told: Words) -> dict[str, Any]:
    """A modem as the API shows it: sentence and next action in words, their slugs beside them."""
    params = modem.get("params") or {}
    slug = modem.get("sentence_code", modem["sentence"])
    action = modem.get("next_action_code", modem["next_action"])
    return {
        **modem,
        "sentence": told.say(f"modem.{slug}", params),
        "sentence_code": slug,
        "next_action": told.say(f"action.{action}", params) if action else None,
        "next_action_code": action,
    }


@modems.command("list")
@json_option
@pass_farm
def list_(farm: Farm, as_json: bool) -> None:
    """List modems with their state and one sentence."""
    remote = farm.remote()
    found = remote.get("/modems")["data"] if remote else farm.store().look(views.modems)
    told = [spoken(item, words(farm.environ)) for item in found]
    if as_json:
        emit({"data": told, "next": None})
        return
    rows = [
        {
            **item,
            "state": state_of("modem", item["state"]),
            "signal": item["signal_dbm"] and f"{item['signal_dbm']} dBm",
        }
        for item in told
    ]
    table(_COLUMNS, rows, wide="sentence")


@modems.command()
@click.argument("modem")
@json_option
@pass_farm
def show(farm: Farm, modem: str, as_json: bool) -> None:
    """Show one modem, by IMEI, IMEI@usb-path or port, with the recordings of its last faults."""
    remote = farm.remote()
    if remote:
        there = spoken(away.modem(remote, modem), words(farm.environ))
        emit(there | {"recordings": []}) if as_json else _record(there)
        return
    found = farm.store().look(views.modem, modem)
    if found is None:
        raise NotThereError(sentence("refusal.no_modem", name=modem))
    told = spoken(found, words(farm.environ))
    here = not is_elsewhere(farm, found)
    kept = recordings.kept(farm.config.state_dir, found["imei"] or found["id"], found["path"]) if here else []
    if as_json:
        emit({**told, "recordings": [{"name": item.name, "at": item.at, "fault": item.fault} for item in kept]})
        return
    _record(told)
    if kept:
        say("")
        rows = [{"at": local(item.at), "fault": item.fault, "name": item.name} for item in kept]
        table((("at", "fault_at"), ("fault", "fault"), ("name", "recording")), rows, wide="name")


def _record(modem: dict[str, Any]) -> None:
    record({**modem, "state": state_of("modem", modem["state"])})


@modems.command()
@click.argument("modem")
@json_option
@pass_farm
def reset(farm: Farm, modem: str, as_json: bool) -> None:
    """Have a modem start afresh; its daemon does it as soon as nothing is on the air."""
    remote = farm.remote()
    if remote:
        there = away.modem(remote, modem)
        remote.post(f"{away.modem_path(modem)}/reset", {})
        emit(spoken(there, words(farm.environ))) if as_json else tell("said.reset", name=there["id"])
        return
    store = farm.store()
    found = store.look(views.modem, modem)
    if found is None:
        raise NotThereError(sentence("refusal.no_modem", name=modem))
    if not store.run(sims.wish, found["path"], "reset", found["host"]):
        raise CliError(sentence("refusal.modem_gone", name=modem))
    farm.committed(store)
    if as_json:
        emit(spoken(found, words(farm.environ)))
    else:
        tell("said.reset", name=found["id"])


@modems.command()
@click.argument("devices", metavar="PATH...", nargs=-1, required=True)
@json_option
@pass_farm
def allow(farm: Farm, devices: tuple[str, ...], as_json: bool) -> None:
    """Let the daemon open devices that `modems list` shows as possible modems.

    PATH is a port or a USB path (1-1.4); all ports of that device are opened, also after a replug there.
    --json prints {"allowed": [{"usb_path", "usb_id", "name", "host"}]}.
    """
    remote = farm.remote()
    if remote:
        names = [remote.post(f"{away.modem_path(word)}/allow", {})["id"] for word in devices]
        emit({"allowed": [{"id": name} for name in names]}) if as_json else tell("said.allowed", names=", ".join(names))
        return
    store = farm.store()
    found = []
    for word in devices:
        row = store.look(usb_devices.offered, word)
        if row is None:
            raise NotThereError(sentence("refusal.no_candidate", name=word))
        found.append({name: row[name] for name in ("usb_path", "usb_id", "name", "host")})
    for row in found:
        store.run(usb_devices.allow, row["host"], row["usb_path"], row["usb_id"], now())
    farm.committed(store)
    if as_json:
        emit({"allowed": found})
        return
    for row in found:
        tell("said.allowed_one", path=row["usb_path"], name=row["name"], id=row["usb_id"])


@modems.command()
@click.argument("devices", metavar="USB-PATH...", nargs=-1, required=True)
@click.option("--host", help="The daemon's host; this configuration's when not given.")
@pass_farm
def forbid(farm: Farm, devices: tuple[str, ...], host: str | None) -> None:
    """Take back what `modems allow` allowed."""
    remote = farm.remote()
    if remote:
        for usb_path in devices:
            remote.delete(f"{away.modem_path(usb_path)}/allow")
            tell("said.forbidden", path=usb_path)
        return
    store = farm.store()
    for usb_path in devices:
        if not store.run(usb_devices.forbid, host or farm.config.host, usb_path, now()):
            raise NotThereError(sentence("refusal.nothing_allowed", name=usb_path))
        tell("said.forbidden", path=usb_path)
    farm.committed(store)
