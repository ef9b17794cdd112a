"""Everything that waits, and what is about to: for those who look ahead."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection, Iterator
from datetime import datetime

from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.queue import STARTED_RANK, WHAT, Candidate, candidate

_BEHIND_ALL = 1 << 60  # part ids of messages that are not there yet
_WAITING = (
    WHAT
    + ", m.next_at FROM parts p JOIN messages m ON m.id = p.message_id LEFT JOIN people q ON q.number = p.recipient"
    " WHERE p.state = 'waiting' AND "
)
_TIMED = _WAITING + "p.gate = 1 AND m.state = 'held' AND m.next_at IS NOT NULL ORDER BY m.next_at, p.id LIMIT :most"
_NEXT_QUEUE = (
    "SELECT bound_iccid FROM parts WHERE state = 'waiting' AND gate = 0 AND bound_iccid > :last"
    " ORDER BY bound_iccid LIMIT 1"
)
_IN_QUEUE = (  # of one queue, in its order: what stands behind (rank, due_at, id)
    "SELECT rank, due_at, id FROM parts WHERE state = 'waiting' AND gate = 0 AND bound_iccid = :bound"
    " AND (rank, due_at, id) > (:rank, :due, :id) ORDER BY rank, due_at, id LIMIT :most"
)
_PAGE = 200  # of one queue's places, and of parts read at once
_THESE = _WAITING + "p.id IN (" + ", ".join(f":p{place}" for place in range(_PAGE)) + ")"
_QUEUES = 64  # asked for in one statement, always so many: its text is prepared once
_FILLED = (
    "SELECT v.column1 AS name FROM (VALUES "  # noqa: S608 # names of binds
    + ", ".join(f"(:q{place})" for place in range(_QUEUES))
    + ") AS v WHERE EXISTS (SELECT 1 FROM parts p WHERE p.state = 'waiting' AND p.gate = 0"
    " AND p.bound_iccid = v.column1)"
)


def parts(tx: Tx, most: int) -> list[Candidate]:
    """The parts that wait for a SIM or for a time, in the order they should go; one held until a time is due then."""
    places = [part_id for *_, part_id in itertools.islice(heapq.merge(*_queues(tx)), most)]
    rows: dict[int, Row] = {}
    for start in range(0, len(places), _PAGE):
        some = places[start : start + _PAGE]
        binds = {f"p{place}": some[place % len(some)] for place in range(_PAGE)}
        rows.update((row["part_id"], row) for row in tx.all(_THESE, **binds))
    later = [row | {"due_at": row["next_at"]} for row in tx.all(_TIMED, most=most - len(rows))]
    there = (rows[place] for place in places if place in rows)  # PostgreSQL may have seen one leave in between
    return [candidate(row) for row in (*there, *later)]


def _queues(tx: Tx) -> Iterator[Iterator[tuple[int, int, int]]]:
    """Each queue that holds anything, from its head on; only what is taken of it is read."""
    name = tx.value(_NEXT_QUEUE.replace("> :last", ">= :last"), last="")
    while name is not None:
        yield _places(tx, name)
        name = tx.value(_NEXT_QUEUE, last=name)


def _places(tx: Tx, queue: str) -> Iterator[tuple[int, int, int]]:
    last = (STARTED_RANK - 1, 0, 0)
    while True:
        rows = tx.all(_IN_QUEUE, bound=queue, rank=last[0], due=last[1], id=last[2], most=_PAGE)
        for row in rows:
            last = (row["rank"], row["due_at"], row["id"])
            yield last
        if len(rows) < _PAGE:
            return


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
