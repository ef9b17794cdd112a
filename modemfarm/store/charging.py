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
    refund_person,
    used,
    used_since,
)
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record


@dataclass(frozen=True, slots=True)
class Charge:
    """A part with the owner, plan and day that it is charged to.

    Attributes:
        farm_day: when the farm's day began; None without a ceiling.
    """

    part_id: int
    message_id: int
    recipient: str
    owner: str
    plan: Plan
    day: datetime
    farm_day: int | None = None

    @property
    def month(self) -> datetime | None:
        """When the plan's month began, where it counts anything by the month."""
        counts = self.plan.counts_people or self.plan.per_month is not None
        return month_start(self.plan, self.day) if counts else None


CHARGED = (  # what a part says of whom it is charged to; `charge_binds` has the values
    "charged_to = :owner, charged_day = :day, charged_month = :month, farm_day = :farm_day, farm_cost = :cost"
)

REFUNDED = (  # what it says after that
    "charged_to = NULL, charged_day = NULL, charged_month = NULL, farm_day = NULL, farm_cost = NULL"
)


def charge_binds(what: Charge) -> dict[str, object]:
    """The values of CHARGED."""
    month = what.month if what.plan.counts_people else None
    return {
        "owner": what.owner,
        "day": to_us(what.day),
        "month": None if month is None else to_us(month),
        "farm_day": what.farm_day,
        "cost": None if what.farm_day is None else millionths(what.plan.price_per_part),
    }


def reserve(tx: Tx, what: Charge, ceiling: Ceiling, now: datetime, *, alone: bool = False) -> bool:
    """Charge this part and every other part of its message that waits, where they are not charged to this day.

    Args:
        alone: its message has no other part, and its own row says already what it is charged to.

    Returns:
        False when that is more than the plan, or the farm's ceiling, allows: nothing of it may stay.
    """
    plan, owner, day, farm_day, month = what.plan, what.owner, what.day, what.farm_day, what.month
    count = 1
    if not alone:
        count = tx.run(
            f"UPDATE parts SET {CHARGED} WHERE message_id = :message"  # noqa: S608 # our own words
            " AND (id = :id OR (state = 'waiting' AND charged_to IS NULL))",
            message=what.message_id,
            id=what.part_id,
            **charge_binds(what),
        )
    cost = count * millionths(plan.price_per_part)
    locks.owners(tx, [owner] if farm_day is None else [FARM, owner])
    if farm_day is not None and not _under(tx, FARM, ceiling, farm_day, count, cost):
        return False
    today = charge(tx, owner, "day", to_us(day), count)
    if plan.per_day is not None and today > plan.per_day:
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


def settle_key(tx: Tx, message_id: int, owner: str | None, plan: Plan) -> None:
    """Correct what a message costs the key that it came with, if any: it goes by this plan, whatever was expected."""
    if owner is None:
        return
    row = tx.one("SELECT parts_total, price, charged_key_day FROM messages WHERE id = :id", id=message_id)
    assert row is not None
    day = row["charged_key_day"]
    more = row["parts_total"] * (millionths(plan.price_per_part) - millionths(row["price"]))
    if more:
        tx.later(lambda later: charge(later, owner, "cost", day, more), owners={owner})


def affords(tx: Tx, owner: str, ceiling: Ceiling, parts: int, cost: int, now: datetime) -> bool:
    """Whether an API key may have so much taken in today; charges nothing."""
    day = day_start(ceiling.days, now)
    fits = ceiling.parts is None or used(tx, owner, "day", day) + parts <= ceiling.parts
    return fits and (ceiling.cost is None or not cost or used(tx, owner, "cost", day) + cost <= ceiling.cost)


def unspend(tx: Tx, owner: str, ceiling: Ceiling, parts: int, cost: int, now: datetime) -> None:
    """Take back what was charged in this transaction and not taken in."""
    _under(tx, owner, ceiling, to_us(day_start(ceiling.days, now)), -parts, -cost)


def _under(tx: Tx, owner: str, ceiling: Ceiling, day: int, parts: int, cost: int) -> bool:
    """Charge a ceiling's day; whether it still fits."""
    today = charge(tx, owner, "day", day, parts)
    spent = charge(tx, owner, "cost", day, cost) if cost else 0
    fits = ceiling.parts is None or today <= ceiling.parts
    return fits and (ceiling.cost is None or not cost or spent <= ceiling.cost)


def refund(tx: Tx, part_id: int) -> None:
    """Take one part's charge back from the days, and the person, that it was reserved for."""
    row = tx.one(
        "SELECT recipient, charged_to, charged_day, charged_month, farm_day, farm_cost FROM parts WHERE id = :id",
        id=part_id,
    )
    if row is None or row["charged_to"] is None:
        return
    tx.run(f"UPDATE parts SET {REFUNDED} WHERE id = :id", id=part_id)  # noqa: S608 # our own words
    tx.later(functools.partial(uncharge, row=row, parts=1), owners=charged(row["charged_to"], row["farm_day"]))


def charged(owner: str | None, farm_day: int | None) -> set[str]:
    """Whose limits a part was charged to."""
    return ({owner} if owner is not None else set()) | ({FARM} if farm_day is not None else set())


def uncharge(tx: Tx, row: Row, parts: int) -> None:
    """Take what so many parts of one person, all charged alike, cost together from the counters."""
    if row["charged_to"] is None:
        return
    if row["farm_day"] is not None:
        charge(tx, FARM, "day", row["farm_day"], -parts)
        if row["farm_cost"]:
            charge(tx, FARM, "cost", row["farm_day"], -row["farm_cost"])
    charge(tx, row["charged_to"], "day", row["charged_day"], -parts)
    if row["charged_month"] is not None:
        refund_person(tx, row["charged_to"], row["charged_month"], row["recipient"], parts)
