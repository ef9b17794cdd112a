"""Logins that failed, by name and by address, and how long each has to wait before the next try."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from modemfarm.store.engine import Tx, from_us, to_us

FIRST_S = 15.0  # the first wait; it doubles with each further failure
LONGEST_S = 900.0
FORGOTTEN = timedelta(hours=24)


def wait_s(tx: Tx, free: Mapping[str, int], now: datetime) -> float:
    """Seconds until somebody may try again; 0: now.

    Args:
        free: who it is counted under, each with how many failures cost nothing.
    """
    longest = 0.0
    for who, spare in free.items():
        row = tx.one("SELECT failures, at FROM login_tries WHERE who = :who", who=who)
        if row is None or row["failures"] <= spare or from_us(row["at"]) < now - FORGOTTEN:
            continue
        pause = min(LONGEST_S, FIRST_S * 2 ** min(row["failures"] - spare - 1, 10))
        longest = max(longest, pause - (now - from_us(row["at"])).total_seconds())
    return longest


def failed(tx: Tx, free: Mapping[str, int], now: datetime) -> None:
    """Count a failure."""
    tx.run("DELETE FROM login_tries WHERE at < :old", old=to_us(now - FORGOTTEN))
    for who in free:
        tx.run(
            "INSERT INTO login_tries (who, failures, at) VALUES (:who, 1, :now)"
            " ON CONFLICT (who) DO UPDATE SET failures = login_tries.failures + 1, at = excluded.at",
            who=who,
            now=to_us(now),
        )


def succeeded(tx: Tx, free: Iterable[str]) -> None:
    """Forget the failures of who came in."""
    for who in free:
        tx.run("DELETE FROM login_tries WHERE who = :who", who=who)
