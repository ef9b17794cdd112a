"""What waiting messages are called: `queued` or `held` with the reason and the next possible time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from modemfarm.store import locks
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.events import record_all
from modemfarm.store.messages import PAUSED

OURS = (
    "plan_minute",
    "plan_hour",
    "plan_day",
    "plan_month",
    "plan_recipients",
    "ceiling_parts",
    "ceiling_cost",
    "sim_parked",
    "sim_paused",
    "sim_rests",
    "paused",
    "no_sim",
    "absent",
)


@dataclass(frozen=True, slots=True)
class Label:
    """Why a message waits; `slug` None: for nothing but its turn."""

    slug: str | None
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a label is judged by; `iccid` None: any SIM may send it, or any that `pinned` means."""

    iccid: str | None
    message_class: str
    batch_id: int | None
    pinned: str | None = None
    parts: int = 1


_LABELLED = "id, iccid, state, reason, reason_params, next_at, class, batch_id, pinned, parts_total"


def label(
    tx: Tx, after_id: int, judge: Callable[[Waiting], Label | None], now: datetime, most: int = 1000
) -> int | None:
    """Give one chunk of the waiting messages the label that `judge` gives them; None leaves them.

    That a message is held, and for what, is told once for each reason but the pace of a plan.

    Returns:
        The id to go on after; None when all are labelled.
    """
    rows = tx.all(
        f"SELECT * FROM (SELECT * FROM (SELECT {_LABELLED} FROM messages WHERE state = 'queued' AND id > :after"  # noqa: S608 # ours
        f" ORDER BY id LIMIT :n) AS q UNION ALL SELECT * FROM (SELECT {_LABELLED} FROM messages WHERE state = 'held'"
        " AND id > :after ORDER BY id LIMIT :n) AS h) AS waiting ORDER BY id LIMIT :n",
        after=after_id,
        n=most,
    )
    _label(tx, rows, judge, now)
    return rows[-1]["id"] if len(rows) == most else None


def renew(tx: Tx, judge: Callable[[Waiting], Label | None], now: datetime, most: int = 1000) -> None:
    """The same for those whose plan's pace was to let them go by now, longest past first."""
    rows = tx.all(
        f"SELECT {_LABELLED} FROM messages WHERE state = 'held' AND next_at IS NOT NULL AND next_at <= :now"  # noqa: S608 # ours
        " AND reason = 'plan_minute' ORDER BY next_at LIMIT :n",
        now=to_us(now),
        n=most,
    )
    _label(tx, rows, judge, now)


def _label(tx: Tx, rows: list[Row], judge: Callable[[Waiting], Label | None], now: datetime) -> None:
    changes = []
    for row in rows:
        if row["state"] == "held" and (row["reason"] not in OURS or row["reason_params"]):
            continue  # somebody else holds it: ours say no particulars
        wanted = judge(Waiting(row["iccid"], row["class"], row["batch_id"], row["pinned"], row["parts_total"]))
        if wanted is None:
            continue
        next_at = None if wanted.next_at is None else to_us(wanted.next_at)
        ahead = row["next_at"] is not None and row["next_at"] > to_us(now)
        moved_little = wanted.slug == "plan_minute" and ahead  # its time passes all the while
        if wanted.slug != row["reason"] or (next_at != row["next_at"] and not moved_little):
            changes.append(
                {"id": row["id"], "state": "held" if wanted.slug else "queued", "reason": wanted.slug, "at": next_at}
            )
    free = set(locks.messages(tx, [change["id"] for change in changes], skip=True))
    changes = [change for change in changes if change["id"] in free]
    if changes:
        tx.many(
            "UPDATE messages SET state = :state, reason = :reason, reason_params = NULL, next_at = :at WHERE id = :id"
            " AND state IN ('queued', 'held')",
            changes,
        )
    for slug in {str(change["reason"]) for change in changes if change["reason"] not in (None, "plan_minute")}:
        told_held(tx, [change["id"] for change in changes if change["reason"] == slug], slug, now)


def told_held(tx: Tx, ids: Iterable[int], slug: str, now: datetime) -> None:
    """Write down of messages that they are held for this, where that was not told of them before."""
    some = ", ".join(str(int(message_id)) for message_id in ids)
    record_all(
        tx,
        "message.held",
        now,
        f"SELECT m.id FROM messages m WHERE m.id IN ({some}) AND m.state = 'held' AND m.reason = :slug"  # noqa: S608 # numbers
        " AND NOT EXISTS (SELECT 1 FROM events e WHERE e.message_id = m.id AND e.kind = 'message.held'"
        " AND e.data = :data)",
        {"slug": slug},
        reason=slug,
    )


def release_due(tx: Tx, now: datetime, most: int = 500) -> int:
    """Call `queued` what was scheduled for a time that has come, or held until then; how many."""
    return tx.run(
        f"UPDATE messages SET state = CASE WHEN {PAUSED} THEN 'held' ELSE 'queued' END,"  # noqa: S608 # our own words
        f" reason = CASE WHEN {PAUSED} THEN 'paused' ELSE NULL END, reason_params = NULL, next_at = NULL WHERE id IN"
        " (SELECT id FROM messages WHERE state IN ('scheduled', 'held') AND next_at IS NOT NULL AND next_at <= :now"
        f" AND coalesce(reason, '') NOT IN ('plan_minute') ORDER BY next_at LIMIT :n{locks.skipping(tx)})",
        now=to_us(now),
        n=most,
    )


def next_due(tx: Tx, now: datetime) -> datetime | None:
    """When the next scheduled or timed message may go; None: nothing has a time."""
    moment = tx.value(
        "SELECT min(next_at) FROM messages WHERE state IN ('scheduled', 'held') AND next_at IS NOT NULL"
        " AND next_at > :now",
        now=to_us(now),
    )
    return None if moment is None else from_us(moment)


def hold(tx: Tx, message_id: int, slug: str, params: dict[str, object], next_at: datetime | None) -> None:
    """Hold one waiting message, away from every claim, until a person or a rule lets it go."""
    tx.run("UPDATE parts SET gate = 1 WHERE message_id = :id AND state = 'waiting'", id=message_id)
    tx.run(
        "UPDATE messages SET state = 'held', reason = :slug, reason_params = :params, next_at = :at WHERE id = :id"
        " AND state IN ('queued', 'scheduled', 'held')",
        id=message_id,
        slug=slug,
        params=json.dumps(params, ensure_ascii=False) if params else None,
        at=None if next_at is None else to_us(next_at),
    )


def newest(tx: Tx) -> int:
    """The newest message's id; 0 when there is none."""
    return int(tx.value("SELECT max(id) FROM messages") or 0)
