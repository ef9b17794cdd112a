"""Complaints about messages: kept with the proof of consent that stood, and with what was sent to the person lately."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from modemfarm.model import digits_key
from modemfarm.policy.consent import standing
from modemfarm.store import audit, consents, suppress
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record
from modemfarm.store.shapes import rfc3339

CHANNELS = ("phone", "web", "operator", "counter")
SOURCE = "complaint"  # of the opt-out that comes with it
LATELY = timedelta(days=60)
MOST_SENT, MOST_PROOF = 20, 200  # newest of each that are kept
LONGEST = 2000  # characters of what the person said


def add(
    tx: Tx,
    number: str,
    text: str,
    channel: str,
    now: datetime,
    *,
    who: str,
    at: datetime | None = None,
    exempt: tuple[str, ...] = suppress.EXEMPT,
) -> dict[str, Any]:
    """Keep a complaint, send nothing more to the person and cancel what waits, in one transaction.

    Args:
        number: E.164, as messages have it.
        channel: one of CHANNELS.
        at: when the person complained; now when it is not said.

    Returns:
        The complaint as `one` tells it, with how many waiting messages were cancelled.
    """
    proof = _proof(tx, number, now)  # before the opt-out adds its own row
    canceled = suppress.add(tx, number, digits_key(number), SOURCE, now, exempt=exempt, actor=who)
    sent = _sent(tx, number, now)
    number_of_it = tx.value(
        "INSERT INTO complaints (number, at, noted_at, channel, text, who, proof, sent)"
        " VALUES (:number, :at, :now, :channel, :text, :who, :proof, :sent) RETURNING id",
        number=number,
        at=to_us(at or now),
        now=to_us(now),
        channel=channel,
        text=text,
        who=who,
        proof=json.dumps(proof, ensure_ascii=False),
        sent=json.dumps(sent, ensure_ascii=False),
    )
    record(tx, "contact.complained", now, subject=number, complaint=number_of_it, channel=channel, canceled=canceled)
    audit.note(tx, who, "complaint.recorded", now, subject=number, complaint=number_of_it, channel=channel)
    row = tx.one("SELECT * FROM complaints WHERE id = :id", id=number_of_it)
    assert row is not None
    return {**_told(row), "canceled": canceled}


def _proof(tx: Tx, number: str, now: datetime) -> dict[str, Any]:
    """What the person's consent amounted to, and the ledger's rows that say so, each with its place in the chain."""
    rows = tx.all(
        "SELECT r.seq, c.chain, r.salt, r.record FROM consent_records r JOIN consent_chain c ON c.seq = r.seq"
        " WHERE r.number = :number ORDER BY r.seq DESC LIMIT :most",
        number=number,
        most=MOST_PROOF,
    )
    return {
        **standing(consents.records(tx, number)).told(now),
        "rows": [{**row, "record": json.loads(row["record"])} for row in reversed(rows)],
    }


def _sent(tx: Tx, number: str, now: datetime) -> list[dict[str, Any]]:
    rows = tx.all(
        "SELECT id, CASE WHEN store_text = 0 THEN '' ELSE text END AS text, class, purpose, state, iccid, created_at,"
        " sent_at FROM messages"
        " WHERE recipient = :number AND created_at > :since AND state NOT IN ('refused', 'canceled')"
        " ORDER BY id DESC LIMIT :most",
        number=number,
        since=to_us(now - LATELY),
        most=MOST_SENT,
    )
    return [{**row, "created_at": rfc3339(row["created_at"]), "sent_at": rfc3339(row["sent_at"])} for row in rows]


def listed(tx: Tx, number: str | None = None, before: int | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Complaints, newest first, of one person or of all, before an id."""
    rows = tx.all(
        "SELECT * FROM complaints WHERE (:any = 1 OR number = :number) AND (:newest = 1 OR id < :before)"
        " ORDER BY id DESC LIMIT :n",
        any=int(number is None),
        number=number or "",
        newest=int(before is None),
        before=before or 0,
        n=limit,
    )
    return [_told(row) for row in rows]


def _told(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "number": row["number"],
        "at": rfc3339(row["at"]),
        "noted_at": rfc3339(row["noted_at"]),
        "channel": row["channel"],
        "text": row["text"],
        "who": row["who"],
        "proof": json.loads(row["proof"]),
        "sent": json.loads(row["sent"]),
    }
