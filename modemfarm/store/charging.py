"""What a part takes of its plan: reserved with its message's first claim, taken off when it comes back."""

from __future__ import annotations

from datetime import datetime

from modemfarm.model import Plan
from modemfarm.store.counters import charge, charge_person, is_answered, month_start, people, used_since
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.events import record


def reserve(
    tx: Tx, part_id: int, message_id: int, recipient: str, owner: str, plan: Plan, day: datetime, now: datetime
) -> bool:
    """Charge this part and every other part of its message that waits, where they are not charged to this day.

    Returns:
        False when that is more than the plan allows: nothing of it may stay.
    """
    month = month_start(plan, day) if plan.counts_people or plan.per_month is not None else None
    count = tx.run(
        "UPDATE parts SET charged_to = :owner, charged_day = :day, charged_month = :month WHERE message_id = :message"
        " AND (id = :id OR (state = 'waiting' AND charged_to IS NULL))",
        owner=owner,
        day=to_us(day),
        month=to_us(month) if month is not None and plan.counts_people else None,
        message=message_id,
        id=part_id,
    )
    used = charge(tx, owner, "day", to_us(day), count)  # from here on nobody else charges this owner's day
    if plan.per_day is not None and used > plan.per_day:
        return False
    if month is None:
        return True
    if plan.per_month is not None and used_since(tx, owner, month) > plan.per_month:
        return False
    if plan.counts_people:
        people(tx, owner, month)
        reached = charge_person(tx, owner, to_us(month), recipient, count)
        if reached is not None and plan.recipients_per_month is not None and reached > plan.recipients_per_month:
            return False
        if reached is not None and reached == plan.ask_at_recipients and not is_answered(tx, owner, month):
            record(tx, "sim.asked", now, subject=owner, people=reached)
    return True


def refund(tx: Tx, part_id: int) -> None:
    """Take one part's charge back from the day, and the person, that it was reserved for."""
    row = tx.one("SELECT recipient, charged_to, charged_day, charged_month FROM parts WHERE id = :id", id=part_id)
    if row is None or row["charged_to"] is None:
        return
    tx.run("UPDATE parts SET charged_to = NULL, charged_day = NULL, charged_month = NULL WHERE id = :id", id=part_id)
    charge(tx, row["charged_to"], "day", row["charged_day"], -1)
    if row["charged_month"] is not None:
        charge_person(tx, row["charged_to"], row["charged_month"], row["recipient"], -1)
