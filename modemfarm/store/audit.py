"""The audit: who did what, only ever added to; the database itself refuses changes."""

from __future__ import annotations

import json
from datetime import datetime

from modemfarm.model import mask
from modemfarm.store.engine import Row, Tx, to_us

_SHORTEST_NUMBER = 5


def note(tx: Tx, who: str, action: str, now: datetime, /, *, subject: str = "", **data: object) -> None:
    """Write one line in the transaction of what it tells.

    Args:
        who: a person's name, ``key 3``, ``page``, ``cli NAME``.
        action: dotted slug, for example ``contact.forgotten``, ``policy.set``.
        subject: what it is about; a telephone number is kept masked.
        data: never a text or a number of a person's.
    """
    tx.run(
        "INSERT INTO audit (at, who, action, subject, data) VALUES (:at, :who, :action, :subject, :data)",
        at=to_us(now),
        who=who,
        action=action,
        subject=mask(subject) if _is_number(subject) else subject,
        data=json.dumps(data, ensure_ascii=False, default=str),
    )


def _is_number(text: str) -> bool:
    digits = text.removeprefix("+")
    return len(digits) >= _SHORTEST_NUMBER and digits.isascii() and digits.isdigit() and len(digits) < 16


def listed(tx: Tx, most: int = 50, before: int | None = None) -> list[Row]:
    """The newest lines, newest first: id, at, who, action, subject, data."""
    return tx.all(
        "SELECT id, at, who, action, subject, data FROM audit WHERE id < :before ORDER BY id DESC LIMIT :most",
        before=2**62 if before is None else before,
        most=most,
    )
