"""The PIN ledger: a row is committed before a PIN is written, so that no crash makes us try one twice."""

from __future__ import annotations

import hashlib
from datetime import datetime

from modemfarm.store.engine import Tx, to_us
from modemfarm.store.events import record


def _digest(tx: Tx, card: str, pin: str) -> str:
    salt = tx.value("SELECT value FROM farm WHERE key = 'farm_id'")
    return hashlib.sha256(f"{salt}:{card}:{pin}".encode()).hexdigest()


def may_try(tx: Tx, card: str, pin: str, now: datetime) -> bool:
    """Enter that this PIN is about to be tried; after the commit it may be.

    Args:
        card: ICCID, or ``imei:…`` / ``path:…`` where that cannot be read before the PIN.

    Returns:
        False when this PIN was tried and did not work, or nobody knows whether it did: only another
        PIN, or a person's release, opens it again.
    """
    digest = _digest(tx, card, pin)
    row = tx.one("SELECT digest, state FROM pins WHERE card = :card", card=card)
    if row is not None and row["digest"] == digest and row["state"] != "worked":
        return False
    tx.run(
        "INSERT INTO pins (card, digest, state, at) VALUES (:card, :digest, 'tried', :now) ON CONFLICT (card) DO UPDATE"
        " SET digest = excluded.digest, state = excluded.state, at = excluded.at",
        card=card,
        digest=digest,
        now=to_us(now),
    )
    return True


def settle(tx: Tx, card: str, worked: bool, now: datetime) -> None:
    """How the PIN tried last did."""
    tx.run(
        "UPDATE pins SET state = :state, at = :now WHERE card = :card",
        state="worked" if worked else "failed",
        now=to_us(now),
        card=card,
    )
    if not worked:
        record(tx, "sim.pin_failed", now, subject=card)


def release(tx: Tx, card: str) -> bool:
    """A person lets the PIN be tried once more; False: nothing was blocked."""
    return bool(tx.run("DELETE FROM pins WHERE card = :card", card=card))
