"""What one process asks of another host's SIM: a row that the host takes, answers, and the asker removes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from modemfarm.store import hosts
from modemfarm.store.engine import Row, Tx, to_us

KEPT = timedelta(hours=1)  # where the asker died: the answer was its alone


def put(
    tx: Tx, host: str, iccid: str, sort: str, steps: Sequence[str], who: str, now: datetime, within: timedelta
) -> int | None:
    """Ask a host; the errand's id, or None where no daemon lives there.

    Args:
        sort: ``ussd`` or ``balance``.
        within: how long the host may leave it lying; one that is older is not done any more.
    """
    now = hosts.clock(tx, now)
    if not tx.value("SELECT 1 FROM hosts WHERE name = :host AND lease_until > :now", host=host, now=to_us(now)):
        return None
    return int(
        tx.value(
            "INSERT INTO errands (host, iccid, sort, steps, who, at, take_by) VALUES"
            " (:host, :iccid, :sort, :steps, :who, :now, :by) RETURNING id",
            host=host,
            iccid=iccid,
            sort=sort,
            steps=json.dumps(list(steps)),
            who=who,
            now=to_us(now),
            by=to_us(now + within),
        )
    )


def take(tx: Tx, host: str, now: datetime) -> list[Row]:
    """What others ask of this host's SIMs, each given out once: columns id, iccid, sort, steps (a list) and who."""
    if not tx.value("SELECT 1 FROM errands WHERE host = :host AND taken_at IS NULL LIMIT 1", host=host):
        return []
    rows = tx.all(
        "UPDATE errands SET taken_at = :now WHERE host = :host AND taken_at IS NULL AND take_by > :now"
        " RETURNING id, iccid, sort, steps, who",
        host=host,
        now=to_us(hosts.clock(tx, now)),
    )
    return [row | {"steps": json.loads(row["steps"])} for row in sorted(rows, key=lambda row: int(row["id"]))]


def answer(
    tx: Tx, errand_id: int, now: datetime, *, told: Mapping[str, Any] | None = None, slug: str = "", what: str = ""
) -> None:
    """Write what came of it: what was told, or why there is no answer."""
    tx.run(
        "UPDATE errands SET ended_at = :now, answer = :told, slug = :slug, what = :what, steps = '[]' WHERE id = :id",
        id=errand_id,
        now=to_us(hosts.clock(tx, now)),
        told=None if told is None else json.dumps(told),
        slug=slug,
        what=what,
    )


def look(tx: Tx, errand_id: int, now: datetime) -> Row | None:
    """How it stands: taken_at, ended_at, answer, slug, what, and whether its host `lives`; None: it is gone."""
    row = tx.one(
        "SELECT e.taken_at, e.ended_at, e.answer, e.slug, e.what, h.lease_until FROM errands e"
        " LEFT JOIN hosts h ON h.name = e.host WHERE e.id = :id",
        id=errand_id,
    )
    if row is None:
        return None
    told = None if row["answer"] is None else json.loads(row["answer"])
    return row | {"answer": told, "lives": (row["lease_until"] or 0) > to_us(hosts.clock(tx, now))}


def remove(tx: Tx, errand_id: int) -> bool:
    """The asker has its answer, or waits no longer; False where nobody had taken it: then it was surely not done."""
    taken = tx.value("DELETE FROM errands WHERE id = :id RETURNING taken_at", id=errand_id)
    return taken is not None


def lost(tx: Tx, host: str, now: datetime) -> int:
    """A daemon of this host died with these in hand; how many."""
    return tx.run(
        "UPDATE errands SET ended_at = :now, slug = 'lost', what = '', steps = '[]'"
        " WHERE host = :host AND taken_at IS NOT NULL AND ended_at IS NULL",
        host=host,
        now=to_us(hosts.clock(tx, now)),
    )


def forget(tx: Tx, now: datetime) -> int:
    """Remove what its asker left behind; how many."""
    return tx.run("DELETE FROM errands WHERE at < :before", before=to_us(now - KEPT))
