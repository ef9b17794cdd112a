"""The consent ledger: rows are added, never changed; erasing a person leaves the chain whole."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from modemfarm.policy.consent import GENERAL, Standing, head_of, link, record_hash, standing
from modemfarm.store import locks
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.events import record as event

_SALT_OCTETS = 16


def add(tx: Tx, number: str, record: dict[str, Any], now: datetime) -> int:
    """Add one row to the ledger; its number.

    Args:
        record: its ``status`` (granted revoked pending lapsed opted_in), ``purpose`` and what proves it.
    """
    locks.ledger(tx)  # of two that add at once, the second waits here and then reads what the first wrote
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
    seq = add(tx, number, {"status": "granted", "purpose": list(purposes), **proof}, now)
    event(tx, "consent.granted", now, subject=number, seq=seq, purpose=list(purposes))
    return seq


def opted_out(tx: Tx, number: str, via: str, now: datetime, **proof: Any) -> None:
    """Write down, at the end of this transaction, that a person wants no more; what stood until then is kept with it.

    So refusals of several people, on any hosts, wait for each other's last statements alone.
    """
    stood = standing(records(tx, number)).at(now)
    about = {"withdrawn_at": now.isoformat(), "withdrawn_via": via, "stood": stood, **proof}
    tx.at_last(lambda last: add(last, number, {"status": "revoked", "purpose": [GENERAL], **about}, now))


def opted_in(tx: Tx, number: str, via: str, now: datetime, **proof: Any) -> int:
    """Write down that a person takes a refusal back: what stood before it stands again, and nothing more."""
    last = next((one for one in reversed(records(tx, number)) if one["status"] != "opted_in"), None)
    stood = dict(last.get("stood", {})) if last else {}
    status = "granted" if stood else "opted_in"
    return add(tx, number, {"status": status, "purpose": [], "method": via, **proof, **stood}, now)


def records(tx: Tx, number: str) -> list[dict[str, Any]]:
    """A person's records, in order."""
    rows = tx.all("SELECT record FROM consent_records WHERE number = :number ORDER BY seq", number=number)
    return [json.loads(row["record"]) for row in rows]


def listed(tx: Tx, number: str | None, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Records with their row numbers, newest first, of one person or of all, before a row."""
    rows = tx.all(
        "SELECT seq, number, record FROM consent_records WHERE (:any = 1 OR number = :number)"
        " AND (:newest = 1 OR seq < :before) ORDER BY seq DESC LIMIT :n",
        any=int(number is None),
        number=number or "",
        newest=int(before is None),
        before=before or 0,
        n=limit,
    )
    return [{"seq": row["seq"], "number": row["number"], "record": json.loads(row["record"])} for row in rows]


def has_consent(tx: Tx, number: str, purpose: str | None, now: datetime) -> bool:
    """Whether a person agreed to offers of a purpose; without one, to offers in general."""
    return state(tx, number).covers(purpose, now)


def state(tx: Tx, number: str) -> Standing:
    """What a person's records amount to."""
    return standing(records(tx, number))


def erase(tx: Tx, number: str) -> int:
    """Take a person's records and salts away; their hashes stay in the chain. How many records."""
    return tx.run("DELETE FROM consent_records WHERE number = :number", number=number)


def head(tx: Tx) -> str | None:
    """What to note outside of the database, so that a ledger cut short shows: ``SEQ:CHAIN`` of its last row."""
    last = tx.one("SELECT seq, chain FROM consent_chain ORDER BY seq DESC LIMIT 1")
    return None if last is None else head_of(last)


def ledger(tx: Tx) -> Iterator[dict[str, Any]]:
    """Every row in order, as an export has it; salt and record are null where the person was erased."""
    rows = tx.all(
        "SELECT c.seq, c.hash, c.chain, r.salt, r.record FROM consent_chain c"
        " LEFT JOIN consent_records r ON r.seq = c.seq ORDER BY c.seq"
    )
    for row in rows:
        yield {**row, "record": None if row["record"] is None else json.loads(row["record"])}
