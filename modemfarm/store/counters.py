"""What each SIM, or account of SIMs, has used of its plan: rows that survive restarts and moves."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from modemfarm.model import Plan
from modemfarm.store.engine import Tx, from_us, to_us

MINUTE = timedelta(seconds=60)
HOUR = timedelta(hours=1)


def day_start(plan: Plan, now: datetime) -> datetime:
    """When the plan's current day began: its reset time, in its zone.

    On the night that skips the reset time the day begins when the clock resumes; on the night that
    has it twice, the first one counts.
    """
    zone = ZoneInfo(plan.zone)
    local = now.astimezone(zone)
    at = local.replace(hour=plan.resets_minute // 60, minute=plan.resets_minute % 60, second=0, microsecond=0, fold=0)
    if at.astimezone(now.tzinfo) > now:
        at = (at - timedelta(days=1)).replace(fold=0)
    return at.astimezone(now.tzinfo)


def day_end(plan: Plan, now: datetime) -> datetime:
    """When the plan's current day ends and its limit is whole again."""
    zone = ZoneInfo(plan.zone)
    local = day_start(plan, now).astimezone(zone)
    following = (local + timedelta(days=1)).replace(
        hour=plan.resets_minute // 60, minute=plan.resets_minute % 60, fold=0
    )
    return following.astimezone(now.tzinfo)


def month_start(plan: Plan, now: datetime) -> datetime:
    """When the plan's current month began; in a month without its day, the last one there is."""
    at = day_start(plan, now)
    while not _begins_month(plan, at):
        at = day_start(plan, at - timedelta(hours=12))
    return at


def month_end(plan: Plan, now: datetime) -> datetime:
    """When the plan's current month ends."""
    at = day_end(plan, now)
    while not _begins_month(plan, at):
        at = day_end(plan, at)
    return at


def _begins_month(plan: Plan, start: datetime) -> bool:
    local = start.astimezone(ZoneInfo(plan.zone))
    return local.day == min(plan.resets_day, calendar.monthrange(local.year, local.month)[1])


def used(tx: Tx, owner: str, period: str, starts_at: datetime) -> int:
    """Parts charged to an owner in the period that began then."""
    count = tx.value(
        "SELECT used FROM counters WHERE owner = :owner AND period = :period AND starts_at = :starts",
        owner=owner,
        period=period,
        starts=to_us(starts_at),
    )
    return int(count or 0)


def charge(tx: Tx, owner: str, period: str, starts_at: int, count: int) -> None:
    """Add to (or, negative, take from) a period's count."""
    tx.run(
        "INSERT INTO counters (owner, period, starts_at, used) VALUES (:owner, :period, :starts, :count)"
        " ON CONFLICT (owner, period, starts_at) DO UPDATE SET used = counters.used + excluded.used",
        owner=owner,
        period=period,
        starts=starts_at,
        count=count,
    )


def minute_free_at(
    tx: Tx, owner: str, limit: int, now: datetime, *, besides: int | None = None, span: timedelta = MINUTE
) -> datetime | None:
    """When one more part fits into any 60 s (or `span`) of this owner; None: now.

    Args:
        besides: an attempt that is not counted: the one that asks.
    """
    blocking = tx.value(
        "SELECT charged_at FROM attempts WHERE owner = :owner AND charged_at > :since AND id <> :besides"
        " ORDER BY charged_at DESC LIMIT 1 OFFSET :limit",
        owner=owner,
        since=to_us(now - span),
        besides=besides or 0,
        limit=limit - 1,
    )
    return None if blocking is None else from_us(blocking) + span


def used_since(tx: Tx, owner: str, starts_at: datetime) -> int:
    """Parts charged to an owner in the days that began since then."""
    count = tx.value(
        "SELECT sum(used) FROM counters WHERE owner = :owner AND period = 'day' AND starts_at >= :starts",
        owner=owner,
        starts=to_us(starts_at),
    )
    return int(count or 0)


def used_in(tx: Tx, owner: str, now: datetime, span: timedelta) -> int:
    """Parts charged in the last `span`."""
    return int(
        tx.value(
            "SELECT count(*) FROM attempts WHERE owner = :owner AND charged_at > :since",
            owner=owner,
            since=to_us(now - span),
        )
    )


def used_in_minute(tx: Tx, owner: str, now: datetime) -> int:
    """Parts charged in the last 60 s."""
    return used_in(tx, owner, now, MINUTE)
