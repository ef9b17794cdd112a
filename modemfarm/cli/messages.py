"""`modemfarm messages`: the queue and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import CliError, Exit, NotThereError
from modemfarm.cli.output import emit, json_option, local, record, say, table
from modemfarm.errors import SubmitError
from modemfarm.intake.again import retry as again
from modemfarm.intake.values import parse_moment, parse_span
from modemfarm.model import MessageState
from modemfarm.policy.numbers import parse_recipient
from modemfarm.store import actions, views
from modemfarm.store.engine import Tx

_COLUMNS = (
    ("id", "ID"),
    ("created", "CREATED"),
    ("to", "TO"),
    ("state", "STATE"),
    ("reason", "REASON"),
    ("text", "TEXT"),
)
MESSAGE_ID = click.IntRange(1, 2**63 - 1)


@click.group()
def messages() -> None:
    """List, show, cancel, retry or resolve messages."""


def since(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    """A moment, or a span back from now."""
    if value is None:
        return None
    try:
        return now() - parse_span(value)
    except ValueError:
        pass
    try:
        return parse_moment(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}, or a span like 24h") from None


@messages.command("list")
@click.option("--state", multiple=True, type=click.Choice([item.value for item in MessageState]))
@click.option("--to", help="The recipient.")
@click.option("--reference")
@click.option("--batch", type=MESSAGE_ID)
@click.option("--since", metavar="TIME|SPAN", callback=since, help="Taken since; like 24h or 2026-03-01T00:00Z.")
@click.option("--order", type=click.Choice(["desc", "asc"]), default="desc", help="Newest first, or oldest.")
@click.option("--cursor", help="Go on where a list ended.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@pass_farm
def list_(farm: Farm, /, to: str | None, since: datetime | None, as_json: bool, **asked: Any) -> None:
    """List messages, newest first."""
    remote = farm.remote()
    if remote:
        moment = since and since.isoformat()
        found = remote.get("/messages", to=to, since=moment, **{**asked, "state": list(asked["state"])})
    else:
        to = None if to is None else _number(farm, to)
        with farm.store().read() as tx:
            found = views.messages(tx, to=to, since=since, **asked)
    if as_json:
        emit(found)
        return
    rows = [{**item, "created": local(item["created_at"])} for item in found["data"]]
    table(_COLUMNS, rows, wide="text")
    if found["next"]:
        say(f"more with --cursor {found['next']}")


def _number(farm: Farm, raw: str) -> str:
    """A number as messages have it; what is no number is looked for as typed."""
    try:
        return parse_recipient(
            raw,
            country=farm.config.intake.country,
            allow_countries="all",
            short_codes=farm.config.intake.short_codes,
            allow_fixed=True,
        ).number
    except SubmitError:
        return raw


@messages.command()
@click.argument("message_id", metavar="ID", type=MESSAGE_ID)
@json_option
@pass_farm
def show(farm: Farm, message_id: int, as_json: bool) -> None:
    """Show one message with its parts."""
    remote = farm.remote()
    found = remote.get(f"/messages/{message_id}") if remote else farm.store().look(views.message, message_id)
    if found is None:
        raise NotThereError(f"there is no message {message_id}")
    print_message(found, as_json=as_json)


def print_message(found: dict[str, Any], *, as_json: bool) -> None:
    """One message for whoever asked."""
    if as_json:
        emit(found)
        return
    record(found)
    columns = ("number", "state", "iccid", "mr", "sent_at", "reported_at", "status")
    table([(name, name.replace("_", " ").upper()) for name in columns], found["parts"])


@messages.command()
@click.argument("message_id", metavar="ID", type=MESSAGE_ID, required=False)
@click.option("--batch", type=MESSAGE_ID, help="Everything of a batch that has not left.")
@json_option
@pass_farm
def cancel(farm: Farm, message_id: int | None, batch: int | None, as_json: bool) -> None:
    """Take a message back that has not left yet."""
    if (message_id is None) == (batch is None):
        raise click.UsageError("name one message, or --batch")
    store = farm.store()
    if batch is not None:
        if store.look(views.batch, batch) is None:
            raise NotThereError(f"there is no batch {batch}")
        count, after = 0, 0
        while True:
            done, more = store.run(lambda tx, start: actions.cancel_batch(tx, batch, start, now(), who="cli"), after)
            count += done
            if more is None:
                break
            after = more
        emit({"batch": batch, "canceled": count}) if as_json else say(f"{count} canceled")
        return
    assert message_id is not None
    store.run(_cancel, message_id)
    _changed(farm, message_id, MessageState.CANCELED, as_json=as_json)


def _cancel(tx: Tx, message_id: int) -> None:
    if actions.cancel(tx, message_id, now(), who="cli") is None:
        raise NotThereError(f"there is no message {message_id}")


def _changed(farm: Farm, message_id: int, wanted: MessageState | None, *, as_json: bool) -> None:
    """Show what became of it; an error when it is not as wanted."""
    store = farm.store()
    found = store.look(views.message, message_id)
    assert found is not None
    if as_json:
        emit(found)
    else:
        say(f"{found['id']}  {found['to']}  {found['state']}")
    farm.committed(store)
    if wanted is not None and found["state"] != wanted:
        raise CliError(f"message {message_id} is {found['state']}: it cannot be {wanted} any more")


@messages.command()
@click.argument("message_id", metavar="ID", type=MESSAGE_ID)
@json_option
@pass_farm
def retry(farm: Farm, message_id: int, as_json: bool) -> int:
    """Send a message again that failed, as a new one."""
    taken = farm.store().run(again, message_id, farm.config.intake, now())
    if taken is None:
        raise NotThereError(f"there is no message {message_id}")
    _changed(farm, taken.message_id, None, as_json=as_json)
    return Exit.REFUSED if taken.state is MessageState.REFUSED else Exit.DONE


@messages.command()
@click.argument("message_id", metavar="ID", type=MESSAGE_ID)
@click.argument("word", type=click.Choice(["sent", "failed"]))
@json_option
@pass_farm
def resolve(farm: Farm, message_id: int, word: str, as_json: bool) -> None:
    """Say what became of an unknown message: your word decides."""
    store = farm.store()
    before = store.look(views.message, message_id)
    if before is None:
        raise NotThereError(f"there is no message {message_id}")
    if not any(part["state"] == "unknown" for part in before["parts"]):
        raise CliError(f"message {message_id} is {before['state']}: nothing about it is unknown")
    store.run(lambda tx: actions.resolve(tx, message_id, word == "sent", now(), who="cli"))
    _changed(farm, message_id, None, as_json=as_json)
