"""`modemfarm messages`: the queue and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from modemfarm.cli import away, many
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import CliError, Exit, NotThereError
from modemfarm.cli.output import emit, json_option, local, reason_of, record, say, sentence, state_of, table, tell
from modemfarm.errors import BadFieldError
from modemfarm.intake.again import retry as again
from modemfarm.intake.edit import FIELDS
from modemfarm.intake.edit import edit as change
from modemfarm.intake.values import parse_moment, parse_span
from modemfarm.model import MessageClass, MessageState
from modemfarm.store import actions, views
from modemfarm.store.engine import Tx

_COLUMNS = (
    ("id", "id"),
    ("created", "created"),
    ("to", "to"),
    ("state", "state"),
    ("reason", "reason"),
    ("text", "text"),
)
MESSAGE_ID = many.MESSAGE_ID


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
        raise click.BadParameter(sentence("refusal.or_a_span", what=error)) from None


def moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | str | None:
    """A moment; "" for `now` and for nothing."""
    if value in (None, "", "now"):
        return value and ""
    try:
        return parse_moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


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
        to = None if to is None else many.number(farm, to)
        with farm.store().read() as tx:
            found = views.messages(tx, to=to, since=since, **asked)
    if as_json:
        emit(found)
        return
    rows = [
        {
            **item,
            "created": local(item["created_at"]),
            "state": state_of("message", item["state"]),
            "reason": reason_of(item["reason"], item.get("reason_params")),
        }
        for item in found["data"]
    ]
    table(_COLUMNS, rows, wide="text")
    if found["next"]:
        tell("said.more", next=found["next"])


@messages.command()
@click.argument("message_id", metavar="ID", type=MESSAGE_ID)
@json_option
@pass_farm
def show(farm: Farm, message_id: int, as_json: bool) -> None:
    """Show one message with its parts."""
    remote = farm.remote()
    found = remote.get(f"/messages/{message_id}") if remote else farm.store().look(views.message, message_id)
    if found is None:
        raise NotThereError(sentence("refusal.no_message", id=message_id))
    print_message(found, as_json=as_json)


def print_message(found: dict[str, Any], *, as_json: bool) -> None:
    """One message for whoever asked."""
    if as_json:
        emit(found)
        return
    why = reason_of(found["reason"], found.get("reason_params"))
    record(found | {"state": state_of("message", found["state"]), "reason": why})
    columns = ("state", "iccid", "mr", "sent_at", "reported_at", "status")
    parts = [
        {**part, "state": state_of("part", part["state"])}
        | {name: local(part[name]) for name in ("sent_at", "reported_at")}
        for part in found["parts"]
    ]
    table([("number", "part"), *((name, name) for name in columns)], parts)


@messages.command()
@click.argument("message_id", metavar="ID", type=MESSAGE_ID, required=False)
@click.option("--text", help="What it says.")
@click.option("--class", "class", type=click.Choice([item.value for item in MessageClass]))
@click.option("--from", "from", metavar="SIM", help="ICCID, label, number or tag; '' for any SIM.")
@click.option("--send-at", metavar="TIME", callback=moment, help="Not before; 'now' for at once.")
@click.option("--valid-until", metavar="TIME", callback=moment, help="Not after; '' for without an end.")
@click.option("--priority", type=click.IntRange(0, 9))
@click.option("--reference", help="Your own words for it; '' for none.")
@click.option("--store-text/--no-store-text", default=None, help="Whether the text is kept once it is not needed.")
@many.which_options("edit")
@json_option
@pass_farm
def edit(farm: Farm, /, message_id: int | None, as_json: bool, **asked: Any) -> int:
    """Change a message, or many, of which nothing has left."""
    new = {name: asked[name] for name in FIELDS if asked.get(name) is not None}
    changes = {name: None if value == "" else value for name, value in new.items()}
    several = many.one_or_many("edit", message_id, asked)
    if not changes:
        raise click.UsageError(sentence("refusal.what_to_change"))
    if changes.get("text", "") is None:
        raise click.UsageError(sentence("refusal.no_text"))
    if several:
        return many.act(farm, "edit", asked, changes=changes, as_json=as_json)
    assert message_id is not None
    remote = farm.remote()
    if remote:
        _told(away.edit(remote, message_id, changes), as_json=as_json)
        return Exit.DONE
    try:
        found = farm.store().run(lambda tx: change(tx, message_id, changes, farm.config.intake, now(), who="cli"))
    except BadFieldError as error:
        raise CliError(str(error), Exit.FAILED if error.code in ("too_late", "text_gone") else Exit.USAGE) from None
    if not found:
        raise NotThereError(sentence("refusal.no_message", id=message_id))
    _changed(farm, message_id, None, as_json=as_json)
    return Exit.DONE


@messages.command()
@click.argument("message_id", metavar="ID", type=MESSAGE_ID, required=False)
@many.which_options("cancel")
@json_option
@pass_farm
def cancel(farm: Farm, /, message_id: int | None, as_json: bool, **asked: Any) -> int:
    """Take back a message, or many, that have not left yet."""
    if many.one_or_many("cancel", message_id, asked):
        return many.act(farm, "cancel", asked, as_json=as_json)
    assert message_id is not None
    remote = farm.remote()
    if remote:
        _told(remote.post(f"/messages/{message_id}/cancel", {}), as_json=as_json)
        return Exit.DONE
    farm.store().run(_cancel, message_id)
    _changed(farm, message_id, MessageState.CANCELED, as_json=as_json)
    return Exit.DONE


def _cancel(tx: Tx, message_id: int) -> None:
    if actions.cancel(tx, message_id, now(), who="cli") is None:
        raise NotThereError(sentence("refusal.no_message", id=message_id))


def _told(found: dict[str, Any], *, as_json: bool) -> None:
    emit(found) if as_json else say(f"{found['id']}  {found['to']}  {state_of('message', found['state'])}")


def _changed(farm: Farm, message_id: int, wanted: MessageState | None, *, as_json: bool) -> None:
    """Show what became of it; an error when it is not as wanted."""
    store = farm.store()
    found = store.look(views.message, message_id)
    assert found is not None
    _told(found, as_json=as_json)
    farm.committed(store)
    if wanted is not None and found["state"] != wanted:
        states = {"state": state_of("message", found["state"]), "wanted": state_of("message", wanted)}
        raise CliError(sentence("refusal.too_late", id=message_id, **states))


@messages.command()
@click.argument("message_id", metavar="ID", type=MESSAGE_ID, required=False)
@many.which_options("retry")
@json_option
@pass_farm
def retry(farm: Farm, /, message_id: int | None, as_json: bool, **asked: Any) -> int:
    """Send a message again that failed, or many, as new ones."""
    if many.one_or_many("retry", message_id, asked):
        return many.act(farm, "retry", asked, as_json=as_json)
    assert message_id is not None
    remote = farm.remote()
    if remote:
        copy = away.retry(remote, message_id)
        _told(copy, as_json=as_json)
        return Exit.REFUSED if copy["state"] == MessageState.REFUSED else Exit.DONE
    taken = farm.store().run(again, message_id, farm.config.intake, now())
    if taken is None:
        raise NotThereError(sentence("refusal.no_message", id=message_id))
    _changed(farm, taken.message_id, None, as_json=as_json)
    return Exit.REFUSED if taken.state is MessageState.REFUSED else Exit.DONE


@messages.command()
@click.argument("words", metavar="[ID] sent|failed", nargs=-1, required=True)
@many.which_options("resolve")
@json_option
@pass_farm
def resolve(farm: Farm, /, words: tuple[str, ...], as_json: bool, **asked: Any) -> int:
    """Say what became of an unknown message, or of many: your word decides."""
    *number, word = words
    if word not in ("sent", "failed") or len(number) > 1:
        raise click.UsageError(sentence("refusal.id_and_word"))
    message_id = click.ParamType.__call__(MESSAGE_ID, number[0]) if number else None
    if many.one_or_many("resolve", message_id, asked):
        return many.act(farm, "resolve", asked, word=word, as_json=as_json)
    assert message_id is not None
    remote = farm.remote()
    if remote:
        _told(remote.post(f"/messages/{message_id}/resolve", {"outcome": word}), as_json=as_json)
        return Exit.DONE
    store = farm.store()
    before = store.look(views.message, message_id)
    if before is None:
        raise NotThereError(sentence("refusal.no_message", id=message_id))
    if not any(part["state"] == "unknown" for part in before["parts"]):
        raise CliError(sentence("refusal.not_unknown", id=message_id, state=state_of("message", before["state"])))
    store.run(lambda tx: actions.resolve(tx, message_id, word == "sent", now(), who="cli"))
    _changed(farm, message_id, None, as_json=as_json)
    return Exit.DONE
