"""A person takes consent back: a row of the ledger, and the offers that rested on it."""

from __future__ import annotations

from datetime import datetime

from modemfarm.store import audit, consents, locks
from modemfarm.store.actions import cancel
from modemfarm.store.engine import Tx
from modemfarm.store.events import record


def revoke(tx: Tx, number: str, purposes: tuple[str, ...], via: str, now: datetime, *, actor: str) -> int:
    """Write down that a person takes it back, and cancel the offers that wait and rest on it; how many."""
    locks.person(
        tx, number
    )  # before the ledger's end: who is refused in this moment holds the messages asked for below
    proof = {"withdrawn_at": now.isoformat(), "withdrawn_via": via, "actor": actor}
    seq = consents.add(tx, number, {"status": "revoked", "purpose": list(purposes), **proof}, now)
    record(tx, "consent.revoked", now, subject=number, seq=seq, purpose=list(purposes))
    audit.note(tx, actor, "consent.revoked", now, count=1)
    waiting = tx.all(
        "SELECT id, purpose FROM messages WHERE recipient = :number AND class = 'marketing' AND final_at IS NULL",
        number=number,
    )
    left = consents.state(tx, number)
    ended = [row["id"] for row in waiting if not left.covers(row["purpose"], now)]
    return sum(cancel(tx, one, now, reason="consent_missing") == "canceled" for one in ended)
