"""Changes a message of which nothing has left: the same checks, judged anew, cut anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from modemfarm.errors import BadFieldError, RefusedError
from modemfarm.intake.accept import PRIORITY_MOST, check, judge, ruled, spend_of, starting
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.model import MessageClass, millionths
from modemfarm.store.editing import Open, keep_text, rewrite, take_open
from modemfarm.store.engine import Tx, from_us
from modemfarm.store.events import record
from modemfarm.store.queue import home

FIELDS = {
    "text": "text",
    "class": "message_class",
    "from": "pinned",
    "send_at": "send_at",
    "valid_until": "valid_until",
    "priority": "priority",
    "reference": "reference",
    "tags": "tags",
    "metadata": "metadata",
    "store_text": "store_text",
}  # as the API calls them, and a draft


def edit(
    tx: Tx, message_id: int, changes: Mapping[str, object], settings: IntakeSettings, now: datetime, *, who: str = ""
) -> bool:
    """Change some fields of a message, by the names of FIELDS; None clears one.

    Where only `send_at` moves, `valid_until` moves with it. `store_text` alone may change at any time.

    Returns:
        False when there is no such message.

    Raises:
        BadFieldError: with code ``too_late`` when something of it has left or it ended; ``text_gone`` when the text
            that shall be kept is there no more; or a value that cannot be.
        BadRecipientError, TextTooLongError, RefusedError, KeyCeilingError: as at intake; nothing is changed.
    """
    if changes.keys() == {"store_text"}:
        return _keep(tx, message_id, now, keep=bool(changes["store_text"]), who=who)
    found = take_open(tx, message_id, now)
    if found is None:
        return False
    if not found.open:
        raise BadFieldError("state", "too_late", f"message {message_id} is {found.row['state']}: it cannot be changed")
    draft = replace(_as_it_is(found), **{FIELDS[name]: value for name, value in changes.items()})  # type: ignore[arg-type]  # checked by `check`
    if "send_at" in changes and "valid_until" not in changes:
        draft = replace(draft, valid_until=_moved(found, draft, now))
    settings = ruled(tx, draft, settings, now)
    message, _ = check(draft, settings, now)
    if draft.valid_until is None:
        message = replace(message, valid_until=None)
    against = judge(tx, message, settings, now)
    if against is not None:
        raise RefusedError(against.slug, message_id)
    more = message.parts_total - len(found.parts)
    if settings.quota is not None and more > 0:
        spend_of(tx, settings.quota, more, more * millionths(message.price), now)
    message = replace(
        starting(tx, message, found.row["batch_id"], settings, now),
        bound_iccid=home(tx, message.pinned) if message.pinned else "",
    )
    rewrite(
        tx,
        found,
        message,
        now,
        moved=bool({"send_at", "class"} & changes.keys()),
        pinned=message.pinned != found.row["pinned"],
    )
    record(tx, "message.edited", now, message_id=message_id, fields=sorted(changes), who=who)
    return True


def _keep(tx: Tx, message_id: int, now: datetime, *, keep: bool, who: str) -> bool:
    done = keep_text(tx, message_id, keep=keep)
    if done is None:
        return False
    if not done:
        raise BadFieldError("store_text", "text_gone", "the text is not kept any more")
    record(tx, "message.edited", now, message_id=message_id, fields=["store_text"], who=who)
    return True


def _moment(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)


def _as_it_is(found: Open) -> Draft:
    row = found.row
    return Draft(
        to=row["recipient"],
        text=row["text"],
        message_class=row["class"],
        purpose=row["purpose"],
        pinned=row["pinned"],
        send_at=_moment(row["send_at"]),
        valid_until=_moment(row["valid_until"]),
        priority=PRIORITY_MOST - row["rank"],
        reference=row["reference"],
        tags=tuple(json.loads(row["tags"] or "[]")),
        metadata=json.loads(row["metadata"] or "{}"),
        flash=bool(row["flash"]),
        report=bool(row["report"]),
        resend_unknown=bool(row["resend_unknown"]),
        store_text=bool(row["store_text"]),
        fixed_line=True,
        confirm_emergency=row["class"] == MessageClass.EMERGENCY,
        retry_of=row["retry_of"],
    )


def _moved(found: Open, draft: Draft, now: datetime) -> datetime | None:
    """The end of the validity as far behind the new beginning as it was behind the old one."""
    row = found.row
    if row["valid_until"] is None:
        return None
    span = from_us(row["valid_until"]) - from_us(row["send_at"] or row["created_at"])
    return max(draft.send_at or now, now) + span
