"""Bulk intake's own rows: how far a batch came, which rows it refused, which file it was."""

from __future__ import annotations

from datetime import datetime, timedelta

from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record

SAME_FILE_WITHIN = timedelta(hours=24)
PAGE_FILE = "page file"  # scope of the keys under which the page's files become batches


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


def recent(tx: Tx, most: int) -> list[Row]:
    """The newest batches, newest first: id, name, created_at, finished_at, accepted, rejected."""
    return tx.all(
        "SELECT id, name, created_at, finished_at, accepted, rejected FROM batches ORDER BY id DESC LIMIT :n", n=most
    )


def sent_as(tx: Tx, token: str) -> int | None:
    """The batch that a file of the page became."""
    found = tx.value(
        "SELECT answer FROM idempotency WHERE key = :key AND scope = :scope AND answer IS NOT NULL",
        key=token,
        scope=PAGE_FILE,
    )
    return None if found is None else int(found)


def cost(tx: Tx, batch_id: int) -> float | None:
    """What its messages cost if all of them leave; None where no plan named a price."""
    found = tx.value(
        "SELECT sum(price * parts_total) FROM messages WHERE batch_id = :id AND state NOT IN ('refused', 'canceled',"
        " 'expired')",
        id=batch_id,
    )
    return None if found is None else float(found)
