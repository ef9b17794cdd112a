"""What left and what failed in each of the last 24 hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.store.engine import Tx, to_us
from modemfarm.store.views import first_of_day

HOURS = 24
_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Day:
    """Parts that the network took, and messages that failed or were not delivered, hour by hour.

    Attributes:
        begins: of the first hour.
    """

    begins: datetime
    sent: tuple[int, ...]
    failed: tuple[int, ...]


def last_day(tx: Tx, now: datetime) -> Day:
    """The last 24 hours; the last of them is the one that runs."""
    begins = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    since = to_us(begins)
    sent = tx.all(
        "SELECT (ended_at - :since) / :hour AS place, count(*) AS n FROM attempts"
        " WHERE outcome = 'accepted' AND id > :first AND ended_at >= :since GROUP BY (ended_at - :since) / :hour",
        since=since,
        hour=_HOUR_US,
        first=first_of_day(tx, since),
    )
    failed = tx.all(
        "SELECT (final_at - :since) / :hour AS place, count(*) AS n FROM messages"
        " WHERE state IN ('failed', 'undelivered') AND final_at >= :since GROUP BY (final_at - :since) / :hour",
        since=since,
        hour=_HOUR_US,
    )
    return Day(begins, _by_hour(sent), _by_hour(failed))


def _by_hour(rows: list[dict[str, int]]) -> tuple[int, ...]:
    counted = {int(row["place"]): row["n"] for row in rows}
    return tuple(counted.get(place, 0) for place in range(HOURS))
