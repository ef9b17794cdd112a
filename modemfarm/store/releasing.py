"""Lets go what a parked SIM, a restored database or the rules for offers held back: a chunk to a transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from modemfarm.store import locks
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.messages import PAUSED

CHUNK = 250  # messages that one transaction lets go
LOOKED_AT = 2000  # rows that it reads to find them
_BY_RULES = ("quiet_hours", "frequency_cap", "profile")  # what the rules for offers hold until a time

# Of a row of `messages`: what it is called once nothing but a pause, or its time, holds it.
_CALLED = (
    f"state = CASE WHEN state = 'sending' THEN 'sending' WHEN {PAUSED} THEN 'held' WHEN send_at > :now THEN 'scheduled'"
    f" ELSE 'queued' END, reason = CASE WHEN {PAUSED} THEN 'paused' ELSE NULL END, reason_params = NULL,"
    " next_at = CASE WHEN send_at > :now THEN send_at ELSE NULL END"
)


def restored(tx: Tx, reached: list[object], now: datetime) -> list[object] | None:
    """What a restore of the database held; a pause of its class or batch holds it on.

    Args:
        reached: where the last chunk ended; [] at first.

    Returns:
        Where this one ended; None when all is through.
    """
    state, after = ("held", 0) if not reached else (str(reached[0]), int(str(reached[1])))
    found, last = _some(tx, state, after, "restored")
    locks.messages(tx, [row["id"] for row in found])
    for row in found:
        tx.run(f"UPDATE messages SET {_CALLED} WHERE id = :id", id=row["id"], now=to_us(now))  # noqa: S608 # ours
        tx.run(
            "UPDATE parts SET gate = 0 WHERE message_id = :id AND state = 'waiting' AND gate = 1"  # noqa: S608 # ours
            f" AND EXISTS (SELECT 1 FROM messages WHERE id = :id AND NOT {PAUSED})",
            id=row["id"],
        )
    if last is not None:
        return [state, last]
    if state == "held":
        return restored(tx, ["sending", 0], now)
    tx.run("DELETE FROM farm WHERE key = 'restored'")
    return None


def of_sim(tx: Tx, iccid: str, reached: list[object], now: datetime) -> list[object] | None:
    """What was held for a SIM that sends again: what is bound to it, and what its refusals put off.

    Returns:
        As `restored`; None too where it was parked or paused meanwhile.
    """
    if reached and tx.value("SELECT state FROM sims WHERE iccid = :iccid", iccid=iccid) != "active":
        return None
    step, after = ("bound", 0) if not reached else (str(reached[0]), int(str(reached[1])))
    last = _bound(tx, iccid, after) if step == "bound" else _put_off(tx, iccid, after, now)
    if last is not None:
        return [step, last]
    return of_sim(tx, iccid, ["put_off", 0], now) if step == "bound" else None


def offers(tx: Tx, reached: list[object], now: datetime) -> list[object] | None:
    """What the rules for offers held until a time, now that they changed: each is judged anew at its claim.

    Returns:
        As `restored`.
    """
    state, after = ("held", 0) if not reached else (str(reached[0]), int(str(reached[1])))
    found, last = _some(tx, state, after, *_BY_RULES)
    _judge_anew(tx, [row["id"] for row in found], now)
    if last is not None:
        return [state, last]
    return offers(tx, ["sending", 0], now) if state == "held" else None


def offers_to(tx: Tx, numbers: Iterable[str], now: datetime) -> None:
    """The same of what waits for some people, where another clock is theirs."""
    ids = []
    for number in numbers:
        rows = tx.all(
            "SELECT id, reason FROM messages WHERE recipient = :number AND state IN ('held', 'sending')", number=number
        )
        ids += [row["id"] for row in rows if row["reason"] in _BY_RULES]
    _judge_anew(tx, ids, now)


def _judge_anew(tx: Tx, ids: list[int], now: datetime) -> None:
    for message_id in locks.messages(tx, ids):
        tx.run(
            "UPDATE parts SET due_at = coalesce((SELECT send_at FROM messages WHERE id = :id AND send_at > :now), :now)"
            " WHERE message_id = :id AND state = 'waiting' AND due_at > :now",
            id=message_id,
            now=to_us(now),
        )
        tx.run(f"UPDATE messages SET {_CALLED} WHERE id = :id", id=message_id, now=to_us(now))  # noqa: S608 # ours
    if ids:
        tx.tell()


def _bound(tx: Tx, iccid: str, after: int) -> int | None:
    rows = tx.all(
        "SELECT id, message_id, bound_iccid FROM parts WHERE state = 'waiting' AND gate = 1 AND id > :after"
        " ORDER BY id LIMIT :n",
        after=after,
        n=LOOKED_AT,
    )
    found, last = _first([row for row in rows if row["bound_iccid"] == iccid], rows)
    mine = sorted({row["message_id"] for row in found})
    locks.messages(tx, mine)
    for message_id in mine:
        tx.run(
            "UPDATE messages SET state = 'queued', reason = NULL, reason_params = NULL WHERE id = :id"
            " AND state = 'held' AND next_at IS NULL AND reason IN ('sim_parked', 'network')",
            id=message_id,
        )
        tx.run(
            "UPDATE parts SET gate = 0 WHERE message_id = :id AND state = 'waiting' AND gate = 1"  # noqa: S608 # ours
            " AND bound_iccid = :iccid"
            f" AND EXISTS (SELECT 1 FROM messages WHERE id = :id AND state <> 'held' AND NOT {PAUSED})",
            id=message_id,
            iccid=iccid,
        )
    return last


def _put_off(tx: Tx, iccid: str, after: int, now: datetime) -> int | None:
    found, last = _some(tx, "held", after, "network")
    locks.messages(tx, [row["id"] for row in found])
    for row in found:
        refused = tx.one(
            "SELECT iccid, outcome FROM attempts WHERE message_id = :id ORDER BY id DESC LIMIT 1", id=row["id"]
        )
        if row["next_at"] is None or refused is None or (refused["iccid"], refused["outcome"]) != (iccid, "refused"):
            continue
        tx.run("UPDATE messages SET next_at = :now WHERE id = :id AND next_at > :now", id=row["id"], now=to_us(now))
        tx.run(
            "UPDATE parts SET due_at = :now WHERE message_id = :id AND state = 'waiting' AND due_at > :now",
            id=row["id"],
            now=to_us(now),
        )
    return last


def _some(tx: Tx, state: str, after: int, *reasons: str) -> tuple[list[Row], int | None]:
    rows = tx.all(
        "SELECT id, reason, next_at FROM messages WHERE state = :state AND id > :after ORDER BY id LIMIT :n",
        state=state,
        after=after,
        n=LOOKED_AT,
    )
    return _first([row for row in rows if row["reason"] in reasons], rows)


def _first(mine: list[Row], looked_at: list[Row]) -> tuple[list[Row], int | None]:
    """As many as fit into a chunk, and the id of the last row that was looked at; None: that was the last of all."""
    if len(mine) > CHUNK:
        return mine[:CHUNK], int(mine[CHUNK - 1]["id"])
    return mine, int(looked_at[-1]["id"]) if len(looked_at) == LOOKED_AT else None
