"""What waits for a SIM that is parked or stays away: freed for others, or given up where part of it has left."""

from __future__ import annotations

from datetime import datetime

from modemfarm.store import locks
from modemfarm.store.charging import refund
from modemfarm.store.engine import Tx
from modemfarm.store.events import record
from modemfarm.store.messages import refresh
from modemfarm.store.queue import STARTED_RANK, give_back


def unbind(tx: Tx, iccid: str, most: int = 500) -> int:
    """Free what waits for a SIM that is parked or gone, where nothing of it has left; how many messages.

    Marketing stays: it does not leave a SIM that an operator refused. What the sender pinned stays too.
    """
    rows = tx.all(
        "SELECT DISTINCT message_id FROM (SELECT p.message_id FROM parts p JOIN messages m ON m.id = p.message_id"
        " WHERE p.state = 'waiting' AND p.gate = 0 AND p.bound_iccid = :iccid AND p.rank >= 0"
        " AND p.class <> 'marketing' AND m.pinned IS NULL LIMIT :n) AS bound",
        iccid=iccid,
        n=most,
    )
    free = locks.messages(tx, {row["message_id"] for row in rows}, skip=True)
    for message_id in free:
        tx.run(
            "UPDATE parts SET bound_iccid = '' WHERE message_id = :id AND state = 'waiting' AND bound_iccid = :iccid",
            id=message_id,
            iccid=iccid,
        )
        tx.run("UPDATE messages SET iccid = NULL WHERE id = :id AND iccid = :iccid", id=message_id, iccid=iccid)
    return len(free)


def give_back_lost(tx: Tx, instance: str, known: frozenset[int], now: datetime) -> int:
    """Return what this daemon claimed and knows nothing of, since the answer to the claim's COMMIT was lost.

    Args:
        known: the attempts that its lanes have in hand.
    """
    rows = tx.all(
        "SELECT p.id, p.attempt_id FROM parts p JOIN attempts a ON a.id = p.attempt_id WHERE p.state = 'claimed'"
        " AND a.instance = :instance ORDER BY p.message_id, p.id",
        instance=instance,
    )
    lost = [row for row in rows if row["attempt_id"] not in known]
    for row in lost:
        give_back(tx, row["id"], row["attempt_id"], now)
    return len(lost)


def give_up_started(tx: Tx, iccid: str, now: datetime, most: int = 200) -> int:
    """Fail, as partial, started messages whose SIM is gone past its grace; how many."""
    rows = tx.all(
        "SELECT DISTINCT message_id FROM parts WHERE state = 'waiting' AND gate = 0 AND bound_iccid = :iccid"
        " AND rank = :rank LIMIT :n",
        iccid=iccid,
        rank=STARTED_RANK,
        n=most,
    )
    given_up = locks.messages(tx, {row["message_id"] for row in rows}, skip=True)
    for message_id in given_up:
        for part in tx.all("SELECT id FROM parts WHERE message_id = :id AND state = 'waiting'", id=message_id):
            refund(tx, part["id"])
            tx.run("UPDATE parts SET state = 'failed' WHERE id = :id", id=part["id"])
        refresh(tx, message_id, now, reason="partial")
        record(tx, "message.failed", now, message_id=message_id, subject=iccid, reason="partial")
    return len(given_up)
