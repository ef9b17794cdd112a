"""One try of a part at a SIM, read with the part and message that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modemfarm.store import locks
from modemfarm.store.engine import Row, Tx, from_us


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt with the part and message that it is about.

    Attributes:
        mr_last: the last message reference of its SIM.
        sim_failing: its SIM was refused again and again, and says so.
        loose: reports of its SIM wait for their part.
    """

    id: int
    part_id: int
    message_id: int
    iccid: str
    recipient: str
    message_class: str
    part_state: str
    is_current: bool
    part_number: int
    parts_total: int
    part_attempts: int
    submitting_at: datetime | None
    ended: bool
    outcome: str | None
    resend_unknown: bool
    resent: int
    report: bool
    owner: str
    mr_last: int | None = None
    sim_failing: bool = False
    loose: bool = False

    @property
    def uncounted(self) -> int:
        """1 for an attempt of which this is the first outcome: it is not in `messages.attempts` yet."""
        return int(self.outcome is None)


def attempt(tx: Tx, attempt_id: int) -> Attempt | None:
    """Read one attempt, and take its message; None when there is none of that id."""
    if not tx.sqlite:
        locks.message(tx, tx.value("SELECT message_id FROM attempts WHERE id = :id", id=attempt_id) or 0)
    row = tx.one(
        "SELECT a.id, a.part_id, a.message_id, a.iccid, a.owner, a.recipient, a.submitting_at, a.ended_at, a.outcome,"
        " p.part_number, p.state, p.attempt_id, p.attempts, p.class, m.parts_total, m.resend_unknown, m.resent,"
        " m.report, s.mr_last, s.reason AS sim_reason, EXISTS (SELECT 1 FROM received r WHERE r.kind = 'status_report'"
        "  AND r.part_id IS NULL AND r.iccid = a.iccid) AS loose"
        " FROM attempts a JOIN parts p ON p.id = a.part_id JOIN messages m ON m.id = a.message_id"
        " LEFT JOIN sims s ON s.iccid = a.iccid WHERE a.id = :id",
        id=attempt_id,
    )
    return None if row is None else _attempt(row)


def _attempt(row: Row) -> Attempt:
    return Attempt(
        id=row["id"],
        part_id=row["part_id"],
        message_id=row["message_id"],
        iccid=row["iccid"],
        recipient=row["recipient"],
        message_class=row["class"],
        part_state=row["state"],
        is_current=row["attempt_id"] == row["id"],
        part_number=row["part_number"],
        parts_total=row["parts_total"],
        part_attempts=row["attempts"],
        submitting_at=None if row["submitting_at"] is None else from_us(row["submitting_at"]),
        ended=row["ended_at"] is not None,
        outcome=row["outcome"],
        resend_unknown=bool(row["resend_unknown"]),
        resent=row["resent"],
        report=bool(row["report"]),
        owner=row["owner"],
        mr_last=row["mr_last"],
        sim_failing=row["sim_reason"] == "sim_failing",
        loose=bool(row["loose"]),
    )
