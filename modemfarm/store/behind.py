"""Looks behind the heads of a queue, where none of them can go by a SIM that is free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from modemfarm.store import locks
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.queue import FIRST, NEXT_RANK, STARTED_RANK, WHAT, Candidate, candidate

MOST = 8  # parts looked at by their ids, always so many: the statement's text is prepared once
_WAITING = (
    " JOIN messages m ON m.id = p.message_id LEFT JOIN people q ON q.number = p.recipient"
    " WHERE p.state = 'waiting' AND p.gate = 0"
)
_DUE_TO_KNOWN = (
    WHAT + " FROM plan_recipients r JOIN messages m ON m.recipient = r.recipient JOIN parts p ON p.message_id = m.id"
    " LEFT JOIN people q ON q.number = p.recipient"
    " WHERE r.owner = :owner AND r.month = :month AND m.state IN ('queued', 'held', 'scheduled', 'sending')"
    " AND p.state = 'waiting' AND p.gate = 0 AND p.bound_iccid IN ('', :bound) AND p.due_at <= :now"
    f" AND {FIRST} ORDER BY p.rank, p.due_at, p.id LIMIT :most"
)
_THESE = f"{WHAT} FROM parts p{_WAITING} AND p.id IN ({', '.join(f':p{place}' for place in range(MOST))})"
_AFTER = (  # of one queue and priority: the messages behind (due_at, id), and how many parts each still needs
    "SELECT p.id, p.due_at, m.parts_total - p.part_number + 1 AS needs FROM parts p"  # noqa: S608 # our own words
    " JOIN messages m ON m.id = p.message_id WHERE p.state = 'waiting' AND p.gate = 0 AND p.bound_iccid = :bound"
    f" AND p.rank = :rank AND (p.due_at, p.id) > (:due, :id) AND p.due_at <= :now AND {FIRST}"
    " ORDER BY p.due_at, p.id LIMIT :most"
)


def to_known(tx: Tx, owner: str, month: datetime, iccid: str, now: datetime, most: int) -> list[Candidate]:
    """The first parts for one SIM to people whom its owner's month counts already."""
    rows = tx.all(
        _DUE_TO_KNOWN + locks.skipping(tx, "p", "m"),
        owner=owner,
        month=to_us(month),
        bound=iccid,
        now=to_us(now),
        most=most,
    )
    return [candidate(row) for row in rows]


def ranks(tx: Tx, queue: str) -> Iterator[int]:
    """The priorities in which anything waits in a queue."""
    rank = tx.value(NEXT_RANK, bound=queue, rank=STARTED_RANK)
    while rank is not None:
        yield rank
        rank = tx.value(NEXT_RANK, bound=queue, rank=rank + 1)


def after(tx: Tx, queue: str, rank: int, place: tuple[int, int], now: datetime, most: int) -> list[Row]:
    """The first waiting parts of the due messages behind a place, (due, part), with what they need; takes none."""
    return tx.all(_AFTER, bound=queue, rank=rank, due=place[0], id=place[1], now=to_us(now), most=most)


def these(tx: Tx, part_ids: Sequence[int]) -> list[Candidate]:
    """Those of 1 to `MOST` parts that wait and that no other host looks at in this moment."""
    binds = {f"p{place}": part_ids[place % len(part_ids)] for place in range(MOST)}
    return [candidate(row) for row in tx.all(_THESE + locks.skipping(tx, "p", "m"), **binds)]
