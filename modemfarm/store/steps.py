"""The steps of one part on the wire, each guarded by the old state and the attempt: repeating one is harmless."""

from __future__ import annotations

from datetime import datetime

from modemfarm.model import Outcome
from modemfarm.store import locks, reviews, sticky
from modemfarm.store.attempts import Attempt
from modemfarm.store.charging import charged, refund
from modemfarm.store.counters import HOUR, minute_free_at
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record
from modemfarm.store.messages import CLEARED, has_started, refresh, settle_doubt
from modemfarm.store.offers import lost_consent
from modemfarm.store.permits import Permit
from modemfarm.store.queue import give_back
from modemfarm.store.suppress import OPTED_OUT

# What may have changed since the claim, read in the transaction of step 3. An opt-out stops started messages too.
_STANDS = (
    f" NOT {OPTED_OUT} AND NOT {reviews.DOUBTED}"  # noqa: S608 # our own words
    " AND NOT EXISTS (SELECT 1 FROM pauses WHERE scope = 'all' OR (scope = 'class' AND value = parts.class)"
    "  OR (scope = 'batch' AND value = CAST(parts.batch_id AS TEXT)))"
    " AND NOT EXISTS (SELECT 1 FROM sims WHERE sims.iccid = parts.iccid AND sims.state IN ('paused', 'parked'))"
)


# Step 3 in one statement, where nothing paces the plan: what it does not move, the questions one by one tell why.
_LEAVES = (
    "UPDATE parts SET state = 'submitting', submitting_at = :now WHERE id = :id AND attempt_id = :attempt"  # noqa: S608
    " AND state = 'claimed' AND charged_day = :day AND class <> 'marketing'"
    " AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = parts.message_id AND m.valid_until <= :now) AND" + _STANDS
)


def submitting(tx: Tx, permit: Permit, now: datetime) -> str | None:
    """Step 3: make `submitting` durable, if nothing speaks against it any more.

    Returns:
        None when Ctrl-Z may follow after the commit; else the slug of what stopped it, with the part
        already where it belongs (waiting, canceled or expired).
    """
    return None if tx.sqlite and _leaves(tx, permit, now) else _judged(tx, permit, now)


def _leaves(tx: Tx, permit: Permit, now: datetime) -> bool:
    """Step 3 of a part that nothing at all speaks against; False where that takes a closer look."""
    if permit.shared or permit.per_minute is not None or permit.per_hour is not None:
        return False
    if permit.farm_day is None:
        extra, binds = "", {}
    else:
        extra, binds = " AND farm_day = :farm_day", {"farm_day": to_us(permit.farm_day)}
    moved = tx.run(
        _LEAVES + extra,
        id=permit.part_id,
        attempt=permit.attempt_id,
        now=to_us(now),
        day=to_us(permit.day),
        exempt=0,
        **binds,
    )
    if moved:
        _note_submitting(tx, permit.attempt_id, now)
    return bool(moved)


def _note_submitting(tx: Tx, attempt_id: int, now: datetime) -> None:
    """A part claimed long ago counts in the minute that it leaves in."""
    tx.run("UPDATE attempts SET submitting_at = :now, charged_at = :now WHERE id = :id", id=attempt_id, now=to_us(now))


def _judged(tx: Tx, permit: Permit, now: datetime) -> str | None:
    locks.person_of(tx, permit.part_id)
    row = tx.one(
        "SELECT p.class, p.charged_day, p.farm_day, p.closes_at, p.recipient, m.purpose, m.valid_until"  # noqa: S608 # our own words
        " FROM parts p JOIN messages m ON m.id = p.message_id WHERE p.id = :id"
        " AND p.attempt_id = :attempt AND p.state = 'claimed'" + locks.taking(tx, "m"),
        id=permit.part_id,
        attempt=permit.attempt_id,
    )
    if row is None:
        return _lost(tx, permit)
    if permit.is_fenced(tx):
        give_back(tx, permit.part_id, permit.attempt_id, now)
        return "lease"
    farm = permit.farm_day is not None and row["farm_day"] != to_us(permit.farm_day)
    if farm or row["charged_day"] != to_us(permit.day):
        give_back(tx, permit.part_id, permit.attempt_id, now)
        return "ceiling_parts" if farm else "plan_day"
    if _is_closed(row, now):
        return _give_back_closed(tx, permit, now)
    if (
        row["class"] == "marketing"
        and lost_consent(tx, permit.part_id, row, now)
        and not has_started(tx, permit.part_id)
    ):
        _end_unsent(tx, permit, "canceled", now, reason="consent_missing")
        return "consent_missing"
    if permit.shared:  # another of its SIMs may ask in this moment
        locks.owners(tx, charged(permit.owner, row["farm_day"]))
    if permit.per_minute is not None:
        free_at = minute_free_at(tx, permit.owner, permit.per_minute, now, besides=permit.attempt_id)
        if free_at is not None:
            give_back(tx, permit.part_id, permit.attempt_id, now, unbind=False)
            return "plan_minute"
    if permit.per_hour is not None and minute_free_at(
        tx, permit.owner, permit.per_hour, now, besides=permit.attempt_id, span=HOUR
    ):
        give_back(tx, permit.part_id, permit.attempt_id, now, unbind=False)
        return "plan_hour"
    over = row["valid_until"] is not None and row["valid_until"] <= to_us(now)
    if over and permit.clock_trusted and not has_started(tx, permit.part_id):
        _end_unsent(tx, permit, "expired", now)
        return "validity_expired"
    exempt = int(row["class"] == "transactional" and permit.transactional_after_opt_out)
    moved = tx.run(
        "UPDATE parts SET state = 'submitting', submitting_at = :now WHERE id = :id AND attempt_id = :attempt"  # noqa: S608 # our own words
        " AND state = 'claimed' AND" + _STANDS,
        id=permit.part_id,
        attempt=permit.attempt_id,
        now=to_us(now),
        exempt=exempt,
    )
    if moved:
        _note_submitting(tx, permit.attempt_id, now)
        return None
    return _stop(tx, permit, now, exempt)


def _give_back_closed(tx: Tx, permit: Permit, now: datetime) -> str:
    """An offer whose hours ended since its claim; the next claim says until when it waits."""
    give_back(tx, permit.part_id, permit.attempt_id, now, reason="quiet_hours", unbind=False)
    return "quiet_hours"


def _is_closed(row: Row, now: datetime) -> bool:
    """Whether an offer was claimed while it was open for it, and no longer is."""
    return row["class"] == "marketing" and row["closes_at"] is not None and row["closes_at"] <= to_us(now)


def recheck(tx: Tx, permit: Permit, now: datetime) -> str | None:
    """The same question again, asked with the prompt open because step 3's commit grew old."""
    locks.person_of(tx, permit.part_id)
    locks.message_of(tx, permit.part_id)
    if permit.is_fenced(tx):
        give_back(tx, permit.part_id, permit.attempt_id, now)
        return "lease"
    row = tx.one("SELECT class, closes_at FROM parts WHERE id = :id", id=permit.part_id)
    if row is not None and _is_closed(row, now):
        return _give_back_closed(tx, permit, now)
    exempt = int(row is not None and row["class"] == "transactional" and permit.transactional_after_opt_out)
    stands = tx.value(
        "SELECT 1 FROM parts WHERE id = :id AND attempt_id = :attempt AND state = 'submitting' AND" + _STANDS,  # noqa: S608 # our own words
        id=permit.part_id,
        attempt=permit.attempt_id,
        exempt=exempt,
    )
    return None if stands else _stop(tx, permit, now, exempt)


def _stop(tx: Tx, permit: Permit, now: datetime, exempt: int) -> str:
    """Put a part that may not leave where it belongs, and say why."""
    if not tx.value(
        "SELECT 1 FROM parts WHERE id = :id AND attempt_id = :attempt AND state IN ('claimed', 'submitting')",
        id=permit.part_id,
        attempt=permit.attempt_id,
    ):
        return _lost(tx, permit)
    if tx.value(f"SELECT 1 FROM parts WHERE id = :id AND {OPTED_OUT}", id=permit.part_id, exempt=exempt):  # noqa: S608 # our own words
        _end_unsent(tx, permit, "canceled", now, reason="opted_out")
        return "opted_out"
    if doubted := reviews.in_doubt(tx, permit.part_id):
        give_back(tx, permit.part_id, permit.attempt_id, now)
        reviews.hold(tx, doubted)
        return reviews.HELD
    sim = tx.value("SELECT s.state FROM sims s JOIN parts p ON p.iccid = s.iccid WHERE p.id = :id", id=permit.part_id)
    if sim in ("paused", "parked"):
        give_back(tx, permit.part_id, permit.attempt_id, now, reason=f"sim_{sim}")
        return f"sim_{sim}"
    give_back(tx, permit.part_id, permit.attempt_id, now, reason="paused")
    tx.run(  # a pause of its class or batch hides it from the next claim; a farm-wide one stops claiming
        "UPDATE parts SET gate = 1 WHERE message_id = (SELECT message_id FROM parts WHERE id = :id)"
        " AND state = 'waiting' AND EXISTS (SELECT 1 FROM pauses WHERE (scope = 'class' AND value = parts.class)"
        "  OR (scope = 'batch' AND value = CAST(parts.batch_id AS TEXT)))",
        id=permit.part_id,
    )
    return "paused"


def _lost(tx: Tx, permit: Permit) -> str:
    state = tx.value("SELECT state FROM parts WHERE id = :id", id=permit.part_id)
    tx.run(
        "UPDATE attempts SET charged_at = NULL, outcome = coalesce(outcome, 'not_sent') WHERE id = :id",
        id=permit.attempt_id,
    )
    return str(state) if state in ("canceled", "expired") else "lost"


def _end_unsent(tx: Tx, permit: Permit, state: str, now: datetime, reason: str | None = None) -> None:
    """A part that never reached Ctrl-Z ends here, refunded, and with it what has not left of its message."""
    message_id = tx.value("SELECT message_id FROM parts WHERE id = :id", id=permit.part_id)
    for row in tx.all(
        "SELECT id FROM parts WHERE message_id = :id AND (state IN ('waiting', 'claimed') OR id = :part)",
        id=message_id,
        part=permit.part_id,
    ):
        refund(tx, row["id"])
        tx.run("UPDATE parts SET state = :state WHERE id = :id", id=row["id"], state=state)
    tx.run(
        "UPDATE attempts SET charged_at = NULL, ended_at = :now, outcome = 'not_sent', detail = :why WHERE id = :id",
        id=permit.attempt_id,
        now=to_us(now),
        why=reason or state,
    )
    refresh(tx, message_id, now, reason=reason or ("validity_expired" if state == "expired" else None))
    record(tx, f"message.{state}", now, message_id=message_id, reason=reason or state)


def end_attempt(tx: Tx, attempt_id: int, outcome: Outcome, now: datetime, *, charged: bool) -> None:
    """Write how an attempt ended on the wire; where it stays charged, its minute counts from now."""
    tx.run(
        "UPDATE attempts SET ended_at = :now, outcome = :outcome, phase = :phase, kind = :kind, code = :code,"
        " detail = :detail, mr = :mr, ctrl_z_at = :ctrl_z, charged_at = :charged WHERE id = :id",
        id=attempt_id,
        now=to_us(now),
        outcome=outcome.evidence.value,
        phase=outcome.phase,
        kind=outcome.kind,
        code=outcome.code,
        detail=outcome.text,
        mr=outcome.mr,
        ctrl_z=None if outcome.ctrl_z_at is None else to_us(outcome.ctrl_z_at),
        charged=to_us(now) if charged else None,
    )


def accepted(tx: Tx, one: Attempt, outcome: Outcome, now: datetime) -> bool:
    """The network took this attempt's part: `sent`, from wherever an open fate had left it.

    A second copy that waits, or is claimed and not yet at step 3, does not leave any more.

    Returns:
        False when the part stood in a state that this evidence does not move.
    """
    if one.part_state in ("waiting", "claimed"):
        refund(tx, one.part_id)
    moved = tx.run(
        "UPDATE parts SET state = 'sent', mr = :mr, iccid = :iccid, sent_at = :now, ctrl_z_at = :ctrl_z,"
        " attempt_id = :attempt WHERE id = :id AND ((state IN ('submitting', 'unknown') AND attempt_id = :attempt)"
        " OR state IN ('waiting', 'claimed'))",
        id=one.part_id,
        attempt=one.id,
        iccid=one.iccid,
        mr=outcome.mr,
        now=to_us(now),
        ctrl_z=None if outcome.ctrl_z_at is None else to_us(outcome.ctrl_z_at),
    )
    if not moved:
        return False
    if one.parts_total == 1 and not one.ended:
        tx.run(
            f"UPDATE messages SET state = 'sent', {CLEARED}, reason = NULL, next_at = NULL, sent_at = :now,"  # noqa: S608 # ours
            " final_at = CASE WHEN report = 0 THEN :now ELSE NULL END, resend_at = NULL, attempts = attempts + :new"
            " WHERE id = :id",
            id=one.message_id,
            now=to_us(now),
            new=one.uncounted,
        )
    else:
        tx.run("UPDATE messages SET attempts = attempts + :new WHERE id = :id", id=one.message_id, new=one.uncounted)
        settle_doubt(tx, one.message_id)
        refresh(tx, one.message_id, now)
    sticky.exchanged(tx, one.recipient, one.iccid, now)
    record(
        tx,
        "part.sent",
        now,
        message_id=one.message_id,
        subject=one.iccid,
        part=one.part_number,
        mr=outcome.mr,
        late=outcome.late,
    )
    return True


def is_open(one: Attempt, outcome: Outcome) -> bool:
    """Whether this attempt still decides about its part; a late error also about one that is unknown."""
    states = ("claimed", "submitting", "unknown") if outcome.late else ("claimed", "submitting")
    return one.is_current and one.part_state in states


def count_attempt(tx: Tx, one: Attempt, *, counts: bool) -> None:
    """One more try of this part's message; only some count against the part."""
    tx.run("UPDATE messages SET attempts = attempts + :new WHERE id = :id", id=one.message_id, new=one.uncounted)
    if counts:
        tx.run("UPDATE parts SET attempts = attempts + 1 WHERE id = :id", id=one.part_id)


def uncertain(tx: Tx, one: Attempt, outcome: Outcome, now: datetime, resend_at: datetime | None) -> bool:
    """A part that may have left: `unknown`, charged; the rest of its message still goes, by the same SIM."""
    moved = tx.run(
        "UPDATE parts SET state = 'unknown', ctrl_z_at = :ctrl_z WHERE id = :id AND attempt_id = :attempt"
        " AND state = 'submitting'",
        id=one.part_id,
        attempt=one.id,
        ctrl_z=None if outcome.ctrl_z_at is None else to_us(outcome.ctrl_z_at),
    )
    if moved:
        tx.run(
            "UPDATE messages SET resend_at = coalesce(:at, resend_at), attempts = attempts + :new WHERE id = :id",
            at=None if resend_at is None else to_us(resend_at),
            id=one.message_id,
            new=one.uncounted,
        )
        refresh(tx, one.message_id, now, reason="unknown")
        record(
            tx,
            "part.unknown",
            now,
            message_id=one.message_id,
            subject=one.iccid,
            part=one.part_number,
            detail=outcome.text,
            code=outcome.code,
        )
    return bool(moved)


def failed(tx: Tx, one: Attempt, reason: str, now: datetime, *, params: dict[str, object] | None = None) -> None:
    """Give a part up for good, refunded; what waits of its message goes with it where nothing has left.

    Where other parts left, the message ends as failed with reason `partial`.
    """
    left = tx.value(
        "SELECT count(*) FROM parts WHERE message_id = :id AND id <> :part"
        " AND state IN ('submitting', 'sent', 'delivered', 'undelivered', 'unknown')",
        id=one.message_id,
        part=one.part_id,
    )
    for row in tx.all(
        "SELECT id FROM parts WHERE message_id = :id AND (id = :part OR state IN ('waiting', 'claimed'))",
        id=one.message_id,
        part=one.part_id,
    ):
        refund(tx, row["id"])
        tx.run("UPDATE parts SET state = 'failed' WHERE id = :id", id=row["id"])
    state = refresh(tx, one.message_id, now, reason="partial" if left else reason, params=params)
    if state.value == "failed":
        record(tx, "message.failed", now, message_id=one.message_id, subject=one.iccid, reason=reason, **(params or {}))
