"""The consent ledger: rows are added, never changed; erasing a person leaves the chain whole."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from modemfarm.policy.consent import GENERAL, link, record_hash, stands
from modemfarm.store.actions import cancel
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.events import record as event

_SALT_OCTETS = 16


def _add(tx: Tx, number: str, record: dict[str, Any], now: datetime) -> int:
    last = tx.one("SELECT seq, chain FROM consent_chain ORDER BY seq DESC LIMIT 1")
    seq, before = (0, "") if last is None else (int(last["seq"]), str(last["chain"]))
    salt = secrets.token_hex(_SALT_OCTETS)
    record = {"contact": number, "channel": "sms", "captured_at": now.isoformat(), **record}
    digest = record_hash(salt, record)
    tx.run(
        "INSERT INTO consent_chain (seq, hash, chain, at) VALUES (:seq, :hash, :chain, :now)",
        seq=seq + 1,
        hash=digest,
        chain=link(before, digest),
        now=to_us(now),
    )
    tx.run(
        "INSERT INTO consent_records (seq, number, salt, record) VALUES (:seq, :number, :salt, :record)",
        seq=seq + 1,
        number=number,
        salt=salt,
        record=json.dumps(record, ensure_ascii=False),
    )
    return seq + 1


def grant(tx: Tx, number: str, purposes: tuple[str, ...], proof: dict[str, Any], now: datetime) -> int:
    """Write down that a person agreed; the row's number.

    Args:
        proof: method, exact_wording and what else shows it.
    """
    seq = _add(tx, number, {"status": "granted", "purpose": list(purposes), **proof}, now)
    event(tx, "consent.granted", now, subject=number, seq=seq, purpose=list(purposes))
    return seq


def revoke(tx: Tx, number: str, purposes: tuple[str, ...], via: str, now: datetime, *, actor: str) -> int:
    """Write down that a person takes it back, and cancel the offers that wait and rest on it; how many."""
    proof = {"withdrawn_at": now.isoformat(), "withdrawn_via": via, "actor": actor}
    seq = _add(tx, number, {"status": "revoked", "purpose": list(purposes), **proof}, now)
    event(tx, "consent.revoked", now, subject=number, seq=seq, purpose=list(purposes))
    waiting = tx.all(
        "SELECT id, purpose FROM messages WHERE recipient = :number AND class = 'marketing' AND final_at IS NULL",
        number=number,
    )
    ended = [row["id"] for row in waiting if not has_consent(tx, number, row["purpose"], now)]
    return sum(cancel(tx, one, now, reason="consent_missing") == "canceled" for one in ended)


def records(tx: Tx, number: str) -> list[dict[str, Any]]:
    """A person's records, in order."""
    rows = tx.all("SELECT record FROM consent_records WHERE number = :number ORDER BY seq", number=number)
    return [json.loads(row["record"]) for row in rows]


def has_consent(tx: Tx, number: str, purpose: str | None, now: datetime) -> bool:
    """Whether a person agreed to offers of a purpose; without one, to offers in general."""
    return stands(records(tx, number), purpose or GENERAL, now)


def erase(tx: Tx, number: str) -> int:
    """Take a person's records and salts away; their hashes stay in the chain. How many records."""
    return tx.run("DELETE FROM consent_records WHERE number = :number", number=number)


def ledger(tx: Tx) -> Iterator[dict[str, Any]]:
    """Every row in order, as an export has it; salt and record are null where the person was erased."""
    rows = tx.all(
        "SELECT c.seq, c.hash, c.chain, r.salt, r.record FROM consent_chain c"
        " LEFT JOIN consent_records r ON r.seq = c.seq ORDER BY c.seq"
    )
    for row in rows:
        yield {**row, "record": None if row["record"] is None else json.loads(row["record"])}
