"""`modemfarm send`: one message for each recipient."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from modemfarm.cli.context import Farm, note, now, pass_farm
from modemfarm.cli.outcome import CliError, Exit, exit_of, highest
from modemfarm.cli.output import emit, json_option, say
from modemfarm.cli.remote import ProblemError, Remote
from modemfarm.config.load import local_zone
from modemfarm.errors import BadFieldError, ModemfarmError, SubmitError
from modemfarm.intake.accept import accept, preview
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.intake.values import parse_moment, parse_span
from modemfarm.model import MessageClass
from modemfarm.store import idempotency, views
from modemfarm.store.engine import Store, Tx

Item = dict[str, Any]
_LOOK_EVERY_S = 0.1
_ASK_EVERY_S = 0.5
_GOOD = {"sent": ("sent", "delivered"), "delivered": ("delivered",)}
_BAD = ("undelivered", "failed", "expired", "canceled", "refused")


def span(_ctx: click.Context, _param: click.Parameter, value: str | None) -> timedelta | None:
    """A flag's span of time."""
    try:
        return None if value is None else parse_span(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("to", nargs=-1, required=True)
@click.option("--text", help="The text; or - behind the numbers to read it from stdin.")
@click.option("--text-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A file with the text.")
@click.option("--class", "message_class", type=click.Choice([item.value for item in MessageClass]))
@click.option("--purpose", help="What consent it rests on.")
@click.option("--from", "pinned", help="The SIM: ICCID, label, number or tag.")
@click.option("--send-at", metavar="TIME", help="Not before; like 2026-03-01T09:30+08:00.")
@click.option("--valid-for", metavar="SPAN", callback=span, help="How long it may wait; like 48h.")
@click.option("--priority", type=click.IntRange(0, 9), help="Higher goes first; 5 when not given.")
@click.option("--reference", help="Your own words for it.")
@click.option("--flash", is_flag=True, help="Show at once, do not keep (class 0).")
@click.option("--report/--no-report", default=None, help="Whether to ask for a delivery report.")
@click.option("--resend-unknown", is_flag=True, help="Send again when nobody can tell whether it left; it may double.")
@click.option("--idempotency-key", metavar="KEY", help="The same key, recipient and text send only once in 7 days.")
@click.option("--dry-run", is_flag=True, help="Say what would happen; send nothing.")
@click.option("--wait", type=click.Choice(["sent", "delivered"]), help="Return when it is so.")
@click.option("--timeout", metavar="SPAN", callback=span, default="60s", show_default=True, help="How long to wait.")
@json_option
@pass_farm
def send(
    farm: Farm,
    /,
    *,
    to: tuple[str, ...],
    text: str | None,
    text_file: Path | None,
    send_at: str | None,
    idempotency_key: str | None,
    dry_run: bool,
    wait: str | None,
    timeout: timedelta,
    as_json: bool,
    **fields: Any,
) -> int:
    """Send a text to one or several people.

    --json prints a list, one item for each recipient in order: the message, or what is wrong with it.
    """
    content = _content(to, text, text_file)
    people = [number for number in to if number != "-"]
    if not people:
        raise click.UsageError("no recipient is named")
    remote = farm.remote()
    zone = ZoneInfo(local_zone(farm.environ) if remote else farm.config.zone)
    try:
        at = None if send_at is None else parse_moment(send_at, zone)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--send-at") from None
    drafts = [Draft(to=number, text=content, send_at=at, **fields) for number in people]
    door = _Api(remote, idempotency_key) if remote else _Here(farm, idempotency_key, dry_run=dry_run)
    items = [_one(draft, door.preview if dry_run else door.take) for draft in drafts]
    codes = [code for _, code in items]
    documents = [document for document, _ in items]
    if not dry_run:
        door.done()
        if wait:
            codes = _wait(documents, codes, door, wait, timeout.total_seconds())
    if as_json:
        emit(documents)
    else:
        for document in documents:
            _tell(document)
    return highest(codes)


def _content(to: tuple[str, ...], text: str | None, text_file: Path | None) -> str:
    if (text is not None) + (text_file is not None) + ("-" in to) != 1:
        raise click.UsageError("give the text once: --text T, --text-file F, or - for stdin")
    if text is not None:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise click.BadParameter("is not UTF-8", param_hint="--text") from None
        return text
    octets = text_file.read_bytes() if text_file else sys.stdin.buffer.read()
    try:
        return octets.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise click.UsageError(f"{text_file or 'stdin'} is not UTF-8 text") from None


def _one(draft: Draft, take: Callable[[Draft], Item]) -> tuple[Item, Exit]:
    """What became of one recipient; a fault of one does not stop the others, an unreachable farm does."""
    try:
        document = take(draft)
    except (SubmitError, ProblemError) as error:
        code = exit_of(error)
        if code is Exit.UNREACHABLE:
            raise
        return {"to": draft.to, "error": _fault(error)}, code
    refused = "refused" in (document.get("state"), document.get("verdict"))
    return document, Exit.REFUSED if refused else Exit.DONE


def _fault(error: ModemfarmError) -> Item:
    if isinstance(error, ProblemError):
        first = (error.problem.get("errors") or [{}])[0]
        code = first.get("code") or error.problem.get("code") or error.problem.get("type")
        return {"code": code, "detail": first.get("detail") or str(error)}
    return {"code": getattr(error, "code", "failed"), "detail": str(error)}


class _Here:
    """The database of this machine."""

    def __init__(self, farm: Farm, key: str | None, *, dry_run: bool) -> None:
        self._farm = farm
        self._key = key
        self._settings: IntakeSettings = farm.config.intake
        self._store: Store = farm.store(create=not dry_run)

    def preview(self, draft: Draft) -> Item:
        seen = self._store.look(preview, draft, self._settings, now())
        return {
            "to": seen.recipient,
            "encoding": seen.encoding.value,
            "parts": seen.parts,
            "room": seen.room,
            "cost": seen.cost,
            "currency": self._settings.currency,
            "verdict": seen.verdict.value,
            "reason": seen.reason.slug if seen.reason else None,
            "reason_params": dict(seen.reason.params) if seen.reason else {},
        }

    def take(self, draft: Draft) -> Item:
        return self._store.run(_take, draft, self._settings, now(), self._key)

    def look(self, message_id: int) -> Item | None:
        return self._store.look(views.message, message_id)

    def done(self) -> None:
        self._farm.committed(self._store)

    every_s = _LOOK_EVERY_S


def _take(tx: Tx, draft: Draft, settings: IntakeSettings, at: datetime, key: str | None) -> Item:
    scope = f"cli send {draft.to}"
    if key is not None:
        asked = {name: value for name, value in asdict(draft).items() if name != "send_at"}
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
        match idempotency.begin(tx, key, scope, digest, at):
            case idempotency.Replay(_, answer):
                known = views.message(tx, int(answer))
                if known is not None:
                    return known
            case idempotency.OtherBody() | idempotency.Open():
                what = "this key was used for another message to this recipient within 7 days"
                raise BadFieldError("idempotency_key", "idempotency_mismatch", what)
            case idempotency.Fresh():
                pass
    accepted = accept(tx, draft, settings, at)
    assert accepted is not None  # only a row of a batch can be there already
    if key is not None:
        idempotency.finish(tx, key, scope, 202, str(accepted.message_id))
    document = views.message(tx, accepted.message_id)
    assert document is not None
    return document


@dataclass(frozen=True, slots=True)
class _Api:
    """The HTTP API of a farm elsewhere."""

    remote: Remote
    key: str | None
    every_s = _ASK_EVERY_S

    def preview(self, draft: Draft) -> Item:
        found: Item = self.remote.post("/messages?dry_run=1", _body(draft))
        return found

    def take(self, draft: Draft) -> Item:
        try:
            found: Item = self.remote.post("/messages", _body(draft), self.key and f"{self.key}/{draft.to}"[:255])
        except ProblemError as error:
            if error.status == 403 and "message_id" in error.problem:
                return self.look(error.problem["message_id"])
            raise
        return found

    def look(self, message_id: int) -> Item:
        found: Item = self.remote.get(f"/messages/{message_id}")
        return found

    def done(self) -> None:
        """The daemon took it itself."""


def _body(draft: Draft) -> Item:
    until = None
    if draft.valid_for is not None:
        until = (draft.send_at or now()) + draft.valid_for
    body = {
        "to": draft.to,
        "text": draft.text,
        "class": draft.message_class,
        "purpose": draft.purpose,
        "from": draft.pinned,
        "send_at": draft.send_at and draft.send_at.isoformat(),
        "valid_until": until and until.isoformat(),
        "priority": draft.priority,
        "reference": draft.reference,
        "flash": draft.flash or None,
        "report": draft.report,
        "resend_unknown": draft.resend_unknown or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _wait(documents: list[Item], codes: list[Exit], door: _Here | _Api, wanted: str, within_s: float) -> list[Exit]:
    """Look until every message is as wanted, or can no longer be; `documents` are brought up to date."""
    until = time.monotonic() + within_s
    open_ = {index for index, code in enumerate(codes) if code is Exit.DONE}
    while True:
        for index in sorted(open_):
            document = door.look(documents[index]["id"])
            if document is None:
                raise CliError(f"message {documents[index]['id']} is gone", Exit.NOT_FOUND)
            documents[index] = document
            if document["state"] in _GOOD[wanted]:
                open_.discard(index)
            elif document["state"] in _BAD or (document["state"] == "sent" and document["final_at"]):
                codes[index] = Exit.FAILED
                open_.discard(index)
        if not open_ or time.monotonic() >= until:
            break
        time.sleep(min(door.every_s, max(0.0, until - time.monotonic())))
    if open_:
        note(f"not {wanted} within {within_s:g} s: {len(open_)} of {len(documents)}")
    return [Exit.TIMEOUT if index in open_ else code for index, code in enumerate(codes)]


def _tell(document: Item) -> None:
    if "error" in document:
        note(f"{document['to']}: {document['error']['detail']}")
    elif "verdict" in document:
        cost = "" if document["cost"] is None else f", {document['cost']:g} {document['currency'] or ''}".rstrip()
        why = f" ({document['reason']})" if document["reason"] else ""
        count = document["parts"]
        room = f"{count} part{'s' * (count != 1)} {document['encoding']}, room for {document['room']} more"
        say(f"{document['to']}: would be {document['verdict']}{why}; {room}{cost}")
    else:
        why = f" ({document['reason']})" if document["reason"] else ""
        say(f"{document['id']}  {document['to']}  {document['state']}{why}")
