"""What a part takes of its plan: reserved with its message's first claim, taken off when it comes back."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime

from modemfarm.model import Ceiling, Plan, millionths
from modemfarm.store import locks
from modemfarm.store.counters import (
    FARM,
    charge,
    charge_person,
    day_start,
    is_answered,
    month_start,
    people,
    used_since,
)
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record


@dataclass(frozen=True, slots=True)
class Charge:
    """A part with the owner, plan and day that it is charged to."""

    part_id: int
    message_id: int
    recipient: str
    owner: str
    plan: Plan
    day: datetime


def reserve(tx: Tx, what: Charge, ceiling: Ceiling, farm_day: int | None, now: datetime) -> bool:
    """Charge this part and every other part of its message that waits, where they are not charged to this day.

    Args:
        farm_day: when the farm's day began; None without a ceiling.

    Returns:
        False when that is more than the plan, or the farm's ceiling, allows: nothing of it may stay.
    """
    plan, owner, day = what.plan, what.owner, what.day
    month = month_start(plan, day) if plan.counts_people or plan.per_month is not None else None
    count = tx.run(
        "UPDATE parts SET charged_to = :owner, charged_day = :day, charged_month = :month, farm_day = :farm_day,"
        " farm_cost = :cost WHERE message_id = :message"
        " AND (id = :id OR (state = 'waiting' AND charged_to IS NULL))",
        owner=owner,
        day=to_us(day),
        month=to_us(month) if month is not None and plan.counts_people else None,
        farm_day=farm_day,
        cost=None if farm_day is None else millionths(plan.price_per_part),
        message=what.message_id,
        id=what.part_id,
    )
    cost = count * millionths(plan.price_per_part)
    locks.owners(tx, [owner] if farm_day is None else [FARM, owner])
    if farm_day is not None and not _under(tx, FARM, ceiling, farm_day, count, cost):
        return False
    used = charge(tx, owner, "day", to_us(day), count)
    if plan.per_day is not None and used > plan.per_day:
        return False
    if month is None:
        return True
    if plan.per_month is not None and used_since(tx, owner, month) > plan.per_month:
        return False
    if plan.counts_people:
        people(tx, owner, month)
        reached = charge_person(tx, owner, to_us(month), what.recipient, count)
        if reached is not None and plan.recipients_per_month is not None and reached > plan.recipients_per_month:
            return False
        if reached is not None and reached == plan.ask_at_recipients and not is_answered(tx, owner, month):
            record(tx, "sim.asked", now, subject=owner, people=reached)
    return True


def spend(tx: Tx, owner: str, ceiling: Ceiling, parts: int, cost: int, now: datetime) -> bool:
    """Charge an API key's day with what is taken in; False, and nothing charged, when that is more than it may."""
    day = to_us(day_start(ceiling.days, now))
    if _under(tx, owner, ceiling, day, parts, cost):
        return True
    unspend(tx, owner, ceiling, parts, cost, now)
    return False


def unspend(tx: Tx, owner: str, ceiling: Ceiling, parts: int, cost: int, now: datetime) -> None:
    """Take back what was charged in this transaction and not taken in."""
    _under(tx, owner, ceiling, to_us(day_start(ceiling.days, now)), -parts, -cost)


def _under(tx: Tx, owner: str, ceiling: Ceiling, day: int, parts: int, cost: int) -> bool:
    """Charge a ceiling's day; whether it still fits."""
    used = charge(tx, owner, "day", day, parts)
    spent = charge(tx, owner, "cost", day, cost) if cost else 0
    fits = ceiling.parts is None or used <= ceiling.parts
    return fits and (ceiling.cost is None or not cost or spent <= ceiling.cost)


def refund(tx: Tx, part_id: int) -> None:
    """Take one part's charge back from the days, and the person, that it was reserved for."""
    row = tx.one(
        "SELECT recipient, charged_to, charged_day, charged_month, farm_day, farm_cost FROM parts WHERE id = :id",
        id=part_id,
    )
    if row is None or row["charged_to"] is None:
        return
    tx.run(
        "UPDATE parts SET charged_to = NULL, charged_day = NULL, charged_month = NULL, farm_day = NULL,"
        " farm_cost = NULL WHERE id = :id",
        id=part_id,
    )
    tx.later(functools.partial(_take_off, row=row), owners=charged(row["charged_to"], row["farm_day"]))


def charged(owner: str | None, farm_day: int | None) -> set[str]:
    """Whose limits a part was charged to."""
    return ({owner} if owner is not None else set()) | ({FARM} if farm_day is not None else set())


def _take_off(tx: Tx, row: Row) -> None:
    if row["farm_day"] is not None:
        charge(tx, FARM, "day", row["farm_day"], -1)
        if row["farm_cost"]:
            charge(tx, FARM, "cost", row["farm_day"], -row["farm_cost"])
    charge(tx, row["charged_to"], "day", row["charged_day"], -1)
    if row["charged_month"] is not None:
        charge_person(tx, row["charged_to"], row["charged_month"], row["recipient"], -1)
