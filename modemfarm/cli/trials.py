"""`modemfarm sims identify` and `test`: which card this is, and whether it sends and receives."""

from __future__ import annotations

import secrets
import time
from datetime import datetime, timedelta
from typing import Any

import click

from modemfarm.cli.cards import one_sim
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.doors import Api, Here, Item
from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import emit, json_option, say, sentence, stands, tell
from modemfarm.cli.send import span
from modemfarm.intake.draft import Draft
from modemfarm.store import inbox
from modemfarm.store.engine import to_us

_BAD = ("undelivered", "failed", "expired", "canceled", "refused")
_VALID_FOR = timedelta(minutes=30)  # a trial that comes hours later tells nobody anything


def _take(farm: Farm, sim: dict[str, Any], to: str, text: str, what: str) -> tuple[Here | Api, Item]:
    remote = farm.remote()
    door = Api(remote, None) if remote else Here(farm, None, dry_run=False)
    draft = Draft(to=to, text=text, pinned=sim["iccid"], reference=what, valid_for=_VALID_FOR, priority=9)
    message = door.take(draft)
    door.done()
    return door, message


@click.command()
@click.argument("sim")
@click.option("--to", metavar="NUMBER", required=True, help="A phone at hand: it shows the SIM's number as the sender.")
@json_option
@pass_farm
def identify(farm: Farm, sim: str, to: str, as_json: bool) -> int:
    """Send a message with a SIM to a phone at hand, so that its number is seen there; `sims set --number` keeps it.

    It counts on the SIM's plan like any message.
    """
    found = one_sim(farm, sim)
    name = " ".join(item for item in ("modemfarm:", found["label"], found["iccid"]) if item)
    _, message = _take(farm, found, to, name, "sims identify")
    if as_json:
        emit(message)
    else:
        say(f"{message['id']}  {message['to']}  {stands(message, message['state'])}")
    return Exit.REFUSED if message["state"] == "refused" else Exit.DONE


def _came_back(farm: Farm, iccid: str, text: str, since: datetime) -> bool:
    remote = farm.remote()
    if remote is None:
        return farm.store().look(inbox.came_back, iccid, text, to_us(since))
    newest = remote.get("/inbound", iccid=iccid, limit=20)["data"]  # their clock may not be ours: the text is unique
    return any(item["text"] == text for item in newest)


@click.command("test")
@click.argument("sim")
@click.option("--timeout", metavar="SPAN", callback=span, default="3m", show_default=True, help="How long to wait.")
@json_option
@pass_farm
def test_(farm: Farm, sim: str, timeout: timedelta, as_json: bool) -> int:
    """Send a message with a SIM to its own number and wait until it comes back.

    It counts on the SIM's plan like any message.
    """
    found = one_sim(farm, sim)
    if not found["number"]:
        raise CliError(sentence("refusal.number_unknown", iccid=found["iccid"]), Exit.USAGE)
    text = f"modemfarm test {secrets.token_hex(4)}"
    began, began_s = now(), time.monotonic()
    door, message = _take(farm, found, found["number"], text, inbox.TRIAL)
    sent_s: float | None = None
    back_s: float | None = None
    while (past_s := time.monotonic() - began_s) < timeout.total_seconds() and message["state"] not in _BAD:
        message = door.look(message["id"]) or message
        if sent_s is None and message["state"] in {"sent", "delivered"}:
            sent_s = round(past_s, 1)
        if _came_back(farm, found["iccid"], text, began):
            back_s = round(past_s, 1)
            break
        time.sleep(door.every_s)
    if as_json:
        emit({"iccid": found["iccid"], "message": message["id"], "state": message["state"], "reason": message["reason"],
              "sent_s": sent_s, "back_s": back_s})  # fmt: skip
    elif back_s is not None:
        tell("said.came_back", iccid=found["iccid"], seconds=f"{back_s:g}")
    else:
        tell("said.not_back", iccid=found["iccid"], id=message["id"], state=stands(message, message["state"]))
    if back_s is not None:
        return Exit.DONE
    if message["state"] == "refused":
        return Exit.REFUSED
    return Exit.FAILED if message["state"] in _BAD else Exit.TIMEOUT
