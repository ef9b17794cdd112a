"""`modemfarm inbox`: replies."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from modemfarm.cli import away
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.messages import MESSAGE_ID, since
from modemfarm.cli.outcome import CliError, Exit, NotThereError
from modemfarm.cli.output import emit, json_option, local, say, sentence, state_of, table, tell, words
from modemfarm.intake.accept import accept
from modemfarm.intake.replying import answer, is_answerable
from modemfarm.model import MessageState
from modemfarm.store import views
from modemfarm.store.engine import Tx

_COLUMNS = (("id", "id"), ("received", "received"), ("from", "from"), ("verdict", "verdict"), ("text", "text"))
_LOOK_EVERY_S = 0.25
_ASK_EVERY_S = 1.0  # of a farm elsewhere


def _said(farm: Farm, item: dict[str, Any]) -> str:
    """The text of a reply; of a call, that it was missed."""
    return words(farm.environ).say("page.missed_call") if item["kind"] == "missed_call" else str(item["text"])


@click.group()
def inbox() -> None:
    """List, follow or answer replies."""


@inbox.command("list")
@click.option("--from", "from_number", help="Only from this number.")
@click.option("--iccid", help="Only those received with this SIM.")
@click.option("--since", metavar="TIME|SPAN", callback=since)
@click.option("--order", type=click.Choice(["desc", "asc"]), default="desc", help="Newest first, or oldest.")
@click.option("--cursor", help="Go on where a list ended.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@pass_farm
def list_(farm: Farm, /, since: datetime | None, from_number: str | None, as_json: bool, **asked: Any) -> None:
    """List replies, newest first."""
    remote = farm.remote()
    if remote:
        asked["from"] = from_number
        found = remote.get("/inbound", since=since and since.isoformat(), **asked)
    else:
        with farm.store().read() as tx:
            found = views.inbound_list(tx, since=since, from_number=from_number, **asked)
    if as_json:
        emit(found)
        return
    rows = [{**item, "received": local(item["received_at"]), "text": _said(farm, item)} for item in found["data"]]
    table(_COLUMNS, rows, wide="text")
    if found["next"]:
        tell("said.more", next=found["next"])


@inbox.command()
@click.option("--all", "from_start", is_flag=True, help="Begin with the oldest, not with the next.")
@json_option
@pass_farm
def follow(farm: Farm, from_start: bool, as_json: bool) -> int:
    """Print replies as they come, until Ctrl-C; --json prints one document a line."""
    look = _listing(farm)
    cursor = "0"
    if not from_start:
        newest = look(limit=1)["data"]
        cursor = str(newest[0]["id"]) if newest else "0"
    try:
        while True:
            found = look(order="asc", cursor=cursor)
            for item in found["data"]:
                if as_json:
                    emit(item)
                else:
                    say(f"{local(item['received_at'])}  {item['from']}  {_said(farm, item)}")
            cursor = found["next"] or cursor
            if not found["data"]:
                time.sleep(_ASK_EVERY_S if farm.remote() else _LOOK_EVERY_S)
    except KeyboardInterrupt:
        return Exit.DONE


def _listing(farm: Farm) -> Callable[..., dict[str, Any]]:
    """Reads the replies of this farm, or of one elsewhere."""
    remote = farm.remote()
    if remote:
        return functools.partial(remote.get, "/inbound")
    store = farm.store()
    return lambda **asked: store.look(lambda tx: views.inbound_list(tx, **asked))


@inbox.command()
@click.argument("inbound_id", metavar="ID", type=MESSAGE_ID)
@click.argument("text")
@json_option
@pass_farm
def reply(farm: Farm, inbound_id: int, text: str, as_json: bool) -> int:
    """Answer a reply, with the SIM that received it."""
    remote = farm.remote()
    if remote:
        document = away.answer(remote, inbound_id, text)
    else:
        store = farm.store()
        document = store.run(_reply, farm, inbound_id, text)
        farm.committed(store)
    emit(document) if as_json else say(f"{document['id']}  {document['to']}  {state_of('message', document['state'])}")
    return Exit.REFUSED if document["state"] == MessageState.REFUSED else Exit.DONE


def _reply(tx: Tx, farm: Farm, inbound_id: int, text: str) -> dict[str, Any]:
    came = views.inbound_one(tx, inbound_id)
    if came is None:
        raise NotThereError(sentence("refusal.no_reply", id=inbound_id))
    if not is_answerable(came["from"]):
        raise CliError(sentence("refusal.no_person", number=came["from"]), Exit.USAGE)
    draft = answer(came, text)
    taken = accept(tx, draft, farm.config.intake, now())
    assert taken is not None
    document = views.message(tx, taken.message_id)
    assert document is not None
    return document
