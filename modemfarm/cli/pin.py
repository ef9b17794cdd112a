"""Entering a SIM's PIN, unseen: never as an argument, where `ps` and the shell's history would keep it."""

from __future__ import annotations

import sys
from typing import Any

import click

from modemfarm.cli.away import modem_path
from modemfarm.cli.cards import one_sim
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import emit, json_option, sentence, tell
from modemfarm.model import is_pin, normal_iccid
from modemfarm.store import pins, views
from modemfarm.store.engine import Store
from modemfarm.store.pins import Card
from modemfarm.store.sealing import SealError

_WHO = "cli"


def typed_pin(*, from_stdin: bool) -> str:
    """The PIN that a person types twice without echo, or the first line of a pipe.

    Raises:
        CliError: it is none.
    """
    if from_stdin or not sys.stdin.isatty():
        pin = sys.stdin.readline().strip()
    else:
        pin = str(
            click.prompt(
                sentence("question.pin"), hide_input=True, confirmation_prompt=sentence("question.again"), err=True
            )
        )
    if not is_pin(pin):
        raise CliError(sentence("refusal.pin_digits"), Exit.USAGE)
    return pin


def card_named(farm: Farm, store: Store, key: str) -> tuple[Card, list[str]]:
    """A card by ICCID, label or number, or by the modem or port that holds it.

    Returns:
        The card, and the keys of config.yaml that may hold its PIN.

    Raises:
        CliError: nothing goes by that name.
    """
    normal = normal_iccid(key)
    modem = None if normal else store.look(views.modem, key)
    if modem is not None:
        card = pins.card_in(modem)
        places = [f"modems.pins.{name}" for name in (modem["imei"], modem["path"]) if name]
    elif key.startswith("/"):
        card, places = Card(f"path:{key}", f"path:{key}"), [f"modems.pins.{key}"]
    elif len(key) == 15 and key.isdecimal():
        card, places = Card(f"imei:{key}", f"imei:{key}"), [f"modems.pins.{key}"]
    else:
        iccid = normal or one_sim(farm, key)["iccid"]
        card, places = Card(iccid, iccid), []
    places += [f"sims.{name}.pin" for name in farm.config.file.sims if normal_iccid(name) == card.ledger]
    return card, places


def set_pin(farm: Farm, key: str, pin: str | None) -> dict[str, Any]:
    """Keep a card's PIN, or (None) keep it no longer.

    Raises:
        CliError: config.yaml has it, or this PIN failed before.
    """
    remote = farm.remote()
    if remote:
        path, name = _away(farm, key)
        remote.patch(path, {"pin": pin})
        return {"card": name, "pin": "forgotten" if pin is None else "kept"}
    store = farm.store(create=True)
    card, places = card_named(farm, store, key)
    place = next(filter(None, map(farm.config.source, places)), None)
    if place:
        raise CliError(sentence("refusal.pin_in_file", file=place), Exit.USAGE)
    if pin is None:
        with store.write() as tx:
            forgotten = pins.forget(tx, card, now(), who=_WHO)
        if not forgotten:
            raise CliError(sentence("refusal.no_pin", name=card.kept), Exit.NOT_FOUND)
        return {"card": card.kept, "pin": "forgotten"}
    try:
        with store.write() as tx:
            kept = pins.enter(tx, store.secret, card, pin, now(), who=_WHO)
    except SealError as error:
        raise CliError(str(error), Exit.UNREACHABLE) from error
    if not kept:
        raise CliError(sentence("refusal.pin_failed", name=key), Exit.REFUSED)
    farm.committed(store)
    return {"card": card.kept, "pin": "kept"}


@click.command()
@click.argument("key")
@json_option
@pass_farm
def release(farm: Farm, key: str, as_json: bool) -> None:
    """Let a PIN that failed, or may have failed, be tried once more.

    KEY is a SIM, or the modem or port that holds it. With fewer than 2 tries left none is tried all the same.
    --json prints {"card", "released"}.
    """
    remote = farm.remote()
    if remote:
        path, name = _away(farm, key)
        released = bool(remote.post(f"{path}/release", {})["released"])
    else:
        store = farm.store()
        card, _ = card_named(farm, store, key)
        name = card.ledger
        with store.write() as tx:
            released = pins.release(tx, card, now(), who=_WHO)
        farm.committed(store)
    if as_json:
        emit({"card": name, "released": released})
    elif released:
        tell("said.pin_released", name=name)
    else:
        tell("said.pin_not_blocked", name=name)


def _away(farm: Farm, key: str) -> tuple[str, str]:
    """Where the API of a farm elsewhere has this card: by the modem that holds it, or as a SIM; and its name."""
    if key.startswith("/") or "@" in key or (len(key) == 15 and key.isdecimal()):
        return modem_path(key), key
    iccid = normal_iccid(key) or one_sim(farm, key)["iccid"]
    return f"/sims/{iccid}", iccid
