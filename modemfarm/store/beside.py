"""What the SIMs of other hosts are doing, as a claim must know it; SQLite has one daemon, and that knows its own."""

from __future__ import annotations

from modemfarm.store import locks
from modemfarm.store.engine import Tx
from modemfarm.store.queue import Candidate

_ON_OTHER_AIR = "SELECT 1 FROM parts WHERE state IN ('claimed', 'submitting') AND recipient = :recipient AND iccid <> :iccid LIMIT 1"  # noqa: E501


def on_the_air(tx: Tx) -> dict[str, str]:
    """To whom the SIMs of all hosts are sending now, and which one; nothing in SQLite, whose one daemon knows."""
    if tx.sqlite:
        return {}
    rows = tx.all("SELECT recipient, iccid FROM parts WHERE state IN ('claimed', 'submitting')")
    return {row["recipient"]: row["iccid"] for row in rows}


def is_free(tx: Tx, part: Candidate, iccid: str) -> bool:
    """Whether no other host has this message or its person now, nor a part to this person on the air of another SIM.

    SQLite has one daemon, and that knows what it has on the air.
    """
    if tx.sqlite:
        return True
    if not (locks.try_message(tx, part.message_id) and locks.try_person(tx, part.recipient)):
        return False
    return bool(part.bound_iccid) or not tx.value(_ON_OTHER_AIR, recipient=part.recipient, iccid=iccid)
