"""Bulk intake's own rows: how far a batch came, which rows it refused, which file it was."""

from __future__ import annotations

from datetime import datetime, timedelta

from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record

SAME_FILE_WITHIN = timedelta(hours=24)


def start(tx: Tx, name: str, fingerprint: str, now: datetime) -> int:
    """Open a batch for a file or request body; its id."""
    return int(
        tx.value(
            "INSERT INTO batches (name, fingerprint, created_at) VALUES (:name, :fingerprint, :now) RETURNING id",
            name=name,
            fingerprint=fingerprint,
            now=to_us(now),
        )
    )


def same_file(tx: Tx, fingerprint: str, now: datetime) -> Row | None:
    """The newest batch of the same octets within 24 h, as a row of `batches`."""
    return tx.one(
        "SELECT * FROM batches WHERE fingerprint = :fingerprint AND created_at > :since ORDER BY id DESC LIMIT 1",
        fingerprint=fingerprint,
        since=to_us(now - SAME_FILE_WITHIN),
    )


def advance(tx: Tx, batch_id: int, rows_done: int, accepted: int, rejected: list[tuple[int, str, str]]) -> None:
    """Write how far a batch came, in the transaction of its rows.

    Args:
        rows_done: input rows through so far, from the beginning.
        rejected: (row, code, detail) of this chunk.
    """
    tx.run(
        "UPDATE batches SET rows_done = :done, accepted = accepted + :accepted, rejected = rejected + :rejected"
        " WHERE id = :id",
        id=batch_id,
        done=rows_done,
        accepted=accepted,
        rejected=len(rejected),
    )
    if rejected:
        tx.many(
            "INSERT INTO batch_errors (batch_id, row, code, detail) VALUES (:batch, :row, :code, :detail)"
            " ON CONFLICT DO NOTHING",
            [{"batch": batch_id, "row": row, "code": code, "detail": detail} for row, code, detail in rejected],
        )


def finish(tx: Tx, batch_id: int, now: datetime) -> None:
    """The input was read to its end."""
    tx.run("UPDATE batches SET finished_at = :now WHERE id = :id", now=to_us(now), id=batch_id)
    record(tx, "batch.accepted", now, subject=str(batch_id))


def one(tx: Tx, batch_id: int) -> Row | None:
    """One batch's row."""
    return tx.one("SELECT * FROM batches WHERE id = :id", id=batch_id)


def errors(tx: Tx, batch_id: int, most: int = 1000) -> list[Row]:
    """The rows that a batch did not take: row, code, detail."""
    return tx.all(
        "SELECT row, code, detail FROM batch_errors WHERE batch_id = :id ORDER BY row LIMIT :n", id=batch_id, n=most
    )
