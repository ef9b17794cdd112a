"""Everything that waits, and what is about to: for those who look ahead."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from modemfarm.store.engine import Tx, to_us
from modemfarm.store.queue import WHAT, Candidate, candidate

_BEHIND_ALL = 1 << 60  # part ids of messages that are not there yet
_ALL_WAITING = (
    WHAT
    + ", m.next_at FROM parts p JOIN messages m ON m.id = p.message_id LEFT JOIN people q ON q.number = p.recipient"
    " WHERE p.state = 'waiting' AND {which} ORDER BY {order} LIMIT :most"
)
_QUEUES = 64  # asked for in one statement, always so many: its text is prepared once
_FILLED = (
    "SELECT v.column1 AS name FROM (VALUES "  # noqa: S608 # names of binds
    + ", ".join(f"(:q{place})" for place in range(_QUEUES))
    + ") AS v WHERE EXISTS (SELECT 1 FROM parts p WHERE p.state = 'waiting' AND p.gate = 0"
    " AND p.bound_iccid = v.column1)"
)


def parts(tx: Tx, most: int) -> list[Candidate]:
    """The parts that wait for a SIM or for a time, in the order they should go; one held until a time is due then."""
    open_ones = _ALL_WAITING.format(which="p.gate = 0", order="p.rank, p.due_at, p.id")
    timed = _ALL_WAITING.format(
        which="p.gate = 1 AND m.state = 'held' AND m.next_at IS NOT NULL", order="m.next_at, p.id"
    )
    rows = tx.all(open_ones, most=most)
    later = [row | {"due_at": row["next_at"]} for row in tx.all(timed, most=most - len(rows))]
    return [candidate(row) for row in (*rows, *later)]


def filled(tx: Tx, queues: Collection[str]) -> set[str]:
    """Those of some queues in which a part waits, whenever it is due."""
    names = sorted(queues)
    found: set[str] = set()
    for start in range(0, len(names), _QUEUES):
        some = names[start : start + _QUEUES]
        binds = {f"q{place}": some[place % len(some)] for place in range(_QUEUES)}
        found |= {row["name"] for row in tx.all(_FILLED, **binds)}
    return found


def coming(
    number: int,
    recipient: str,
    parts: int,
    message_class: str,
    due: datetime,
    *,
    rank: int = 9,
    pinned: str | None = None,
    until: datetime | None = None,
    text: str = "",
) -> Candidate:
    """The first part of a message that is not there yet; the forecast names it -`number` (1, 2…)."""
    return Candidate(
        part_id=_BEHIND_ALL + number,
        message_id=-number,
        part_number=1,
        parts_total=parts,
        recipient=recipient,
        message_class=message_class,
        rank=rank,
        due_at=to_us(due),
        bound_iccid="",
        sticky_iccid=None,
        pinned=pinned,
        avoid=frozenset(),
        charged_to=None,
        charged_day=None,
        text=text,
        encoding="",
        report=False,
        flash=False,
        valid_until=until,
        concat_ref=None,
        batch_id=None,
    )
