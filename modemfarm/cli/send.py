"""`modemfarm send`: one message for each recipient."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from modemfarm.cli.context import Farm, pass_farm
from modemfarm.cli.doors import Api, Here, Item
from modemfarm.cli.outcome import CliError, Exit, exit_of, highest
from modemfarm.cli.output import emit, fault_of, json_option, local, note, say, sentence, stands, state_of, tell, words
from modemfarm.cli.remote import ProblemError
from modemfarm.config.load import local_zone
from modemfarm.errors import ModemfarmError, SubmitError
from modemfarm.intake.draft import Draft
from modemfarm.intake.values import parse_moment, parse_span
from modemfarm.model import MessageClass
from modemfarm.webapp.words import Words

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
@click.option(
    "--store-text/--no-store-text", default=True, help="Whether the text is kept once it is not needed any more."
)
@click.option("--confirm-emergency", is_flag=True, help="Yes, --class emergency is meant: it passes over opt-outs.")
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
        raise click.UsageError(sentence("refusal.no_recipient"))
    remote = farm.remote()
    zone = ZoneInfo(local_zone(farm.environ) if remote else farm.config.zone)
    try:
        at = None if send_at is None else parse_moment(send_at, zone)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--send-at") from None
    drafts = [Draft(to=number, text=content, send_at=at, **fields) for number in people]
    door = Api(remote, idempotency_key) if remote else Here(farm, idempotency_key, dry_run=dry_run)
    items = [_one(draft, door.preview if dry_run else door.take) for draft in drafts]
    codes = [code for _, code in items]
    documents = [document for document, _ in items]
    if not dry_run:
        if Exit.DONE in codes:
            door.done()
        if wait:
            codes = _wait(documents, codes, door, wait, timeout.total_seconds())
    if as_json:
        emit(documents)
    else:
        said = words(farm.environ)
        for document in documents:
            _tell(document, said)
    return highest(codes)


def _content(to: tuple[str, ...], text: str | None, text_file: Path | None) -> str:
    if (text is not None) + (text_file is not None) + ("-" in to) != 1:
        raise click.UsageError(sentence("refusal.text_once"))
    if text is not None:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise click.BadParameter(sentence("refusal.not_utf8"), param_hint="--text") from None
        return text
    octets = text_file.read_bytes() if text_file else sys.stdin.buffer.read()
    try:
        return octets.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise click.UsageError(sentence("refusal.not_utf8_text", file=text_file or "stdin")) from None


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


def _wait(documents: list[Item], codes: list[Exit], door: Here | Api, wanted: str, within_s: float) -> list[Exit]:
    """Look until every message is as wanted, or can no longer be; `documents` are brought up to date."""
    until = time.monotonic() + within_s
    open_ = {index for index, code in enumerate(codes) if code is Exit.DONE}
    while True:
        for index in sorted(open_):
            document = door.look(documents[index]["id"])
            if document is None:
                raise CliError(sentence("refusal.message_gone", id=documents[index]["id"]), Exit.NOT_FOUND)
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
        counts = {"open": len(open_), "total": len(documents)}
        note(sentence("said.not_within", wanted=state_of("message", wanted), seconds=f"{within_s:g}", **counts))
    return [Exit.TIMEOUT if index in open_ else code for index, code in enumerate(codes)]


def _tell(document: Item, said: Words) -> None:
    if "error" in document:
        note(f"{document['to']}: {fault_of(document['error']['code'], document['error']['detail'])}")
        return
    if "verdict" in document:
        cost = "" if document["cost"] is None else f", {document['cost']:g} {document['currency'] or ''}".rstrip()
        ahead = document["forecast"]
        gone = sentence("said.ahead", time=local(ahead["finish_at"])) if ahead["finish_at"] else ""
        late = sentence("said.ahead_late") if ahead["expires_first"] else ""
        tell(
            "said.would_be",
            to=document["to"],
            state=stands(document, document["verdict"]),
            parts=sentence("said.parts", n=document["parts"]),
            code=document["encoding"],
            room=document["room"],
            cost=cost,
            ahead=gone + late,
        )
    else:
        say(f"{document['id']}  {document['to']}  {stands(document, document['state'])}")
    if "refused" in (document.get("state"), document.get("verdict")):
        note(said.refusal(document["reason"], document["to"], document["reason_params"]))
    for warning in document.get("warnings", ()):
        note(warning["detail"])
