"""Messages that nobody typed: the one confirmation of an opt-out, the one question, help."""

from __future__ import annotations

from datetime import datetime

from modemfarm.store.engine import Tx, to_us


def answered(tx: Tx, number: str, kind: str | None, since: datetime) -> int:
    """How many automatic answers (of one kind) went to a number since then."""
    return int(
        tx.value(
            "SELECT count(*) FROM messages WHERE recipient = :number AND automatic IS NOT NULL"
            " AND (automatic = :kind OR :kind = '') AND created_at >= :since",
            number=number,
            kind=kind or "",
            since=to_us(since),
        )
    )


def is_own(tx: Tx, number: str) -> bool:
    """Whether a number is that of one of our SIMs."""
    return bool(tx.value("SELECT 1 FROM sims WHERE number = :number LIMIT 1", number=number))


def text_of(tx: Tx, message_id: int | None) -> str:
    """What a message of ours said; nothing for none."""
    return str(tx.value("SELECT text FROM messages WHERE id = :id", id=message_id) or "")
