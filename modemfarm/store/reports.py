"""Delivery reports: which part each one is about, and what it does to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.model import PartState, digits_key
from modemfarm.store import callbacks, locks
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.events import record
from modemfarm.store.messages import refresh, settle_doubt

RESULT_WITHIN = timedelta(seconds=185)  # the longest a profile waits for +CMGS; for attempts whose end nobody saw
UNSEEN = ("killed", "port_lost", "stop")  # how an attempt ended without its result being waited for
SCTS_SLACK = timedelta(seconds=5)  # TP-SCTS has whole seconds, and the two clocks drift
_SECOND_US = 1_000_000
MATCH_WITHIN = timedelta(days=10)  # MRs wrap at 256: an older part of the same MR is another message


@dataclass(frozen=True, slots=True)
class Report:
    """A status report as the wire gave it.

    Attributes:
        verdict: ``delivered unconfirmed pending undelivered`` from TP-ST.
        reason: slug for an undelivered one.
    """

    iccid: str
    mr: int
    recipient: str
    scts: datetime | None
    discharge_at: datetime | None
    status: int
    verdict: str
    reason: str | None


def find(tx: Tx, report: Report, *, again: bool = False) -> Row | None:
    """The part that a report is about, for `apply`, and its message taken.

    Args:
        again: it was kept; this transaction has another message, and waits for no second one.
    """
    part = _by_mr(tx, report) or _by_window(tx, report)
    if part is None or tx.sqlite:
        return part
    if again and not locks.try_message(tx, part["message_id"]):
        return None  # whoever has it looks again when it is done
    locks.message(tx, part["message_id"])
    return part | {"state": tx.value("SELECT state FROM parts WHERE id = :id", id=part["id"])}


def match(tx: Tx, report: Report, received_id: int, now: datetime) -> bool:
    """Find the part that a kept report is about and move it; whether it was moved here."""
    part = find(tx, report, again=True)
    if part is None:
        return False
    mine = "UPDATE received SET part_id = :part WHERE id = :id AND part_id IS NULL"
    if not tx.run(mine, part=part["id"], id=received_id):
        return False  # another writer matched it after it was read here, and let go of the message before it was taken
    apply(tx, part, report, now)
    return True


def _by_mr(tx: Tx, report: Report) -> Row | None:
    """The part of this SIM with this MR and recipient; MRs wrap, so of several the one that TP-SCTS is nearest to."""
    rows = tx.all(
        "SELECT p.id, p.message_id, p.part_number, p.state, p.recipient, p.ctrl_z_at, p.sent_at, m.parts_total,"
        " s.smsc_offset_us"
        " FROM parts p JOIN messages m ON m.id = p.message_id LEFT JOIN sims s ON s.iccid = p.iccid"
        " WHERE p.iccid = :iccid AND p.mr = :mr AND p.sent_at > :since ORDER BY p.sent_at DESC LIMIT 20",
        iccid=report.iccid,
        mr=report.mr,
        since=to_us(report.scts - MATCH_WITHIN) if report.scts else 0,
    )
    digits = digits_key(report.recipient)
    fitting = [row for row in rows if digits_key(row["recipient"]) == digits]
    if report.scts is None:
        return next((row for row in fitting if row["state"] == "sent"), fitting[0] if fitting else None)
    if len(fitting) > 1:
        at = to_us(report.scts) - int(fitting[0]["smsc_offset_us"] or 0)
        fitting.sort(key=lambda row: abs((row["ctrl_z_at"] or row["sent_at"]) - at))
    return fitting[0] if fitting else None


def _by_window(tx: Tx, report: Report) -> Row | None:
    """The one unknown part of this SIM and recipient whose window from Ctrl-Z to its end holds TP-SCTS.

    While another part to this recipient is on this SIM's air, the report may be that one's: it is kept, and
    looked at again when that part has its MR.
    """
    if report.scts is None:
        return None
    sim = tx.one(
        "SELECT smsc_offset_us, mr_last, mr_steps_up, mr_steps_other FROM sims WHERE iccid = :iccid", iccid=report.iccid
    )
    offset = int(sim["smsc_offset_us"] or 0) if sim else 0
    rows = tx.all(
        "SELECT p.id, p.message_id, p.part_number, p.state, p.recipient, p.ctrl_z_at, a.submitting_at,"
        " a.ended_at, a.detail, m.parts_total FROM parts p JOIN attempts a ON a.id = p.attempt_id"
        " JOIN messages m ON m.id = p.message_id WHERE p.state IN ('unknown', 'submitting') AND a.iccid = :iccid",
        iccid=report.iccid,
    )
    at = to_us(report.scts) - offset
    slack = to_us(from_us(0) + SCTS_SLACK)
    digits = digits_key(report.recipient)
    fitting = []
    if any(row["state"] == "submitting" and digits_key(row["recipient"]) == digits for row in rows):
        return None
    rows = [row for row in rows if row["state"] == "unknown"]
    for row in rows:
        starts = row["ctrl_z_at"] or row["submitting_at"]
        unseen = row["ended_at"] is None or row["detail"] in UNSEEN
        ends = starts + to_us(from_us(0) + RESULT_WITHIN) if unseen else row["ended_at"]
        if digits_key(row["recipient"]) == digits and starts - slack <= at <= ends + slack:
            fitting.append(row)
    if len(fitting) != 1:
        return None
    if sim and sim["mr_last"] is not None and sim["mr_steps_up"] >= 3 and not sim["mr_steps_other"]:
        behind = (report.mr - sim["mr_last"]) % 256
        if not 1 <= behind <= len(rows):
            return None
    return fitting[0]


def apply(tx: Tx, part: Row, report: Report, now: datetime) -> None:
    """Move a part that `find` found by what its report says; a final one is not moved again."""
    if part["ctrl_z_at"] is not None and report.scts is not None and part["state"] != "unknown":
        _learn_offset(tx, report.iccid, to_us(report.scts) - part["ctrl_z_at"], part["smsc_offset_us"])
    state, message_id = part["state"], part["message_id"]
    target = {"delivered": "delivered", "undelivered": "undelivered"}.get(report.verdict, "sent")
    if state not in ("sent", "unknown"):
        return
    tx.run(
        "UPDATE parts SET state = :state, status = :status, reported_at = coalesce(:reported, reported_at),"
        " mr = coalesce(mr, :mr), sent_at = coalesce(sent_at, ctrl_z_at, submitting_at, :at) WHERE id = :id",
        id=part["id"],
        state=target,
        status=report.status,
        at=to_us(now),
        reported=None if report.verdict == "pending" else to_us(now),
        mr=report.mr,
    )
    reason = report.reason if report.verdict == "undelivered" else None
    only = PartState(target) if part["parts_total"] == 1 else None
    if only is None:
        settle_doubt(tx, message_id)
    after = refresh(tx, message_id, now, reason=reason, only=only)
    if report.verdict in ("unconfirmed", "delivered") and after.value == "sent":
        tx.run(
            "UPDATE messages SET final_at = coalesce(final_at, :now), reason = 'unconfirmed' WHERE id = :id"
            " AND NOT EXISTS (SELECT 1 FROM parts WHERE message_id = :id AND state = 'sent' AND reported_at IS NULL)",
            id=message_id,
            now=to_us(now),
        )
    if report.verdict == "pending":
        callbacks.buffered(tx, message_id, now)
    kind = f"part.{'reported' if report.verdict == 'pending' else report.verdict}"
    about = {"part": part["part_number"], "status": report.status, "resolved": state == "unknown"}
    record(tx, kind, now, message_id=message_id, subject=report.iccid, **about)


def _learn_offset(tx: Tx, iccid: str, offset_us: int, known: int | None) -> None:
    """How far this SIM's SMSC clock is from ours; the newest exact match counts, TP-SCTS has whole seconds."""
    if known is not None and abs(offset_us - known) <= _SECOND_US:
        return
    tx.run("UPDATE sims SET smsc_offset_us = :offset WHERE iccid = :iccid", offset=offset_us, iccid=iccid)


def loose(tx: Tx, iccid: str, since: datetime) -> list[Row]:
    """The newest reports of one SIM that fit no part yet, the oldest of them first."""
    rows = tx.all(
        "SELECT id, iccid, mr, recipient, scts, discharge_at, status FROM received WHERE kind = 'status_report'"
        " AND part_id IS NULL AND iccid = :iccid AND at > :since ORDER BY id DESC LIMIT 100",
        iccid=iccid,
        since=to_us(since),
    )
    return rows[::-1]


def with_loose(tx: Tx, since: datetime) -> list[str]:
    """SIMs for which reports have come since then that fit no part yet, ascending."""
    rows = tx.all(
        "SELECT DISTINCT iccid FROM received WHERE kind = 'status_report' AND part_id IS NULL AND iccid IS NOT NULL"
        " AND at > :since ORDER BY iccid",
        since=to_us(since),
    )
    return [row["iccid"] for row in rows]


def mr_seen(tx: Tx, iccid: str, mr: int | None, now: datetime, *, last: int | None) -> None:
    """Learn whether this SIM's MRs, of which the last was `last`, count up by one, and that it just worked."""
    up = int(last is not None and mr is not None and mr == (last + 1) % 256)
    other = int(last is not None and mr is not None and not up)
    tx.run(
        "UPDATE sims SET mr_last = :mr, mr_steps_up = CASE WHEN :other = 1 THEN 0 ELSE mr_steps_up + :up END,"
        " mr_steps_other = CASE WHEN :up = 1 AND mr_steps_up > 20 THEN 0 ELSE mr_steps_other + :other END,"
        " last_success_at = :now, uncertain_in_row = 0 WHERE iccid = :iccid",
        iccid=iccid,
        mr=mr,
        up=up,
        other=other,
        now=to_us(now),
    )
