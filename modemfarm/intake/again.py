"""A person sends a message again that did not arrive: a new message that names the old one."""

from __future__ import annotations

from datetime import datetime

from modemfarm.errors import BadFieldError
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Accepted, Draft, IntakeSettings
from modemfarm.store.engine import Tx
from modemfarm.store.messages import sender_facts

RETRIABLE = ("failed", "undelivered", "expired", "canceled", "unknown")


def retry(tx: Tx, message_id: int, settings: IntakeSettings, now: datetime) -> Accepted | None:
    """Queue a copy of a message that ended without arriving, with `retry_of`.

    Returns:
        None when there is no such message.

    Raises:
        BadFieldError: it is still on its way, or arrived, or nobody knows any more to whom it went, or
            (``text_gone``) what it said.
    """
    row = sender_facts(tx, message_id)
    if row is None:
        return None
    if row["state"] not in RETRIABLE:
        raise BadFieldError("state", "not_retriable", f"a message in state {row['state']} cannot be sent again")
    if not row["recipient"]:
        raise BadFieldError("state", "not_retriable", "its person was forgotten")
    if not row["text"]:
        raise BadFieldError("text", "text_gone", "it is not kept any more")
    draft = Draft(
        to=row["recipient"],
        text=row["text"],
        message_class=row["class"],
        purpose=row["purpose"],
        pinned=row["pinned"],
        priority=9 - row["rank"],
        reference=row["reference"],
        report=bool(row["report"]),
        flash=bool(row["flash"]),
        store_text=bool(row["store_text"]),
        fixed_line=True,
        confirm_emergency=True,  # it was
        retry_of=message_id,
    )
    return accept(tx, draft, settings, now)
