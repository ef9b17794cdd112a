"""Replies that may have been refusals: what is held for them, until a person or a further reply decides."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from modemfarm.model import digits_key
from modemfarm.store import locks
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record
from modemfarm.store.suppress import EXEMPT
from modemfarm.store.suppress import add as add_suppression

HELD = "opt_out_review"  # the reason that a held message shows
DOUBTED = (  # of an offer in `parts`: its recipient's reply waits for a decision
    "(parts.class = 'marketing' AND EXISTS (SELECT 1 FROM reviews r WHERE r.number = parts.recipient"
    " AND r.decided_at IS NULL))"
)
_LONGEST_ID = 19
Decision = Literal["opted_out", "dismissed"]


def is_open(tx: Tx, number: str) -> bool:
    """Whether offers to this number wait for a decision."""
    return bool(tx.value("SELECT 1 FROM reviews WHERE number = :number AND decided_at IS NULL LIMIT 1", number=number))


def in_doubt(tx: Tx, part_id: int) -> str | None:
    """The recipient of an offer that waits for a decision; None: nothing of that kind."""
    found = tx.value(f"SELECT recipient FROM parts WHERE id = :id AND {DOUBTED}", id=part_id)  # noqa: S608 # our own words
    return None if found is None else str(found)


def add(tx: Tx, number: str, inbound_id: int, keyword: str | None, now: datetime) -> bool:
    """Put a reply on the list, and hold every offer that waits for its sender.

    Returns:
        False when a reply of this sender stood there already.
    """
    new = not is_open(tx, number)
    if new:
        tx.run(
            "INSERT INTO reviews (number, inbound_id, keyword, since) VALUES (:number, :inbound, :keyword, :now)",
            number=number,
            inbound=inbound_id,
            keyword=keyword,
            now=to_us(now),
        )
        record(tx, "contact.review", now, subject=number, inbound_id=inbound_id, keyword=keyword)
    hold(tx, number)
    return new


def hold(tx: Tx, number: str) -> None:
    """Hide offers from every claim; those that a SIM has already are stopped by step 3."""
    mine = "recipient = :number AND class = 'marketing'"
    if not tx.sqlite:  # what another host has in hand is stopped there, and held then
        free = f"SELECT id FROM messages WHERE {mine} AND final_at IS NULL ORDER BY id{locks.skipping(tx)}"  # noqa: S608 # our own words
        _hold(tx, [row["id"] for row in tx.all(free, number=number)])
        return
    tx.run(
        "UPDATE messages SET state = 'held', reason = :held, reason_params = NULL, next_at = NULL"  # noqa: S608 # our own words
        f" WHERE {mine} AND state IN ('queued', 'scheduled', 'held')",
        number=number,
        held=HELD,
    )
    tx.run(f"UPDATE parts SET gate = 1 WHERE {mine} AND state = 'waiting' AND gate = 0", number=number)  # noqa: S608 # our own words


def _hold(tx: Tx, message_ids: list[int]) -> None:
    tx.run(
        "UPDATE messages SET state = 'held', reason = :held, reason_params = NULL, next_at = NULL"
        " WHERE id = ANY(:ids) AND state IN ('queued', 'scheduled', 'held')",
        ids=message_ids,
        held=HELD,
    )
    tx.run("UPDATE parts SET gate = 1 WHERE message_id = ANY(:ids) AND state = 'waiting' AND gate = 0", ids=message_ids)


def decide(tx: Tx, number: str, decision: Decision, now: datetime, *, who: str = "") -> bool:
    """Take a number off the list; when it is dismissed, its offers wait for their turn again.

    Whoever asks has the person (see locks.py).

    Returns:
        False when nothing of this number stood there.
    """
    decided = tx.run(
        "UPDATE reviews SET decided_at = :now, decision = :decision, who = :who"
        " WHERE number = :number AND decided_at IS NULL",
        now=to_us(now),
        decision=decision,
        who=who,
        number=number,
    )
    if not decided:
        return False
    record(tx, "contact.reviewed", now, subject=number, decision=decision, who=who)
    if decision == "dismissed":
        _release(tx, number, now)
    return True


def _release(tx: Tx, number: str, now: datetime) -> None:
    paused = (
        "EXISTS (SELECT 1 FROM pauses x WHERE (x.scope = 'class' AND x.value = 'marketing')"
        " OR (x.scope = 'batch' AND x.value = CAST(messages.batch_id AS TEXT)))"
    )
    held = "recipient = :number AND state = 'held' AND reason = :held"
    locks.messages(
        tx,
        [row["id"] for row in tx.all(f"SELECT id FROM messages WHERE {held}", number=number, held=HELD)],  # noqa: S608 # our own words
    )
    tx.run(
        "UPDATE parts SET gate = 0 WHERE state = 'waiting' AND gate = 1 AND message_id IN"  # noqa: S608 # our own words
        f" (SELECT id FROM messages WHERE {held} AND NOT {paused})",
        number=number,
        held=HELD,
    )
    tx.run(
        f"UPDATE messages SET state = CASE WHEN {paused} THEN 'held' WHEN send_at > :now THEN 'scheduled'"  # noqa: S608 # our own words
        f" ELSE 'queued' END, reason = CASE WHEN {paused} THEN 'paused' ELSE NULL END,"
        f" next_at = CASE WHEN {paused} THEN NULL WHEN send_at > :now THEN send_at ELSE NULL END WHERE {held}",
        number=number,
        held=HELD,
        now=to_us(now),
    )


def listed(tx: Tx, most: int = 1000) -> list[Row]:
    """What waits for a decision, oldest first: number, since, keyword, inbound_id, text."""
    return tx.all(
        "SELECT r.number, r.since, r.keyword, r.inbound_id, i.text FROM reviews r"
        " LEFT JOIN inbound i ON i.id = r.inbound_id WHERE r.decided_at IS NULL ORDER BY r.id LIMIT :n",
        n=most,
    )


def meant(tx: Tx, raw: str, number: str | None) -> str | None:
    """Whose listed reply somebody means; None: nothing of the kind is listed.

    A reply that came without its country is listed as the network spelled it, which need not be a number anywhere else.

    Args:
        raw: as typed: a number, its spelling on the list, or the reply's own id.
        number: what `raw` is as messages have it; None: no number.
    """
    for one in (number, raw):
        if one is not None and is_open(tx, one):
            return one
    if not (raw.isascii() and raw.isdecimal() and len(raw) < _LONGEST_ID):
        return None
    found = tx.value("SELECT number FROM reviews WHERE inbound_id = :id AND decided_at IS NULL", id=int(raw))
    return None if found is None else str(found)


def settle(tx: Tx, number: str, decision: Decision, now: datetime, who: str, exempt: tuple[str, ...] = EXEMPT) -> bool:
    """A person's word on a listed reply: an opt-out with all that follows, or nothing.

    Returns:
        False when nothing of this number stood on the list.
    """
    locks.person(tx, number)
    row = tx.one(
        "SELECT keyword, inbound_id FROM reviews WHERE number = :number AND decided_at IS NULL LIMIT 1", number=number
    )
    if row is None:
        return False
    if decision == "opted_out":
        add_suppression(
            tx,
            number,
            digits_key(number),
            "reply",
            now,
            keyword=row["keyword"],
            inbound_id=row["inbound_id"],
            exempt=exempt,
            actor=who,
        )
    return decide(tx, number, decision, now, who=who)
