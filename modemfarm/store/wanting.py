"""What is held for want of a SIM: the name that a sender asked for is no SIM's, or that SIM is in no modem."""

from __future__ import annotations

from modemfarm.store.engine import Tx

# As the partial index `messages_wanting` has it: only what is worded alike is read by it.
WANTING = "state = 'held' AND reason IN ('no_sim', 'absent')"


def count(tx: Tx) -> int:
    """How many messages no SIM that is here may send."""
    return int(tx.value(f"SELECT count(*) FROM messages WHERE {WANTING}") or 0)  # noqa: S608 # our own words


def oldest_at(tx: Tx) -> int | None:
    """When the oldest message was taken in that waits for a SIM, here or not; microseconds; None: none does."""
    least = "SELECT min(id) FROM messages WHERE"
    found = tx.one(
        "SELECT min(created_at) AS at FROM messages WHERE id IN"  # noqa: S608 # our own words
        f" (({least} state = 'queued'), ({least} {WANTING}))"
    )
    return None if found is None else found["at"]


def by_name(tx: Tx, most: int = 10) -> list[tuple[str, int]]:
    """What senders asked for that no SIM here is called, and how many messages wait for it; most first."""
    rows = tx.all(
        f"SELECT coalesce(pinned, iccid, '') AS name, count(*) AS n FROM messages WHERE {WANTING}"  # noqa: S608 # our own words
        " GROUP BY coalesce(pinned, iccid, '') ORDER BY count(*) DESC, coalesce(pinned, iccid, '') LIMIT :most",
        most=most,
    )
    return [(row["name"], row["n"]) for row in rows]
