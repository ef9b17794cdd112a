"""What is kept no longer: texts, replies, PDUs, events and audit lines, by age, a small piece at a time.

Rows of messages, parts and attempts stay: plans and batches count them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from modemfarm.store import locks
from modemfarm.store.engine import Tx, to_us

PIECE = 500  # rows that one transaction looks at
REST = timedelta(hours=24)  # between two walks


@dataclass(frozen=True, slots=True)
class _Kind:
    table: str
    time: str  # the column that grows with the ids
    old: str  # which rows of a piece go
    how: str = ""  # what is done to them; "": they are deleted
    beside: tuple[str, ...] = ()  # tables that lose their rows about the same messages


_KINDS: Mapping[str, _Kind] = {
    "texts": _Kind(
        "messages",
        "created_at",
        "final_at < :before AND text <> ''",
        "UPDATE messages SET text = '', metadata = NULL",
        ("callbacks", "callback_calls"),
    ),
    "inbound": _Kind(
        "inbound",
        "received_at",
        "received_at < :before"
        " AND NOT EXISTS (SELECT 1 FROM reviews r WHERE r.inbound_id = inbound.id AND r.decided_at IS NULL)",
    ),
    "pdus": _Kind(  # one that may still lie in its slot is what tells a second reading of it
        "received",
        "at",
        "at < :before AND slot IS NULL",
    ),
    "events": _Kind("events", "at", "at < :before"),
    "audit": _Kind("audit", "at", "at < :before"),
}


def piece(tx: Tx, kind: str, before: datetime, after: int) -> int | None:
    """Clear one piece of a kind; what somebody else has in hand is left for the next walk.

    Args:
        after: the id that the last piece ended with; 0 to begin.

    Returns:
        Where the next piece begins; None when what follows is younger than `before`.
    """
    one = _KINDS[kind]
    rows = tx.all(
        f"SELECT id, {one.time} AS at FROM {one.table} WHERE id > :after ORDER BY id LIMIT :most",  # noqa: S608 # ours
        after=after,
        most=PIECE,
    )
    if not rows or rows[0]["at"] >= to_us(before):
        return None
    upto = int(rows[-1]["id"])
    tx.run(
        f"{one.how or f'DELETE FROM {one.table}'} WHERE id IN (SELECT id FROM {one.table} WHERE id > :after"  # noqa: S608 # ours
        f" AND id <= :upto AND {one.old} ORDER BY id{locks.skipping(tx)})",
        after=after,
        upto=upto,
        before=to_us(before),
    )
    for table in one.beside:
        key = "message_id" if table == "callbacks" else "id"
        about = (
            f"SELECT {key} FROM {table} WHERE message_id > :after AND message_id <= :upto"  # noqa: S608 # ours
            f" AND EXISTS (SELECT 1 FROM messages m WHERE m.id = {table}.message_id AND m.final_at < :before)"
            f" ORDER BY {key}{locks.skipping(tx)}"
        )
        tx.run(f"DELETE FROM {table} WHERE {key} IN ({about})", after=after, upto=upto, before=to_us(before))  # noqa: S608 # ours
    return upto


@dataclass(frozen=True, slots=True)
class Pruner:
    """Walks through all kinds, a piece at a time, then rests.

    Attributes:
        keep: how long by kind; a kind that is not there is kept for ever.
        left: the kinds that this walk has not been through.
        after: where in the first of them it stands.
    """

    keep: Mapping[str, timedelta] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    after: int = 0
    next_at: datetime | None = None

    def step(self, tx: Tx, now: datetime) -> Pruner | None:
        """One piece; where the walk stands once it is committed, None: nothing to do now."""
        left, after, next_at = self.left, self.after, self.next_at
        if not left:
            if not self.keep or (next_at is not None and now < next_at):
                return None
            left, after, next_at = tuple(self.keep), 0, now + REST
        following = piece(tx, left[0], now - self.keep[left[0]], after)
        return Pruner(self.keep, left[1:] if following is None else left, following or 0, next_at)
