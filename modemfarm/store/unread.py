"""Which replies a person has not looked at yet."""

from __future__ import annotations

from datetime import datetime

from modemfarm.store import locks
from modemfarm.store.engine import Tx, to_us


def newest(tx: Tx) -> int:
    """The id of the newest reply; 0 when there is none."""
    return int(tx.value("SELECT max(id) FROM inbound") or 0)


def count(tx: Tx) -> int:
    """How many of the newest replies nobody has looked at, up to 99."""
    rows = tx.all("SELECT read_at FROM inbound WHERE old = 0 ORDER BY id DESC LIMIT 99")
    return sum(row["read_at"] is None for row in rows)


def mark_read(tx: Tx, newest: int, now: datetime) -> None:
    """A person has seen the inbox up to this reply."""
    mine = f"SELECT id FROM inbound WHERE read_at IS NULL AND id <= :id ORDER BY id{locks.taking(tx)}"  # noqa: S608 # ours
    tx.run(f"UPDATE inbound SET read_at = :now WHERE id IN ({mine})", now=to_us(now), id=newest)  # noqa: S608 # ours
