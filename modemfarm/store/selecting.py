"""Which messages a person means when he speaks of many: by state, reason, batch, recipient, class."""

from __future__ import annotations

from dataclasses import dataclass

from modemfarm.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Which:
    """What must be true of a message; None: anything.

    Attributes:
        states: at least one.
        upto: the newest one that is meant.
        once: only those that were not sent again yet.
    """

    states: tuple[str, ...]
    reason: str | None = None
    batch: int | None = None
    to: str | None = None
    message_class: str | None = None
    upto: int | None = None
    once: bool = False


def _where(which: Which) -> tuple[str, dict[str, object]]:
    binds: dict[str, object] = {f"s{place}": state for place, state in enumerate(which.states)}
    wanted = [f"m.state IN ({', '.join(f':s{place}' for place in range(len(which.states)))})"]
    for column, value in (
        ("reason", which.reason),
        ("batch_id", which.batch),
        ("recipient", which.to),
        ("class", which.message_class),
    ):
        if value is not None:
            wanted.append(f"m.{column} = :{column}")
            binds[column] = value
    if which.upto is not None:
        wanted.append("m.id <= :upto")
        binds["upto"] = which.upto
    if which.once:
        wanted.append("NOT EXISTS (SELECT 1 FROM messages r WHERE r.retry_of = m.id)")
    return " AND ".join(wanted), binds


def ids(tx: Tx, which: Which, after: int, most: int) -> list[int]:
    """The first ids behind `after`, upwards."""
    where, binds = _where(which)
    rows = tx.all(
        f"SELECT m.id FROM messages m WHERE {where} AND m.id > :after ORDER BY m.id LIMIT :most",  # noqa: S608 # ours
        **binds,
        after=after,
        most=most,
    )
    return [row["id"] for row in rows]


def count(tx: Tx, which: Which) -> int:
    """How many they are."""
    where, binds = _where(which)
    return int(tx.value(f"SELECT count(*) FROM messages m WHERE {where}", **binds))  # noqa: S608 # names of ours
