"""The event rows: what happened, for `explain`, webhooks and the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from modemfarm.store import audit
from modemfarm.store.engine import Tx, to_us

# what a person decided: the audit has it too, where nothing takes it away again
_AUDITED = frozenset({"policy.changed", "policy.attested", "policy.withdrawn", "modem.console", "contact.reviewed"})
_AUDITED |= {"farm.paused", "farm.resumed", "message.resolved", "farm.released", "farm.restored", "consent.word"}

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def record(
    tx: Tx, kind: str, now: datetime, /, *, message_id: int | None = None, subject: str = "", **data: object
) -> None:
    """Write one event in the transaction of what it tells.

    Args:
        kind: dotted slug, for example ``message.accepted``, ``part.sent``, ``sim.parked``.
        subject: ICCID, modem path or number that it is about.
        data: JSON values; names of reason parameters are kept as they are.
    """
    tx.run(
        "INSERT INTO events (at, kind, message_id, subject, data) VALUES (:at, :kind, :message, :subject, :data)",
        at=to_us(now),
        kind=kind,
        message=message_id,
        subject=subject,
        data=_encode(data) if data else "{}",
    )
    if kind in _AUDITED:
        audit.note(tx, str(data.pop("who", "") or "cli"), kind, now, subject=subject or str(message_id or ""), **data)


def record_all(tx: Tx, kind: str, now: datetime, messages: str, binds: Mapping[str, object], /, **data: object) -> None:
    """The same event of many messages, in one statement.

    Args:
        messages: a SELECT of their ids, with its `binds`.
    """
    tx.run(
        "INSERT INTO events (at, kind, message_id, subject, data)"  # noqa: S608 # the callers' own words
        f" SELECT CAST(:at AS BIGINT), CAST(:kind AS TEXT), one.id, '', CAST(:data AS TEXT) FROM ({messages}) AS one"
        " ORDER BY one.id",
        at=to_us(now),
        kind=kind,
        data=_encode(data),
        **binds,
    )
